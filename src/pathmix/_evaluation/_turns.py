"""Passes over some thousand values in turns, each so short that it stays with one thread.

XLA's CPU compiler gives a pass of more than some 2·10⁵ operations to two threads, and to wake the
second takes longer than a pass of several times as many. It wakes it, too, for more than eight
kernels that need not wait for each other, as those are that parameters alone decide. So the points
are cut into stretches, and the loop over them works everything out, parameters included, anew.
Where JAX runs on another device, that takes the whole at once.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax import lax

from pathmix._layout import in_stretches
from pathmix._tuning import ONE_THREAD, TURNS
from pathmix._typing import Value


def is_of_turns(work: int) -> bool:
    """Return whether one thread is faster at so many operations than two."""
    return work <= TURNS * ONE_THREAD


def in_turns(
    fn: Callable[..., Any], parts: tuple[Any, ...], x: Value, work: int, batch_dim: int
) -> Any:
    """Return ``fn(*parts, x)`` of ``x``, ``*sample *batch``, in turns if its work is that of a few.

    Args:
        fn: What is worked out at points.
        parts: Weights, components: all that it reads beside the points.
        x: The points.
        work: Its operations, as XLA's CPU compiler counts them.
        batch_dim: The axes of the points that belong to a batch of mixtures.
    """
    if work <= ONE_THREAD or not is_of_turns(work) or jax.default_backend() != "cpu":
        return fn(*parts, x)
    turns = -(-work // ONE_THREAD)

    def turn(x: Value) -> Any:
        # compilers would take out of the loop what does not change in it
        return fn(*lax.optimization_barrier((*parts, x)))

    return in_stretches(turn, 1, -(-x.size // turns), batch_dim, x)
