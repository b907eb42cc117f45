"""Modes of discrete scalar mixtures: among all values, or uphill from every component."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from pathmix import _evaluation
from pathmix._components import Canonical
from pathmix._mixture._information import values_of
from pathmix._mixture._starts import MOST_IN_PAIRS, centres
from pathmix._mixture._valleys import distinct
from pathmix._typing import Flags, Reals, Value
from pathmix._weights import Weights
from pathmix._where import where

_STEPS = 400


def count_modes(mixture: Any) -> tuple[Value, Reals, Flags]:
    """Return values, log probabilities and which are modes, ``entries *batch``, highest first."""
    values = values_of(mixture)
    if values is None:
        start = _starts(mixture._components, mixture.batch_shape)
        out = mixture._of_parts(_climbed, start)
    else:
        out = mixture._of_parts(_among_all, values)
    value, height, is_mode = out
    return value.astype(mixture.dtype), height, is_mode


@jax.jit
def _among_all(weights: Weights, components: Canonical, value: Value) -> Any:
    """Values that are more probable than their neighbours, the first of equal ones."""
    height = _evaluation.log_prob(weights, components, value)
    nothing = jnp.full_like(height[:1], -jnp.inf)
    before = jnp.concatenate([nothing, height[:-1]])
    after = jnp.concatenate([height[1:], nothing])

    def falls(after_it: Flags, pair: tuple[Array, Array]) -> tuple[Flags, Flags]:
        mine, next_ = pair
        out = (mine > next_) | ((mine == next_) & after_it)
        return out, out

    last = jnp.ones(height.shape[1:], bool)
    falling = lax.scan(falls, last, (height, after), reverse=True)[1]
    is_mode = falling & (height > before)
    order = jnp.argsort(-where(is_mode, height, -jnp.inf), axis=0, stable=True)
    return tuple(jnp.take_along_axis(t, order, axis=0) for t in (value, height, is_mode))


def _starts(components: Canonical, batch: tuple[int, ...]) -> Array:
    """Values at the centres of components, and in the middle of any two, ``entries *batch``."""
    middles = jnp.moveaxis(centres(components), -1, 0)
    if len(middles) <= MOST_IN_PAIRS:
        one, other = np.triu_indices(len(middles), 1)
        middles = jnp.concatenate([middles, (middles[one] + middles[other]) / 2])
    start = jnp.floor(jnp.broadcast_to(middles, (len(middles), *batch)))
    return start if components.family_is_known else start.astype(int)


class Walk(NamedTuple):
    """Where ways uphill stand: values, their log probabilities, and the next steps."""

    x: Value
    height: Reals
    step: Value


@jax.jit
def _climbed(weights: Weights, components: Canonical, start: Value) -> Any:
    """The ends of ways uphill, by steps that grow as long as they lead up and halve where not."""
    of = lambda x: _evaluation.log_prob(weights, components, x)  # noqa: E731
    first = Walk(start, of(start), jnp.ones_like(start))

    def go_on(state: tuple[Array, Walk]) -> Array:
        return (state[0] < _STEPS) & jnp.any(state[1].step >= 1)

    def take(state: tuple[Array, Walk]) -> tuple[Array, Walk]:
        count, walk = state
        for way in (walk.x - walk.step, walk.x + walk.step):
            height = of(way)
            up = height > walk.height
            walk = walk._replace(x=where(up, way, walk.x), height=where(up, height, walk.height))
        moved = walk.x != state[1].x
        step = where(moved, walk.step * 2, walk.step // 2)
        return count + 1, walk._replace(step=step)

    walk = lax.while_loop(go_on, take, (jnp.zeros((), int), first))[1]
    order = jnp.argsort(-walk.height, axis=0, stable=True)
    x, height = (jnp.take_along_axis(t, order, axis=0) for t in (walk.x, walk.height))
    is_mode = distinct(weights, components, x, height) & (height > -jnp.inf)
    return x, height, is_mode
