"""Values at and beyond the ends of an interval, which may be infinite.

There a density is zero and a tail 0 or 1, exactly and with zero gradients. The formula itself is
evaluated at a ``safe`` point of the interval, so that no NaN comes out of the branch not taken.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from pathmix._families._family import guarded, guarded_tails
from pathmix._typing import Reals, Value
from pathmix._where import where

Fn = Callable[[Reals], Reals]


def log_cdf_between(fn: Fn, x: Value, safe: Any, low: Any = 0.0, high: Any = jnp.inf) -> Reals:
    """Return the log cdf ``fn(x)`` between the ends, −inf up to ``low`` and 0 from ``high`` on."""
    beyond = where(x >= high, 0.0, -jnp.inf)
    return guarded((x > low) & (x < high), fn, x, safe, beyond)


def cdf_between(fn: Fn, x: Value, safe: Any, low: Any = 0.0, high: Any = jnp.inf) -> Reals:
    """Return the cdf ``fn(x)`` between the ends, 0 up to ``low`` and 1 from ``high`` on."""
    beyond = where(x >= high, 1.0, 0.0)
    return guarded((x > low) & (x < high), fn, x, safe, beyond)


def log_survival_between(fn: Fn, x: Value, safe: Any, low: Any = 0.0, high: Any = jnp.inf) -> Reals:
    """Return the log survival ``fn(x)`` between the ends, 0 below and −inf from ``high`` on."""
    beyond = where(x >= high, -jnp.inf, 0.0)
    return guarded((x > low) & (x < high), fn, x, safe, beyond)


def log_tails_between(
    fn: Callable[[Reals], tuple[Reals, Reals]],
    x: Value,
    safe: Any,
    low: Any = 0.0,
    high: Any = jnp.inf,
) -> tuple[Reals, Reals]:
    """Return both log tails ``fn(x)`` between the ends, of which one makes the other."""
    return guarded_tails((x > low) & (x < high), fn, x, safe, x >= high)


def power_at_zero(a: Reals, log_factor: Reals) -> Reals:
    """Return the limit of ``log(factor · x^(a−1))`` at ``x = 0``."""
    return where(a < 1, jnp.inf, where(a > 1, -jnp.inf, log_factor))


def unit_edges(x: Reals, a: Reals, b: Reals, at_zero: Reals, at_one: Reals) -> Reals:
    """Return the limits of ``log(c x^(a−1) (1−x)^(b−1))`` at 0 and 1, and −inf elsewhere.

    ``at_zero`` is the value at 0 where ``a = 1`` and ``at_one`` that at 1 where ``b = 1``.
    """
    one = where(x == 1, power_at_zero(b, at_one), -jnp.inf)
    return where(x == 0, power_at_zero(a, at_zero), one)
