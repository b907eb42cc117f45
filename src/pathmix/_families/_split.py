"""Elliptical vectors split in two: margins, and conditionals of some coordinates given the others.

With the known coordinates first, a lower factor holds both already: its first block is the factor
of what is known, its last one that of the rest given these, and ``z = L⁻¹(x − loc)`` of what is
known moves the rest through the block between. So factors are brought into that order by rotations
(``lower_factor``), and no covariance is formed, inverted or subtracted.
"""

from typing import TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import Array

from pathmix._families._low_rank import LowRank
from pathmix._families._multivariate import MultivariateNormal, MultivariateStudentT, whiten
from pathmix._layout import expand_to, times_rows
from pathmix._special import lower_factor, solve_rows
from pathmix._typing import Value
from pathmix._where import where

Axes: TypeAlias = tuple[int, ...]
Elliptical: TypeAlias = MultivariateNormal | MultivariateStudentT | LowRank


def margin_of(theta: Elliptical, axes: Axes) -> Elliptical:
    """Return the parameters of some coordinates, in their order."""
    loc = _loc(theta)[..., np.array(axes)]
    if isinstance(theta, LowRank):
        return LowRank(loc, theta.cov_factor[..., axes, :], theta.cov_diag[..., axes])
    return theta._replace(loc=loc, scale_tril=_in_order(theta.scale_tril, axes))


def conditional_of(theta: Elliptical, known: Axes, rest: Axes, x: Value) -> Elliptical:
    """Return the parameters of the ``rest`` given the ``known`` ones, ``x`` of ``*points known``.

    Of a Student t (Ding 2016, "On the conditional distribution of the multivariate t
    distribution") the squared distance ``|z|²`` of the ``q`` known ones adds to the spread:
    ``df' = df + q`` and ``scale' = scale √((df + |z|²) / (df + q))``.
    """
    if isinstance(theta, LowRank):
        return _low_rank(theta, known, rest, x)
    count, loc = len(known), _loc(theta)
    factor = _in_order(theta.scale_tril, known + rest)
    of_known = theta._replace(loc=loc[..., known], scale_tril=factor[..., :count, :count])
    z = whiten(of_known.scale_tril, of_known, x[..., None, :])
    loc = loc[..., rest] + _times(factor[..., count:, :count], z)
    factor = factor[..., count:, count:]
    if isinstance(theta, MultivariateNormal):
        return MultivariateNormal(loc, factor)
    stretch = _stretch(theta.df, jnp.sum(z * z, axis=-1), count)
    return MultivariateStudentT(theta.df + count, loc, factor * stretch[..., None, None])


def _stretch(df: Array, square: Array, count: int) -> Array:
    """``√((df + |z|²) / (df + q))``, and one for a normal."""
    finite = df < jnp.inf
    df = where(finite, df, 1.0)
    return where(finite, jnp.sqrt((df + square) / (df + count)), 1.0)


def _low_rank(theta: LowRank, known: Axes, rest: Axes, x: Value) -> LowRank:
    """``x = loc + Wv + e`` with ``v ~ N(0, 1)``: what is known tells of ``v``, and ``e`` stays.

    ``v`` has the precision ``C = 1 + WᵀD⁻¹W = LLᵀ`` and the mean ``C⁻¹WᵀD⁻¹(x − loc)``, of the
    known rows: Woodbury's identity. So the rest keeps its ``D``, and ``W`` becomes ``WL⁻ᵀ``.
    """
    loc, root = _loc(theta), jnp.sqrt(theta.cov_diag[..., known])
    scaled = jnp.swapaxes(theta.cov_factor[..., known, :] / root[..., None], -1, -2)
    identity = jnp.broadcast_to(
        jnp.eye(scaled.shape[-2], dtype=scaled.dtype), (*scaled.shape[:-1], scaled.shape[-2])
    )
    factor = lower_factor(jnp.concatenate([identity, scaled], axis=-1))
    shape = jnp.broadcast_shapes(factor.shape[:-2], root.shape[:-1], loc.shape[:-1])
    away = expand_to(x[..., None, :], (*shape, len(known))) - loc[..., known]
    pull = jnp.moveaxis(_times(scaled, away / root), -1, 0)
    v = solve_rows(factor, solve_rows(factor, pull), transposed=True)
    w = theta.cov_factor[..., rest, :]
    moved = _times(w, jnp.moveaxis(v, 0, -1))
    w = jnp.moveaxis(solve_rows(factor, jnp.moveaxis(w, (-1, -2), (0, 1))), (0, 1), (-1, -2))
    return LowRank(loc[..., rest] + moved, w, theta.cov_diag[..., rest])


def _loc(theta: Elliptical) -> Array:
    """The location, of which all coordinates may share one number."""
    size = (theta.cov_factor if isinstance(theta, LowRank) else theta.scale_tril).shape[-2]
    return jnp.broadcast_to(theta.loc, (*theta.loc.shape[:-1], size))


def _in_order(factor: Array, axes: Axes) -> Array:
    """The factor of some coordinates, in their order; of the first ones it is there already."""
    rows, count = jnp.tril(factor), len(axes)
    if axes == tuple(range(count)):
        return rows[..., :count, :count]
    return lower_factor(rows[..., axes, :])


def _times(matrix: Array, z: Array) -> Array:
    """``matrix @ z`` of ``*batch k i j`` and ``*points k j``."""
    return jnp.moveaxis(times_rows(matrix, jnp.moveaxis(z, -1, 0)), 0, -1)
