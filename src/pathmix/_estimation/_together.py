"""Fits of several numbers of components at once, by the same few programs.

Each has a first axis, of problems: those of fewer components than most are filled up with some that
have no weight, which nothing comes of. What is compiled is as little as can be, for of small data
that is what takes the time: choices among runs are NumPy's, and the rows' centres are worked out
by one program for all families of the same data.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int

from pathmix._components import Canonical
from pathmix._estimation._compiling import is_little, quickly
from pathmix._estimation._data import Data
from pathmix._estimation._em import EM
from pathmix._estimation._faults import is_flat
from pathmix._estimation._nearest import nearest_of
from pathmix._estimation._parameters import read_fixed
from pathmix._estimation._prior import Prior
from pathmix._estimation._runs import BEST, SHORT, at, best_first, go_on, typed
from pathmix._estimation._start import starts_of
from pathmix._estimation._structure import Structure
from pathmix._estimation._sweep import Task
from pathmix._estimation._totals import Totals, spread_of, totals_of
from pathmix._typing import Flags, Reals

_METHOD = EM()
Nearest = Int[Array, "problems starts n"]


class Ended(NamedTuple):
    """A run at its end, with components without weight; or several, with a first axis."""

    state: Any
    value: Reals
    """Its log posterior."""
    totals: Totals
    flat: Flags
    """Components that are degenerate."""


def best_of(
    key: Array,
    components: Canonical,
    rows: Data,
    priors: list[Prior],
    counts: list[int],
    structure: Structure,
    num_starts: int,
    max_steps: int,
    tolerance: float,
) -> list[Ended]:
    """Return the best run of each of several problems, as NumPy's arrays.

    As in :func:`fit`, each start takes a few steps, and the best ones go on to the end.
    """
    k, problems = max(counts), np.asarray(counts)
    little = is_little(rows.x.size * k * len(counts), rows, key)
    nearest = _nearest(key, rows, problems, k, num_starts, little=little)
    held = read_fixed(None, components)
    prior, own = _together(priors)
    task = Task(rows, held, prior, np.zeros((), rows.x.dtype))  # type: ignore[arg-type]
    axes = Task(None, None, own, None)  # type: ignore[arg-type]
    bound = jnp.asarray(tolerance, rows.x.dtype)
    go = partial(go_on, task=task, method=_METHOD, bound=bound, progress=None, axes=axes)
    begun = _begin(nearest, components, rows, problems, structure, max_steps, little=little)
    states = _each_start(jax.device_get(begun))
    ranked = partial(_ranked, judge=partial(_judged, rows=rows, little=little))
    if len(states) > BEST:
        states = [run.state for run in ranked([go(s, steps=SHORT) for s in states])[:BEST]]
    best = ranked([go(s, steps=max_steps) for s in states])[0]
    return [at(best, i) for i in range(len(counts))]


def _ranked(states: list[Any], judge: Callable[[Any], Any]) -> list[Ended]:
    """Runs of all problems, each problem's best one first."""
    each = jax.device_get([Ended(s, *judge(s)) for s in states])
    stacked = jax.tree.map(lambda *t: np.stack(t, axis=1), *each)
    with np.errstate(invalid="ignore"):  # two runs that failed are no number apart
        pairs = zip(stacked.value, stacked.flat.any(-1), strict=True)
        order = np.stack([best_first(*pair, np) for pair in pairs])
    index = np.arange(len(order))[:, None], order
    return _each_start(at(stacked, index))


def _each_start(states: Any) -> list[Any]:
    """Of arrays of problems and starts those of each start."""
    count = jax.tree.leaves(states)[0].shape[1]
    return [at(states, (slice(None), j)) for j in range(count)]


def _together(priors: list[Prior]) -> tuple[Prior, Any]:
    """The priors of several problems as one, and which of its parts are each problem's own."""
    first = priors[0]
    each = [one._replace(parameters=()) for one in priors]
    stacked: Prior = jax.tree.map(lambda *t: np.stack(t), *each)
    axes: Any = Prior(*(None if part is None else 0 for part in each[0]))  # type: ignore[arg-type]
    whole, shared = stacked._replace(parameters=first.parameters), {"parameters": None}
    return whole, axes._replace(**shared)


# Compiled as wholes, for else each slice of each array would be a program of its own.


@quickly(static_argnames=("k", "num_starts"))
def _nearest(key: Array, rows: Data, counts: Array, k: int, num_starts: int) -> Nearest:
    """Which centre each row is nearest to, of each problem's starts."""
    return jax.vmap(lambda n: nearest_of(key, rows, n, k, num_starts))(counts)


@quickly(once=True, static_argnames=("structure", "max_steps"))
def _begin(
    nearest: Nearest,
    components: Canonical,
    rows: Data,
    counts: Array,
    structure: Structure,
    max_steps: int,
) -> Any:
    """States before the first step, of all problems and starts."""

    def begun(nearest: Array, count: Array) -> Any:
        models = starts_of(nearest, components, rows, count, structure)
        return jax.vmap(lambda m: _METHOD.begin(m, max_steps))(typed(models))

    return jax.vmap(begun)(nearest, counts)


@quickly(once=True)
def _judged(states: Any, rows: Data) -> tuple[Array, Totals, Array]:
    """What is known of a run of each problem."""
    spread = spread_of(rows)

    def one(state: Any) -> tuple[Array, Totals, Array]:
        flat = is_flat(state.best, spread) | state.flat
        return state.total(rows.size), totals_of(state.best, rows), flat

    return jax.vmap(one)(states)
