"""Sines and cosines of angles within half a turn, which compilers make vector code of.

XLA's own on CPUs reduce angles of any size, one number after the other.
"""

import math

from pathmix._rules import custom_jvp
from pathmix._typing import Reals
from pathmix._where import where

from ._chebyshev import horner

_SERIES = [(-1) ** n / math.factorial(2 * n + 1) for n in range(12)]


@custom_jvp
def sine(t: Reals) -> Reals:
    """Return ``sin t`` for −π ≤ t ≤ π, relatively accurate.

    Up to π/2 by its power series, beyond by that of the distance to π, which is known to twice the
    precision.

    >>> import jax.numpy as jnp
    >>> print(sine(jnp.array(2.0)).round(4))
    0.9093
    """
    size = where(t < 0, -t, t)
    far = size > math.pi / 2
    angle = where(far, _from(math.pi, size), size)
    square = angle * angle
    series = angle * horner(_SERIES[: 7 if t.dtype.itemsize <= 4 else 12], square)
    return where(t < 0, -series, series)


@custom_jvp
def cosine(t: Reals) -> Reals:
    """Return ``cos t`` for −π ≤ t ≤ π, relatively accurate.

    >>> import jax.numpy as jnp
    >>> print(cosine(jnp.array(2.0)).round(4))
    -0.4161
    """
    return sine(_from(math.pi / 2, where(t < 0, -t, t)))


def _from(angle: float, t: Reals) -> Reals:
    """``angle − t`` with the rounding of the angle made up for."""
    high = t.dtype.type(angle)
    low = angle - float(high) if t.dtype.itemsize <= 4 else angle / math.pi * 1.2246467991473532e-16
    # Compilers add up constants, which would undo the correction: hence not a constant.
    return (high - t) + where(t < 16, t.dtype.type(low), 0)


def _sine_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    return sine(*primals), cosine(*primals) * tangents[0]


def _cosine_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    return cosine(*primals), -sine(*primals) * tangents[0]


sine.defjvp(_sine_jvp)
cosine.defjvp(_cosine_jvp)
