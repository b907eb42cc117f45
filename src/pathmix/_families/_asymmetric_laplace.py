"""Laplace distributions with a rate of their own on either side of ``loc``.

With ``z = (x − loc)/scale`` the density is ``exp(a z)`` below zero and ``exp(−b z)`` above, times
``ab / ((a + b) scale)``; the mass below is ``b/(a + b)``.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._families._location_scale import at_finite
from pathmix._families._protocol import Family, complement, register
from pathmix._typing import Reals, Value


class Sides(NamedTuple):
    """The rates ``a`` below and ``b`` above, and the logarithms of the masses there."""

    below: Reals
    above: Reals
    log_below: Reals
    log_above: Reals


class AsymmetricLaplaceFamily(Family):
    """An asymmetric Laplace distribution, whose sides are set by an argument of this name."""

    pathwise = True

    def __init__(self, shape: str, sides_of: Callable[[Reals], Sides]) -> None:
        self.parameters = ("loc", "scale", shape)  # type: ignore[misc]
        self.sides_of = sides_of

    def sides(self, d: Distribution) -> Sides:
        """Return both sides of ``z``."""
        return self.sides_of(getattr(d, self.parameters[-1]))

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        side = self.sides(d)
        constant = side.log_below + jnp.log(side.below) - jnp.log(d.scale)

        def density(z: Reals) -> Reals:
            return constant + jnp.where(z < 0, side.below * z, -side.above * z)

        return at_finite(density, d, x, -jnp.inf, -jnp.inf)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        side = self.sides(d)
        return at_finite(lambda z: _log_tail(z, *side), d, x, -jnp.inf, 0.0)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        below, above, log_below, log_above = self.sides(d)
        mirrored = Sides(above, below, log_above, log_below)
        return at_finite(lambda z: _log_tail(-z, *mirrored), d, x, 0.0, -jnp.inf)

    def mean(self, d: Distribution) -> Reals:
        side = self.sides(d)
        return d.loc + d.scale * (1 / side.above - 1 / side.below)

    def variance(self, d: Distribution) -> Reals:
        side = self.sides(d)
        return d.scale**2 * (1 / side.above**2 + 1 / side.below**2)


def _log_tail(z: Reals, below: Reals, above: Reals, log_below: Reals, log_above: Reals) -> Reals:
    """``log P(Z ≤ z)``."""
    upper = complement(log_above - above * jnp.where(z < 0, 0.0, z))
    return jnp.where(z < 0, log_below + below * z, upper)


def by_asymmetry(asymmetry: Reals) -> Sides:
    """Return the sides of lengths ``κ`` and ``1/κ``: a mass ``κ²/(1 + κ²)`` below."""
    twice = 2 * jnp.log(asymmetry)
    return Sides(1 / asymmetry, asymmetry, jax.nn.log_sigmoid(twice), jax.nn.log_sigmoid(-twice))


def by_quantile(quantile: Reals) -> Sides:
    """Return the sides with a mass of ``quantile`` below, of rates ``1 − quantile`` and itself."""
    return Sides(1 - quantile, quantile, jnp.log(quantile), jnp.log1p(-quantile))


register(
    AsymmetricLaplaceFamily("asymmetry", by_asymmetry),
    dist.AsymmetricLaplace,
)
register(
    AsymmetricLaplaceFamily("quantile", by_quantile),
    dist.AsymmetricLaplaceQuantile,
)
