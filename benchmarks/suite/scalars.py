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

    def make(self, library: str, module: Any, p: dict, **options: Any) -> Any:
        """The components, or ``None`` if the library has no such family."""
        if library not in self.classes:
            return None
        arguments = [value for name, value in p.items() if name != "logits"]
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


_LOW, _HIGH = -1.5, 2.0

SCALARS = {
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
