"""A point mass: all of the probability at one value."""

from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp

from pathmix._families._family import Family
from pathmix._typing import Reals, Value
from pathmix._where import where


class PointMass(NamedTuple):
    """Parameters; the logarithm of the mass is zero, unless it stands for a factor."""

    v: Reals
    log_density: Reals


def _log_density(theta: PointMass, x: Value) -> Reals:
    """The log of the mass at ``x``, which is a density with respect to counting."""
    return where(x == theta.v, theta.log_density, -jnp.inf)


def _log_cdf(theta: PointMass, x: Value) -> Reals:
    return where(x >= theta.v, theta.log_density, -jnp.inf)


def _log_survival(theta: PointMass, x: Value) -> Reals:
    return where(x < theta.v, theta.log_density, -jnp.inf)


def _velocity(theta: PointMass, tangent: PointMass, x: Value) -> Value:
    """Draws are where the mass is."""
    return jnp.broadcast_to(tangent.v, jnp.broadcast_shapes(jnp.shape(theta.v), x.shape))


point_mass_family = Family(
    "Delta",
    _log_density,
    PointMass,
    log_cdf=_log_cdf,
    log_survival=_log_survival,
    velocity=_velocity,
    light=True,
    flat=True,
    atomic=True,
    mean=lambda theta: theta.v,
    variance=lambda theta: jnp.zeros_like(theta.v),
)

point_count_family = replace(point_mass_family, atomic=False, velocity=None)
"""Among counts, which have masses too: beside them a mass is nothing special."""
