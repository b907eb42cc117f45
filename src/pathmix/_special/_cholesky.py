"""The Cholesky factor, of small matrices in plain array code."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from pathmix._rules import custom_jvp
from pathmix._special._substitution import solve_rows
from pathmix._special._triangular import triangular_inverse
from pathmix._tuning import FACTORED

Matrix = Float[Array, "*batch i i"]


@custom_jvp
def cholesky(matrix: Matrix) -> Matrix:
    """Return the lower factor ``L`` of ``matrix = LLᵀ``, of which the lower triangle is read.

    A matrix that is not positive definite has NaN from the column on that shows it.

    >>> print(cholesky(jnp.array([[4.0, 2.0], [2.0, 10.0]])))
    [[2. 0.]
     [1. 3.]]
    """
    size = matrix.shape[-1]
    if size > FACTORED:
        return jnp.linalg.cholesky(matrix, symmetrize_input=False)
    rest = jnp.moveaxis(matrix, (-2, -1), (0, 1))
    columns = []
    for j in range(size):
        column = rest[j:, j] / jnp.sqrt(rest[j, j])
        column = jnp.pad(column, ((j, 0), *((0, 0),) * (column.ndim - 1)))
        rest = rest - column[:, None] * column
        columns.append(column)
    return jnp.moveaxis(jnp.stack(columns, axis=1), (0, 1), (-2, -1))


@cholesky.defjvp
def _cholesky_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    """``dL = L Φ(L⁻¹ dA L⁻ᵀ)``, where Φ keeps the lower triangle and halves the diagonal.

    Source: Murray (2016), "Differentiation of the Cholesky decomposition".
    """
    (matrix,), (change,) = primals, tangents
    factor = cholesky(matrix)
    lower = jnp.tril(change, -1)
    change = jnp.tril(change) + jnp.swapaxes(lower, -1, -2)
    if matrix.shape[-1] > FACTORED:
        inverse = triangular_inverse(factor)
        inner = _times(_times(inverse, change), jnp.swapaxes(inverse, -1, -2))
        return factor, _times(factor, _lower_half(inner))
    once = solve_rows(factor, jnp.moveaxis(change, (-2, -1), (0, 1)))
    inner = solve_rows(factor, jnp.swapaxes(once, 0, 1))  # symmetric
    inner = _lower_half(jnp.moveaxis(inner, (0, 1), (-2, -1)))
    return factor, jnp.sum(jnp.tril(factor)[..., None] * inner[..., None, :, :], axis=-2)


def _lower_half(matrix: Matrix) -> Matrix:
    return jnp.tril(matrix) - 0.5 * matrix * jnp.eye(matrix.shape[-1], dtype=matrix.dtype)


def _times(a: Matrix, b: Matrix) -> Matrix:
    return jnp.matmul(a, b, precision="highest")
