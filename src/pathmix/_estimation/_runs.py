"""Runs of a method to its end: from one start, or from several of which the best go on."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Int

from pathmix._checks import is_concrete
from pathmix._estimation._compiling import is_little, quickly
from pathmix._estimation._faults import is_flat
from pathmix._estimation._progress import in_turns
from pathmix._estimation._sweep import Model, Task
from pathmix._estimation._totals import spread_of
from pathmix._tuning import TURN

SHORT, BEST = 25, 3
"""Steps of each of several starts, and how many of the best go on to the end."""
NEAR = 0.1
"""States are taken to be on the way to one top whose log likelihoods are no further apart."""


@runtime_checkable
class Method(Protocol):
    """How a mixture is made more likely, step by step.

    States have ``best``, a model, ``history``, ``step``, ``converged``, ``failed``, ``flat``,
    and ``total(n)``.
    """

    def begin(self, model: Model, max_steps: int) -> Any:
        """Return the state before the first step."""

    def advance(self, state: Any, task: Task, tolerance: Array, until: Array) -> Any:
        """Go on to step ``until``, or to the end."""


def run(
    model: Model,
    task: Task,
    method: Method,
    max_steps: int,
    tolerance: Any,
    *,
    progress: bool | None,
) -> Any:
    """Return the state at the end; from several starts, of a first axis, the best one's."""
    bound = jnp.asarray(tolerance, model.dtype)
    if model.weights.ndim == 1:
        state = _begin(model, method, max_steps)
        return go_on(state, task, method, bound, max_steps, progress=progress)
    # as many at a time as then go on: one program does both
    little = is_little(task.data.x.size * model.weights.size, model, task)
    groups = _groups(model, method, max_steps, little=little)
    if len(groups) > 1:
        short = [go_on(g, task, method, bound, SHORT, progress=False) for g in groups]
        groups = [_best(short, task, len(model.weights), little=little)]
    states = go_on(groups[0], task, method, bound, max_steps, progress=progress)
    return _winner(states, task, little=little)


# Compiled as wholes, for else each slice of each array would be a program of its own.


@partial(jax.jit, static_argnames=("method", "max_steps"))
def _begin(model: Model, method: Method, max_steps: int) -> Any:
    return method.begin(typed(model), max_steps)


@quickly(once=True, static_argnames=("method", "max_steps"))
def _groups(models: Model, method: Method, max_steps: int) -> list[Any]:
    """States before the first step, in groups of those that go on; the last ones are repeated."""
    states = jax.vmap(method.begin, (0, None))(typed(models), max_steps)
    count = len(models.weights)
    size = min(BEST, count)
    return [at(states, jnp.arange(i, i + size) % count) for i in range(0, count, size)]


def typed(model: Model) -> Model:
    """The same with the types that steps give.

    They are not weak, as those of Python's numbers are: else one program would be compiled for the
    start, one for what comes of it, and so on. Weights have the precision of all.
    """
    model = jax.tree.map(lambda p: lax.convert_element_type(p, p.dtype), model)
    return model._replace(weights=model.weights.astype(model.dtype))


@quickly(once=True, static_argnames="count")
def _best(groups: list[Any], task: Task, count: int) -> Any:
    """Those of the first ``count`` states that go on: after them, some are repeated."""
    states = jax.tree.map(lambda *t: jnp.concatenate(t)[:count], *groups)
    return at(states, ranked(states, task)[:BEST])


@quickly(once=True)
def _winner(states: Any, task: Task) -> Any:
    return at(states, ranked(states, task)[0])


def ranked(states: Any, task: Task) -> Int[Array, " starts"]:
    """Return the order of several states, the best one first."""
    values = jax.vmap(lambda s: s.total(task.data.size))(states)
    spread = spread_of(task.data)
    flat = jax.vmap(lambda s: jnp.any(is_flat(s.best, spread) | s.flat))(states)
    order: Array = best_first(values, flat)
    return order


def best_first(values: Any, flat: Any, xp: Any = jnp) -> Any:
    """Return the order of log posteriors; by NumPy as well, of what is known.

    Those with degenerate components come after all others. So do those on the way to where a
    better one is: of many starts most lead to few tops, and another one may be reached slowly.
    """
    values = xp.nan_to_num(values, nan=-xp.inf)
    by_value = xp.lexsort((-values, flat))
    near = xp.abs(xp.diff(values[by_value])) < NEAR
    again = xp.concatenate([xp.zeros(1, bool), near])[xp.argsort(by_value)]
    return xp.lexsort((-values, again, flat))


def go_on(
    state: Any,
    task: Task,
    method: Method,
    bound: Array,
    steps: int,
    *,
    progress: bool | None,
    axes: Any = None,
) -> Any:
    """Return the state at the end, or after so many steps.

    Several states have the one task, or parts of it each its own, along ``axes``.
    """
    size = task.data.x.size * state.best.weights.size
    advance: Any = method.advance
    if state.step.ndim > 0:
        advance = partial(_advance_each, method, axes, little=is_little(size, state, task))
    steps = min(steps, state.history.shape[-1])
    if not is_concrete(state, task):
        return advance(state, task, bound, jnp.asarray(steps))
    return in_turns(
        lambda s, until: advance(s, task, bound, jnp.asarray(until)),
        state,
        lambda s: _all_done(s, steps),
        lambda s: f"log likelihood {float(jnp.nanmax(s.history)):.6g}",
        steps,
        shown=progress,
        first=1 if progress else max(1, TURN // size),
    )


@quickly(static_argnums=(0, 1))
def _advance_each(
    method: Method, axes: Any, states: Any, task: Task, bound: Array, until: Array
) -> Any:
    """Several states go on; compiled as a whole, for `jax.vmap` traces it anew at each call."""
    return jax.vmap(method.advance, (0, axes, None, None))(states, task, bound, until)


def _all_done(states: Any, steps: int) -> bool:
    """Whether no state goes on, by NumPy: arrays of JAX would be an operation each."""
    converged, failed, step = map(np.asarray, (states.converged, states.failed, states.step))
    return bool(np.all(converged | failed | (step >= steps)))


def repeat(step: Callable[[Any], Any], state: Any, until: Array) -> Any:
    """Take steps until there are so many, or the run is at its end."""
    goes_on = lambda s: (s.step < until) & ~s.converged & ~s.failed  # noqa: E731
    return lax.while_loop(goes_on, step, state)


def at(states: Any, index: Any) -> Any:
    """Return some of several states."""
    return jax.tree.map(lambda t: t[index], states)
