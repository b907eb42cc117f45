"""The von Mises distribution, its cdf measured from −π for every component."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import lax
from jax.scipy.special import i0e
from numpyro.distributions import Distribution

from pathmix._families._protocol import Family, guarded, register
from pathmix._special import log_von_mises_cdf, log_von_mises_survival
from pathmix._typing import Reals, Value

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


class VonMisesFamily(Family):
    """``p = exp(κ cos(x − loc)) / (2π I₀(κ))`` on ``[−π, π]``.

    Its mean and variance are NumPyro's: the mean direction, and one minus the mean resultant.
    """

    parameters = ("loc", "concentration")
    pathwise = True

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        kappa = d.concentration
        # XLA would rearrange the Bessel function of a constant without end, and say so.
        log_height = -math.log(2 * math.pi) - jnp.log(i0e(lax.optimization_barrier(kappa)))

        def density(x: Reals) -> Reals:
            # κ (cos t − 1) loses half the digits near t = 0; −2κ sin²(t/2) loses none
            return -2 * kappa * jnp.sin((x - d.loc) / 2) ** 2 + log_height

        return guarded(jnp.abs(x) <= math.pi, density, x, 0.0)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return log_von_mises_cdf(jnp.clip(x, -math.pi, math.pi), d.loc, d.concentration)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return log_von_mises_survival(jnp.clip(x, -math.pi, math.pi), d.loc, d.concentration)

    def variance(self, d: Distribution) -> Reals:
        """Return ``1 − I₁(κ)/I₀(κ) = E[1 − cos(x − loc)]``, without the cancellation.

        By quadrature over the half circle, as far as the exponent falls by 40.
        """
        kappa = jnp.asarray(d.concentration)[..., None]
        reach = jnp.sqrt(20 / jnp.maximum(kappa, 20.0))
        nodes = (_NODES.astype(kappa.dtype) + 1) * jnp.arcsin(reach)  # t from 0 to 2 asin(reach)
        half_chord = jnp.sin(nodes / 2) ** 2
        weight = jax.nn.softmax(np.log(_WEIGHTS).astype(kappa.dtype) - 2 * kappa * half_chord)
        return jnp.broadcast_to(2 * jnp.sum(weight * half_chord, axis=-1), d.shape())


register(VonMisesFamily(), dist.VonMises)
