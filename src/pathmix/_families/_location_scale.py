"""Families ``x = loc + scale · z`` of a parameter-free ``z``, by the functions of ``z``.

At infinite ``z`` densities and tails are constants, which do not move with any parameter.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pathmix._families._exponential import hazard, log_cdf_of_hazard
from pathmix._families._family import Family, Theta, given
from pathmix._families._squares import half_squares, square_and_log
from pathmix._rules import custom_jvp
from pathmix._special import (
    arctan_and_cot,
    log1p_square,
    log_ndtr,
    log_sigmoids,
    mills_ratio,
    ndtr,
    short_log1p,
    sigmoid,
)
from pathmix._typing import Flags, Reals, Value
from pathmix._where import where

Standard = Callable[[Reals], Reals]


class LocScale(NamedTuple):
    """Parameters of these families."""

    loc: Reals
    scale: Reals


def location_scale(
    name: str,
    log_density: Standard,
    log_below: Standard,
    log_above: Standard,
    moments: tuple[float, float] = (math.nan, math.nan),
    cdf: Standard | None = None,
    *,
    even: bool = False,
) -> Family:
    """Return a family by the functions of its standard form, and its mean and variance.

    The cdf, of any ``z``, is one that is cheaper than the exponential of its logarithm, and 0 or 1
    from 800 on. If the family is ``even``, it gives the upper tail as well.
    """
    mean, variance = moments

    def cdf_at(theta: LocScale, x: Value) -> Reals:
        return given(cdf)(_standardised(x, *theta))

    def tail(theta: LocScale, x: Value, upper: Flags) -> Reals:
        z = _standardised(x, *theta)
        return given(cdf)(where(upper, -z, z))

    def density(theta: LocScale, x: Value) -> Reals:
        log_scale = jnp.log(theta.scale)
        return at_finite(lambda z: log_density(z) - log_scale, theta, x, -jnp.inf, -jnp.inf)

    def log_cdf(theta: LocScale, x: Value) -> Reals:
        return at_finite(log_below, theta, x, -jnp.inf, 0.0)

    def log_survival(theta: LocScale, x: Value) -> Reals:
        return at_finite(log_above, theta, x, 0.0, -jnp.inf)

    return Family(
        name,
        density,
        LocScale,
        log_cdf=log_cdf,
        log_survival=log_survival,
        cdf=None if cdf is None else cdf_at,
        tail=tail if even else None,
        velocity=_velocity,
        mean=lambda theta: theta.loc + mean * theta.scale if mean else theta.loc,
        variance=lambda theta: variance * theta.scale**2,
    )


def _velocity(theta: LocScale, tangent: LocScale, x: Value) -> Value:
    z = standardise(theta, x)
    return jax.jvp(lambda theta: theta.loc + theta.scale * z, (theta,), (tangent,))[1]


def standardise(theta: Theta, x: Value) -> Reals:
    """Return ``z = (x − loc) / scale``."""
    return (x - theta.loc) / theta.scale


@custom_jvp
def _standardised(x: Value, loc: Reals, scale: Reals) -> Reals:
    return standardise(LocScale(loc, scale), x)


@_standardised.defjvp
def _standardised_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    """Finite for infinite ``z`` too, as what is flat from ±800 on needs it."""
    z, (dx, d_loc, d_scale) = _standardised(*primals), tangents
    return z, (dx - d_loc - jnp.clip(z, -800, 800) * d_scale) / primals[2]


def at_finite(fn: Standard, theta: Theta, x: Value, below: Any, above: Any) -> Reals:
    """Return ``fn(z)`` where ``z`` is finite, and a constant at either infinity; NaN stays NaN."""
    far, infinite, z = _finite(theta, x)
    return where(infinite, where(far < 0, below, above), fn(z))


def tails_at_finite(
    fn: Callable[[Reals], tuple[Reals, Reals]], theta: Theta, x: Value
) -> tuple[Reals, Reals]:
    """Return both log tails ``fn(z)`` where ``z`` is finite, and what they are at infinities."""
    far, infinite, z = _finite(theta, x)
    lower, upper = fn(z)
    at_low, at_high = where(far < 0, -jnp.inf, 0.0), where(far < 0, 0.0, -jnp.inf)
    return where(infinite, at_low, lower), where(infinite, at_high, upper)


def _finite(theta: Theta, x: Value) -> tuple[Reals, Flags, Reals]:
    """``z`` as it is, where it is infinite, and a finite one."""
    far = lax.stop_gradient(standardise(theta, x))
    infinite = jnp.isinf(far)
    return far, infinite, standardise(theta, where(infinite, theta.loc, x))


# ---- normal ----


def normal_density(z: Reals) -> Reals:
    """Return the log density of the standard normal distribution."""
    return -0.5 * z * z - 0.5 * math.log(2 * math.pi)


def _normal_log_density(theta: LocScale, x: Value) -> Reals:
    return -square_and_log(x, theta.loc, theta.scale) - 0.5 * math.log(2 * math.pi)


def _normal_smaller_tail(theta: LocScale, x: Value, log_p: Reals) -> tuple[Flags, Reals]:
    """The smaller tail over the density is Mills' ratio, a number of moderate size."""
    del log_p
    z = standardise(theta, x)
    return z < 0, theta.scale * mills_ratio(z)


