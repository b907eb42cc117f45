"""Sums and products together with what their rounding lost; what compilers should store."""

import jax.numpy as jnp
from jax import lax

from pathmix._typing import Reals
from pathmix._where import where


def two_sum(a: Reals, b: Reals) -> tuple[Reals, Reals]:
    """Return the rounded sum, and the sum less it (Knuth 1969).

    >>> print(*two_sum(jnp.array(1.0), jnp.array(1e-9)))
    1.0 1e-09
    """
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def one_minus(x: Reals) -> tuple[Reals, Reals]:
    """Return ``1 − x`` of 0 ≤ x ≤ 1, rounded, and ``1 − x`` less it.

    (Of a constant and a variable XLA simplifies `two_sum`, and with it what it stands for.)

    >>> print(*one_minus(jnp.array(1e-9)))
    1.0 -1e-09
    """
    y = 1 - x
    return y, (1 - y) - x


def product_error(p: Reals, q: Reals) -> Reals:
    """Return ``p q`` less its rounded value (Dekker 1971).

    >>> print(product_error(jnp.array(0.1), jnp.array(10.0)))
    1.4901161e-08
    """
    p_high, q_high = half(p), half(q)
    p_low, q_low = p - p_high, q - q_high
    return (p_high * q_high - p * q) + p_high * q_low + p_low * q_high + p_low * q_low


def half(p: Reals) -> Reals:
    """Return ``p`` rounded to half its digits, so that products of two halves are exact.

    >>> print(half(jnp.array(0.1)))
    0.1000061
    """
    info = jnp.finfo(p.dtype)
    return lax.reduce_precision(p, info.nexp, (info.nmant + 1) // 2 - 1)


def stored(t: Reals) -> Reals:
    """Return ``t`` as what a division makes.

    XLA's CPU compiler keeps that, where it would work cheaper operations out again for each reader:
    what each point has, once for every component.

    >>> print(stored(jnp.array(3.0)))
    3.0
    """
    return t / where(t == t, 1, 2).astype(t.dtype)  # one, which it cannot know
