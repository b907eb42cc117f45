"""Cholesky factors and their inverses, of many matrices at once, in loops of plain array code.

LAPACK's solves of batches can stop for ever on few cores, and these are called in every step of a
fit. The loops are over columns, so that programs are small in any dimension.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from pathmix._where import where

Matrices = Float[Array, "k d d"]


def factor_and_inverse(matrix: Matrices) -> tuple[Matrices, Matrices]:
    """Return lower factors and their inverses; NaN where a matrix is not positive definite."""
    eye = jnp.eye(matrix.shape[-1], dtype=matrix.dtype)
    rows = jnp.arange(len(eye))

    def column(j: Array, state: tuple[Matrices, Matrices]) -> tuple[Matrices, Matrices]:
        factor, inverse = state
        rest = matrix[:, :, j] - jnp.einsum("kij,kj->ki", factor, factor[:, j])
        pivot = jnp.sqrt(rest[:, j])[:, None]
        factor = factor.at[:, :, j].set(where(rows >= j, rest / pivot, 0.0))
        known = jnp.einsum("ki,kij->kj", factor[:, j], inverse)
        return factor, inverse.at[:, j].set((eye[j] - known) / pivot)

    zero = jnp.zeros_like(matrix)
    return lax.fori_loop(0, len(eye), column, (zero, zero))
