"""Elliptical families with full covariances: multivariate normal and Student t."""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from pathmix._families._conditionals import Conditionals
from pathmix._families._elliptical import NormalConditionals, StudentTConditionals
from pathmix._families._family import Family, Shared, Theta
from pathmix._families._student_t import radial_slope, student_normaliser
from pathmix._layout import expand_to, log_det, times_rows, whiten_rows
from pathmix._special import triangular_inverse
from pathmix._typing import Matrix, PerComponentValue, PointRows, Reals, Shape, Value
from pathmix._where import where


class MultivariateNormal(NamedTuple):
    """``log p = −|L⁻¹(x − loc)|²/2 − log det L − E log(2π)/2``."""

    loc: Reals
    scale_tril: Reals
    inverse: Reals | None = None


def _normal_rows(theta: MultivariateNormal, x: Value) -> Reals:
    return normal_log_density(*mahalanobis(theta, x), theta.loc.shape[-1])


def _normal_velocity(theta: MultivariateNormal, tangent: MultivariateNormal, x: Value) -> Value:
    z = whiten(theta.scale_tril, theta, x, theta.inverse)
    return jax.jvp(partial(_place, z), (theta,), (tangent,))[1]


def _normal_conditionals(theta: MultivariateNormal, x: Value) -> Conditionals:
    return NormalConditionals(theta.scale_tril, whiten(theta.scale_tril, theta, x, theta.inverse))


_inverse = Shared("inverse", 2, lambda theta: triangular_inverse(theta.scale_tril))


def _scatter(theta: Theta) -> Matrix:
    return theta.scale_tril @ jnp.swapaxes(theta.scale_tril, -1, -2)


multivariate_normal = Family(
    "MultivariateNormal",
    lambda theta, x: _normal_rows(theta, event_first(theta, x)),
    MultivariateNormal,
    event_dim=1,
    log_density_rows=_normal_rows,
    velocity=_normal_velocity,
    conditionals=_normal_conditionals,
    mean=lambda theta: theta.loc,
    variance=lambda theta: jnp.sum(theta.scale_tril**2, axis=-1),
    covariance=_scatter,
    shared=_inverse,
)

# ---- Student t ----


class MultivariateStudentT(NamedTuple):
    """``p ∝ (1 + |L⁻¹(x − loc)|²/df)^(−(df+E)/2)``."""

    df: Reals
    loc: Reals
    scale_tril: Reals
    inverse: Reals | None = None


def _student_rows(theta: MultivariateStudentT, x: Value) -> Reals:
    size = theta.loc.shape[-1]
    square, log_scale = mahalanobis(theta, x)
    finite = theta.df < jnp.inf
    df = where(finite, theta.df, 1.0)
    kernel = 0.5 * (df + size) * jnp.log1p(square / df)
    student = student_normaliser(df, size) - kernel - log_scale
    return where(finite, student, normal_log_density(square, log_scale, size))


def _student_velocity(
    theta: MultivariateStudentT, tangent: MultivariateStudentT, x: Value
) -> Value:
    """Move by loc and factor at fixed ``z``, and along ``z`` by the radius' dependence on df.

    ``ρ = |z|²`` has ``ρ/(ρ + df) ~ Beta(E/2, df/2)``, differentiated implicitly.
    """
    z = whiten(theta.scale_tril, theta, x, theta.inverse)
    square = jnp.sum(z * z, axis=-1)
    # of infinitely many degrees of freedom the derivative is zero
    finite = theta.df < jnp.inf
    df = where(finite, theta.df, 1.0)
    total = df + square
    stretch = radial_slope(df, z.shape[-1], df / total, square / total)
    stretch *= where(finite, tangent.df, 0.0)
    moved = jax.jvp(partial(_place, z), (theta,), (tangent,))[1]
    return moved + _times_factor(z * stretch[..., None], theta)


def _student_conditionals(theta: MultivariateStudentT, x: Value) -> Conditionals:
    df = jnp.minimum(theta.df, 1e30)  # for infinity, where every term has its limit
    return StudentTConditionals(
        df, theta.scale_tril, whiten(theta.scale_tril, theta, x, theta.inverse)
    )


