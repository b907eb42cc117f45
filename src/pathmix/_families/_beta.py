"""Families on the unit interval: Beta and Kumaraswamy."""

from typing import NamedTuple

import jax.numpy as jnp

from pathmix._families._conditionals import smaller_over_density
from pathmix._families._edges import (
    log_cdf_between,
    log_survival_between,
    log_tails_between,
    unit_edges,
)
from pathmix._families._family import (
    Family,
    by_tails,
    complement,
    guarded,
    implicit,
    spread_over,
)
from pathmix._special import (
    beta_deviance_at,
    beta_quantile_slope,
    lgamma_difference,
    lgamma_second_difference,
    log1mexp,
    log1p,
    log_beta_peak,
    log_beta_tails,
)
from pathmix._typing import Flags, Reals, Value
from pathmix._where import where


class Concentrations(NamedTuple):
    """Parameters of both families."""

    concentration1: Reals
    concentration0: Reals


def _beta_log_density(theta: Concentrations, x: Value) -> Reals:
    """``p = x^(a−1) (1−x)^(b−1) / B(a, b)`` on ``0 ≤ x ≤ 1``."""
    a, b = theta

    def density(x: Reals) -> Reals:
        return log_beta_peak(a, b) - beta_deviance_at(a, b, x) - jnp.log(x) - log1p(-x)

    return guarded((x > 0) & (x < 1), density, x, 0.5, unit_edges(x, a, b, jnp.log(b), jnp.log(a)))


def _beta_log_tails(theta: Concentrations, x: Value) -> tuple[Reals, Reals]:
    return log_tails_between(lambda x: log_beta_tails(*theta, x, 1 - x), x, 0.5, high=1.0)


def _beta_mean(theta: Concentrations) -> Reals:
    a, b = theta
    return a / (a + b)


def _beta_variance(theta: Concentrations) -> Reals:
    a, b = theta
    return (a / (a + b)) * (b / (a + b)) / (a + b + 1)


def _beta_smaller_tail(theta: Concentrations, x: Value, log_p: Reals) -> tuple[Flags, Reals]:
    return smaller_over_density(*log_beta_tails(*theta, x, 1 - x), log_p)


def _beta_velocity(theta: Concentrations, tangent: Concentrations, x: Value) -> Value:
    """Both concentrations by one function, which is compiled once for both."""
    x = spread_over(theta, x)
    a, b = (jnp.broadcast_to(p, x.shape) for p in theta)
    swapped = jnp.stack([a, b]), jnp.stack([b, a]), jnp.stack([x, 1 - x]), jnp.stack([1 - x, x])
    by_a, by_b = beta_quantile_slope(*swapped)
    return by_a * tangent.concentration1 - by_b * tangent.concentration0


beta = Family(
    "Beta",
    _beta_log_density,
    Concentrations,
    velocity=_beta_velocity,
    smaller_tail=_beta_smaller_tail,
    mean=_beta_mean,
    variance=_beta_variance,
    **by_tails(_beta_log_tails),
)


def _kumaraswamy_log_density(theta: Concentrations, x: Value) -> Reals:
    """``P(X > x) = (1 − x^a)^b`` on ``0 ≤ x ≤ 1``."""
    a, b = theta.concentration1, theta.concentration0
    log_ab = jnp.log(a) + jnp.log(b)

    def density(x: Reals) -> Reals:
        t = jnp.log(x)
        return log_ab + (a - 1) * t + (b - 1) * log1mexp(a * t)

    return guarded((x > 0) & (x < 1), density, x, 0.5, unit_edges(x, a, b, log_ab, log_ab))


def _kumaraswamy_log_cdf(theta: Concentrations, x: Value) -> Reals:
    b = theta.concentration0

    def inner(x: Reals) -> Reals:
        log_s = _kumaraswamy_tail(theta, x)
        tiny = theta.concentration1 * jnp.log(x)  # log x^a: F ≈ b x^a where 1 − S underflows
        return where(
            tiny < jnp.log(jnp.finfo(x.dtype).eps) - jnp.log(b + 1),
            jnp.log(b) + tiny,
            complement(where(log_s == 0, -1.0, log_s)),
        )

    return log_cdf_between(inner, x, 0.5, high=1.0)


def _kumaraswamy_log_survival(theta: Concentrations, x: Value) -> Reals:
    return log_survival_between(lambda x: _kumaraswamy_tail(theta, x), x, 0.5, high=1.0)


def _kumaraswamy_mean(theta: Concentrations) -> Reals:
    h, b = 1 / theta.concentration1, theta.concentration0
    log_mean = lgamma_difference(1.0, h) - lgamma_difference(1.0 + b, h)
    return jnp.exp(log_mean)


def _kumaraswamy_variance(theta: Concentrations) -> Reals:
    h, b = 1 / theta.concentration1, theta.concentration0
    # log(E[x²] / E[x]²), a difference of second differences rather than of moments
    excess = lgamma_second_difference(1.0, h) - lgamma_second_difference(1.0 + b, h)
    return _kumaraswamy_mean(theta) ** 2 * jnp.expm1(excess)


def _kumaraswamy_tail(theta: Concentrations, x: Reals) -> Reals:
    """The log survival between the ends."""
    return theta.concentration0 * log1mexp(theta.concentration1 * jnp.log(x))


kumaraswamy = Family(
    "Kumaraswamy",
    _kumaraswamy_log_density,
    Concentrations,
    log_cdf=_kumaraswamy_log_cdf,
    log_survival=_kumaraswamy_log_survival,
    velocity=implicit(_kumaraswamy_log_cdf, _kumaraswamy_log_survival),
    mean=_kumaraswamy_mean,
    variance=_kumaraswamy_variance,
)
