"""Gompertz: ``c (e^(rate x) − 1)`` is a standard exponential variable."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from pathmix._families._edges import cdf_between, log_cdf_between, log_survival_between
from pathmix._families._exponential import log_cdf_of_hazard
from pathmix._families._family import Family, guarded, implicit
from pathmix._special import expm1, log1mexp, log_sigmoids, one_minus_exp
from pathmix._typing import Reals, Value
from pathmix._where import where

# The trapezoidal rule for log E, E standard exponential, of density e^(w − e^w): analytic in the
# strip |Im w| < π/2, so that the error of a step h is e^(−π²/h), here below 10⁻¹⁷ (Trefethen and
# Weideman 2014, "The exponentially convergent trapezoidal rule").
_NODES = np.arange(-40.0, 5.0, 0.25)
_WEIGHTS = np.exp(_NODES - np.exp(_NODES))
_WEIGHTS /= _WEIGHTS.sum()


class Gompertz(NamedTuple):
    """Parameters."""

    concentration: Reals
    rate: Reals


def _log_density(theta: Gompertz, x: Value) -> Reals:
    """``P(X > x) = exp(−c (e^(rate x) − 1))`` on ``x ≥ 0``, with ``c`` the concentration."""
    log_c, log_rate = jnp.log(theta.concentration), jnp.log(theta.rate)

    def density(x: Reals) -> Reals:
        return log_c + log_rate + theta.rate * x - _hazard(theta, x)

    return guarded((x >= 0) & (x < jnp.inf), density, x, 0.0)


def _log_cdf(theta: Gompertz, x: Value) -> Reals:
    def inside(x: Reals) -> Reals:
        t = theta.rate * x
        return log_cdf_of_hazard(jnp.log(theta.concentration) + t + log1mexp(-t))

    return log_cdf_between(inside, x, 1 / theta.rate)


def _cdf(theta: Gompertz, x: Value) -> Reals:
    return cdf_between(lambda x: one_minus_exp(_hazard(theta, x)), x, 1 / theta.rate)


def _log_survival(theta: Gompertz, x: Value) -> Reals:
    return log_survival_between(lambda x: -_hazard(theta, x), x, 1 / theta.rate)


def _hazard(theta: Gompertz, x: Reals) -> Reals:
    """``c (e^(rate x) − 1)``; where that overflows, infinity with a zero gradient."""
    t = theta.rate * x
    fits = t < jnp.log(jnp.finfo(t.dtype).max)
    return theta.concentration * where(fits, expm1(where(fits, t, 0.0)), jnp.inf)


def _mean(theta: Gompertz) -> Reals:
    values, weights = _standard(theta)
    return jnp.sum(weights * values, axis=-1) / theta.rate


def _variance(theta: Gompertz) -> Reals:
    values, weights = _standard(theta)
    mean = jnp.sum(weights * values, axis=-1, keepdims=True)
    return jnp.sum(weights * (values - mean) ** 2, axis=-1) / theta.rate**2


def _standard(theta: Gompertz) -> tuple[Reals, Reals]:
    """Nodes and weights of ``rate · X = log(1 + E/c)``, along a last axis."""
    log_c = jnp.log(theta.concentration)[..., None]
    return -log_sigmoids(jnp.asarray(_NODES, log_c.dtype) - log_c)[1], jnp.asarray(
        _WEIGHTS, log_c.dtype
    )


gompertz = Family(
    "Gompertz",
    _log_density,
    Gompertz,
    log_cdf=_log_cdf,
    log_survival=_log_survival,
    cdf=_cdf,
    velocity=implicit(_log_cdf, _log_survival),
    mean=_mean,
    variance=_variance,
)