def _student_mean(theta: MultivariateStudentT) -> Reals:
    return where(theta.df[..., None] > 1, theta.loc, jnp.nan)


def _student_covariance(theta: MultivariateStudentT) -> Reals:
    df = theta.df[..., None, None]
    finite = (1 + 2 / where(df > 2, df - 2, 1.0)) * _scatter(theta)
    diagonal = jnp.eye(finite.shape[-1], dtype=bool)
    infinite = where(diagonal & (df > 1), jnp.inf, jnp.nan)  # E[xᵢxⱼ] does not exist
    return where(df > 2, finite, infinite)


multivariate_student_t = Family(
    "MultivariateStudentT",
    lambda theta, x: _student_rows(theta, event_first(theta, x)),
    MultivariateStudentT,
    event_dim=1,
    log_density_rows=_student_rows,
    velocity=_student_velocity,
    conditionals=_student_conditionals,
    mean=_student_mean,
    variance=lambda theta: jnp.diagonal(_student_covariance(theta), axis1=-2, axis2=-1),
    covariance=_student_covariance,
    shared=_inverse,
)


# ---- both ----


def mahalanobis(theta: Theta, x: Value) -> tuple[Reals, Reals]:
    """Return ``|L⁻¹(x − loc)|²`` and ``log det L`` of ``x``, ``event *points *batch``."""
    x, outside = finite_rows(x)
    z = whiten_rows(theta.scale_tril, theta.loc, x, theta.inverse)
    return jnp.sum(jnp.square(z), axis=0) + outside, log_det(theta.scale_tril)


def normal_log_density(square: Reals, log_scale: Reals, size: int) -> Reals:
    """Return the log density of a normal at a distance, given the log of its volume."""
    return -0.5 * (square + size * math.log(2 * math.pi)) - log_scale


def finite_rows(x: Value) -> tuple[Value, Reals]:
    """Return points with those replaced that are not finite; and what to add to their squares."""
    size = jnp.sum(jnp.abs(x), axis=0)
    finite = jnp.isfinite(size)
    return where(finite, x, 0.0), where(finite, 0.0, size)


def event_first(theta: Theta, x: Value) -> PointRows:
    """Turn ``*points event`` into ``event *points``, broadcast against ``*batch k``."""
    x = expand_to(x, (*batch_of(theta), x.shape[-1]))
    return jnp.moveaxis(x, -1, 0)


def batch_of(theta: Theta) -> Shape:
    """Return the batch shape ``*batch k`` of parameters with a ``loc`` and others."""
    ranks = {"loc": 1, "scale_tril": 2, "cov_factor": 2, "cov_diag": 1, "df": 0, "inverse": 2}
    parts = ((p, ranks[name]) for name, p in theta._asdict().items() if p is not None)
    return jnp.broadcast_shapes(*(p.shape[: p.ndim - rank] for p, rank in parts))


def whiten(
    factor: Matrix, theta: Theta, x: Value, inverse: Matrix | None = None
) -> PerComponentValue:
    """Return ``L⁻¹(x − loc)``, ``*points k event``."""
    x = event_first(theta, x)
    finite = jnp.isfinite(x)
    # an infinite coordinate stays alone, without 0 · ∞
    factor = jnp.broadcast_to(factor, batch_of(theta) + factor.shape[-2:])
    z = whiten_rows(factor, theta.loc, where(finite, x, 0.0), inverse)
    return jnp.moveaxis(where(finite, z, x), 0, -1)


def _place(z: Reals, theta: Theta) -> Reals:
    """Return ``loc + Lz`` of ``*points event``."""
    return theta.loc + _times_factor(z, theta)


def _times_factor(z: Reals, theta: Theta) -> Reals:
    product = times_rows(jnp.tril(theta.scale_tril), jnp.moveaxis(z, -1, 0))
    return jnp.moveaxis(product, 0, -1)
