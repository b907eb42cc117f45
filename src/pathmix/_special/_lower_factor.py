"""The lower factor of ``MMᵀ`` from ``M`` itself, without the product that squares its condition."""

from functools import partial

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from pathmix._rules import custom_jvp
from pathmix._special._substitution import solve_rows
from pathmix._where import where

Wide = Float[Array, "*#batch i j"]
Square = Float[Array, "*#batch i i"]

_matmul = partial(jnp.matmul, precision="highest")


@custom_jvp
def lower_factor(matrix: Wide) -> Square:
    """Return the lower ``L`` with ``LLᵀ = MMᵀ`` and a diagonal that is not negative, for ``j ≥ i``.

    Reflections of the columns (Householder 1958) change no row's length, so that each row of ``L``
    is off by a few roundings of that row of ``M`` (Higham 2002, "Accuracy and Stability of
    Numerical Algorithms", theorem 19.4). A row that depends on those before it has a diagonal
    entry of zero, or of a rounding error.

    >>> print(jnp.abs(lower_factor(jnp.array([[3.0, 4.0, 0.0], [0.0, 5.0, 2.0]]))).round(3))
    [[5.    0.   ]
     [4.    3.606]]
    """
    size, batch = matrix.shape[-2], matrix.ndim - 2
    m = jnp.moveaxis(matrix, (-2, -1), (0, 1))
    columns = jnp.arange(matrix.shape[-1]).reshape(-1, *(1,) * batch)

    def reflect(i: Array, m: Array) -> Array:
        row = where(columns >= i, lax.dynamic_index_in_dim(m, i, 0, keepdims=False), 0)
        largest = jnp.max(jnp.abs(row), axis=0)
        row = row / where(largest > 0, largest, 1)
        length = jnp.sqrt(jnp.sum(row * row, axis=0))
        here = columns == i
        head = jnp.sum(where(here, row, 0), axis=0)
        normal = row + where(here, where(head < 0, -length, length), 0)
        square = length * (length + jnp.abs(head))  # a half of |normal|²
        part = jnp.sum(m * normal, axis=1) / where(square > 0, square, 1)
        return m - part[:, None] * normal

    m = lax.fori_loop(0, size, reflect, m)[:, :size]
    factor = jnp.tril(jnp.moveaxis(m, (0, 1), (-2, -1)))
    diagonal = jnp.diagonal(factor, axis1=-2, axis2=-1)[..., None, :]
    return where(diagonal < 0, -factor, factor)


@lower_factor.defjvp
def _lower_factor_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    """``dL = L Φ(L⁻¹ dM Qᵀ + Q dMᵀ L⁻ᵀ)`` with ``Q = L⁻¹M``; Φ as in :func:`cholesky`'s rule."""
    (matrix,), (change,) = primals, tangents
    factor = lower_factor(matrix)
    half = _matmul(_solve(factor, change), jnp.swapaxes(_solve(factor, matrix), -1, -2))
    return factor, _along(factor, half + jnp.swapaxes(half, -1, -2))


@custom_jvp
def factor_given(matrix: Square, factor: Square) -> Square:
    """Return ``factor``, the known lower factor of ``matrix``, with the derivative of a Cholesky.

    It is for factors that were found more accurately than from the matrix, by steps through which
    derivatives do not pass. That of ``factor`` itself is not used.

    >>> import jax
    >>> print(jax.grad(lambda a: factor_given(a, jnp.array([[2.0]]))[0, 0])(jnp.array([[4.0]])))
    [[0.25]]
    """
    del matrix
    return factor


@factor_given.defjvp
def _factor_given_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    """``dL = L Φ(L⁻¹ dA L⁻ᵀ)`` (Murray 2016)."""
    factor = factor_given(*primals)
    once = _solve(factor, tangents[0])
    return factor, _along(factor, _solve(factor, jnp.swapaxes(once, -1, -2)))


def _solve(factor: Square, y: Wide) -> Wide:
    """``L⁻¹ y``."""
    return jnp.moveaxis(solve_rows(factor, jnp.moveaxis(y, (-2, -1), (0, 1))), (0, 1), (-2, -1))


def _along(factor: Square, inner: Square) -> Square:
    """``L Φ(inner)``, where Φ keeps the lower triangle of a symmetric matrix, half the diagonal."""
    identity = jnp.eye(inner.shape[-1], dtype=inner.dtype)
    return _matmul(jnp.tril(factor), jnp.tril(inner) - 0.5 * inner * identity)
