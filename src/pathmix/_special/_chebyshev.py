"""Sums of Chebyshev polynomials."""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float


def chebyshev(coefficients: Sequence[float], t: Float[Array, "..."]) -> Float[Array, "..."]:
    r"""Sum :math:`\sum_k c_k T_k(t)` for :math:`|t| \le 1` by Clenshaw's recurrence (DLMF 3.11.15).

    In float32 the terms that could change neither the sum nor its second derivative are left out.

    >>> float(chebyshev((0.0, 0.0, 1.0), jnp.asarray(0.5)))
    -0.5
    """
    small = 1e-10 if t.dtype.itemsize <= 4 else 0.0
    kept = [c for k, c in enumerate(coefficients) if k < 2 or abs(c) > small]
    older, newer = jnp.zeros_like(t), jnp.zeros_like(t)
    for c in kept[:0:-1]:
        older, newer = newer, 2 * t * newer - older + c
    return t * newer - older + kept[0]
