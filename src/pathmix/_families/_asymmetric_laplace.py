"""Laplace distributions with a rate of their own on either side of ``loc``.

With ``z = (x − loc)/scale`` the density is ``exp(a z)`` below zero and ``exp(−b z)`` above, times
``ab / ((a + b) scale)``; the mass below is ``b/(a + b)``.
"""

from typing import NamedTuple

import jax.numpy as jnp

from pathmix._families._family import Family, complement, implicit
from pathmix._families._location_scale import at_finite
from pathmix._special import log1p, log_sigmoids
from pathmix._typing import Reals, Value
from pathmix._where import where


class Sides(NamedTuple):
    """The rates ``a`` below and ``b`` above, and the logarithms of the masses there."""

    below: Reals
    above: Reals
    log_below: Reals
    log_above: Reals


class AsymmetricLaplace(NamedTuple):
    """Parameters."""

    loc: Reals
    scale: Reals
    sides: Sides


def _log_density(theta: AsymmetricLaplace, x: Value) -> Reals:
    side = theta.sides
    constant = side.log_below + jnp.log(side.below) - jnp.log(theta.scale)

    def density(z: Reals) -> Reals:
        return constant + where(z < 0, side.below * z, -side.above * z)

    return at_finite(density, theta, x, -jnp.inf, -jnp.inf)


def _log_cdf(theta: AsymmetricLaplace, x: Value) -> Reals:
    return at_finite(lambda z: _log_tail(z, *theta.sides), theta, x, -jnp.inf, 0.0)


def _cdf(theta: AsymmetricLaplace, x: Value) -> Reals:
    below, above, log_below, log_above = theta.sides

    def cdf(z: Reals) -> Reals:
        left = z < 0
        tail = jnp.exp(where(left, log_below, log_above) + where(left, below, -above) * z)
        return where(left, tail, 1 - tail)

    return at_finite(cdf, theta, x, 0.0, 1.0)


def _log_survival(theta: AsymmetricLaplace, x: Value) -> Reals:
    below, above, log_below, log_above = theta.sides
    mirrored = Sides(above, below, log_above, log_below)
    return at_finite(lambda z: _log_tail(-z, *mirrored), theta, x, 0.0, -jnp.inf)


def _log_tail(z: Reals, below: Reals, above: Reals, log_below: Reals, log_above: Reals) -> Reals:
    """``log P(Z ≤ z)``."""
    upper = complement(log_above - above * where(z < 0, 0.0, z))
    return where(z < 0, log_below + below * z, upper)


def _mean(theta: AsymmetricLaplace) -> Reals:
    return theta.loc + theta.scale * (1 / theta.sides.above - 1 / theta.sides.below)


def _variance(theta: AsymmetricLaplace) -> Reals:
    return theta.scale**2 * (1 / theta.sides.above**2 + 1 / theta.sides.below**2)


def by_asymmetry(loc: Reals, scale: Reals, asymmetry: Reals) -> AsymmetricLaplace:
    """Return the one with sides of lengths ``κ`` and ``1/κ``: a mass ``κ²/(1 + κ²)`` below."""
    twice = 2 * jnp.log(asymmetry)
    return AsymmetricLaplace(loc, scale, Sides(1 / asymmetry, asymmetry, *log_sigmoids(twice)))


def by_quantile(loc: Reals, scale: Reals, quantile: Reals) -> AsymmetricLaplace:
    """Return the one with a mass of ``quantile`` below: of rates ``1 − quantile`` and itself."""
    masses = jnp.log(quantile), log1p(-quantile)
    return AsymmetricLaplace(loc, scale, Sides(1 - quantile, quantile, *masses))


asymmetric_laplace = Family(
    "AsymmetricLaplace",
    _log_density,
    AsymmetricLaplace,
    log_cdf=_log_cdf,
    log_survival=_log_survival,
    cdf=_cdf,
    velocity=implicit(_log_cdf, _log_survival),
    light=True,
    mean=_mean,
    variance=_variance,
)
