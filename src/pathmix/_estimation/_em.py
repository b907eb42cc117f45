"""Expectation maximisation, accelerated where it is slow, and never downhill.

A step of EM maps a mixture to one that is not less likely. Where it creeps, the steps of the past
tell how it goes on: Anderson's mixing of the last few, on unconstrained numbers (Walker & Ni 2011,
"Anderson acceleration for fixed-point iterations"). A mixture found so is kept only if it is not
less likely than the last one; otherwise EM's own step is taken, and the past forgotten.

It ends when what is left to gain is small, by Aitken's estimate: gains that shrink by ``ρ`` at each
step have ``gain · ρ/(1 − ρ)`` to come.
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree
from jaxtyping import Bool, Float, Int

from pathmix._estimation._expanded import with_middle
from pathmix._estimation._maximise import em_step, keep_held
from pathmix._estimation._runs import repeat
from pathmix._estimation._sweep import Model, Task
from pathmix._estimation._unconstrained import (
    constrained,
    is_at_an_end,
    is_smooth,
    unconstrained,
)
from pathmix._special import cholesky, solve_rows
from pathmix._typing import Reals
from pathmix._where import where

_SLOW = 1e-2
"""Gains per observation below which steps are mixed: far from the top the past misleads."""


@dataclass(frozen=True)
class EM:
    """Expectation maximisation.

    Args:
        memory: How many past steps are mixed to speed up slow ones; 0 for plain EM.

    Example:
        >>> EM(memory=0)
        EM(memory=0)
    """

    memory: int = 5

    def __post_init__(self) -> None:
        """Refuse what is no number of steps."""
        if not isinstance(self.memory, int) or self.memory < 0:
            raise ValueError(f"expected memory to be an integer ≥ 0, got {self.memory!r}.")

    def begin(self, model: Model, max_steps: int) -> "State":
        """Return the state before the first step."""
        dtype = model.dtype
        zero = jnp.array(0, int)  # not of a weak type, which steps do not keep: see `typed`
        size = _flat(model).size if is_smooth(model.components) and self.memory else 0
        empty = jnp.zeros((self.memory if size else 0, size), dtype)
        return State(
            model,
            jnp.array(True),  # noqa: FBT003
            model,
            model,
            jnp.array(-jnp.inf, dtype),
            jnp.zeros((), dtype),
            jnp.full(3, jnp.inf, dtype),
            Past(empty, empty, zero),
            jnp.full(max_steps, jnp.nan, dtype),
            zero,
            jnp.array(False),  # noqa: FBT003
            jnp.array(False),  # noqa: FBT003
        )

    @partial(jax.jit, static_argnames="self")
    def advance(self, state: "State", task: Task, tolerance: Array, until: Array) -> "State":
        """Go on to step ``until``, or to the end."""
        task = with_middle(task, state.model.components)
        return repeat(lambda s: _step(s, task, tolerance), state, until)


class Past(NamedTuple):
    """The last points and what EM's step adds to them, newest last."""

    points: Float[Array, "memory p"]
    moves: Float[Array, "memory p"]
    length: Int[Array, ""]


class State(NamedTuple):
    """Where a run of EM stands."""

    model: Model
    """The mixture to be judged next."""
    is_plain: Bool[Array, ""]
    """Whether that is EM's own step."""
    best: Model
    """The last mixture that was kept."""
    image: Model
    """EM's step from it."""
    value: Reals
    """Of the last mixture that was kept, counted from ``level``."""
    level: Reals
    """What is counted from, for each observation: the last mixture itself, once it is known."""
    gains: Float[Array, " 3"]
    """What the last steps gained, newest last."""
    past: Past
    history: Float[Array, " steps"]
    step: Int[Array, ""]
    converged: Bool[Array, ""]
    failed: Bool[Array, ""]
    """Whether EM's own step led to where there is no likelihood: a component that is a point."""

    @property
    def flat(self) -> Bool[Array, " k"]:
        """Components that EM's own step made points, or flat in a direction, if it failed there."""
        return self.failed & is_at_an_end(self.image)

    def total(self, n: Reals) -> Reals:
        """Return the log posterior of the last mixture that was kept, of ``n`` observations."""
        return self.value + n * self.level


