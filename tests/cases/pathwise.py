"""Families for the pathwise tests: parameters, components, points inside the support, a cdf.

Parameters are float64 arrays, free to move in any direction: `build` makes triangular or positive
definite matrices of them. `cdf` and `pdf`, where given, are functions of a point and one
component's parameters in NumPy and SciPy, independent of the package.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np
import numpyro.distributions as dist
from jax import numpy as jnp
from numpyro.distributions import transforms
from scipy import special, stats

from cases.row import name_of
from pathmix import MixtureSameFamily

LOGITS = np.array([0.3, -0.5, 0.1])


@dataclass(frozen=True, eq=False)
class PathwiseRow:
    """One family; `parameters` have the components along their first axis."""

    name: str
    parameters: dict[str, np.ndarray]
    build: Callable
    points: np.ndarray
    cdf: Callable | None = None
    pdf: Callable | None = None
    quick: bool = False

    def __str__(self):
        return self.name

    @property
    def family(self):
        """The exact type of the components."""
        return name_of(self.build(as_arrays(self.parameters)))

    def mixture(self, theta, by="logits"):
        """The mixture of parameters, whose draws carry gradients."""
        components = self.build({name: theta[name] for name in self.parameters})
        weights = dist.Categorical(**{by: theta["weights"]})
        return MixtureSameFamily(weights, components, reparameterize=True)

    @property
    def num_components(self):
        return len(next(iter(self.parameters.values())))

    @property
    def logits(self):
        return LOGITS[: self.num_components]

    def theta(self, by="logits"):
        """All parameters, the weights' under the name `weights`."""
        weights = self.logits if by == "logits" else 1.7 * special.softmax(self.logits)
        return {"weights": weights, **self.parameters}

    def directions(self, by="logits"):
        """Names, and tangents of all parameters in which one moves, stacked along axis 0."""
        generator = np.random.default_rng(5)
        theta = self.theta(by)
        moved = {name: generator.normal(size=value.shape) for name, value in theta.items()}
        stacked = {
            name: np.stack([(other == name) * moved[name] for other in theta]) for name in theta
        }
        return list(theta), stacked

    def mixture_cdf(self, theta, x):
        """The mixture's distribution function, by SciPy."""
        w = special.softmax(theta["weights"])
        return sum(w[k] * self.cdf(x, *each) for k, each in enumerate(self.columns(theta)))

    def mixture_pdf(self, theta, x):
        """The mixture's density, by SciPy."""
        w = special.softmax(theta["weights"])
        return sum(w[k] * self.pdf(x, *each) for k, each in enumerate(self.columns(theta)))

    def columns(self, theta):
        """Per component, its parameters in order."""
        return list(zip(*(theta[name] for name in self.parameters), strict=True))


def as_arrays(parameters):
    return {name: jnp.asarray(value) for name, value in parameters.items()}


def quick_or_slow(pytest, rows):
    """Rows as pytest parameters, those that are expensive to compile marked slow."""
    slow = pytest.mark.slow
    return [pytest.param(r, marks=[] if r.quick else [slow], id=str(r)) for r in rows]


def scalar(name, make, frozen, points, quick=False, **parameters):
    """A scalar family with its counterpart of SciPy, `frozen(*parameters)`."""
    return PathwiseRow(
        name,
        {key: np.array(value) for key, value in parameters.items()},
        lambda p: make(**p),
        np.array(points),
        lambda x, *theta: frozen(*theta).cdf(x),
        lambda x, *theta: frozen(*theta).pdf(x),
        quick,
    )


def _von_mises_pdf(x, loc, concentration):
    return np.exp(concentration * (np.cos(x - loc) - 1)) / (2 * np.pi * special.i0e(concentration))


def _von_mises_cdf(x, loc, concentration):
    nodes, weights = np.polynomial.legendre.leggauss(80)
    half = (x + np.pi) / 2
    return half * np.sum(weights * _von_mises_pdf(half * (nodes + 1) - np.pi, loc, concentration))


BODY = [-2.3, -0.4, 0.6, 2.9]
POSITIVE = [0.15, 0.8, 1.9, 4.5]
UNIT = [0.06, 0.35, 0.61, 0.93]
LOC, SCALE = [-1.0, 1.2, 0.3], [0.7, 1.4, 0.4]
LOC2, SCALE2 = LOC[:2], SCALE[:2]

