r"""Logarithms of quotients without branches, exact where the quotient is near one.

With :math:`m = 2^e n`, where :math:`n` lies within a factor of :math:`2.13` of :math:`x`, and
:math:`v = (n-x)/(n+x)`, :math:`\log(m/x) = e\log 2 + 2\,\mathrm{artanh}(v)`. The exponent is read
from the bits of both numbers and is zero wherever they are near; the series of the inverse
hyperbolic tangent is a polynomial in :math:`v^2`. Neither a logarithm nor a choice is made.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from pathmix._moving import is_zero
from pathmix._rules import custom_jvp
from pathmix._typing import Reals
from pathmix._where import where

from ._elementwise import in_one_dtype
from ._exact import stored

# (artanh(v) - v)/v³ in v² up to 0.13, of least error: 8e-9 and 2e-19, from 40-digit arithmetic.
_ARTANH_32 = (
    0.33333334073778312043,
    0.19999715199915199459,
    0.1430307263486386507,
    0.10746138254579570941,
    0.12122335270647874451,
)
_ARTANH_64 = (
    0.33333333333333333312,
    0.20000000000000047551,
    0.14285714285696847035,
    0.11111111113611018549,
    0.090909089061718934423,
    0.076923157250775240623,
    0.066664460369569722677,
    0.058863218858940893556,
    0.052158978370716338759,
    0.051287050864187604138,
    0.025892273662530607183,
    0.085295244842830968874,
)


class Quotient(NamedTuple):
    """``m = 2^exponent · near``, and ``log(near/x) = 2 (v + rest)``."""

    exponent: Reals
    near: Reals
    v: Reals
    rest: Reals

    def log(self) -> Reals:
        """Return ``log(m/x)``."""
        return self.exponent * math.log(2) + 2 * (self.v + self.rest)


def quotient(x: Reals, m: Reals) -> Quotient:
    """Take ``m/x`` of positive finite numbers apart. It is not differentiable.

    >>> print(quotient(jnp.array(3.0), jnp.array(48.0)).exponent)
    4.0
    """
    exponent = exponent_of(x, m)
    near, size = over_power(m, exponent), exponent_of(jnp.ones_like(x), x)
    p, q = over_power(near, size), over_power(x, size)  # of tiny ones the difference is zero
    v = (p - q) * (1 / (p + q))
    return Quotient(exponent.astype(x.dtype), near, v, artanh_rest(v))


def artanh_rest(v: Reals) -> Reals:
    """Return ``artanh(v) − v`` for ``|v| < 0.36``.

    >>> print(artanh_rest(jnp.array(0.3)).round(5))
    0.00952
    """
    square = v * v
    coefficients = _ARTANH_32 if v.dtype.itemsize <= 4 else _ARTANH_64
    total = jnp.full_like(v, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * square + coefficient
    return v * square * total


def exponent_of(x: Reals, m: Reals) -> Array:
    """Return the logarithm of ``m/x`` to base two, an integer, rounded towards zero or nearly so.

    Positive floats sort like the integers of their bits, whose differences are logarithms but for
    an error of 0.09 of the mantissas.

    >>> print(exponent_of(jnp.array([3.0, 3.0]), jnp.array([5.0, 50.0])))
    [0 4]
    """
    info = jnp.finfo(m.dtype)
    apart = _bits(m) - _bits(x)
    towards_zero = (apart >> info.bits - 1) & ((1 << info.nmant) - 1)
    return (apart + towards_zero) >> info.nmant


def over_power(m: Reals, exponent: Array) -> Reals:
    """Return ``m`` over two to a power.

    >>> print(over_power(jnp.array(48.0), jnp.array(4)))
    3.0
    """
    shifted = _bits(m) - (exponent << jnp.finfo(m.dtype).nmant)
    return lax.bitcast_convert_type(shifted, m.dtype)


def _bits(x: Reals) -> Array:
    return lax.bitcast_convert_type(x, f"int{jnp.finfo(x.dtype).bits}")


def log_quotient(x: ArrayLike, y: ArrayLike) -> Reals:
    """Return ``log(x/y)`` of positive finite numbers, relatively accurate also near ``x = y``.

    >>> print(log_quotient(101.0, 100.0).round(6))
    0.00995
    """
    return _log_quotient(*in_one_dtype(x, y))


@custom_jvp
def _log_quotient(x: Reals, y: Reals) -> Reals:
    return quotient(y, x).log()


@partial(_log_quotient.defjvp, symbolic_zeros=True)
def _log_quotient_jvp(primals: Any, tangents: Any) -> tuple[Any, Any]:
    (x, y), (dx, dy) = primals, tangents
    out = stored(_log_quotient(x, y))  # slopes read it again
    change = jnp.zeros_like(out)
    change += 0.0 if is_zero(dx) else dx / x
    change -= 0.0 if is_zero(dy) else dy / y
    return out, change


@custom_jvp
def deviance_of(x: Reals, m: Reals) -> Reals:
    """Return ``x log(x/m) + m − x`` of positive finite numbers, relatively accurate.

    The first order of the logarithm is taken together with ``n − x``, as by Loader (2000).

    >>> print(deviance_of(jnp.array(100.0), jnp.array(101.0)).round(6))
    0.004967
    """
    q = quotient(x, m)
    far = (m - q.near) - x * (q.exponent * math.log(2))
    return far + ((q.near - x) * q.v - 2 * x * q.rest)


@partial(deviance_of.defjvp, symbolic_zeros=True)
def _deviance_jvp(primals: Any, tangents: Any) -> tuple[Any, Any]:
    """``dD = log(x/m) dx + (1 − x/m) dm``."""
    (x, m), (dx, dm) = primals, tangents
    out = deviance_of(x, m)
    change = jnp.zeros_like(out)
    change -= 0.0 if is_zero(dx) else log_quotient(m, x) * dx
    change += 0.0 if is_zero(dm) else (m - x) / m * dm
    return out, change


@custom_jvp
def short_log1p(q: Reals) -> Reals:
    """Return ``log(1 + q)`` for −1/2 ≤ q ≤ 1, relatively accurate, by one short polynomial.

    >>> print(short_log1p(jnp.array([-0.5, 1.0])).round(5))
    [-0.69315  0.69315]
    """
    twice = q * (2 / (2 + q))  # not halved and doubled again, which loses the smallest numbers
    return twice + 2 * artanh_rest(twice / 2)


@custom_jvp
def log1p(q: Reals) -> Reals:
    """Return ``log(1 + q)`` for finite q > −1, relatively accurate.

    (XLA's is off by up to 120 units in float64, between −0.45 and −0.3.)

    >>> print(log1p(jnp.array([-0.5, 9.0])).round(4))
    [-0.6931  2.3026]
    """
    one = jnp.ones_like(q)
    exponent = exponent_of(one, 1 + q)
    scale = over_power(one, exponent)
    twice = (q * scale + (scale - 1)) * (2 / (q * scale + (scale + 1)))
    return exponent.astype(q.dtype) * math.log(2) + (twice + 2 * artanh_rest(twice / 2))


for _fn in (short_log1p, log1p):
    _fn.defjvp(
        lambda primals, tangents, fn=_fn: (fn(*primals), tangents[0] * (1 / (1 + primals[0])))
    )


@custom_jvp
def log1p_square(z: Reals) -> Reals:
    """Return ``log(1 + z²)``, relatively accurate, also where ``z²`` overflows.

    >>> [round(float(log1p_square(jnp.array(z))), 3) for z in (3.0, 1e30)]
    [2.303, 138.155]
    """
    size = jnp.abs(z)
    large = size > 1e9  # where it is 2 log |z|
    return where(large, 2, 1) * log1p(where(large, size - 1, size * size))


@log1p_square.defjvp
def _log1p_square_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    (z,), (dz,) = primals, tangents
    large = jnp.abs(z) > 1e9
    some = where(large, 1.0, z)
    # one division for both: of each point and component it is a good part of the work
    slope = 2 * some / where(large, z, 1 + some * some)
    return log1p_square(z), slope * dz
