"""The inverse of a triangular matrix, to the accuracy of its entries."""

import math

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from pathmix._special._substitution import solve_rows
from pathmix._tuning import INVERTED

Matrix = Float[Array, "*batch i i"]


@jax.custom_jvp
@jax.jit
def triangular_inverse(factor: Matrix) -> Matrix:
    r"""Invert the lower triangle of ``factor``.

    A computed inverse :math:`W` of a matrix :math:`L` of condition :math:`\kappa` is off by
    :math:`\kappa\epsilon`, of its products with vectors by :math:`\kappa^2\epsilon` (Higham 2002,
    "Accuracy and Stability of Numerical Algorithms", ch. 14), where a solve loses
    :math:`\kappa\epsilon`. One step of Newton, :math:`W + W(I - LW)`, mends it if the residual is
    exact enough. For that, both are split into a part of so few bits that their products add up
    without any rounding, and a small rest (Ozaki et al. 2012, "Error-free transformations of
    matrix multiplication by using fast routines of matrix multiplication").

    Small diagonal blocks are inverted by substitution and doubled until they are the whole, refined
    each time, so that no inverse is made of inexact ones.

    >>> print(triangular_inverse(jnp.array([[2.0, 0.0], [1.0, 1.0]])))
    [[ 0.5  0. ]
     [-0.5  1. ]]
    """
    full, count = factor.shape[-1], 1
    while full > INVERTED * count:
        count *= 2
    size = -(-full // count)
    padding = ((0, 0),) * (factor.ndim - 2) + ((0, count * size - full),) * 2
    ones = jnp.diag(jnp.arange(count * size) >= full).astype(factor.dtype)
    whole = jnp.pad(jnp.tril(factor), padding) + ones
    blocks = _blocks(whole, size)
    inverse = refined_inverse(blocks, _by_substitution(blocks))
    while size < whole.shape[-1]:
        below, size = _blocks(whole, size, below=True), 2 * size
        inverse = refined_inverse(_blocks(whole, size), _doubled(inverse, below))
    return inverse[..., 0, :full, :full]


@triangular_inverse.defjvp
def _triangular_inverse_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    (factor,), (tangent,) = primals, tangents
    inverse = triangular_inverse(factor)
    return inverse, -_times(_times(inverse, jnp.tril(tangent)), inverse)


def refined_inverse(factor: Matrix, inverse: Matrix) -> Matrix:
    """Take a step of Newton from an ``inverse`` of a lower triangular ``factor``."""
    identity = jnp.broadcast_to(jnp.eye(factor.shape[-1], dtype=factor.dtype), factor.shape)
    high, low = _split(factor, axis=-1)
    high_inverse, low_inverse = _split(inverse, axis=-2)
    residual = identity - _times(high, high_inverse)
    residual -= _times(high, low_inverse) + _times(low, inverse)
    return inverse + _times(inverse, residual)


def _blocks(
    matrix: Matrix, size: int, *, below: bool = False
) -> Float[Array, "*batch n size size"]:
    """Return the diagonal blocks of a size, or those below every other one."""
    starts = range(0, matrix.shape[-1], 2 * size if below else size)
    rows = [matrix[..., s + below * size :, s : s + size][..., :size, :] for s in starts]
    return jnp.stack(rows, axis=-3)


def _doubled(inverse: Matrix, below: Float[Array, "*half i i"]) -> Float[Array, "*half size size"]:
    """``[[A, 0], [B, C]]⁻¹ = [[A⁻¹, 0], [−C⁻¹BA⁻¹, C⁻¹]]`` (Higham 2002, ch. 14)."""
    first, second = inverse[..., ::2, :, :], inverse[..., 1::2, :, :]
    below = -_times(_times(second, below), first)
    return jnp.block([[first, jnp.zeros_like(first)], [below, second]])


def _by_substitution(factor: Matrix) -> Matrix:
    size = factor.shape[-1]
    identity = jnp.eye(size, dtype=factor.dtype).reshape(size, size, *(1,) * (factor.ndim - 2))
    return jnp.moveaxis(solve_rows(factor, identity), (0, 1), (-2, -1))


def _split(matrix: Matrix, axis: int) -> tuple[Matrix, Matrix]:
    """Return a part that is a short multiple of one unit for each row or column, and the rest."""
    size, form = matrix.shape[-1], jnp.finfo(matrix.dtype)
    bits = (form.nmant + 1 - math.ceil(math.log2(max(size, 1)))) // 2
    largest = jnp.max(jnp.abs(matrix), axis=axis, keepdims=True)
    power_of_two = lax.reduce_precision(largest, form.nexp, 0)  # within a factor of 1.5
    unit = power_of_two * 2.0 ** (1 - bits)
    high = jnp.round(matrix / unit) * unit
    return high, matrix - high


def _times(a: Matrix, b: Matrix) -> Matrix:
    return jnp.matmul(a, b, precision="highest")
