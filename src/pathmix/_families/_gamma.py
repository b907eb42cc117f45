"""Gamma, by the incomplete gamma functions."""

from typing import NamedTuple

import jax.numpy as jnp

from pathmix._families._edges import log_cdf_between, log_survival_between, power_at_zero
from pathmix._families._family import Family, implicit
from pathmix._special import deviance_of, log_gammainc, log_gammaincc, log_poisson_peak
from pathmix._typing import Reals, Value


class Gamma(NamedTuple):
    """Parameters."""

    concentration: Reals
    rate: Reals


def _log_density(theta: Gamma, x: Value) -> Reals:
    """``p = rate (rate x)^(a−1) e^(−rate x) / Γ(a)`` on ``x ≥ 0``."""
    a, rate = theta.concentration, theta.rate
    m = rate * x
    inside = (m > 0) & (m < jnp.inf)
    m, some = jnp.where(inside, m, a), jnp.where((x > 0) & (x < jnp.inf), x, 1.0)
    peak = log_poisson_peak(a) + jnp.log(a)
    at_zero = jnp.where(x == 0, power_at_zero(a, jnp.log(rate)), -jnp.inf)
    return jnp.where(inside, peak - deviance_of(a, m) - jnp.log(some), at_zero)


def _log_cdf(theta: Gamma, x: Value) -> Reals:
    a, rate = theta.concentration, theta.rate
    return log_cdf_between(lambda x: log_gammainc(a, rate * x), x, a / rate)


def _log_survival(theta: Gamma, x: Value) -> Reals:
    a, rate = theta.concentration, theta.rate
    return log_survival_between(lambda x: log_gammaincc(a, rate * x), x, a / rate)


gamma = Family(
    "Gamma",
    _log_density,
    Gamma,
    log_cdf=_log_cdf,
    log_survival=_log_survival,
    velocity=implicit(_log_cdf, _log_survival),
    mean=lambda theta: theta.concentration / theta.rate,
    variance=lambda theta: theta.concentration / theta.rate**2,
)
