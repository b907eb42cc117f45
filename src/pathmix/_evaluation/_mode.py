"""The most probable component of points, without an array over all points and components.

Components are compared by ``log w_k + log p_k(x)``, one after the other, over a stretch of points.
Nothing is normalised for that, and no probability underflows.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from pathmix._components import Canonical
from pathmix._evaluation._compiled import compiled
from pathmix._evaluation._evaluate import by_parts, joint
from pathmix._layout import with_points
from pathmix._tuning import DENSE_CHANGE
from pathmix._typing import Index, Reals, Value
from pathmix._weights import Weights
from pathmix._where import where


class Best(NamedTuple):
    """Components, and what they are compared by, ``*points``."""

    joint: Reals
    log_w: Reals
    component: Array


@compiled()
def posterior_mode(weights: Weights, components: Canonical, x: Value) -> Index:
    """Return the most probable component of each point, ``*points``; −1 of a NaN.

    Of equal ones it is the heaviest, and of equal weights the first. So where no component has a
    density, or several have an infinite one, the weights decide.
    """
    count = components.own_shape[-1]

    def part(x: Value) -> Index:
        terms = jnp.moveaxis(joint(weights, components, x), -1, 0)
        log_w = with_points(weights.log(), terms.ndim - 1)
        log_w = jnp.broadcast_to(log_w, (count, *terms.shape[1:]))
        start = Best(terms[0], log_w[0], jnp.zeros(terms.shape[1:], int))
        best = lax.scan(_better, start, Best(terms, log_w, jnp.arange(count)))[0]
        return where(jnp.isnan(best.joint), -1, best.component)

    return by_parts(part, components, x, DENSE_CHANGE)


def _better(best: Best, other: Best) -> tuple[Best, None]:
    equal = (other.joint == best.joint) & (other.log_w > best.log_w)
    wins = jnp.isnan(other.joint) | (other.joint > best.joint) | equal
    return Best(*(where(wins, *pair) for pair in zip(other, best, strict=True))), None
