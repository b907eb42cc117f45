"""Inversion of a distribution function by bisection over the floats.

Floats sort like the integers of their bit patterns, so bisecting those integers ends after one
step per bit, needs no starting bracket, and is indifferent to flat and discrete cdfs. The nearer
tail decides, in log space; so ``q`` may be given by its log, or by that of ``1 − q``, as far out as
logs reach.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
from jax import Array, lax

from pathmix._special import log1mexp
from pathmix._typing import Flags, Reals
from pathmix._where import where

Pair: TypeAlias = tuple[Reals, Reals]


class Target(NamedTuple):
    """A probability to reach, by the log of the smaller tail; NaN where it is none."""

    log_tail: Reals
    upper: Flags

    def excess(self, log_tail: Reals) -> Reals:
        """How far beyond it a value is, by the log of the same tail there."""
        return self.signed(log_tail - self.log_tail)

    def signed(self, t: Reals) -> Reals:
        """Turn what grows with the tail into what grows with the value."""
        return where(self.upper, -t, t)

    def log_odds(self) -> Reals:
        """Return ``log q − log(1 − q)``."""
        return self.signed(log_odds(self.log_tail))


class Curve(NamedTuple):
    """A mixture's distribution function, of values ``samples *batch``."""

    log_tail: Callable[[Reals, Flags], Reals]
    """The log of the upper tail, or of the lower one."""
    ends: Callable[[Target], Pair]
    """Ends between which the values of targets lie, of their shape."""
    log_density: Callable[[Reals], Reals] | None
    """Of a continuous distribution."""

    @property
    def is_discrete(self) -> bool:
        """Whether its values are whole numbers."""
        return self.log_density is None


class Brackets(NamedTuple):
    """Values of which the first has not reached a target and the second has, as keys."""

    below: Array
    reached: Array


def log_odds(log_p: Reals) -> Reals:
    """Return ``log p − log(1 − p)``."""
    return log_p - log1mexp(log_p)


def around(curve: Curve, target: Target) -> Brackets:
    """Brackets of all values that targets may have, both ends included."""
    low, high = curve.ends(target)
    below = to_key(low) - 1
    if curve.is_discrete:
        below = jnp.minimum(below, to_key(low - 1))
    return Brackets(below, to_key(high))


def bisect(curve: Curve, target: Target, brackets: Brackets) -> Reals:
    """Return the least values, as floats, that reach targets."""
    dtype = target.log_tail.dtype

    between = partial(middle, dtype=dtype, is_discrete=curve.is_discrete)

    def halve(state: tuple[Array, Brackets]) -> tuple[Array, Brackets]:
        count, brackets = state
        key = between(brackets)
        reached = target.excess(curve.log_tail(to_float(key, dtype), target.upper)) >= 0
        # a closed bracket has its own upper end for a middle
        reached |= key >= brackets.reached
        return count + 1, Brackets(
            where(reached, brackets.below, key), where(reached, key, brackets.reached)
        )

    def go_on(state: tuple[Array, Brackets]) -> Flags:
        count, brackets = state
        return (count < most) & jnp.any(between(brackets) < brackets.reached)

    # a step for each bit, and for counts another, where the mean is taken of floats
    most = 2 * jnp.finfo(dtype).bits
    _, brackets = lax.while_loop(go_on, halve, (jnp.zeros((), int), brackets))
    return to_float(brackets.reached, dtype)


def middle(brackets: Brackets, dtype: Any, *, is_discrete: bool = False) -> Array:
    """A key inside brackets, or the upper end of those that are closed."""
    below, reached = brackets
    # the mean, without overflow; it may be the lower end, but no lower
    middle = (below & reached) + ((below ^ reached) >> 1)
    if not is_discrete:
        return jnp.maximum(middle, jnp.minimum(below + 1, reached))
    a, b = to_float(below, dtype), to_float(reached, dtype)
    near = jnp.isfinite(a) & (b - a <= 4 * jnp.maximum(jnp.abs(a), 1))
    mean = where(near, a + (b - a) / 2, to_float(middle, dtype))
    whole = to_key(jnp.maximum(jnp.floor(mean), jnp.floor(a) + 1))
    # beyond what floats resolve, the next number is the next float
    return jnp.minimum(where(whole > below, whole, jnp.maximum(middle, below + 1)), reached)


def to_key(x: Reals) -> Array:
    """Integers that sort like the floats ``x``."""
    bits = jnp.finfo(x.dtype).bits
    i = lax.bitcast_convert_type(x, f"int{bits}")
    return where(i < 0, jnp.iinfo(i.dtype).min - i, i)


def to_float(key: Array, dtype: Any) -> Reals:
    """The floats of :func:`to_key`, of which those below the least normal one are zero.

    Compilers take them for zero in some operations and not in others.
    """
    key = where(key < 0, jnp.iinfo(key.dtype).min - key, key)
    x = lax.bitcast_convert_type(key, dtype)
    return where(jnp.abs(x) < jnp.finfo(dtype).tiny, 0.0, x)
