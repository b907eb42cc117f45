"""Student's t: the normaliser without cancellation, the tails by the incomplete beta function.

With infinitely many degrees of freedom it is the normal distribution, in density, tails, moments
and their derivatives. All of them are smooth functions of ``1/df`` there, so that the derivative
in ``df`` is zero.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pathmix._families._conditionals import over_density
from pathmix._families._family import Family, by_tails, spread_over
from pathmix._families._location_scale import (
    at_finite,
    normal_density,
    standardise,
    tails_at_finite,
)
from pathmix._moving import is_zero
from pathmix._rules import custom_jvp
from pathmix._special import (
    beta_quantile_slope,
    forward_differentiable,
    log1p_square,
    log_betainc,
    log_ndtr,
    short_log1p,
    stirling_error,
    stored,
)
from pathmix._typing import Flags, Reals, Value
from pathmix._where import where

_MANY = 1e6  # degrees of freedom from which all tails are those of a transformed normal


class StudentT(NamedTuple):
    """Parameters."""

    df: Reals
    loc: Reals
    scale: Reals


def _log_density(theta: StudentT, x: Value) -> Reals:
    """``p = (1 + z²/df)^(−(df+1)/2) / (√df B(df/2, 1/2) scale)``."""
    log_scale = jnp.log(theta.scale)
    density = lambda z: student_density(theta.df, z) - log_scale  # noqa: E731
    return at_finite(density, theta, x, -jnp.inf, -jnp.inf)


def _log_tails(theta: StudentT, x: Value) -> tuple[Reals, Reals]:
    return tails_at_finite(lambda z: log_student_tails(theta.df, z), theta, x)


def _mean(theta: StudentT) -> Reals:
    return where(theta.df > 1, theta.loc, jnp.nan)


def _variance(theta: StudentT) -> Reals:
    exists = theta.df > 2
    excess = where(exists, theta.df, 4.0) - 2
    infinite = where(theta.df > 1, jnp.inf, jnp.nan)
    return where(exists, theta.scale**2 * (1 + 2 / excess), infinite)


def drawable(df: Any) -> Reals:
    """Return degrees of freedom with which NumPyro's chi-square ends, and draws are as good.

    The distributions differ by the order of one rounding error.
    """
    df = jnp.asarray(df)
    return jnp.minimum(df, 1 / jnp.finfo(df.dtype).eps)


def student_normaliser(df: Reals, size: Reals | int = 1) -> Reals:
    """Return ``log Γ(b) − log Γ(a) − size/2 · log(π df)``, ``a = df/2`` and ``b = a + size/2``.

    By Stirling's formula and its error ``δ`` the large log-gammas cancel symbolically, and what
    is left stays of the order of ``size``.
    """
    a, b = df / 2, (df + size) / 2
    errors = stirling_error(b) - stirling_error(a)
    return errors + (b - 0.5) * jnp.log1p(size / df) - size / 2 * (1 + math.log(2 * math.pi))


def student_density(df: Reals, z: Reals) -> Reals:
    """Return the log density of the standard Student t distribution."""
    finite = df < jnp.inf
    some = where(finite, df, 1.0)
    rest = _times((some + 1) / 2, log1p_square(z / jnp.sqrt(some)))
    return where(finite, student_normaliser(some) - rest, normal_density(z))


@custom_jvp
def _times(power: Reals, log: Reals) -> Reals:
    """``power · log``, where the slope in ``power`` reads the logarithm again."""
    return power * log


@partial(_times.defjvp, symbolic_zeros=True)
def _times_jvp(primals: Any, tangents: Any) -> tuple[Reals, Reals]:
    (power, log), (d_power, d_log) = primals, tangents
    log = log if is_zero(d_power) else stored(log)
    change = jnp.zeros_like(power * log)
    change += 0.0 if is_zero(d_power) else log * d_power
    change += 0.0 if is_zero(d_log) else power * d_log
    return power * log, change


def _log_tail(df: Reals, z: Reals) -> Reals:
    """``log P(X > z)`` for ``z ≥ 0``: ``I_x(df/2, 1/2)/2`` at ``x = df/(df + z²)``."""
    many = _is_near_normal(df, z)
    normal = _log_normal_tail(where(many, df, _MANY), z)
    df = where(many, 1.0, df)
    u = z / jnp.sqrt(df)
    far = u > 1e8  # where x = u⁻² to working precision, and u² may overflow
    body = where(far, 1.0, u)
    square = body * body
    near = log_betainc(df / 2, 0.5, 1 / (1 + square), square / (1 + square))
    asymptote = _log_far_tail(df, where(far, z, 1.0))
    return where(many, normal, where(far, asymptote, near - math.log(2)))


def _is_near_normal(df: Reals, z: Reals) -> Flags:
    """Where what the transformed normal leaves out is lost in rounding.

    By extended precision, the logarithm of its tail is off by up to ``10⁻³ z⁶/df⁴ + 1/(20 df⁴)`` of
    itself. Incomplete beta functions of so large parameters are near their limit too, but their
    slopes there are small differences of large terms.
    """
    square = z * z / df
    left_out = (square * square * square / df + 50 / (df * df * df * df)) / 1000
    return (df > _MANY) | (left_out < jnp.finfo(left_out.dtype).eps / 4)


def _log_far_tail(df: Reals, z: Reals) -> Reals:
    """Its limit, a power of ``z``."""
    return student_normaliser(df) - df * (jnp.log(z) - 0.5 * jnp.log(df)) - 0.5 * jnp.log(df)


def _log_normal_tail(df: Reals, z: Reals) -> Reals:
    """The same for many degrees of freedom: the normal tail at a transformed ``z``."""
    return log_ndtr(-_normal_equivalent(df, z))


def _normal_equivalent(df: Reals, z: Reals) -> Reals:
    """The transformed ``z``, whose distribution is normal.

    It is ``w (1 + (w² + 3)/48a²)`` with ``w² = a log(1 + z²/df)`` and ``a = df − 1/2`` (Hill 1970,
    CACM algorithm 395). What is left out is of the order of ``(w²/a)³/a`` and ``a⁻⁴``.
    """
    finite = df < jnp.inf
    df = where(finite, df, 1e30)
    u = z / jnp.sqrt(df)
    close = u < 1e-3
    some = where(close, 1.0, u)
    square = where(close, u, 0.0) ** 2
    # log(1 + u²)/u², smooth at zero
    near = 1 - square * (1 / 2 - square * (1 / 3 - square / 4))
    a = df - 0.5
    # apart: the ratio of large ``u`` would be below the range of floats
    w = where(close, z * jnp.sqrt(a / df * near), jnp.sqrt(a * log1p_square(some)))
    w = w + w * (w / a * (w / a) + 3 / a / a) / 48
    return where(finite, w, z)


def _tail_slope(df: Reals, z: Reals) -> Reals:
    """``−f/P(X > z)``, but where that is a difference of logarithms too large to have digits."""
    many = _is_near_normal(df, z)
    far = z > 2 * jnp.sqrt(df / jnp.finfo(z.dtype).eps)  # where it is df/z but for df/z²
    lots = where(many, df, _MANY)
    by_normal = jax.jvp(lambda z: _log_normal_tail(lots, z), (z,), (jnp.ones_like(z),))[1]
    some, at = where(many | far, 1.0, df), where(many | far, 1.0, z)
    near = -jnp.exp(student_density(some, at) - log_tail(some, at))
    return where(many, by_normal, where(far, -df / where(far, z, 1.0), near))


# The slope in closed form: through x it would be 0 · ∞ at z = 0.
log_tail = forward_differentiable(_log_tail, partials={1: _tail_slope})


def radial_slope(df: Reals, size: int, near: Reals, far: Reals) -> Reals:
    """Return ``d log|z| / d df`` at a fixed quantile of ``ρ = |z|²``, of ``size`` coordinates.

    ``far = ρ/(ρ + df)`` has a beta distribution with ``size/2`` and ``df/2``, and so has its
    complement ``near``, whose quantile moves with ``df/2``.
    """
    both = near * far
    relative = beta_quantile_slope(df / 2, size / 2, near, far) / where(both > 0, both, 1.0)
    return where(both > 0, 0.5 / df - 0.25 * relative, 0.0)


def _quantile_slope(df: Reals, z: Reals) -> Reals:
    """``dz / d df`` at a fixed quantile ``z ≥ 0``, for each of the three forms of the tail."""
    many = _is_near_normal(df, z)
    some, lots = where(many, 1.0, df), where(many, df, _MANY)
    u = z / jnp.sqrt(some)
    far = u > 1e8
    square = jnp.square(where(far, 1.0, u))
    body = z * radial_slope(some, 1, 1 / (1 + square), square / (1 + square))
    at = where(far, z, 1.0)
    change = jax.jvp(lambda df: _log_far_tail(df, at), (some,), (jnp.ones_like(some),))[1]
    by_df = jax.jvp(lambda df: _normal_equivalent(df, z), (lots,), (jnp.ones_like(lots),))[1]
    by_z = jax.jvp(lambda z: _normal_equivalent(lots, z), (z,), (jnp.ones_like(z),))[1]
    return where(many, -by_df / by_z, where(far, at * change / some, body))


def _velocity(theta: StudentT, tangent: StudentT, x: Value) -> Value:
    """That of location and scale, and what the degrees of freedom add to ``z``."""
    x = spread_over(theta, x)
    z, df = standardise(theta, x), jnp.broadcast_to(theta.df, x.shape)
    added = where(z < 0, -1.0, 1.0) * _quantile_slope(df, where(z < 0, -z, z))
    return tangent.loc + z * tangent.scale + theta.scale * added * tangent.df


def _smaller_tail(theta: StudentT, x: Value, log_p: Reals) -> tuple[Flags, Reals]:
    """By symmetry it is the upper tail of ``|z|``."""
    z = standardise(theta, x)
    return z < 0, over_density(log_tail(theta.df, where(z < 0, -z, z)), log_p)


def log_student_tails(df: Reals, z: Reals) -> tuple[Reals, Reals]:
    """Return the logs of the cdf and of the upper tail of the standard Student t distribution."""
    # one tail, a long program, for both sides; not by |z|, whose slope at zero is zero
    tail = stored(log_tail(df, where(z < 0, -z, z)))
    rest = short_log1p(-jnp.exp(tail))
    return where(z < 0, tail, rest), where(z < 0, rest, tail)


student_t = Family(
    "StudentT",
    _log_density,
    StudentT,
    velocity=_velocity,
    smaller_tail=_smaller_tail,
    mean=_mean,
    variance=_variance,
    **by_tails(_log_tails),
)
