"""The von Mises distribution, its cdf measured from −π for every component."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import i0e

from pathmix._families._family import Family, by_tails, guarded, implicit
from pathmix._special import log_von_mises_tails, sine, wrapped
from pathmix._typing import Reals, Value

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


class VonMises(NamedTuple):
    """Parameters."""

    loc: Reals
    concentration: Reals


def _log_density(theta: VonMises, x: Value) -> Reals:
    """``p = exp(κ cos(x − loc)) / (2π I₀(κ))`` on ``[−π, π]``."""
    loc, kappa = wrapped(theta.loc), theta.concentration
    # XLA would rearrange the Bessel function of a constant without end, and say so.
    log_height = -math.log(2 * math.pi) - jnp.log(i0e(lax.optimization_barrier(kappa)))

    def density(x: Reals) -> Reals:
        # κ (cos t − 1) loses half the digits near t = 0; −2κ sin²(t/2) loses none
        half_chord = sine((x - loc) / 2)
        return -2 * kappa * half_chord * half_chord + log_height

    return guarded(jnp.abs(x) <= math.pi, density, x, 0.0)


def _log_tails(theta: VonMises, x: Value) -> tuple[Reals, Reals]:
    return log_von_mises_tails(jnp.clip(x, -math.pi, math.pi), theta.loc, theta.concentration)


_TAILS = by_tails(_log_tails)


def _mean(theta: VonMises) -> Reals:
    """The mean direction, in ``[−π, π)``."""
    return (theta.loc + math.pi) % (2 * math.pi) - math.pi


def _variance(theta: VonMises) -> Reals:
    """Return ``1 − I₁(κ)/I₀(κ) = E[1 − cos(x − loc)]``, without the cancellation.

    By quadrature over the half circle, as far as the exponent falls by 40.
    """
    kappa = theta.concentration[..., None]
    reach = jnp.sqrt(20 / jnp.maximum(kappa, 20.0))
    nodes = (_NODES.astype(kappa.dtype) + 1) * jnp.arcsin(reach)  # t from 0 to 2 asin(reach)
    half_chord = jnp.sin(nodes / 2) ** 2
    weight = jax.nn.softmax(np.log(_WEIGHTS).astype(kappa.dtype) - 2 * kappa * half_chord)
    return 2 * jnp.sum(weight * half_chord, axis=-1)


von_mises = Family(
    "VonMises",
    _log_density,
    VonMises,
    velocity=implicit(_TAILS["log_cdf"], _TAILS["log_survival"]),
    mean=_mean,
    variance=_variance,
    **_TAILS,
)
