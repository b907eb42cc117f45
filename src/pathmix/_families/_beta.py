"""Families on the unit interval: Beta, also by mean and size, and Kumaraswamy."""

import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._families._edges import log_cdf_between, log_survival_between, unit_edges
from pathmix._families._protocol import Family, complement, guarded, register
from pathmix._special import (
    lgamma_difference,
    lgamma_second_difference,
    log1mexp,
    log_beta_kernel,
    log_betainc,
)
from pathmix._typing import Reals, Value


class BetaFamily(Family):
    """``p = x^(a−1) (1−x)^(b−1) / B(a, b)`` on ``0 ≤ x ≤ 1``."""

    pathwise = True

    def __init__(self, *parameters: str) -> None:
        self.parameters = parameters  # type: ignore[misc]

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        a, b = d.concentration1, d.concentration0

        def density(x: Reals) -> Reals:
            return log_beta_kernel(a, b, x, 1 - x) - jnp.log(x) - jnp.log1p(-x)

        return guarded(
            (x > 0) & (x < 1), density, x, 0.5, unit_edges(x, a, b, jnp.log(b), jnp.log(a))
        )

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        a, b = d.concentration1, d.concentration0
        return log_cdf_between(lambda x: log_betainc(a, b, x, 1 - x), x, 0.5, high=1.0)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        a, b = d.concentration1, d.concentration0
        return log_survival_between(lambda x: log_betainc(b, a, 1 - x, x), x, 0.5, high=1.0)


class KumaraswamyFamily(Family):
    """``P(X > x) = (1 − x^a)^b`` on ``0 ≤ x ≤ 1``."""

    parameters = ("concentration1", "concentration0")
    pathwise = True

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        a, b = d.concentration1, d.concentration0
        log_ab = jnp.log(a) + jnp.log(b)

        def density(x: Reals) -> Reals:
            t = jnp.log(x)
            return log_ab + (a - 1) * t + (b - 1) * log1mexp(a * t)

        return guarded((x > 0) & (x < 1), density, x, 0.5, unit_edges(x, a, b, log_ab, log_ab))

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        b = d.concentration0

        def inner(x: Reals) -> Reals:
            log_s = self._log_survival(d, x)
            tiny = d.concentration1 * jnp.log(x)  # log x^a: F ≈ b x^a where 1 − S underflows
            return jnp.where(
                tiny < jnp.log(jnp.finfo(x.dtype).eps) - jnp.log(b + 1),
                jnp.log(b) + tiny,
                complement(jnp.where(log_s == 0, -1.0, log_s)),
            )

        return log_cdf_between(inner, x, 0.5, high=1.0)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return log_survival_between(lambda x: self._log_survival(d, x), x, 0.5, high=1.0)

    def mean(self, d: Distribution) -> Reals:
        h, b = 1 / jnp.asarray(d.concentration1), d.concentration0
        log_mean = lgamma_difference(1.0, h) - lgamma_difference(1.0 + b, h)
        return jnp.broadcast_to(jnp.exp(log_mean), d.shape())

    def variance(self, d: Distribution) -> Reals:
        h, b = 1 / jnp.asarray(d.concentration1), d.concentration0
        # log(E[x²] / E[x]²), a difference of second differences rather than of moments
        excess = lgamma_second_difference(1.0, h) - lgamma_second_difference(1.0 + b, h)
        return self.mean(d) ** 2 * jnp.expm1(excess)

    def _log_survival(self, d: Distribution, x: Reals) -> Reals:
        return d.concentration0 * log1mexp(d.concentration1 * jnp.log(x))


register(BetaFamily("concentration1", "concentration0"), dist.Beta)
register(BetaFamily("mean", "concentration"), dist.BetaProportion)
register(KumaraswamyFamily(), dist.Kumaraswamy)
