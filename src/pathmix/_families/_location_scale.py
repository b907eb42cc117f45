"""Families ``x = loc + scale · z`` of a parameter-free ``z``, by the functions of ``z``.

At infinite ``z`` densities and tails are constants, which do not move with any parameter.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import lax
from jax.scipy.special import ndtr
from numpyro.distributions import Distribution

from pathmix._families._exponential import hazard, log_cdf_of_hazard
from pathmix._families._protocol import Family, register
from pathmix._families._squares import half_squares
from pathmix._special import log_ndtr, mills_ratio
from pathmix._typing import Flags, Reals, Value

Standard = Callable[[Reals], Reals]


@dataclass(frozen=True)
class LocationScale(Family):
    """A family given by the log density, log cdf and log survival of its standard form."""

    log_density: Standard
    log_below: Standard
    log_above: Standard

    parameters = ("loc", "scale")
    pathwise = True

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        log_scale = jnp.log(d.scale)
        return at_finite(lambda z: self.log_density(z) - log_scale, d, x, -jnp.inf, -jnp.inf)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return at_finite(self.log_below, d, x, -jnp.inf, 0.0)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return at_finite(self.log_above, d, x, 0.0, -jnp.inf)

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        z = standardise(d, x)
        return jax.jvp(lambda d: d.loc + d.scale * z, (d,), (tangent,))[1]


class NormalFamily(LocationScale):
    """The normal family: log densities that add up to one sum of squares, and ratios of tails."""

    light = True
    closed_form = True

    def cdf(self, d: Distribution, x: Value) -> Reals:
        return at_finite(ndtr, d, x, 0.0, 1.0)

    def smaller_tail(self, d: Distribution, x: Value, log_p: Reals) -> tuple[Flags, Reals]:
        del log_p
        z = standardise(d, x)
        return z < 0, d.scale * mills_ratio(z)

    def total_log_prob(self, d: Distribution, x: Value, event_dim: int) -> Reals:
        constants = jnp.broadcast_to(jnp.log(d.scale) + 0.5 * math.log(2 * math.pi), d.batch_shape)
        constant = jnp.sum(constants, axis=tuple(range(event_dim)))
        return -half_squares(x, d.loc, d.scale, event_dim) - constant


def standardise(d: Distribution, x: Value) -> Reals:
    """Return ``z = (x − loc) / scale``."""
    return (x - d.loc) / d.scale


def at_finite(fn: Standard, d: Distribution, x: Value, below: float, above: float) -> Reals:
    """Return ``fn(z)`` where ``z`` is finite, and a constant at either infinity; NaN stays NaN."""
    far = lax.stop_gradient(standardise(d, x))
    infinite = jnp.isinf(far)
    z = standardise(d, jnp.where(infinite, d.loc, x))
    return jnp.where(infinite, jnp.where(far < 0, below, above), fn(z))


def normal_density(z: Reals) -> Reals:
    """Return the log density of the standard normal distribution."""
    return -0.5 * z * z - 0.5 * math.log(2 * math.pi)


def laplace_cdf(z: Reals) -> Reals:
    """Return the log cdf of the standard Laplace distribution."""
    tail = jnp.exp(-jnp.where(z < 0, 0.0, z)) / 2
    return jnp.where(z < 0, z - math.log(2), jnp.log1p(-tail))


def logistic_density(z: Reals) -> Reals:
    """Return the log density of the standard logistic distribution."""
    return jax.nn.log_sigmoid(z) + jax.nn.log_sigmoid(-z)


def cauchy_density(z: Reals) -> Reals:
    """Return the log density of the standard Cauchy distribution."""
    return -math.log(math.pi) - log1p_square(z)


def cauchy_cdf(z: Reals) -> Reals:
    """Return the log cdf: ``atan2(1, −z) / π`` keeps the lower tail, its complement the upper."""
    lower = jnp.arctan2(1.0, jnp.where(z < 0, -z, 0.0)) / math.pi
    upper = jnp.arctan2(1.0, jnp.where(z < 0, 0.0, z)) / math.pi
    return jnp.where(z < 0, jnp.log(lower), jnp.log1p(-upper))


def soft_laplace_density(z: Reals) -> Reals:
    """Return ``log(2/π) − log(e^z + e^(−z))``."""
    return math.log(2 / math.pi) - jnp.logaddexp(z, -z)


def soft_laplace_cdf(z: Reals) -> Reals:
    """Return ``log((2/π) atan e^z)``, by the complement above zero; far below, ``log(2/π) + z``."""
    left, far = z < 0, z < -20
    near = 2 / math.pi * jnp.arctan(jnp.exp(jnp.where(left & ~far, z, 0.0)))
    tail = 2 / math.pi * jnp.arctan(jnp.exp(-jnp.where(left, 0.0, z)))
    lower = jnp.where(far, z + math.log(2 / math.pi), jnp.log(near))
    return jnp.where(left, lower, jnp.log1p(-tail))


def log1p_square(z: Reals) -> Reals:
    """Return ``log(1 + z²)``, also where ``z²`` overflows."""
    large = jnp.abs(z) > 1e9  # where it is 2 log |z|
    small = jnp.where(large, 0.0, z)
    log = jnp.log1p(jnp.where(large, jnp.abs(z) - 1, small * small))
    return jnp.where(large, 2, 1) * log


register(
    NormalFamily(normal_density, log_ndtr, lambda z: log_ndtr(-z)),
    dist.Normal,
)
register(
    LocationScale(lambda z: -jnp.abs(z) - math.log(2), laplace_cdf, lambda z: laplace_cdf(-z)),
    dist.Laplace,
)
register(
    LocationScale(logistic_density, jax.nn.log_sigmoid, lambda z: jax.nn.log_sigmoid(-z)),
    dist.Logistic,
)
register(
    LocationScale(soft_laplace_density, soft_laplace_cdf, lambda z: soft_laplace_cdf(-z)),
    dist.SoftLaplace,
)
register(
    LocationScale(cauchy_density, cauchy_cdf, lambda z: cauchy_cdf(-z)),
    dist.Cauchy,
)
register(
    LocationScale(
        lambda z: -z - hazard(-z),
        lambda z: -hazard(-z),
        lambda z: log_cdf_of_hazard(-z),
    ),
    dist.Gumbel,
)
