"""The von Mises distribution, its cdf measured from −π for every component."""

import math

import jax.numpy as jnp
import numpyro.distributions as dist
from jax.scipy.special import i0e
from numpyro.distributions import Distribution

from pathmix._families._protocol import Family, guarded, register
from pathmix._special import log_von_mises_cdf, log_von_mises_survival
from pathmix._typing import Reals, Value


class VonMisesFamily(Family):
    """``p = exp(κ cos(x − loc)) / (2π I₀(κ))`` on ``[−π, π]``.

    Its mean and variance are NumPyro's: the mean direction, and one minus the mean resultant.
    """

    parameters = ("loc", "concentration")
    pathwise = True

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        kappa = d.concentration

        def density(x: Reals) -> Reals:
            # κ (cos t − 1) loses half the digits near t = 0; −2κ sin²(t/2) loses none
            exponent = -2 * kappa * jnp.sin((x - d.loc) / 2) ** 2
            return exponent - math.log(2 * math.pi) - jnp.log(i0e(kappa))

        return guarded(jnp.abs(x) <= math.pi, density, x, 0.0)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return log_von_mises_cdf(jnp.clip(x, -math.pi, math.pi), d.loc, d.concentration)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return log_von_mises_survival(jnp.clip(x, -math.pi, math.pi), d.loc, d.concentration)


register(VonMisesFamily(), dist.VonMises)
