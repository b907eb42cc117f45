"""Polynomials, and sums of Chebyshev polynomials."""

from collections.abc import Sequence
from functools import reduce

import jax.numpy as jnp
from numpy.polynomial.chebyshev import cheb2poly

from pathmix._typing import Reals


def chebyshev(coefficients: Sequence[float], t: Reals) -> Reals:
    r"""Sum :math:`\sum_k c_k T_k(t)` for :math:`|t| \le 1`, as a polynomial in ``t``.

    For quickly falling coefficients, whose powers' coefficients are no larger than the sum: then it
    is as accurate as Clenshaw's recurrence, at half the cost. Even and odd powers are summed apart,
    by two short chains of operations instead of a long one. In float32 the terms that could change
    neither the sum nor its second derivative are left out.

    >>> float(chebyshev((0.0, 0.0, 1.0), jnp.asarray(0.5)))
    -0.5
    """
    small = 1e-10 if t.dtype.itemsize <= 4 else 0.0
    kept = [c for k, c in enumerate(coefficients) if k < 2 or abs(c) > small]
    powers, square = [float(c) for c in cheb2poly(kept)], t * t

    return horner(powers[::2], square) + t * horner(powers[1::2], square)


def horner(coefficients: Sequence[float], t: Reals) -> Reals:
    r"""Sum :math:`\sum_k c_k t^k` by Horner's rule.

    >>> float(horner((1.0, 2.0, 3.0), jnp.asarray(2.0)))
    17.0
    """
    start = jnp.full_like(t, coefficients[-1])
    return reduce(lambda total, c: total * t + c, coefficients[-2::-1], start)
