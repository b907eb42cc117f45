"""Symmetric families folded at zero: ``|z|`` times a scale."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax.scipy.special import erf, erfc
from numpyro.distributions import Distribution

from pathmix._families._edges import log_cdf_between, log_survival_between
from pathmix._families._location_scale import cauchy_density, normal_density
from pathmix._families._protocol import Family, guarded, register
from pathmix._special import log_ndtr
from pathmix._typing import Reals, Value

LOG_2 = math.log(2)


@dataclass(frozen=True)
class Half(Family):
    """A folded family given by functions of ``z = x / scale ≥ 0``."""

    log_density: Callable[[Reals], Reals]
    log_below: Callable[[Reals], Reals]
    log_above: Callable[[Reals], Reals]

    parameters = ("scale",)
    pathwise = True

    def log_prob(self, d: Distribution, x: Value) -> Reals:
        log_scale = jnp.log(d.scale)
        inside = (x >= 0) & (x < jnp.inf)
        density = lambda x: LOG_2 + self.log_density(x / d.scale) - log_scale  # noqa: E731
        return guarded(inside, density, x, d.scale)

    def log_cdf(self, d: Distribution, x: Value) -> Reals:
        return log_cdf_between(lambda x: self.log_below(x / d.scale), x, d.scale)

    def log_survival(self, d: Distribution, x: Value) -> Reals:
        return log_survival_between(lambda x: self.log_above(x / d.scale), x, d.scale)

    def velocity(self, d: Distribution, tangent: Distribution, x: Value) -> Value:
        z = x / d.scale
        return jax.jvp(lambda d: d.scale * z, (d,), (tangent,))[1]


class HalfCauchyFamily(Half):
    """HalfCauchy, whose mean and variance are infinite."""

    def mean(self, d: Distribution) -> Reals:
        return jnp.full_like(super().mean(d), jnp.inf)

    def variance(self, d: Distribution) -> Reals:
        return self.mean(d)


def half_normal_cdf(z: Reals) -> Reals:
    """Return ``log erf(z/√2)``, by the complement once it is the smaller part."""
    z = z / math.sqrt(2)
    body = jnp.log(erf(jnp.where(z < 1, z, 1.0)))
    return jnp.where(z < 1, body, jnp.log1p(-erfc(jnp.where(z < 1, 1.0, z))))


def half_cauchy_cdf(z: Reals) -> Reals:
    """Return ``log((2/π) atan z)``, by the complement once it is the smaller part."""
    body = jnp.log(2 / math.pi * jnp.arctan(jnp.where(z < 1, z, 1.0)))
    tail = 2 / math.pi * jnp.arctan2(1.0, jnp.where(z < 1, 1.0, z))
    return jnp.where(z < 1, body, jnp.log1p(-tail))


def half_normal_survival(z: Reals) -> Reals:
    """Return ``log erfc(z/√2)``, by the complement while that is the smaller part."""
    body = jnp.log1p(-erf(jnp.where(z < 0.5, z, 0.5) / math.sqrt(2)))
    return jnp.where(z < 0.5, body, LOG_2 + log_ndtr(-jnp.where(z < 0.5, 0.5, z)))


def half_cauchy_survival(z: Reals) -> Reals:
    """Return ``log(1 − (2/π) atan z)``, by the complement while that is the smaller part."""
    body = jnp.log1p(-2 / math.pi * jnp.arctan(jnp.where(z < 1, z, 1.0)))
    return jnp.where(z < 1, body, jnp.log(2 / math.pi * jnp.arctan2(1.0, jnp.where(z < 1, 1.0, z))))


register(
    Half(normal_density, half_normal_cdf, half_normal_survival),
    dist.HalfNormal,
)
register(
    HalfCauchyFamily(
        cauchy_density,
        half_cauchy_cdf,
        half_cauchy_survival,
    ),
    dist.HalfCauchy,
)
