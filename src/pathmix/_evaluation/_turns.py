"""Passes over some thousand values in turns, each so short that it stays with one thread.

XLA's CPU compiler gives a pass of more than some 2·10⁵ operations to two threads, and to wake the
second takes longer than a pass of several times as many. It wakes it, too, for more than eight
kernels that need not wait for each other, as those are that parameters alone decide. So the points
are cut into stretches, and the loop over them works everything out, parameters included, anew.
"""

import math
from collections.abc import Callable
from typing import Any

from jax import lax

from pathmix._components import Canonical
from pathmix._layout import in_stretches
from pathmix._tuning import ONE_THREAD, TURNS
from pathmix._typing import Value


def in_turns(
    fn: Callable[[Any, Canonical, Value], Any],
    weights: Any,
    components: Canonical,
    x: Value,
    work: int,
) -> Any:
    """Return ``fn(weights, components, x)``, in turns if its ``work`` is that of a few."""
    *batch, k = components.own_shape
    turns = -(-work // ONE_THREAD)
    if not 1 < turns <= TURNS:
        return fn(weights, components, x)

    def turn(x: Value) -> Any:
        # compilers would take out of the loop what does not change in it
        return fn(*lax.optimization_barrier((weights, components, x)))

    most = math.ceil(k * x.size / turns)
    return in_stretches(turn, k, most, len(batch), x)
