"""The inverse of a triangular matrix, to the accuracy of its entries."""

import math

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from pathmix._rules import custom_jvp
from pathmix._tuning import INVERTED
from pathmix._where import where

Matrix = Float[Array, "*batch i i"]
Rows = Float[Array, "*#batch #rows #columns"]
Pair = tuple[Rows, Rows]
"""Numbers of twice the precision, as the unevaluated sums of a number and a small rest."""
Left = tuple[Float[Array, "*#batch i j"], Float[Array, "*#batch i j"] | None]
Right = tuple[Float[Array, "*#batch j n"], Float[Array, "*#batch j n"]]


@custom_jvp
def triangular_inverse(factor: Matrix) -> Matrix:
    r"""Invert the lower triangle of ``factor``.

    An inverse computed by substitution, of a matrix of condition :math:`\kappa`, is off by
    :math:`\kappa\epsilon`, and products of it with vectors by :math:`\kappa^2\epsilon` (Higham
    2002, "Accuracy and Stability of Numerical Algorithms", ch. 14), where a solve loses
    :math:`\kappa\epsilon`. Here the substitution carries the rest of each rounding along (Dekker
    1971, "A floating-point technique for extending the available precision"): what is left is one
    rounding of each entry. Loops over columns, and over blocks of many rows, keep the program
    small.

    >>> print(triangular_inverse(jnp.array([[2.0, 0.0], [1.0, 1.0]])))
    [[ 0.5  0. ]
     [-0.5  1. ]]
    """
    small = factor.shape[-1] <= INVERTED
    return (_by_columns if small else _by_blocks)(factor)[0]


@triangular_inverse.defjvp
def _triangular_inverse_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    (factor,), (tangent,) = primals, tangents
    inverse = triangular_inverse(factor)
    return inverse, -_times(_times(inverse, jnp.tril(tangent)), inverse)


def _by_columns(factor: Matrix) -> Pair:
    """Invert by substitution, column by column: every step is elementwise, and one loop."""
    identity = jnp.broadcast_to(jnp.eye(factor.shape[-1], dtype=factor.dtype), factor.shape)
    diagonal = jnp.sum(where(identity > 0, factor, 0), axis=-1, keepdims=True)
    below, reciprocal = jnp.tril(factor, -1), 1 / diagonal

    def row(t: Rows, j: Array) -> Rows:
        return lax.dynamic_slice_in_dim(t, j, 1, -2)

    def step(j: Array, right: Pair) -> Pair:
        y = row(right[0], j), row(right[1], j)
        z = _quotient(y, row(diagonal, j), row(reciprocal, j))
        return _less_product(right, lax.dynamic_slice_in_dim(below, j, 1, -1), z)

    right = identity, jnp.zeros_like(identity)
    return _quotient(lax.fori_loop(0, factor.shape[-1] - 1, step, right), diagonal, reciprocal)


def _quotient(y: Pair, divisor: Rows, reciprocal: Rows) -> Pair:
    """``y / divisor``: a first quotient, and what its exact product with the divisor leaves."""
    first = y[0] * reciprocal
    (high, low), (d_high, d_low) = _halves(first), _halves(divisor)
    left = ((y[0] - d_high * high) - d_high * low) - d_low * first
    second = (left + y[1]) * reciprocal
    total = first + second
    return total, (first - total) + second


def _less_product(y: Pair, factor: Rows, z: Pair) -> Pair:
    """``y − factor · z``: the leading product is exact, and so is what its sum leaves over.

    No rounding changes where a compiler contracts a product and a sum, the product being exact.
    """
    (high, low), (z_high, z_low) = _halves(factor), _halves(z[0])
    exact = -high * z_high
    total = y[0] + exact
    part = total - y[0]
    left = (y[0] - (total - part)) + (exact - part)
    return total, y[1] + left - (high * z_low + low * z[0] + factor * z[1])


def _halves(t: Rows) -> Pair:
    """Split the bits of numbers in two: products of first halves are exact."""
    form = jnp.finfo(t.dtype)
    high = lax.reduce_precision(t, form.nexp, (form.nmant + 1) // 2 - 1)
    return high, t - high


def _by_blocks(factor: Matrix) -> Pair:
    """Invert by substitution, one block of rows after the other, with products of matrices."""
    full = factor.shape[-1]
    whole, count = _padded(factor)
    size = whole.shape[-1] // count
    identity = jnp.eye(count * size, dtype=factor.dtype)
    blocks = whole.reshape(*whole.shape[:-2], count, size, count, size)
    own = jnp.eye(count, dtype=bool)[:, None, :, None]
    diagonal = _by_columns(jnp.sum(where(own, blocks, 0), axis=-2))

    def rows(t: Rows, i: Array) -> Float[Array, "*#batch size #columns"]:
        return lax.dynamic_slice_in_dim(t, i * size, size, -2)

    def step(i: Array, inverse: Pair) -> Pair:
        # rows of the inverse from this block on are zero yet, where the identity is not
        top, rest = _product((rows(whole, i), None), inverse)
        block, block_rest = (lax.dynamic_index_in_dim(t, i, -3, keepdims=False) for t in diagonal)
        top, rest = _product((block, block_rest), (rows(identity, i) - top, -rest))
        total = top + rest
        parts = zip(inverse, (total, (top - total) + rest), strict=True)
        out = [lax.dynamic_update_slice_in_dim(t, part, i * size, -2) for t, part in parts]
        return out[0], out[1]

    zero = jnp.zeros_like(whole)
    inverse = lax.fori_loop(0, count, step, (zero, zero))
    return inverse[0][..., :full, :full], inverse[1][..., :full, :full]


def _padded(factor: Matrix) -> tuple[Float[Array, "*batch whole whole"], int]:
    """Add rows of the identity, for blocks of one size; and return their number."""
    full = factor.shape[-1]
    count = -(-full // INVERTED)
    more = -full % count
    padding = ((0, 0),) * (factor.ndim - 2) + ((0, more),) * 2
    ones = jnp.diag(jnp.arange(full + more) >= full).astype(factor.dtype)
    return jnp.pad(jnp.tril(factor), padding) + ones, count


def _product(a: Left, b: Right) -> Pair:
    """A product of matrices, of which the leading part has no rounding."""
    (high, low), (b_high, b_low) = _split(a[0], -1), _split(b[0], -2)
    rest = _times(high, b_low) + _times(low, b[0]) + _times(a[0], b[1])
    return _times(high, b_high), rest if a[1] is None else rest + _times(a[1], b[0])


def _split(matrix: Rows, axis: int) -> Pair:
    """Return a part that is a short multiple of one unit for each row or column, and the rest.

    Products of two such parts add up without any rounding (Ozaki et al. 2012, "Error-free
    transformations of matrix multiplication by using fast routines of matrix multiplication").
    """
    size, form = matrix.shape[axis], jnp.finfo(matrix.dtype)
    bits = (form.nmant + 1 - math.ceil(math.log2(max(size, 1)))) // 2
    largest = jnp.max(jnp.abs(matrix), axis=axis, keepdims=True)
    power_of_two = lax.reduce_precision(largest, form.nexp, 0)  # within a factor of 1.5
    unit = power_of_two * 2.0 ** (1 - bits)
    unit = where(unit > 0, unit, 1)
    high = jnp.round(matrix / unit) * unit
    return high, matrix - high


def _times(
    a: Float[Array, "*#batch i j"], b: Float[Array, "*#batch j n"]
) -> Float[Array, "*#batch i n"]:
    return jnp.matmul(a, b, precision="highest")