def _step(state: State, task: Task, tolerance: Array) -> State:
    image, value = em_step(state.model, task._replace(level=state.level))
    n = task.data.size
    # of a sum of n terms of about one
    rounding = jnp.finfo(value.dtype).eps * (16 * jnp.sqrt(n) + 4 * jnp.abs(value))
    kept = (jnp.isfinite(value) & (value >= state.value - rounding)) | (state.step == 0)
    gain = where(kept, value - state.value, 0.0)
    gains = where(kept, jnp.append(state.gains[1:], gain), state.gains)
    converged = kept & (state.step > 2) & (_left(gains, rounding) < tolerance * n + rounding)
    # where EM's own step gains nothing, rounding is all that is left
    converged |= ~kept & state.is_plain & jnp.isfinite(value)
    past, proposed, is_plain = state.past, image, jnp.array(True)  # noqa: FBT003
    if len(state.past.points):
        past, proposed, is_plain = _mix(state, task, image, kept & (gain < _SLOW * n))
    choose = lambda a, b: jax.tree.map(partial(where, kept), a, b)  # noqa: E731
    now = where(kept, value, state.value)
    level = state.level + where(jnp.isfinite(now), now / n, 0.0)
    return State(
        model=choose(proposed, state.image),
        is_plain=is_plain | ~kept,
        best=choose(state.model, state.best),
        image=choose(image, state.image),
        value=now - n * (level - state.level),
        level=level,
        gains=gains,
        past=past,
        history=state.history.at[state.step].set(now + n * state.level),
        step=state.step + 1,
        converged=converged,
        failed=~kept & state.is_plain & ~jnp.isfinite(value) | ~jnp.isfinite(now),
    )


def _left(gains: Float[Array, " 3"], rounding: Reals) -> Reals:
    """What is left to gain, by Aitken's estimate from the last three gains."""
    first, _, last = gains
    rate = jnp.sqrt(jnp.clip(last / where(first > 0, first, jnp.inf), 0.0, 0.9999))
    rate = where(jnp.isfinite(first), rate, 0.9999)
    return where(last <= rounding, 0.0, last * jnp.maximum(1.0, rate / (1 - rate)))


def _mix(state: State, task: Task, image: Model, slow: Array) -> tuple[Past, Model, Array]:
    """The past with this step, and where it points to; nowhere else than EM, if it is not slow."""
    point, (target, restore) = _flat(state.model), ravel_pytree(unconstrained(image))
    push = lambda t, new: jnp.concatenate([t[1:], new[None]])  # noqa: E731
    points, moves = push(state.past.points, point), push(state.past.moves, target - point)
    usable = slow & jnp.all(jnp.isfinite(target - point))
    count = where(usable, jnp.minimum(state.past.length + 1, len(points)), 0)
    known = jnp.arange(len(points)) >= len(points) - count
    pairs = (known[1:] & known[:-1])[:, None]
    d_moves = where(pairs, jnp.diff(moves, axis=0), 0.0)
    d_points = where(pairs, jnp.diff(points, axis=0), 0.0)
    gram = jnp.matmul(d_moves, d_moves.T, precision="highest")
    size = jnp.trace(gram)
    ridge = jnp.finfo(gram.dtype).eps * 100 * size + where(size > 0, 0.0, 1.0)
    idle = where(pairs[:, 0], ridge, where(size > 0, size, 1.0))
    root = cholesky(gram + jnp.diag(idle))
    pull = jnp.matmul(d_moves, moves[-1], precision="highest")
    share = solve_rows(root, solve_rows(root, pull), transposed=True)
    mixed = target - share @ (d_points + d_moves)
    good = (count > 1) & jnp.all(jnp.isfinite(mixed))
    free = restore(where(good, mixed, target))
    new = keep_held(constrained(free, image), image, task.held)
    chosen = jax.tree.map(partial(where, good), new, image)
    return Past(points, moves, count), chosen, ~good


def _flat(model: Model) -> Float[Array, " p"]:
    flat: Array = ravel_pytree(unconstrained(model))[0]
    return flat
