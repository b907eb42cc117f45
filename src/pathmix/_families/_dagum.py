"""Dagum: a power of the log-logistic cdf, ``P(X ≤ x) = (1 + (x/scale)^(−a))^(−p)``."""

from typing import NamedTuple

import jax.numpy as jnp

from pathmix._families._edges import (
    cdf_between,
    log_cdf_between,
    log_survival_between,
    power_at_zero,
)
from pathmix._families._exponential import log_cdf_of_hazard
from pathmix._families._family import Family, guarded, implicit
from pathmix._special import (
    lgamma_difference,
    lgamma_second_difference,
    log1p,
    log_quotient,
    log_sigmoids,
)
from pathmix._typing import Reals, Value
from pathmix._where import where


class Dagum(NamedTuple):
    """Parameters."""

    concentration: Reals
    sharpness: Reals
    scale: Reals


def _log_density(theta: Dagum, x: Value) -> Reals:
    """With ``t = a log(x/scale)`` and the sigmoid ``σ``: ``p(x) = (a p / x) σ(t)^p σ(−t)``."""
    p, a = theta.concentration, theta.sharpness

    def density(x: Reals) -> Reals:
        t = a * log_quotient(x, theta.scale)
        below, above = log_sigmoids(t)
        return jnp.log(a) + jnp.log(p) - jnp.log(x) + (p * below + above)

    limit = power_at_zero(a * p, jnp.log(a) + jnp.log(p) - jnp.log(theta.scale))
    at_zero = where(x == 0, limit, -jnp.inf)
    return guarded((x > 0) & (x < jnp.inf), density, x, theta.scale, at_zero)


def _log_cdf(theta: Dagum, x: Value) -> Reals:
    def inside(x: Reals) -> Reals:
        t = theta.sharpness * log_quotient(x, theta.scale)
        return theta.concentration * log_sigmoids(t)[0]

    return log_cdf_between(inside, x, theta.scale)


def _cdf(theta: Dagum, x: Value) -> Reals:
    def inside(x: Reals) -> Reals:
        t = theta.sharpness * log_quotient(x, theta.scale)
        return jnp.exp(theta.concentration * log_sigmoids(t)[0])

    return cdf_between(inside, x, theta.scale)


def _log_survival(theta: Dagum, x: Value) -> Reals:
    def inside(x: Reals) -> Reals:
        t = theta.sharpness * log_quotient(x, theta.scale)
        return log_cdf_of_hazard(jnp.log(theta.concentration) + log_softplus(-t))

    return log_survival_between(inside, x, theta.scale)


def _mean(theta: Dagum) -> Reals:
    p, h = theta.concentration, 1 / jnp.asarray(theta.sharpness)
    return where(h < 1, _first_moment(theta, p, where(h < 1, h, 0.5)), jnp.inf)


def _variance(theta: Dagum) -> Reals:
    p, h = theta.concentration, 1 / jnp.asarray(theta.sharpness)
    exists = h < 0.5
    h = where(exists, h, 0.25)
    excess = _lgamma_excess(p, h, p + h) + _lgamma_excess(1 - 2 * h, h, 1 - h)
    return where(exists, _first_moment(theta, p, h) ** 2 * jnp.expm1(excess), jnp.inf)


def log_softplus(s: Reals) -> Reals:
    """Return ``log log(1 + e^s)``, which is ``s`` where ``e^s`` is below rounding."""
    small = s < -40
    return where(small, s, jnp.log(-log_sigmoids(where(small, 0.0, s))[1]))


def _first_moment(theta: Dagum, p: Reals, h: Reals) -> Reals:
    """``scale · Γ(1−h) Γ(p+h) / Γ(p)``, each ratio by a difference of the order of ``h``."""
    rising = lgamma_difference(p + 1, h) - jnp.log1p(h / p)
    return theta.scale * jnp.exp(rising - lgamma_difference(2 - h, h) - log1p(-h))


def _lgamma_excess(c: Reals, h: Reals, middle: Reals) -> Reals:
    """``log Γ(c+2h) − 2 log Γ(c+h) + log Γ(c)`` for ``c > 0``, with ``middle = c + h``."""
    return lgamma_second_difference(c + 1, h) - log1p(-((h / middle) ** 2))


dagum = Family(
    "Dagum",
    _log_density,
    Dagum,
    log_cdf=_log_cdf,
    log_survival=_log_survival,
    cdf=_cdf,
    velocity=implicit(_log_cdf, _log_survival),
    mean=_mean,
    variance=_variance,
)
