"""Exponential and Weibull: ``(x/scale)^c`` is a standard exponential variable."""

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._families._edges import log_cdf_between, log_survival_between, power_at_zero
from pathmix._families._protocol import Family, complement, guarded, register
from pathmix._special import lgamma_second_difference, log1mexp, log_quotient
from pathmix._typing import Reals, Value


class ExponentialFamily(Family):
    """``log p = log rate − rate · x`` on ``x ≥ 0``."""

    parameters = ("rate",)
    pathwise = True

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        inside = (x >= 0) & (x < jnp.inf)
        return guarded(inside, lambda x: jnp.log(d.rate) - d.rate * x, x, 0.0)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return log_cdf_between(lambda x: complement(-d.rate * x), x, 1.0)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return log_survival_between(lambda x: -d.rate * x, x, 1.0)

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        noise = x * d.rate
        return jax.jvp(lambda d: noise / d.rate, (d,), (tangent,))[1]


class WeibullFamily(Family):
    """``log p = log(c/scale) + (c−1) log(x/scale) − (x/scale)^c`` on ``x ≥ 0``."""

    parameters = ("scale", "concentration")
    pathwise = True

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        c, log_scale = d.concentration, jnp.log(d.scale)

        def density(x: Reals) -> Reals:
            t = log_quotient(x, d.scale)
            return jnp.log(c) - log_scale + (c - 1) * t - hazard(c * t)

        at_zero = jnp.where(x == 0, power_at_zero(c, -log_scale), -jnp.inf)
        return guarded((x > 0) & (x < jnp.inf), density, x, d.scale, at_zero)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return log_cdf_between(lambda x: log_cdf_of_hazard(self._log_hazard(d, x)), x, d.scale)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return log_survival_between(lambda x: -hazard(self._log_hazard(d, x)), x, d.scale)

    def variance(self, d: Distribution) -> Reals:
        excess = lgamma_second_difference(1.0, 1 / jnp.asarray(d.concentration))
        return self.mean(d) ** 2 * jnp.expm1(excess)  # expm1 of log(E[x²] / E[x]²)

    def _log_hazard(self, d: Distribution, x: Value) -> Reals:
        return d.concentration * log_quotient(x, d.scale)


def hazard(t: Reals) -> Reals:
    """Return ``e^t``; where that overflows, infinity with a zero gradient."""
    fits = t < jnp.log(jnp.finfo(t.dtype).max)
    return jnp.where(fits, jnp.exp(jnp.where(fits, t, 0.0)), jnp.inf)


def log_cdf_of_hazard(t: Reals) -> Reals:
    """Return ``log(1 − exp(−e^t))``, which is ``t − e^t/2`` long before ``e^t`` underflows.

    It is zero, with zero slope, well before ``e^t`` overflows.
    """
    t = jnp.minimum(t, 8.0)
    small = t < jnp.log(jnp.finfo(t.dtype).eps)
    return jnp.where(small, t - jnp.exp(t) / 2, log1mexp(-jnp.exp(jnp.where(small, 0.0, t))))


register(ExponentialFamily(), dist.Exponential)
register(WeibullFamily(), dist.Weibull)
