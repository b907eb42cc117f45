"""Normal distributions with a covariance ``WWᵀ + D`` of low rank and a diagonal."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from pathmix._families._conditionals import Conditionals
from pathmix._families._elliptical import NormalConditionals
from pathmix._families._family import Family
from pathmix._families._multivariate import event_first, finite_rows, normal_log_density, whiten
from pathmix._layout import loc_rows, log_det, many_points, times_rows
from pathmix._special import cholesky, matrix_rows, solve_rows, triangular_inverse
from pathmix._typing import Matrix, PointRows, Reals, Value
from pathmix._where import where


class LowRank(NamedTuple):
    """Parameters: the mean, ``W`` and the diagonal of ``D``."""

    loc: Reals
    cov_factor: Reals
    cov_diag: Reals


def _rows(theta: LowRank, x: Value) -> Reals:
    """``|x − loc|²`` in the metric of Σ is the least of ``|x − loc − Wv|²_D + |v|²`` over v.

    That is Woodbury's identity without its subtraction. The best v solves ``Cv = WᵀD⁻¹(x −
    loc)`` with ``C = 1 + WᵀD⁻¹W``, and ``det Σ = det C · det D``.
    """
    x, outside = finite_rows(x)
    v, rest, factor = _woodbury(theta, x)
    diag = theta.cov_diag
    square = jnp.sum(rest * rest / loc_rows(diag, x.ndim), axis=0) + jnp.sum(v * v, axis=0)
    log_scale = log_det(factor) + 0.5 * jnp.sum(jnp.log(diag), axis=-1)
    return normal_log_density(square + outside, log_scale, x.shape[0])


def _velocity(theta: LowRank, tangent: LowRank, x: Value) -> Value:
    """``dloc + dΣ y/2`` with ``y = Σ⁻¹(x − loc)`` solves the continuity equation."""
    x = event_first(theta, x)
    finite = jnp.isfinite(x)
    _, rest, _ = _woodbury(theta, where(finite, x, 0.0))
    y = where(finite, rest / loc_rows(theta.cov_diag, x.ndim), x)

    def push(theta: LowRank) -> Value:
        w = theta.cov_factor
        moved = times_rows(w, times_rows(jnp.swapaxes(w, -1, -2), y))
        diag = loc_rows(theta.cov_diag, y.ndim)
        return loc_rows(theta.loc, y.ndim) + 0.5 * (moved + diag * y)

    return jnp.moveaxis(jax.jvp(push, (theta,), (tangent,))[1], 0, -1)


def _conditionals(theta: LowRank, x: Value) -> Conditionals:
    factor = cholesky(_covariance(theta))
    return NormalConditionals(factor, whiten(factor, theta, x))


def _covariance(theta: LowRank) -> Reals:
    w, diag = theta.cov_factor, theta.cov_diag
    return w @ jnp.swapaxes(w, -1, -2) + diag[..., None] * jnp.eye(diag.shape[-1], dtype=diag.dtype)


def _woodbury(theta: LowRank, x: PointRows) -> tuple[Reals, PointRows, Matrix]:
    """Return the best ``v``, ``x − loc − Wv`` and the factor of ``C``, of rows."""
    w = theta.cov_factor
    scaled = jnp.swapaxes(w / theta.cov_diag[..., None], -1, -2)
    delta = x - loc_rows(theta.loc, x.ndim)
    identity = jnp.eye(w.shape[-1], dtype=w.dtype)
    if many_points(w, x):
        factor = cholesky(jnp.matmul(scaled, w, precision="highest") + identity)
        inverse = triangular_inverse(factor)
        twice = jnp.matmul(inverse, scaled, precision="highest")
        twice = jnp.matmul(jnp.swapaxes(inverse, -1, -2), twice, precision="highest")
        v = times_rows(twice, delta)
    else:
        a, b = matrix_rows(scaled, 0)[:, :, None], matrix_rows(w, 0)
        gram = jnp.moveaxis(jnp.sum(a * b, axis=1), (0, 1), (-2, -1))
        factor = cholesky(gram + identity)
        v = solve_rows(factor, solve_rows(factor, times_rows(scaled, delta)), transposed=True)
    return v, delta - times_rows(w, v), factor


low_rank = Family(
    "LowRankMultivariateNormal",
    lambda theta, x: _rows(theta, event_first(theta, x)),
    LowRank,
    event_dim=1,
    log_density_rows=_rows,
    velocity=_velocity,
    conditionals=_conditionals,
    mean=lambda theta: theta.loc,
    variance=lambda theta: jnp.sum(theta.cov_factor**2, axis=-1) + theta.cov_diag,
    covariance=_covariance,
)
