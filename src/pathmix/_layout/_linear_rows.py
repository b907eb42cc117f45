"""Matrices applied to rows, and systems solved for rows, ``event *points *batch``.

There are two ways. Where many points share a matrix, it is inverted once and the inverse applied
as a product of matrices; where each matrix has few points, an inverse costs more than it saves,
and sums and substitutions run over all matrices at once.
"""

import math
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from pathmix._layout._axes import pad_left, spread
from pathmix._moving import is_zero
from pathmix._rules import custom_jvp
from pathmix._special import matrix_rows, solve_rows, triangular_inverse
from pathmix._tuning import MANY_COORDINATES, MANY_POINTS
from pathmix._typing import Matrix, PointRows, Reals
from pathmix._where import where


def many_points(matrix: Matrix, rows: PointRows) -> bool:
    """Whether each matrix (``*batch i j``) is shared by many points of the rows."""
    batch = (1,) * (rows.ndim + 1 - matrix.ndim) + matrix.shape[:-2]
    shared = [n for n, m in zip(rows.shape[1:], batch, strict=True) if m == 1]
    # a symbolic size of `jax.export` stands for a long axis
    if not all(isinstance(n, int) for n in shared):
        return True
    points = math.prod(shared)
    return points > MANY_POINTS or points * matrix.shape[-1] > MANY_COORDINATES


def whiten_rows(
    factor: Matrix, loc: Reals, x: PointRows, inverse: Matrix | None = None
) -> PointRows:
    """Return ``L⁻¹(x − loc)`` of finite ``x``, ``event *points *batch``; by a known inverse."""
    if inverse is not None:
        return times_rows(inverse, x - loc_rows(loc, x.ndim))
    if many_points(factor, x):
        return _whiten_by_inverse(factor, loc, x)
    return solve_rows(factor, x - loc_rows(loc, x.ndim))


@custom_jvp
def _whiten_by_inverse(factor: Matrix, loc: Reals, x: PointRows) -> PointRows:
    """Apply the inverse of each factor: rounded once, so that products are as good as a solve."""
    return times_rows(triangular_inverse(factor), x - loc_rows(loc, x.ndim))


@partial(_whiten_by_inverse.defjvp, symbolic_zeros=True)
def _whiten_by_inverse_jvp(primals: Any, tangents: Any) -> tuple[Reals, Reals]:
    """``dz = L⁻¹dx − L⁻¹dloc − (L⁻¹dL) z``: in the transpose only the last runs over points."""
    (factor, _, x), (d_factor, d_loc, dx) = primals, tangents
    inverse, z = triangular_inverse(factor), _whiten_by_inverse(*primals)
    dz = jnp.zeros_like(z)
    if not is_zero(dx):
        dz += times_rows(inverse, dx)
    if not is_zero(d_loc):
        d_loc = loc_rows(_times(inverse, -d_loc[..., None])[..., 0], x.ndim)
        dz += spread(d_loc, x.ndim - factor.ndim + 1, x)  # along the last axis of points
    if not is_zero(d_factor):
        dz += times_rows(_times(inverse, -jnp.tril(d_factor)), z)
    return z, dz


def loc_rows(loc: Reals, ndim: int) -> PointRows:
    """Turn ``*batch event`` into ``event *points *batch``, with points of size one."""
    return jnp.moveaxis(pad_left(loc, ndim), -1, 0)


def times_rows(matrix: Matrix, rows: PointRows) -> Reals:
    """Return ``matrix @ rows`` of ``*batch i j`` and ``j *points *batch``."""
    dtype = jnp.result_type(matrix, rows)
    matrix, rows = matrix.astype(dtype), rows.astype(dtype)
    if not many_points(matrix, rows):
        return jnp.sum(matrix_rows(matrix, rows.ndim) * rows, axis=1)
    batch = matrix.ndim - 2
    # a matrix may be shared by some of the batch
    matrix = jnp.broadcast_to(matrix, rows.shape[rows.ndim - batch :] + matrix.shape[-2:])
    axes = ((batch + 1,), (0,)), (range(batch), range(rows.ndim - batch, rows.ndim))
    product = lax.dot_general(matrix, rows, axes, precision="highest")  # *batch i *points
    return jnp.moveaxis(product, range(batch), range(-batch, 0))


@custom_jvp
def log_det(factor: Matrix) -> Reals:
    """Return the log determinant of a triangular matrix, ``*batch``."""
    return jnp.sum(jnp.log(_diagonal(factor)), axis=-1)


@log_det.defjvp
def _log_det_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    """The transpose of a choice is faster than that of a slice."""
    (factor,), (change,) = primals, tangents
    relative = change / _diagonal(factor)[..., None]
    on = jnp.eye(factor.shape[-1], dtype=bool)
    return log_det(factor), jnp.sum(where(on, relative, 0), axis=(-2, -1))


def _diagonal(matrix: Matrix) -> Reals:
    size = matrix.shape[-1]
    flat = matrix.reshape(*matrix.shape[:-2], size * size)
    return lax.slice_in_dim(flat, 0, size * size, size + 1, axis=-1)


def _times(
    a: Float[Array, "*#batch i j"], b: Float[Array, "*#batch j n"]
) -> Float[Array, "*#batch i n"]:
    return jnp.matmul(a, b, precision="highest")