def _normal_total(theta: LocScale, x: Value, event_dim: int) -> Reals:
    """Log densities that add up to one sum of squares."""
    shape = jnp.broadcast_shapes(theta.loc.shape, theta.scale.shape)
    constants = jnp.broadcast_to(jnp.log(theta.scale) + 0.5 * math.log(2 * math.pi), shape)
    constant = jnp.sum(constants, axis=tuple(range(event_dim)))
    return -half_squares(x, theta.loc, theta.scale, event_dim) - constant


normal = replace(
    location_scale(
        "Normal", normal_density, log_ndtr, lambda z: log_ndtr(-z), (0.0, 1.0), ndtr, even=True
    ),
    log_density=_normal_log_density,
    smaller_tail=_normal_smaller_tail,
    total_log_density=_normal_total,
    light=True,
)

# ---- Laplace, logistic, Cauchy, soft Laplace, Gumbel ----


def _magnitude(z: Reals) -> Reals:
    """``|z|``, of slope one at zero, where even functions of it have all their derivatives."""
    return where(z < 0, -z, z)


def symmetric(tail: Standard) -> Standard:
    """Return the cdf of a symmetric distribution whose upper tail, of ``z ≥ 0``, is cheap."""

    def cdf(z: Reals) -> Reals:
        smaller = tail(_magnitude(z))
        return where(z < 0, smaller, 1 - smaller)

    return cdf


def laplace_log_cdf(z: Reals) -> Reals:
    """Return the log cdf of the standard Laplace distribution."""
    tail = jnp.exp(-where(z < 0, 0.0, z)) / 2
    return where(z < 0, z - math.log(2), short_log1p(-tail))


def logistic_density(z: Reals) -> Reals:
    """Return the log density of the standard logistic distribution, ``e^z / (1 + e^z)²``."""
    size = _magnitude(z)
    return -size - 2 * short_log1p(jnp.exp(-size))


def cauchy_density(z: Reals) -> Reals:
    """Return the log density of the standard Cauchy distribution."""
    return -math.log(math.pi) - log1p_square(z)


def cauchy_log_cdf(z: Reals) -> Reals:
    """Return the log cdf, by the complement above zero."""
    lower, upper = _cauchy_tail(where(z < 0, -z, 0.0)), _cauchy_tail(where(z < 0, 0.0, z))
    return where(z < 0, jnp.log(lower), short_log1p(-upper))


def _cauchy_tail(z: Reals) -> Reals:
    return arctan_and_cot(z)[1] / math.pi


def _cauchy(theta: LocScale, x: Value, *, upper: Any) -> Reals:
    cdf = symmetric(_cauchy_tail)
    one = where(upper, 1.0, 0.0)
    return at_finite(lambda z: cdf(where(upper, -z, z)), theta, x, one, 1 - one)


def soft_laplace_density(z: Reals) -> Reals:
    """Return ``log(2/π) − log(e^z + e^(−z))``."""
    size = _magnitude(z)
    return math.log(2 / math.pi) - size - short_log1p(jnp.exp(-2 * size))


def soft_laplace_log_cdf(z: Reals) -> Reals:
    """Return ``log((2/π) atan e^z)``, by the complement above zero; far below, ``log(2/π) + z``."""
    left, far = z < 0, z < -20
    near = _soft_laplace_tail(where(left & ~far, -z, 0.0))
    tail = _soft_laplace_tail(where(left, 0.0, z))
    lower = where(far, z + math.log(2 / math.pi), jnp.log(near))
    return where(left, lower, short_log1p(-tail))


def _soft_laplace_tail(z: Reals) -> Reals:
    return 2 / math.pi * arctan_and_cot(jnp.exp(-z))[0]


laplace = replace(
    location_scale(
        "Laplace",
        lambda z: -jnp.abs(z) - math.log(2),
        laplace_log_cdf,
        lambda z: laplace_log_cdf(-z),
        (0.0, 2.0),
        symmetric(lambda z: 0.5 * jnp.exp(-z)),
        even=True,
    ),
    light=True,
)
logistic = location_scale(
    "Logistic",
    logistic_density,
    lambda z: log_sigmoids(z)[0],
    lambda z: log_sigmoids(z)[1],
    (0.0, math.pi**2 / 3),
    sigmoid,
    even=True,
)
soft_laplace = location_scale(
    "SoftLaplace",
    soft_laplace_density,
    soft_laplace_log_cdf,
    lambda z: soft_laplace_log_cdf(-z),
    (0.0, math.pi**2 / 4),
    symmetric(_soft_laplace_tail),
    even=True,
)
cauchy = replace(
    location_scale("Cauchy", cauchy_density, cauchy_log_cdf, lambda z: cauchy_log_cdf(-z)),
    cdf=lambda theta, x: _cauchy(theta, x, upper=False),
    tail=lambda theta, x, upper: _cauchy(theta, x, upper=upper),
)
gumbel = location_scale(
    "Gumbel",
    lambda z: -z - hazard(-z),
    lambda z: -hazard(-z),
    lambda z: log_cdf_of_hazard(-z),
    (np.euler_gamma, math.pi**2 / 6),
    lambda z: jnp.exp(-jnp.exp(jnp.minimum(-z, 80.0))),
)