SCALARS = [
    scalar("Normal", dist.Normal, stats.norm, BODY, True, loc=LOC, scale=SCALE),
    scalar(
        "LogNormal",
        dist.LogNormal,
        lambda loc, scale: stats.lognorm(scale, scale=np.exp(loc)),
        POSITIVE,
        loc=LOC2,
        scale=SCALE2,
    ),
    scalar(
        "HalfNormal",
        dist.HalfNormal,
        lambda s: stats.halfnorm(scale=s),
        [0.15, 0.8, 1.9, 3.1],  # farther out the differences of the oracle lose the second order
        scale=SCALE,
    ),
    scalar("Laplace", dist.Laplace, stats.laplace, BODY, loc=LOC, scale=SCALE),
    scalar("Logistic", dist.Logistic, stats.logistic, BODY, loc=LOC, scale=SCALE),
    scalar("Cauchy", dist.Cauchy, stats.cauchy, BODY, loc=LOC, scale=SCALE),
    scalar(
        "HalfCauchy", dist.HalfCauchy, lambda s: stats.halfcauchy(scale=s), POSITIVE, scale=SCALE
    ),
    scalar("StudentT", dist.StudentT, stats.t, BODY, df=[3.2, 7.5], loc=LOC2, scale=SCALE2),
    scalar("Gumbel", dist.Gumbel, stats.gumbel_r, BODY, loc=LOC, scale=SCALE),
    scalar(
        "Weibull",
        dist.Weibull,
        lambda s, c: stats.weibull_min(c, scale=s),
        POSITIVE,
        scale=[0.8, 2.5],
        concentration=[1.5, 0.7],
    ),
    scalar(
        "Exponential",
        dist.Exponential,
        lambda r: stats.expon(scale=1 / r),
        POSITIVE,
        rate=[0.5, 2.0, 1.1],
    ),
    scalar(
        "Gamma",
        dist.Gamma,
        lambda a, b: stats.gamma(a, scale=1 / b),
        POSITIVE,
        concentration=[0.8, 4.0],
        rate=[0.9, 1.5],
    ),
    scalar(
        "InverseGamma",
        dist.InverseGamma,
        lambda a, b: stats.invgamma(a, scale=b),
        POSITIVE,
        concentration=[1.8, 4.0],
        rate=[0.9, 2.5],
    ),
    scalar("Chi2", dist.Chi2, stats.chi2, POSITIVE, df=[1.5, 5.0]),
    scalar(
        "Beta",
        dist.Beta,
        stats.beta,
        UNIT,
        concentration1=[0.8, 4.0],
        concentration0=[2.5, 1.6],
    ),
    PathwiseRow(
        "Kumaraswamy",
        {"concentration1": np.array([0.8, 3.0]), "concentration0": np.array([2.5, 1.6])},
        lambda p: dist.Kumaraswamy(**p),
        np.array(UNIT),
        lambda x, a, b: -np.expm1(b * np.log1p(-(x**a))),
        lambda x, a, b: a * b * x ** (a - 1) * (1 - x**a) ** (b - 1),
    ),
    scalar(
        "Pareto",
        dist.Pareto,
        lambda s, a: stats.pareto(a, scale=s),
        [0.9, 1.4, 2.2, 6.0],
        scale=[0.7, 1.6],
        alpha=[1.5, 2.6],
    ),
    scalar(
        "Uniform",
        dist.Uniform,
        lambda low, high: stats.uniform(low, high - low),
        [-0.7, 0.2, 0.9, 2.4],
        low=[-1.0, 0.0],
        high=[1.5, 3.0],
    ),
    scalar(
        "TruncatedNormal",
        dist.TruncatedNormal,
        lambda m, s, low, high: stats.truncnorm((low - m) / s, (high - m) / s, m, s),
        [-0.7, 0.2, 0.9, 2.4],
        loc=LOC2,
        scale=SCALE2,
        low=[-1.5, 0.0],
        high=[1.5, 3.0],
    ),
    PathwiseRow(
        "VonMises",
        {"loc": np.array([-1.0, 1.2]), "concentration": np.array([0.8, 3.0])},
        lambda p: dist.VonMises(**p),
        np.array(BODY),
        _von_mises_cdf,
        _von_mises_pdf,
    ),
    PathwiseRow(
        "TransformedDistribution",
        {name: np.array(v) for name, v in {"loc": LOC, "scale": SCALE, "slope": SCALE}.items()},
        lambda p: dist.TransformedDistribution(
            dist.Normal(p["loc"], p["scale"]),
            [transforms.AffineTransform(0.3, -p["slope"]), transforms.ExpTransform()],
        ),
        np.array(POSITIVE),
        lambda x, m, s, b: special.ndtr((m - (0.3 - np.log(x)) / b) / s),
        lambda x, m, s, b: stats.norm.pdf((np.log(x) - 0.3) / b, -m, s) / (b * x),
    ),
]


