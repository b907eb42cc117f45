"""The inverse tangent and its complement, in plain array code."""

import math

import numpy as np
from numpy.polynomial.chebyshev import cheb2poly

from pathmix._rules import custom_jvp
from pathmix._typing import Flags, Reals
from pathmix._where import where

from ._chebyshev import horner


def _powers(terms: int) -> tuple[float, ...]:
    """Coefficients of powers of ``u²`` in ``atan(u) / u`` for ``u ≤ 1``.

    ``atan u = 2 Σ (−1)^k q^(2k+1)/(2k+1) T_(2k+1)(u)``, ``q = √2 − 1``: terms fall as 5.8⁻ᵏ.
    """
    series = np.zeros(2 * terms)
    odd = np.arange(1, 2 * terms, 2)
    series[1::2] = 2 * (-1.0) ** np.arange(terms) * (math.sqrt(2) - 1) ** odd / odd
    return tuple(map(float, cheb2poly(series)[1::2]))


_SHORT, _LONG = _powers(11), _powers(23)


@custom_jvp
def arctan_and_cot(x: Reals) -> tuple[Reals, Reals]:
    """Return ``atan x`` and ``π/2 − atan x`` of ``x ≥ 0``, each accurate where it is small.

    One polynomial serves both: ``atan x = π/2 − atan(1/x)``. (``jnp.arctan``, an ``arctan2`` by
    its name, costs several times as much on CPUs.)

    >>> import jax.numpy as jnp
    >>> [round(float(t), 4) for t in arctan_and_cot(jnp.array(10.0))]
    [1.4711, 0.0997]
    """
    above, u = _within_one(x)
    small = u * horner(_SHORT if x.dtype.itemsize <= 4 else _LONG, u * u)
    other = math.pi / 2 - small
    return where(above, other, small), where(above, small, other)


@arctan_and_cot.defjvp
def _arctan_and_cot_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    """``dx / (1 + x²)``, whose square would overflow."""
    (x,), (dx,) = primals, tangents
    above, u = _within_one(x)
    slope = where(above, u * u, 1.0) / (1 + u * u) * dx
    return arctan_and_cot(x), (slope, -slope)


def _within_one(x: Reals) -> tuple[Flags, Reals]:
    """Whether ``x`` is above one, and the smaller of ``x`` and ``1/x``."""
    above = x > 1
    return above, where(above, 1 / where(above, x, 1.0), x)
