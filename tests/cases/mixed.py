"""The exact mixture of a row's components, in extended precision, at a few points.

Everything is worked out per component and point, with what the rounding of floats may change of
it (see `allowed_error` of test_families.py), and summed in NumPy: sums of positive terms lose
nothing there.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from mpmath import isfinite, mp
from scipy import special

from cases.row import INF, exact, to_float

TOLERANCE = {"float32": 5e-6, "float64": 1e-10}
"""Relative to a value, or to the effect of rounding its point."""


def weights(k, dtype="float64"):
    """Weights 1 : 2 : … : k."""
    return np.arange(1.0, k + 1).astype(dtype) / np.asarray(k * (k + 1) / 2, dtype)


def mixture(row, theta, **options):
    """The row's mixture with these parameters and the weights above."""
    floats = [t.dtype for t in theta if jnp.issubdtype(t.dtype, jnp.floating)]
    w = weights(row.size, floats[0] if floats else jnp.result_type(float))
    return row.mixture(theta, jnp.asarray(w), **options)


def two(row):
    """Parameters of two mixtures, the second's components in another order, `2 k`."""
    return [np.stack([t, np.roll(t, 1)]) for t in row.arrays("float32")]


def mutants(k):
    """The weights, then wrong ones: reversed, and all equal."""
    return [weights(k), weights(k)[::-1], np.full(k, 1 / k)]


def moment(row, name, theta):
    """A moment of every component, `k *event`."""
    each = row.columns(theta)
    return np.array([to_float(getattr(part.oracle, name)(*own)) for part, own in each])


def body(row, dtype, most=6):
    """Points in the bodies of the components, `n *event`."""
    flat = row.body(dtype)
    return flat[:: max(1, len(flat) // most)]


@dataclass(frozen=True)
class Terms:
    """A quantity of every component at every point, `n k`, and the error allowed to it."""

    value: np.ndarray
    allowed: np.ndarray

    def mixed(self, w):
        """log Σ_k w_k exp(value_k) and the error allowed, weighted by the responsibilities."""
        joint = self.value + np.log(w)
        total = special.logsumexp(joint, axis=-1)
        with np.errstate(invalid="ignore"):
            r = np.where(np.isneginf(joint), 0, np.exp(joint - total[..., None]))
        spread = np.where(r > 0, self.allowed, 0)
        # the sum over components and the logarithm add a rounding each
        return total, 2 * np.sum(r * spread, axis=-1)


def terms(row, quantity, points, theta, dtype):
    """The quantity of each component at each point."""
    each, value, allowed = row.columns(theta), [], []
    for x in map(exact, np.asarray(points).tolist()):
        found = to_float(quantities(quantity, x, each))
        value += found
        for (part, own), one in zip(each, found, strict=True):
            allowed.append(rounding(part, quantity, x, own, one))
    shape = (len(points), len(each))
    value, allowed = np.array(value), np.array(allowed)
    if value.ndim > 1:  # elementwise tails of a factorised event
        value, allowed = value.sum(-1), allowed.sum(-1)
    return Terms(value.reshape(shape), TOLERANCE[dtype] * allowed.reshape(shape))


def quantities(name, x, each):
    """A quantity of each component at one point, in extended precision."""
    name = {"log_prob": "density"}.get(name, name)
    found = [getattr(part.oracle, name)(x, *own) for part, own in each]
    return beside_masses(found, each) if name == "density" else found


def beside_masses(found, each):
    """Where there is a point mass, what has a density on the line has probability zero."""
    is_mass = [part.oracle.atomic or part.discrete for part, _ in each]
    masses = [mass and isfinite(f) for mass, f in zip(is_mass, found, strict=True)]
    if not any(masses) or all(is_mass):
        return found
    return [f if mass else -INF for f, mass in zip(found, masses, strict=True)]


def rounding(row, quantity, x, theta, value):
    """max(size, |d f'(x)|) × condition, without the tolerance; of each coordinate of tails."""
    slope, reach = row.oracle.slope(quantity, x, *theta), row.reach(x, *theta)
    if isinstance(slope, list):
        parts = [float(abs(r * s)) for r, s in zip(reach, slope, strict=True)]
        moved = sum(parts) if quantity == "log_prob" else np.array(parts)
    else:
        moved = float(abs(reach * slope)) if isfinite(slope) else 0.0
    size = np.nan_to_num(np.abs(value), posinf=0.0)
    size = np.maximum(size, 1) if quantity == "log_prob" else size
    return np.maximum(size, moved) * row.condition(*(float(t) for t in theta))


def log_prob(x, each, w):
    """The mixture's log density at one point, in extended precision."""
    found = quantities("log_prob", x, each)
    return mp.log(mp.fsum(p * mp.exp(term) for p, term in zip(w, found, strict=True)))


def shares(row, x, theta):
    """P(X ≤ x) of every component."""
    x = exact(float(x))
    return np.array([float(part.oracle.both_tails(x, *own)[0]) for part, own in row.columns(theta)])


def share(row, x, theta, w):
    """P(X ≤ x) of the mixture."""
    return float(shares(row, x, theta) @ w)


def check(actual, wanted, allowed, what):
    """Hold values to exact ones, infinities where these have them."""
    actual = np.asarray(actual, float)
    with np.errstate(invalid="ignore"):
        error = np.where(actual == wanted, 0, np.abs(actual - wanted))
    allowed = allowed + np.finfo("float32").eps * np.maximum(1, np.abs(wanted))
    right = (error <= allowed) & np.isfinite(error)
    assert right.all(), f"{what}: got {actual}, expected {wanted}, allowed {allowed}"