def cholesky_like(raw):
    """A lower triangular matrix with a positive diagonal, free in every entry."""
    return jnp.tril(raw, -1) + jax.vmap(jnp.diag)(jnp.exp(jnp.diagonal(raw, 0, -2, -1)))


def positive_definite(raw):
    return raw @ jnp.swapaxes(raw, -1, -2) + 0.5 * jnp.eye(raw.shape[-1])


def _random(k, *shape, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).normal(size=(k, *shape))


def independent_normal(size, k=3, quick=False):
    return PathwiseRow(
        f"Independent Normal {size}",
        {"loc": _random(k, size), "scale": np.exp(_random(k, size, seed=1, scale=0.4))},
        lambda p: dist.Normal(p["loc"], p["scale"]).to_event(1),
        _random(4, size, seed=2),
        quick=quick,
    )


def multivariate_normal(size, k=3, by="scale_tril", quick=False):
    map_ = cholesky_like if by == "scale_tril" else positive_definite
    return PathwiseRow(
        f"MultivariateNormal {size} by {by}",
        {"loc": _random(k, size), "raw": _random(k, size, size, seed=1, scale=0.4)},
        lambda p: dist.MultivariateNormal(p["loc"], **{by: map_(p["raw"])}),
        _random(4, size, seed=2),
        quick=quick,
    )


def student_t(size, k=2, quick=False):
    return PathwiseRow(
        f"MultivariateStudentT {size}",
        {
            "df": np.array([3.3, 6.0]),
            "loc": _random(k, size),
            "raw": _random(k, size, size, seed=1, scale=0.4),
        },
        lambda p: dist.MultivariateStudentT(p["df"], p["loc"], cholesky_like(p["raw"])),
        _random(4, size, seed=2),
        quick=quick,
    )


INDEPENDENT_GAMMA = PathwiseRow(
    "Independent Gamma 2",
    {
        "concentration": np.array([[0.8, 2.0], [3.0, 1.2]]),
        "rate": np.array([[1.0, 0.7], [1.6, 2.0]]),
    },
    lambda p: dist.Gamma(p["concentration"], p["rate"]).to_event(1),
    np.array([[0.3, 1.2], [2.0, 0.5], [1.1, 3.0]]),
    quick=True,
)
LOW_RANK = PathwiseRow(
    "LowRankMultivariateNormal 3",
    {
        "loc": _random(2, 3),
        "cov_factor": _random(2, 3, 1, seed=1),
        "cov_diag": np.exp(_random(2, 3, seed=3, scale=0.3)),
    },
    lambda p: dist.LowRankMultivariateNormal(**p),
    _random(4, 3, seed=2),
    quick=True,
)
DIRICHLET = PathwiseRow(
    "Dirichlet 4",
    {"concentration": np.array([[1.5, 2.0, 0.8, 3.0], [3.0, 1.0, 2.5, 1.2]])},
    lambda p: dist.Dirichlet(**p),
    np.array([[0.2, 0.3, 0.1, 0.4], [0.5, 0.1, 0.25, 0.15], [0.05, 0.45, 0.3, 0.2]]),
    quick=True,
)

VECTORS = [
    independent_normal(2, quick=True),
    independent_normal(3),
    INDEPENDENT_GAMMA,
    multivariate_normal(2, quick=True),
    multivariate_normal(3),
    multivariate_normal(2, by="covariance_matrix"),
    multivariate_normal(2, by="precision_matrix"),
    LOW_RANK,
    student_t(2, quick=True),
    student_t(3),
    DIRICHLET,
]
