"""The most probable component of points, without an array over all points and components.

Components are compared one after the other over a stretch of points, by ``log w_k + log p_k(x)``.
Nothing is normalised for that, and no probability underflows.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from pathmix._components import Canonical
from pathmix._evaluation._compiled import compiled
from pathmix._evaluation._evaluate import joint
from pathmix._layout import fold_components, in_stretches, is_symbolic, with_points
from pathmix._tuning import DENSE_CHANGE
from pathmix._typing import ComponentFirst, Index, Reals, Value
from pathmix._weights import Weights


class Best(NamedTuple):
    """Components, and what they are compared by, each ``k *#points``."""

    joint: Reals
    log_w: Reals
    component: Array


@compiled()
def posterior_mode(weights: Weights, components: Canonical, x: Value) -> Index:
    """Return the most probable component of each point, ``*points``; −1 of a NaN.

    Of equal ones it is the heaviest, and of equal weights the first. So where no component has a
    density, or several have an infinite one, the weights decide.
    """
    events, (*batch, count) = components.event_dim, components.own_shape

    def stretch(x: Value) -> Index:
        points = x.ndim - events
        index = with_points(jnp.arange(count), points)
        rows = Best(_joint(weights, components, x), with_points(weights.log(), points), index)
        best = fold_components(_better, rows)
        mode = jnp.where(jnp.isnan(best.joint), -1, best.component)
        return jnp.broadcast_to(mode, x.shape[:points])

    if is_symbolic(x.size):
        return stretch(x)
    return in_stretches(stretch, count, DENSE_CHANGE, len(batch), x, event_dim=events)


def _joint(weights: Weights, components: Canonical, x: Value) -> ComponentFirst:
    return jnp.moveaxis(joint(weights, components, x), -1, 0)


def _better(a: Best, b: Best) -> Best:
    """The better of two, in an order that does not depend on which of them is met first."""
    heavier = (b.log_w > a.log_w) | ((b.log_w == a.log_w) & (b.component < a.component))
    wins = jnp.isnan(b.joint) | (b.joint > a.joint) | ((b.joint == a.joint) & heavier)
    return Best(*(jnp.where(wins, *pair) for pair in zip(b, a, strict=True)))
