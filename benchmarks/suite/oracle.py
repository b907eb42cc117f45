"""What results must be: exact moments and expectations; densities by SciPy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from suite import inputs
from suite.cases import Case
from suite.scalars import SCALARS

Arrays = dict[str, np.ndarray]


def moments(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """The mixture's mean and elementwise variance, ``*event``."""
    p = {name: value.astype(float) for name, value in inputs.parameters(case).items()}
    w = np.exp(p["logits"] - p["logits"].max())
    w /= w.sum()
    mean, variance = _component_moments(case, p)
    total = np.tensordot(w, mean, 1)
    return total, np.tensordot(w, variance + (mean - total) ** 2, 1)


def _component_moments(case: Case, p: Arrays) -> tuple[np.ndarray, np.ndarray]:
    if case.family == "full":
        return p["loc"], np.sum(p["scale_tril"] ** 2, axis=-1)
    if case.family in SCALARS:
        exact = SCALARS[case.family].exact(p)
        return exact.mean(), exact.var()
    return p["loc"], p["scale"] ** 2


def _component_moments_jax(case: Case, p: dict) -> tuple[jax.Array, jax.Array]:
    if case.family == "full":
        return p["loc"], jnp.sum(jnp.tril(p["scale_tril"]) ** 2, axis=-1)
    if case.family == "gamma":
        mean = p["concentration"] / p["rate"]
        return mean, mean / p["rate"]
    if case.family == "beta":
        total = p["concentration1"] + p["concentration0"]
        mean = p["concentration1"] / total
        return mean, mean * (1 - mean) / (total + 1)
    if case.family == "student_t":
        return p["loc"], p["scale"] ** 2 * p["df"] / (p["df"] - 2)
    return p["loc"], p["scale"] ** 2


def expected_square(case: Case) -> Arrays:
    """E|x|² and its gradient in every parameter, or its Hessian times the direction."""

    def expected(p: dict) -> jax.Array:
        mean, variance = _component_moments_jax(case, p)
        squares = (mean**2 + variance).reshape(case.k, -1).sum(-1)
        return jax.nn.softmax(p["logits"]) @ squares

    p = inputs.parameters(case)
    if case.task == "pathwise_hvp":
        v = inputs.direction(p)
        tree = jax.jvp(jax.grad(expected), (p,), (v,))[1]
    else:
        value, gradient = jax.value_and_grad(expected)(p)
        tree = {"value": value, **gradient}
    return {name: np.asarray(value) for name, value in tree.items()}


def log_prob(case: Case, x: np.ndarray) -> np.ndarray:
    """The log density at a few points, by the formulas as they stand, in float64."""
    p = {name: value.astype(float) for name, value in inputs.parameters(case).items()}
    terms = _component_log_prob(case, p, x.astype(float)[:, None])
    log_w = p["logits"] - np.logaddexp.reduce(p["logits"])
    return np.logaddexp.reduce(log_w + terms, axis=-1)


def _component_log_prob(case: Case, p: Arrays, x: np.ndarray) -> np.ndarray:
    if case.family in SCALARS:
        exact = SCALARS[case.family].exact(p)
        return exact.logpmf(x) if SCALARS[case.family].discrete else exact.logpdf(x)
    if case.family == "full":
        z = np.linalg.solve(p["scale_tril"], (x - p["loc"])[..., None])[..., 0]
        log_det = np.log(np.diagonal(p["scale_tril"], axis1=1, axis2=2)).sum(-1)
        return -0.5 * (z**2).sum(-1) - log_det - 0.5 * case.e * np.log(2 * np.pi)
    return stats.norm.logpdf(x, p["loc"], p["scale"]).sum(-1)


def cdf(case: Case, x: np.ndarray) -> np.ndarray:
    """The cdf of a scalar mixture at a few points, in float64."""
    p = {name: value.astype(float) for name, value in inputs.parameters(case).items()}
    terms = SCALARS[case.family].exact(p).cdf(x.astype(float)[:, None])
    if case.family == "von_mises":  # SciPy counts from half a turn before the location
        start = SCALARS[case.family].exact(p).cdf(-np.pi)
        terms = terms - start
    return terms @ np.exp(p["logits"] - np.logaddexp.reduce(p["logits"]))
