"""Symmetric families folded at zero: ``|z|`` times a scale."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import erf, erfc

from pathmix._families._edges import cdf_between, log_cdf_between, log_survival_between
from pathmix._families._family import Family, guarded
from pathmix._families._location_scale import cauchy_density, normal_density
from pathmix._special import arctan_and_cot, log_ndtr, short_log1p
from pathmix._typing import Reals, Value
from pathmix._where import where

LOG_2 = math.log(2)
Standard = Callable[[Reals], Reals]


class Scale(NamedTuple):
    """Parameters of these families."""

    scale: Reals


def half(
    name: str,
    log_density: Standard,
    log_below: Standard,
    log_above: Standard,
    below: Standard,
    **moments: Any,
) -> Family:
    """Return a folded family by functions of ``z = x / scale ≥ 0``."""

    def density(theta: Scale, x: Value) -> Reals:
        log_scale = jnp.log(theta.scale)
        inside = (x >= 0) & (x < jnp.inf)
        fn = lambda x: LOG_2 + log_density(x / theta.scale) - log_scale  # noqa: E731
        return guarded(inside, fn, x, theta.scale)

    def log_cdf(theta: Scale, x: Value) -> Reals:
        return log_cdf_between(lambda x: log_below(x / theta.scale), x, theta.scale)

    def log_survival(theta: Scale, x: Value) -> Reals:
        return log_survival_between(lambda x: log_above(x / theta.scale), x, theta.scale)

    def cdf(theta: Scale, x: Value) -> Reals:
        return cdf_between(lambda x: below(x / theta.scale), x, theta.scale)

    return Family(
        name,
        density,
        Scale,
        cdf=cdf,
        log_cdf=log_cdf,
        log_survival=log_survival,
        velocity=_velocity,
        **moments,
    )


def _velocity(theta: Scale, tangent: Scale, x: Value) -> Value:
    z = x / theta.scale
    return jax.jvp(lambda theta: theta.scale * z, (theta,), (tangent,))[1]


def half_normal_log_cdf(z: Reals) -> Reals:
    """Return ``log erf(z/√2)``, by the complement once it is the smaller part."""
    z = z / math.sqrt(2)
    body = jnp.log(erf(where(z < 1, z, 1.0)))
    return where(z < 1, body, short_log1p(-erfc(where(z < 1, 1.0, z))))


def half_cauchy_log_cdf(z: Reals) -> Reals:
    """Return ``log((2/π) atan z)``, by the complement once it is the smaller part."""
    body, tail = (
        _half_cauchy(where(z < 1, z, 1.0))[0],
        _half_cauchy(where(z < 1, 1.0, z))[1],
    )
    return where(z < 1, jnp.log(body), short_log1p(-tail))


def half_normal_log_survival(z: Reals) -> Reals:
    """Return ``log erfc(z/√2)``, by the complement while that is the smaller part."""
    body = short_log1p(-erf(where(z < 0.5, z, 0.5) / math.sqrt(2)))
    return where(z < 0.5, body, LOG_2 + log_ndtr(-where(z < 0.5, 0.5, z)))


def half_cauchy_log_survival(z: Reals) -> Reals:
    """Return ``log(1 − (2/π) atan z)``, by the complement while that is the smaller part."""
    body, tail = (
        _half_cauchy(where(z < 1, z, 1.0))[0],
        _half_cauchy(where(z < 1, 1.0, z))[1],
    )
    return where(z < 1, short_log1p(-body), jnp.log(tail))


def _half_cauchy(z: Reals) -> tuple[Reals, Reals]:
    """The cdf and the survival."""
    below, above = arctan_and_cot(z)
    return 2 / math.pi * below, 2 / math.pi * above


def _infinite(theta: Scale) -> Reals:
    return jnp.full_like(theta.scale, jnp.inf)


half_normal = half(
    "HalfNormal",
    normal_density,
    half_normal_log_cdf,
    half_normal_log_survival,
    lambda z: erf(z / math.sqrt(2)),
    mean=lambda theta: math.sqrt(2 / math.pi) * theta.scale,
    variance=lambda theta: (1 - 2 / math.pi) * theta.scale**2,
    light=True,
)
half_cauchy = half(
    "HalfCauchy",
    cauchy_density,
    half_cauchy_log_cdf,
    half_cauchy_log_survival,
    lambda z: _half_cauchy(z)[0],
    mean=_infinite,
    variance=_infinite,
)
