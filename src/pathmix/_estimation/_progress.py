"""A bar for what takes longer than a person likes to wait without one."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tqdm.auto import tqdm

State = TypeVar("State")

_PATIENCE = 2.0
"""Seconds until a bar is shown."""
_EACH = 0.5
"""Seconds between its moves, about."""


def in_turns(
    advance: Callable[[State, int], State],
    state: State,
    done: Callable[[State], bool],
    text: Callable[[State], str],
    steps: int,
    *,
    shown: bool | None,
    first: int = 1,
) -> State:
    """Return the state at the end of ``advance(state, until)``, turn after turn.

    A bar is shown if it is asked for, or, with ``None``, if there is more to wait for. The first
    turn, of ``first`` steps, tells how long others may be.
    """
    until, turn, bar, began = 0, first, None, math.inf  # compiling does not count
    while not done(state) and until < steps:
        start = time.monotonic()
        until = min(until + turn, steps)
        state = advance(state, until)
        finished, now = done(state), time.monotonic()
        began = min(began, now)
        turn = max(1, min(4 * turn, int(turn * _EACH / max(now - start, 1e-6))))
        if bar is None and not finished and (shown or (shown is None and now - began > _PATIENCE)):
            bar = tqdm(total=steps, initial=0, unit="step", leave=bool(shown))
        if bar is not None:
            bar.update(until - bar.n)
            bar.set_postfix_str(text(state))
    if bar is not None:
        bar.close()
    return state


def over_blocks(blocks: Iterable[State], count: int, *, shown: bool | None) -> Iterator[State]:
    """Yield the blocks, with a bar if it is asked for, or, with ``None``, if they take long."""
    delay = _PATIENCE if shown is None else 0.0
    off = shown is not None and not shown
    yield from tqdm(
        blocks, total=count or None, unit="block", delay=delay, disable=off, leave=bool(shown)
    )
