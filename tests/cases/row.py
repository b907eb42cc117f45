"""A row of the family table: a family, its parameters, its points and its oracle."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpyro.distributions as dist
from mpmath import isfinite, isnan, mp, mpf
from numpyro.distributions.truncated import (
    LeftTruncatedDistribution,
    RightTruncatedDistribution,
    TwoSidedTruncatedDistribution,
)

from pathmix import MixtureSameFamily

mp.dps = 40
INF = mpf("inf")
NAN = mpf("nan")
SPAN = {"float32": (1e-30, 1e18), "float64": (1e-250, 1e150)}


@dataclass(frozen=True)
class Oracle:
    """Exact functions of a point and the parameters, in extended precision.

    `tails` gives the pair (P(X <= x), P(X > x)), each accurate relative to itself. `support` is
    the closed interval outside which the density is zero; inside, `log_prob` holds. What is
    `atomic` is a point mass.
    """

    log_prob: Callable
    tails: Callable | None = None
    mean: Callable | None = None
    variance: Callable | None = None
    covariance: Callable | None = None
    support: Callable = lambda *_: (-INF, INF)
    discrete: bool = False
    atomic: bool = False

    def density(self, x, *theta):
        """Log density, minus infinity outside the support."""
        low, high = self.support(*theta)
        if not low <= x <= high or (self.discrete and x != mp.floor(x)):
            return -INF
        return self.log_prob(x, *theta)

    def both_tails(self, x, *theta):
        """Both tails, degenerate outside the support."""
        low, high = self.support(*theta)
        x = mp.floor(x) if self.discrete else x
        if x < low or (x == low and not (self.discrete or self.atomic)):
            return mpf(0), mpf(1)
        return self.tails(x, *theta) if x < high else (mpf(1), mpf(0))

    def log_cdf(self, x, *theta):
        """Log of the lower tail."""
        return log_first(*self.both_tails(x, *theta))

    def log_survival(self, x, *theta):
        """Log of the upper tail."""
        return log_first(*self.both_tails(x, *theta)[::-1])

    def slope(self, quantity, x, *theta):
        """Derivative in x: of the density's logarithm, or of a tail's, up to sign."""
        if self.discrete and quantity != "log_prob":
            x = mp.floor(x)
        value = self.density(x, *theta)
        if not isfinite(value):
            return mpf(0)
        if quantity == "log_prob":
            return mp.diff(
                lambda t: self.log_prob(t, *theta), x, h=(abs(x) or mpf("1e-3")) * mpf("1e-15")
            )
        tail = getattr(self, quantity)(x, *theta)
        return mp.exp(value - tail) if isfinite(tail) else mpf(0)


def log_first(p, q):
    """log(p) where p + q = 1 and each is accurate relative to itself."""
    if p == 0:
        return -INF
    return mp.log(p) if p < 0.5 else mp.log1p(-q)


@dataclass(frozen=True, eq=False)
class Row:
    """One family: `make` takes the parameters in order, each an array over batch and components.

    `points` takes one component's parameters as floats and returns lists of points by kind: body,
    tails, edges, outside. `reach` is the length whose relative rounding moves a point of the
    support (the distance to the location, or to the nearest edge). Parameters in `fixed` are not
    differentiated, those in `integers` are integer arrays; without `smooth`, none is. `condition`
    is the condition number of the parameters, where it is not about 1.
    """

    name: str
    make: Callable
    params: dict[str, tuple[float, ...]]
    oracle: Oracle
    points: Callable
    reach: Callable = lambda x, *_: abs(x)
    event_shape: tuple[int, ...] = ()
    fixed: tuple[str, ...] = ()
    integers: tuple[str, ...] = ()
    smooth: bool = True
    slow: bool = False
    condition: Callable = lambda *_: 1.0

    kind = ""  # of components of several families

    def __str__(self):
        return self.name

    @property
    def size(self):
        """The number of components."""
        return len(next(iter(self.params.values())))

    @property
    def parts(self):
        """The families of the components, each a row of its own: this one alone."""
        return (self,)

    @property
    def discrete(self):
        return self.oracle.discrete

    @property
    def counts(self):
        """Whether some components are counts, off which there is nothing of them."""
        return self.discrete

    @property
    def alike(self):
        """Whether all components are the same."""
        return all(len(set(values)) == 1 for values in self.params.values())

    def knows(self, name):
        """Whether the oracle has both tails, or a moment."""
        return getattr(self.oracle, name) is not None

    def of_parts(self, theta):
        """The parameters part by part."""
        return [list(theta)]

    def columns(self, theta):
        """Component by component: its row, and its parameters in extended precision."""
        rows = zip(*(np.asarray(t).tolist() for t in theta), strict=True)
        return [(self, exact(list(each))) for each in rows]

    def place(self, i):
        """Where the i-th parameter stands in its part, and which components have it."""
        return i, slice(None)

    def mixed(self, components, w, **options):
        """The mixture of the components of each part, by weights of all."""
        return MixtureSameFamily(dist.Categorical(probs=w), *components, **options)

    def mixture(self, theta, w, **options):
        """The mixture with these parameters and weights."""
        return self.mixed([self.make(*theta)], w, **options)

    def body(self, dtype):
        """Points in the bodies of the components, `n *event`."""
        value, kinds = self.value(dtype)
        return value[kinds == "body"].reshape(-1, *self.event_shape)

    @property
    def free(self):
        """Positions of the parameters with a derivative."""
        skip = self.fixed + self.integers
        return tuple(i for i, name in enumerate(self.params) if name not in skip)

    def arrays(self, dtype):
        """The parameters, rounded to the dtype."""
        return tuple(
            np.asarray(value, np.int32 if name in self.integers else dtype)
            for name, value in self.params.items()
        )

    def components(self, dtype):
        """Per component, the rounded parameters as floats."""
        columns = [array.tolist() for array in self.arrays(dtype)]
        return list(zip(*columns, strict=True))

    @cache  # noqa: B019
    def value(self, dtype):
        """Points of shape (n, k, *event), rounded to the dtype, and the kind of each row."""
        lists = [self.points(*theta) for theta in self.components(dtype)]
        kinds = [kind for kind, points in lists[0].items() for _ in points]
        columns = [[x for points in each.values() for x in points] for each in lists]
        value = np.swapaxes(np.array(columns, dtype="float64"), 0, 1)
        return clip(value, np.array(kinds), dtype), np.array(kinds)


def clip(value, kinds, dtype):
    """Round to the dtype; keep the magnitude of points that are not edges within its range."""
    low, high = SPAN[dtype]
    moved = np.sign(value) * np.clip(np.abs(value), low, high)
    keep = (kinds == "edges") | (kinds == "outside")
    return np.where(keep.reshape(-1, *[1] * (value.ndim - 1)), value, moved).astype(dtype)


def exact(x):
    """A float, or a nest of them, in extended precision."""
    return [exact(each) for each in x] if isinstance(x, list) else mpf(x)


def to_float(x):
    """Back to floats, NaN kept."""
    if isinstance(x, list):
        return [to_float(each) for each in x]
    return float("nan") if isnan(x) else float(x)


WRAPPERS = (
    dist.ExpandedDistribution,
    dist.Independent,
    dist.TransformedDistribution,
    LeftTruncatedDistribution,
    RightTruncatedDistribution,
    TwoSidedTruncatedDistribution,
)


def name_of(d):
    """The family of a distribution, wrappers with what they wrap."""
    inside = f"[{name_of(d.base_dist)}]" if type(d) in WRAPPERS else ""
    return type(d).__name__ + inside
