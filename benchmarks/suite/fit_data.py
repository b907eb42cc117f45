"""Data and starts of the fits, by NumPy: every process makes the same ones. And the judge."""

import math
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from suite.fit_cases import MANY, Work

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"
UNITS = {"galaxies": 1000.0}
"""What a column is divided by, so that the variance that some add in silence is small beside it."""


class Start(NamedTuple):
    """A mixture to start from, or one for each data set, along a first axis."""

    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    """Of each component and coordinate, ``k d``."""


def rows(work: Work) -> np.ndarray:
    """The data, ``n d``, of many sets ``many n d``."""
    if work.data != "drawn":
        path = EXAMPLES / f"{work.data}.csv"
        x = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2) / UNITS.get(work.data, 1.0)
    elif work.is_many:
        rng = _generator(work, "rows")
        x = np.stack([_drawn(work, rng) for _ in range(MANY)])
    else:
        x = _drawn(work, _generator(work, "rows"))
    return x.astype(work.dtype)


def start(work: Work, x: np.ndarray) -> Start:
    """Means at rows of the data, variances of all of it, equal weights."""
    if work.is_many:
        each = [_start(work, one, _generator(work, f"start {i}")) for i, one in enumerate(x)]
        return Start(*(np.stack(arrays) for arrays in zip(*each, strict=True)))
    return _start(work, x, _generator(work, "start"))


def log_likelihood(
    x: np.ndarray, weights: np.ndarray, means: np.ndarray, covariances: np.ndarray
) -> float:
    """The mean log density of the rows in float64, whoever found the mixture.

    Covariances are ``k d d``, or variances ``k d``.
    """
    terms = []
    for w, m, c in zip(weights, means, covariances, strict=True):
        root = np.linalg.cholesky(np.diag(c) if c.ndim == 1 else np.asarray(c, float))
        z = np.linalg.solve(root, (x.astype(float) - m).T)
        log_det = np.log(np.diag(root)).sum() + 0.5 * len(m) * math.log(2 * math.pi)
        terms.append(np.log(w) - log_det - 0.5 * np.sum(z**2, axis=0))
    return float(np.mean(np.logaddexp.reduce(terms)))


def _start(work: Work, x: np.ndarray, rng: np.random.Generator) -> Start:
    means = x[rng.choice(work.n, work.k, replace=False)]
    variances = np.broadcast_to(x.var(axis=0), means.shape).astype(x.dtype)
    return Start(np.full(work.k, 1 / work.k, x.dtype), means, variances)


def _drawn(work: Work, rng: np.random.Generator) -> np.ndarray:
    """Draws from components that are about as far apart as they are wide, in each coordinate."""
    n, k, d = work.n, work.k, work.d
    which, noise = rng.integers(k, size=n), rng.normal(size=(n, d))
    scales = np.exp(0.3 * rng.normal(size=(k, d)))
    below = np.tril(rng.normal(size=(k, d, d)), -1) / d**0.5 * (work.kind == "full")
    means, x = 1.5 * rng.normal(size=(k, d)), np.empty((n, d))
    for j in range(k):
        x[which == j] = means[j] + noise[which == j] @ (np.diag(scales[j]) + below[j]).T
    return x


def _generator(work: Work, purpose: str) -> np.random.Generator:
    text = f"{work.kind} {work.n} {work.k} {work.d} {purpose}"
    return np.random.default_rng(zlib.crc32(text.encode()))
