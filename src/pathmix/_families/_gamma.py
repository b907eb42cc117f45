"""Gamma, by the incomplete gamma functions."""

from typing import NamedTuple

import jax.numpy as jnp

from pathmix._families._conditionals import smaller_over_density
from pathmix._families._edges import log_tails_between, power_at_zero
from pathmix._families._family import Family, by_tails, spread_over
from pathmix._special import (
    gamma_deviance,
    gamma_quantile_slope,
    log_gamma_tails,
    log_poisson_peak,
)
from pathmix._typing import Flags, Reals, Value
from pathmix._where import where


class Gamma(NamedTuple):
    """Parameters."""

    concentration: Reals
    rate: Reals


def _log_density(theta: Gamma, x: Value) -> Reals:
    """``p = rate (rate x)^(a−1) e^(−rate x) / Γ(a)`` on ``x ≥ 0``."""
    a, rate = theta.concentration, theta.rate
    inside = (x > 0) & (x < jnp.inf)
    some = where(inside, x, 1.0)
    peak = log_poisson_peak(a) + jnp.log(a)
    at_zero = where(x == 0, power_at_zero(a, jnp.log(rate)), -jnp.inf)
    return where(inside, peak - gamma_deviance(a, rate, some) - jnp.log(some), at_zero)


def _log_tails(theta: Gamma, x: Value) -> tuple[Reals, Reals]:
    a, rate = theta.concentration, theta.rate
    return log_tails_between(lambda x: log_gamma_tails(a, rate * x), x, a / rate)


def _smaller_tail(theta: Gamma, x: Value, log_p: Reals) -> tuple[Flags, Reals]:
    a, rate = theta.concentration, theta.rate
    return smaller_over_density(*log_gamma_tails(a, rate * x), log_p)


def _velocity(theta: Gamma, tangent: Gamma, x: Value) -> Value:
    """Of ``x = m/rate``, where the quantile ``m`` moves with the concentration."""
    a, rate = theta.concentration, theta.rate
    x = spread_over(theta, x)
    dm = gamma_quantile_slope(a, rate * x) * tangent.concentration
    return (dm - x * tangent.rate) / rate


gamma = Family(
    "Gamma",
    _log_density,
    Gamma,
    velocity=_velocity,
    smaller_tail=_smaller_tail,
    mean=lambda theta: theta.concentration / theta.rate,
    variance=lambda theta: theta.concentration / theta.rate**2,
    **by_tails(_log_tails),
)
