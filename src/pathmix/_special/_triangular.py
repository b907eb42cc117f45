"""The inverse of a triangular matrix, to the accuracy of its entries."""

import math

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

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

    >>> print(triangular_inverse(jnp.array([[2.0, 0.0], [1.0, 1.0]])))
    [[ 0.5  0. ]
     [-0.5  1. ]]
    """
    factor = jnp.tril(factor)
    identity = jnp.broadcast_to(jnp.eye(factor.shape[-1], dtype=factor.dtype), factor.shape)
    inverse = solve_triangular(factor, identity, lower=True)
    high, low = _split(factor, axis=-1)
    high_inverse, low_inverse = _split(inverse, axis=-2)
    residual = identity - _times(high, high_inverse)
    residual -= _times(high, low_inverse) + _times(low, inverse)
    return inverse + _times(inverse, residual)


@triangular_inverse.defjvp
def _triangular_inverse_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    (factor,), (tangent,) = primals, tangents
    inverse = triangular_inverse(factor)
    return inverse, -_times(_times(inverse, jnp.tril(tangent)), inverse)


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
