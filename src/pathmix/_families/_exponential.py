"""Exponential and Weibull: ``(x/scale)^c`` is a standard exponential variable."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln

from pathmix._families._edges import (
    cdf_between,
    log_cdf_between,
    log_survival_between,
    power_at_zero,
)
from pathmix._families._family import Family, complement, guarded, implicit
from pathmix._special import lgamma_second_difference, log1mexp, log_quotient, one_minus_exp
from pathmix._typing import Reals, Value
from pathmix._where import where


class Exponential(NamedTuple):
    """Parameters."""

    rate: Reals


def _exponential_log_density(theta: Exponential, x: Value) -> Reals:
    """``log p = log rate − rate · x`` on ``x ≥ 0``."""
    inside = (x >= 0) & (x < jnp.inf)
    return guarded(inside, lambda x: jnp.log(theta.rate) - theta.rate * x, x, 0.0)


def _exponential_log_cdf(theta: Exponential, x: Value) -> Reals:
    return log_cdf_between(lambda x: complement(-theta.rate * x), x, 1.0)


def _exponential_cdf(theta: Exponential, x: Value) -> Reals:
    return cdf_between(lambda x: one_minus_exp(theta.rate * x), x, 1.0)


def _exponential_log_survival(theta: Exponential, x: Value) -> Reals:
    return log_survival_between(lambda x: -theta.rate * x, x, 1.0)


def _exponential_velocity(theta: Exponential, tangent: Exponential, x: Value) -> Value:
    noise = x * theta.rate
    return jax.jvp(lambda theta: noise / theta.rate, (theta,), (tangent,))[1]


class Weibull(NamedTuple):
    """Parameters."""

    scale: Reals
    concentration: Reals


def _weibull_log_density(theta: Weibull, x: Value) -> Reals:
    """``log p = log(c/scale) + (c−1) log(x/scale) − (x/scale)^c`` on ``x ≥ 0``."""
    c, log_scale = theta.concentration, jnp.log(theta.scale)

    def density(x: Reals) -> Reals:
        t = log_quotient(x, theta.scale)
        return jnp.log(c) - log_scale + (c - 1) * t - hazard(c * t)

    at_zero = where(x == 0, power_at_zero(c, -log_scale), -jnp.inf)
    return guarded((x > 0) & (x < jnp.inf), density, x, theta.scale, at_zero)


def _weibull_log_cdf(theta: Weibull, x: Value) -> Reals:
    return log_cdf_between(
        lambda x: log_cdf_of_hazard(_weibull_log_hazard(theta, x)), x, theta.scale
    )


def _weibull_cdf(theta: Weibull, x: Value) -> Reals:
    return cdf_between(
        lambda x: one_minus_exp(hazard(_weibull_log_hazard(theta, x))), x, theta.scale
    )


def _weibull_log_survival(theta: Weibull, x: Value) -> Reals:
    return log_survival_between(lambda x: -hazard(_weibull_log_hazard(theta, x)), x, theta.scale)


def _weibull_mean(theta: Weibull) -> Reals:
    return theta.scale * jnp.exp(gammaln(1 + 1 / theta.concentration))


def _weibull_variance(theta: Weibull) -> Reals:
    excess = lgamma_second_difference(1.0, 1 / theta.concentration)
    return _weibull_mean(theta) ** 2 * jnp.expm1(excess)  # expm1 of log(E[x²] / E[x]²)


def _weibull_log_hazard(theta: Weibull, x: Value) -> Reals:
    return theta.concentration * log_quotient(x, theta.scale)


def hazard(t: Reals) -> Reals:
    """Return ``e^t``; where that overflows, infinity with a zero gradient."""
    fits = t < jnp.log(jnp.finfo(t.dtype).max)
    return where(fits, jnp.exp(where(fits, t, 0.0)), jnp.inf)


def log_cdf_of_hazard(t: Reals) -> Reals:
    """Return ``log(1 − exp(−e^t))``, which is ``t − e^t/2`` long before ``e^t`` underflows.

    It is zero, with zero slope, well before ``e^t`` overflows.
    """
    t = jnp.minimum(t, 8.0)
    small = t < jnp.log(jnp.finfo(t.dtype).eps)
    return where(small, t - jnp.exp(t) / 2, log1mexp(-jnp.exp(where(small, 0.0, t))))


exponential = Family(
    "Exponential",
    _exponential_log_density,
    Exponential,
    log_cdf=_exponential_log_cdf,
    log_survival=_exponential_log_survival,
    cdf=_exponential_cdf,
    velocity=_exponential_velocity,
    light=True,
    mean=lambda theta: 1 / theta.rate,
    variance=lambda theta: 1 / theta.rate**2,
)


weibull = Family(
    "Weibull",
    _weibull_log_density,
    Weibull,
    log_cdf=_weibull_log_cdf,
    log_survival=_weibull_log_survival,
    cdf=_weibull_cdf,
    velocity=implicit(_weibull_log_cdf, _weibull_log_survival),
    mean=_weibull_mean,
    variance=_weibull_variance,
)
