"""Triangular systems by substitution, in plain array code over many systems at once.

With the axes of the matrix in front, each step is one operation on long arrays, which compilers
turn into straight vector code. A batched solve by LAPACK is a call out of the program instead: it
costs more than small systems do, gathers arrays that are sharded over devices, and on CPUs two of
them at once have waited for each other's threads for ever.
"""

import math

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from pathmix._tuning import MANY_SYSTEMS, SUBSTITUTED
from pathmix._where import where

Matrix = Float[Array, "*batch i i"]
Rows = Float[Array, "i *points"]
RightSide = Float[Array, "i *given"]
MatrixRows = Float[Array, "i j *shared"]
"""Matrices of rows: of the same axes, or of size one where points share a matrix."""


def matrix_rows(matrix: Float[Array, "*batch i j"], ndim: int) -> MatrixRows:
    """Turn ``*batch i j`` into ``i j *points *batch``, for rows of ``ndim`` axes."""
    m = jnp.moveaxis(matrix, (-2, -1), (0, 1))
    return m.reshape(m.shape[:2] + (1,) * (ndim + 1 - m.ndim) + m.shape[2:])


def solve_rows(factor: Matrix, y: RightSide, *, transposed: bool = False) -> Rows:
    """Solve ``Lz = y``, or ``Lᵀz = y``, with the lower triangle ``L`` of ``factor``.

    ``y`` is ``i *points *batch``, and each matrix is used at all of its points. The solution is
    that of a system whose entries are off by a few roundings (Higham 2002, "Accuracy and Stability
    of Numerical Algorithms", theorem 8.5). Derivatives are solves with the same matrix.

    >>> print(solve_rows(jnp.array([[2.0, 0.0], [1.0, 4.0]]), jnp.array([2.0, 9.0])))
    [1. 2.]
    """
    dtype = jnp.result_type(factor, y)
    factor = factor.astype(dtype)
    shape = jnp.broadcast_shapes(factor.shape[:-2], y.shape[1:])
    y = jnp.broadcast_to(y, (len(y), *shape)).astype(dtype)

    def times(z: Rows) -> Rows:
        matrix = jnp.tril(factor)
        matrix = jnp.swapaxes(matrix, -1, -2) if transposed else matrix
        # only derivatives come here, where products get the axes of the factor. Without the
        # barrier, compilers would read z along its slow axis for each of them.
        z = lax.optimization_barrier(jnp.moveaxis(z, 0, -1))
        return jnp.moveaxis(jnp.sum(matrix * z[..., None, :], axis=-1), -1, 0)

    def solve(y: Rows, *, upper: bool) -> Rows:
        return (_upper if upper else _lower)(matrix_rows(factor, y.ndim), y)

    return lax.custom_linear_solve(
        times,
        y,
        lambda _, y: solve(y, upper=transposed),
        lambda _, y: solve(y, upper=not transposed),
    )


def _is_written_out(y: Rows) -> bool:
    few, more = SUBSTITUTED
    systems = math.prod(y.shape[1:])
    return len(y) <= (more if isinstance(systems, int) and systems >= MANY_SYSTEMS else few)


def _lower(factor: MatrixRows, y: Rows) -> Rows:
    """Solve ``Lz = y`` from the first row to the last."""
    if not _is_written_out(y):
        return _by_columns(factor, y)
    z: list[Array] = []
    for i in range(len(y)):
        rest = y[i]
        for j in range(i):
            rest = rest - factor[i, j] * z[j]
        z.append(rest / factor[i, i])
    return jnp.stack(z)


def _upper(factor: MatrixRows, y: Rows) -> Rows:
    """Solve ``Lᵀz = y`` from the last row to the first."""
    if not _is_written_out(y):  # read backwards, an upper triangle is a lower one
        backwards = jnp.flip(jnp.swapaxes(factor, 0, 1), (0, 1))
        return jnp.flip(_by_columns(backwards, jnp.flip(y, 0)), 0)
    z: list[Array] = []  # last row first
    for i in reversed(range(len(y))):
        rest = y[i]
        for j in range(i + 1, len(y)):
            rest = rest - factor[j, i] * z[len(y) - 1 - j]
        z.append(rest / factor[i, i])
    return jnp.stack(z[::-1])


def _by_columns(factor: MatrixRows, y: Rows) -> Rows:
    """Solve ``Lz = y``, taking each row out of those below it: a loop of few kernels."""
    row = jnp.arange(len(y)).reshape(-1, *(1,) * (y.ndim - 1))

    def step(j: Array, rest: Rows) -> Rows:
        column = _entry(factor, j, 1)[:, 0]
        z = _entry(rest, j, 0) / _entry(column, j, 0)
        return where(row > j, rest - column * z, where(row == j, z, rest))

    return lax.fori_loop(0, len(y), step, y)


def _entry(t: Array, j: Array, axis: int) -> Array:
    # to allow for negative indices costs as much as what reads the entry
    return lax.dynamic_slice_in_dim(t, j, 1, axis, allow_negative_indices=False)
