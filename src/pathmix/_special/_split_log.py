"""Logarithms in two floats, whose differences are accurate where they are small.

``log m − log x`` of two rounded logarithms is off by a rounding of each, however near ``m`` is to
``x``; of split ones, by a rounding of the difference. The costly part is one of ``x`` and one of
``m``: of many pairs, as of points and components, each takes a few additions.

With ``x = 2^e f`` and a short number ``r`` near ``1/f``, which the leading bits of ``f`` choose,
``log x`` is ``e log 2 − log r + log(1 + s)``, where ``s = f r − 1`` is exact in two floats and
small. The first two are tabled as two floats (Tang 1990, "Table-driven implementation of the
logarithm function in IEEE floating-point arithmetic").
"""

from decimal import Context, Decimal
from functools import cache
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from pathmix._rules import custom_jvp
from pathmix._typing import Reals

from ._exact import half, stored, two_sum

_LEADING = 9
"""Bits of a fraction that choose its ``r``."""
_DIGITS = Context(prec=50)


class SplitLog(NamedTuple):
    """``high + low``, of which ``low`` is small."""

    high: Reals
    low: Reals

    def minus(self, other: "SplitLog") -> Reals:
        """Return the difference of two logarithms, broadcast.

        >>> print(split_log(jnp.array(101.0)).minus(split_log(jnp.array(100.0))).round(6))
        0.00995
        """
        return (self.high - other.high) + (self.low - other.low)

    def over(self, other: "SplitLog") -> "SplitLog":
        """Return the difference of two logarithms in two floats, broadcast.

        >>> print(split_log(jnp.array(6.0)).over(split_log(jnp.array(2.0))).high.round(4))
        1.0986
        """
        high, rest = two_sum(self.high, -other.high)
        return SplitLog(high, stored(rest + (self.low - other.low)))


@custom_jvp
def split_log(x: Reals) -> SplitLog:
    """Return ``log x`` of positive finite numbers, off by some 2⁻⁴² in float32, 2⁻⁷² in float64.

    Subnormal numbers count as the smallest normal one.

    >>> print(split_log(jnp.array(10.0)).high.round(4))
    2.3026
    """
    x = jnp.maximum(x, jnp.finfo(x.dtype).tiny)
    e, f, leading = _apart(x)
    table, log_2 = _table(x.dtype)
    entries = jnp.asarray(table).at[leading].get(mode="promise_in_bounds")
    r, log, log_rest = (entries[..., i] for i in range(3))
    s, s_rest = two_sum(half(f) * r - 1, (f - half(f)) * r)  # these products are exact
    curve = jnp.zeros_like(s)
    for n in range(4 if x.dtype.itemsize <= 4 else 9, 1, -1):
        curve = (-1) ** n / n + s * curve
    high, low = e * log_2[0], log_rest + e * log_2[2] + s_rest - s * s * curve
    for term in (log, s, e * log_2[1]):
        high, rest = two_sum(high, term)
        low = low + rest
    # Compilers may work either out apart from the other. All of ``high`` is exact but for its
    # additions, so that both agree on it.
    return SplitLog(stored(high), stored(low))


def split_logs(*numbers: Reals) -> list[SplitLog]:
    """Return the logarithms of several numbers: of like shapes by one program, which is short.

    >>> print(*(log.high.round(4) for log in split_logs(jnp.array(2.0), jnp.array(10.0))))
    0.6931 2.3026
    """
    if len({t.shape for t in numbers}) > 1:
        return [split_log(t) for t in numbers]
    high, low = split_log(jnp.stack(numbers))
    return [SplitLog(high[i], low[i]) for i in range(len(numbers))]


@split_log.defjvp
def _split_log_jvp(primals: Any, tangents: Any) -> tuple[SplitLog, SplitLog]:
    (x,), (dx,) = primals, tangents
    return split_log(x), SplitLog(dx / x, jnp.zeros_like(x))


def _apart(x: Reals) -> tuple[Reals, Reals, Array]:
    """Return ``e`` and ``f`` of ``x = 2^e f``, ``1 ≤ f < 2``, and the leading bits of ``f``."""
    info = jnp.finfo(x.dtype)
    bits = lax.bitcast_convert_type(x, f"int{info.bits}")
    mantissa = bits & ((1 << info.nmant) - 1)
    one = np.array(1, x.dtype).view(f"int{info.bits}")
    f = lax.bitcast_convert_type(mantissa | one, x.dtype)
    e = (bits >> info.nmant) - (1 - info.minexp)
    return e.astype(x.dtype), f, mantissa >> (info.nmant - _LEADING)


@cache
def _table(dtype: np.dtype) -> tuple[np.ndarray, list[float]]:
    """Return each ``r`` with ``−log r`` in two floats, as rows, and ``log 2`` in three floats.

    Of these two are short, and exact times an exponent.
    """
    size = 2**_LEADING
    r = np.round(4 * size / (1 + (np.arange(size) + 0.5) / size)) / (4 * size)
    logs = [-_DIGITS.ln(Decimal(float(t))) for t in r]
    high = np.array([float(t) for t in logs]).astype(dtype)
    low = [float(t - Decimal(float(h))) for t, h in zip(logs, high, strict=True)]
    short = jnp.finfo(dtype).nmant + 1 - jnp.finfo(dtype).nexp
    log_2, rest = [], _DIGITS.ln(Decimal(2))
    for bits in (short, 2 * short, 6 * short):
        log_2.append(round(rest * 2**bits) / 2**bits)
        rest -= Decimal(log_2[-1])
    return np.stack([r.astype(dtype), high, np.array(low, dtype)], axis=1), log_2
