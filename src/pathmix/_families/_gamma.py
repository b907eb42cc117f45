"""Gamma and its special case Chi2, by the incomplete gamma functions."""

import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._families._edges import log_cdf_between, log_survival_between, power_at_zero
from pathmix._families._protocol import Family, guarded, register
from pathmix._special import log_gammainc, log_gammaincc, log_poisson_kernel
from pathmix._typing import Reals, Value


class GammaFamily(Family):
    """``p = rate (rate x)^(a−1) e^(−rate x) / Γ(a)`` on ``x ≥ 0``."""

    pathwise = True

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        a, rate = d.concentration, d.rate

        def density(x: Reals) -> Reals:
            return log_poisson_kernel(a, rate * x) + jnp.log(a) - jnp.log(x)

        at_zero = jnp.where(x == 0, power_at_zero(a, jnp.log(rate)), -jnp.inf)
        return guarded((x > 0) & (x < jnp.inf), density, x, a / rate, at_zero)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        a, rate = d.concentration, d.rate
        return log_cdf_between(lambda x: log_gammainc(a, rate * x), x, a / rate)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        a, rate = d.concentration, d.rate
        return log_survival_between(lambda x: log_gammaincc(a, rate * x), x, a / rate)


class GammaWith(GammaFamily):
    """A Gamma distribution under the constructor arguments named."""

    def __init__(self, *parameters: str) -> None:
        self.parameters = parameters  # type: ignore[misc]


register(GammaWith("concentration", "rate"), dist.Gamma)
register(GammaWith("df"), dist.Chi2)
