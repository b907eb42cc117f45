"""Families of scalars: parameters, the exact distribution by SciPy, and each library's class."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import stats

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Scalar:
    """One family; parameters are in the order in which every library's class takes them."""

    title: str
    draw: Callable[[np.random.Generator, tuple[int, ...]], Arrays]
    """Makes parameters of a shape."""
    exact: Callable[[Arrays], Any]
    """SciPy's distribution with such parameters."""
    classes: Mapping[str, str]
    """The name of the class, by library; who is missing has none."""
    constants: Mapping[str, float] = field(default_factory=dict)
    discrete: bool = False
    rare: bool = False
    """Measured at fewer sizes."""

    def make(self, library: str, module: Any, p: dict, **options: Any) -> Any:
        """The components, or ``None`` if the library has no such family."""
        if library not in self.classes:
            return None
        names = self.draw(np.random.default_rng(0), ())  # tracing sorts dictionaries: not p's order
        arguments = [p[name] for name in names]
        return getattr(module, self.classes[library])(*arguments, **self.constants, **options)


def _everywhere(name: str, *without: str) -> dict[str, str]:
    libraries = {"NumPyro", "TFP", "Distrax", "torch"}
    return dict.fromkeys(sorted(libraries - set(without)), name)


def _located(rng: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    return {"loc": 3 * rng.normal(size=shape), "scale": np.exp(0.3 * rng.normal(size=shape))}


def _near(rng: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    return {"loc": rng.normal(size=shape), "scale": np.exp(0.3 * rng.normal(size=shape))}


def _gammas(rng: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    concentration = np.exp(0.3 * rng.normal(size=shape)) + 2
    return {"concentration": concentration, "rate": np.exp(0.3 * rng.normal(size=shape))}


def _students(rng: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    df = rng.uniform(9, 15, size=shape)  # the draws' fourth moments have an error
    return {"df": df, **_located(rng, shape)}


def _betas(rng: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    names = ("concentration1", "concentration0")
    return {name: np.exp(0.7 * rng.normal(size=shape)) + 1 for name in names}


def _rates(rng: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    return {"rate": np.exp(1.5 + 0.8 * rng.normal(size=shape))}


def _directions(rng: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    return {"loc": rng.uniform(-3, 3, size=shape), "concentration": rng.uniform(1, 8, size=shape)}


def _positive(**medians: float) -> Callable[[np.random.Generator, tuple[int, ...]], Arrays]:
    """Parameters around ``medians``."""
    return lambda rng, shape: {
        name: median * np.exp(0.3 * rng.normal(size=shape)) for name, median in medians.items()
    }


def _chances(rng: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    return {"probs": rng.uniform(0.1, 0.9, size=shape)}


def _located_and(name: str) -> Callable[[np.random.Generator, tuple[int, ...]], Arrays]:
    return lambda rng, shape: {**_located(rng, shape), **_positive(**{name: 1.0})(rng, shape)}


def _intervals(rng: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    low = rng.uniform(0.5, 1.5, size=shape)
    return {"low": low, "high": low + rng.uniform(1, 3, size=shape)}


_LOW, _HIGH = -1.5, 2.0
_COUNT = 20

_COMMON = {
    "normal": Scalar(
        "Normal", _located, lambda p: stats.norm(p["loc"], p["scale"]), _everywhere("Normal")
    ),
    "student_t": Scalar(
        "StudentT",
        _students,
        lambda p: stats.t(p["df"], p["loc"], p["scale"]),
        _everywhere("StudentT", "Distrax"),
    ),
    "gamma": Scalar(
        "Gamma",
        _gammas,
        lambda p: stats.gamma(p["concentration"], scale=1 / p["rate"]),
        _everywhere("Gamma"),
    ),
    "beta": Scalar(
        "Beta",
        _betas,
        lambda p: stats.beta(p["concentration1"], p["concentration0"]),
        _everywhere("Beta"),
    ),
    "poisson": Scalar(
        "Poisson",
        _rates,
        lambda p: stats.poisson(p["rate"]),
        _everywhere("Poisson", "Distrax"),
        discrete=True,
    ),
    "log_normal": Scalar(
        "LogNormal",
        _near,
        lambda p: stats.lognorm(p["scale"], scale=np.exp(p["loc"])),
        _everywhere("LogNormal", "Distrax"),
    ),
    "von_mises": Scalar(
        "VonMises",
        _directions,
        lambda p: stats.vonmises(p["concentration"], p["loc"]),
        _everywhere("VonMises"),
    ),
    "truncated_normal": Scalar(
        "TruncatedNormal",
        _near,
        lambda p: stats.truncnorm(
            (_LOW - p["loc"]) / p["scale"], (_HIGH - p["loc"]) / p["scale"], p["loc"], p["scale"]
        ),
        _everywhere("TruncatedNormal", "Distrax", "torch"),
        {"low": _LOW, "high": _HIGH},
    ),
}


def _rare(
    title: str,
    draw: Callable[[np.random.Generator, tuple[int, ...]], Arrays],
    exact: Callable[[Arrays], Any],
    *libraries: str,
    name: str = "",
    **options: Any,
) -> Scalar:
    """A family by the name that NumPyro has for it, or ``name``; others have it as the title."""
    classes = dict.fromkeys(libraries, title) | {"NumPyro": name or title}
    return Scalar(title, draw, exact, classes, rare=True, **options)


def _by_location(family: Any) -> Callable[[Arrays], Any]:
    return lambda p: family(p["loc"], p["scale"])


_RARE = {
    "laplace": _rare("Laplace", _located, _by_location(stats.laplace), "TFP", "Distrax", "torch"),
    "logistic": _rare("Logistic", _located, _by_location(stats.logistic), "TFP", "Distrax"),
    "cauchy": _rare("Cauchy", _located, _by_location(stats.cauchy), "TFP", "torch"),
    "gumbel": _rare("Gumbel", _located, _by_location(stats.gumbel_r), "TFP", "Distrax", "torch"),
    "soft_laplace": _rare("SoftLaplace", _located, _by_location(stats.hypsecant)),
    "levy": _rare("Levy", _located, _by_location(stats.levy)),
    "asymmetric_laplace": _rare(
        "AsymmetricLaplace",
        _located_and("asymmetry"),
        lambda p: stats.laplace_asymmetric(p["asymmetry"], p["loc"], p["scale"]),
    ),
    "half_normal": _rare(
        "HalfNormal",
        _positive(scale=1.0),
        lambda p: stats.halfnorm(scale=p["scale"]),
        "TFP",
        "torch",
    ),
    "half_cauchy": _rare(
        "HalfCauchy", _positive(scale=1.0), lambda p: stats.halfcauchy(scale=p["scale"]), "torch"
    ),
    "exponential": _rare(
        "Exponential",
        _positive(rate=1.0),
        lambda p: stats.expon(scale=1 / p["rate"]),
        "TFP",
        "torch",
    ),
    "weibull": _rare(
        "Weibull",
        _positive(scale=1.0, concentration=2.0),
        lambda p: stats.weibull_min(p["concentration"], scale=p["scale"]),
        "torch",
    ),
    "gompertz": _rare(
        "Gompertz",
        _positive(concentration=1.0, rate=1.0),
        lambda p: stats.gompertz(p["concentration"], scale=1 / p["rate"]),
    ),
    "inverse_gamma": _rare(
        "InverseGamma",
        _positive(concentration=4.0, rate=3.0),
        lambda p: stats.invgamma(p["concentration"], scale=p["rate"]),
        "TFP",
        "torch",
    ),
    "chi2": _rare("Chi2", _positive(df=5.0), lambda p: stats.chi2(p["df"]), "TFP", "torch"),
    "pareto": _rare(
        "Pareto",
        _positive(scale=1.0, alpha=3.0),
        lambda p: stats.pareto(p["alpha"], scale=p["scale"]),
        "torch",
    ),
    "dagum": _rare(
        "Dagum",
        _positive(concentration=2.0, sharpness=3.0, scale=1.0),
        lambda p: stats.burr(p["sharpness"], p["concentration"], scale=p["scale"]),
    ),
    "uniform": _rare(
        "Uniform",
        _intervals,
        lambda p: stats.uniform(p["low"], p["high"] - p["low"]),
        "TFP",
        "Distrax",
        "torch",
    ),
    "log_uniform": _rare(
        "LogUniform", _intervals, lambda p: stats.loguniform(p["low"], p["high"]), "Distrax"
    ),
    "geometric": _rare(
        "Geometric",
        _chances,
        lambda p: stats.geom(p["probs"], loc=-1),
        "torch",
        name="GeometricProbs",
        discrete=True,
    ),
    "bernoulli": _rare(
        "Bernoulli",
        _chances,
        lambda p: stats.bernoulli(p["probs"]),
        "torch",
        name="BernoulliProbs",
        discrete=True,
    ),
    "binomial": _rare(
        "Binomial",
        _chances,
        lambda p: stats.binom(_COUNT, p["probs"]),
        name="BinomialProbs",
        constants={"total_count": _COUNT},
        discrete=True,
    ),
    "negative_binomial": _rare(
        "NegativeBinomial",
        lambda rng, shape: {**_positive(total_count=8.0)(rng, shape), **_chances(rng, shape)},
        lambda p: stats.nbinom(p["total_count"], 1 - p["probs"]),
        name="NegativeBinomialProbs",
        discrete=True,
    ),
    "beta_binomial": _rare(
        "BetaBinomial",
        _betas,
        lambda p: stats.betabinom(_COUNT, p["concentration1"], p["concentration0"]),
        constants={"total_count": _COUNT},
        discrete=True,
    ),
}

SCALARS = {**_COMMON, **_RARE}
