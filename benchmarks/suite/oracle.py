"""What results must be: exact moments and expectations; densities by SciPy in float64."""

import jax
import jax.numpy as jnp
import numpy as np

from suite import inputs
from suite.cases import Case

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
    if case.family == "gamma":
        mean = p["concentration"] / p["rate"]
        return mean, mean / p["rate"]
    if case.family == "full":
        return p["loc"], np.sum(p["scale_tril"] ** 2, axis=-1)
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


def _component_moments_jax(case: Case, p: dict) -> tuple[jax.Array, jax.Array]:
    if case.family == "full":
        return p["loc"], jnp.sum(jnp.tril(p["scale_tril"]) ** 2, axis=-1)
    return _component_moments(case, p)  # written for either kind of array


def log_prob(case: Case, x: np.ndarray) -> np.ndarray:
    """The log density at a few points, by the formulas as they stand, in float64."""
    p = {name: value.astype(float) for name, value in inputs.parameters(case).items()}
    terms = _component_log_prob(case, p, x.astype(float)[:, None])
    log_w = p["logits"] - np.logaddexp.reduce(p["logits"])
    return np.logaddexp.reduce(log_w + terms, axis=-1)


def _component_log_prob(case: Case, p: Arrays, x: np.ndarray) -> np.ndarray:
    from scipy import stats

    if case.family == "gamma":
        return stats.gamma.logpdf(x, p["concentration"], scale=1 / p["rate"])
    if case.family == "student_t":
        return stats.t.logpdf(x, p["df"], p["loc"], p["scale"])
    if case.family == "full":
        z = np.linalg.solve(p["scale_tril"], (x - p["loc"])[..., None])[..., 0]
        log_det = np.log(np.diagonal(p["scale_tril"], axis1=1, axis2=2)).sum(-1)
        return -0.5 * (z**2).sum(-1) - log_det - 0.5 * case.e * np.log(2 * np.pi)
    terms = stats.norm.logpdf(x, p["loc"], p["scale"])
    return terms.sum(-1) if case.event_shape else terms


def cdf(case: Case, x: np.ndarray) -> np.ndarray:
    """The cdf of a scalar mixture at a few points, in float64."""
    from scipy import stats

    p = {name: value.astype(float) for name, value in inputs.parameters(case).items()}
    x = x.astype(float)[:, None]
    if case.family == "gamma":
        terms = stats.gamma.cdf(x, p["concentration"], scale=1 / p["rate"])
    elif case.family == "student_t":
        terms = stats.t.cdf(x, p["df"], p["loc"], p["scale"])
    else:
        terms = stats.norm.cdf(x, p["loc"], p["scale"])
    return terms @ np.exp(p["logits"] - np.logaddexp.reduce(p["logits"]))
