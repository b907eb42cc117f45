"""Which of several points are different modes, by the valleys between them."""

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from pathmix import _evaluation
from pathmix._components import Canonical
from pathmix._mixture._ascent import rounding
from pathmix._mixture._starts import around, is_circular
from pathmix._typing import Flags, Reals, Value
from pathmix._weights import Weights
from pathmix._where import where

_ON_THE_WAY = 0.5 ** np.arange(1, 6)
"""Where between two points a valley is looked for, in shares of the way from the lower one."""


def distinct(weights: Weights, components: Canonical, value: Value, height: Reals) -> Flags:
    """Return which of ``entries *batch``, the highest first, are modes that do not come before.

    Each is compared to every higher one. What comes from a slope, or a plateau beside something
    higher, has no valley before it either.
    """
    number = jnp.arange(len(value)).reshape(-1, *(1,) * (height.ndim - 1))
    floor = height - 4 * rounding(height)
    # an infinite density falls at once on the way from it
    floor = where(height == jnp.inf, jnp.inf, floor)

    def step(same: Flags, at: tuple[Array, Array]) -> tuple[Flags, None]:
        other, i = at
        lowest = _lowest(weights, components, value, other, height)
        return same | ((number > i) & (lowest >= floor)), None

    same = jnp.zeros(height.shape, bool)
    return ~lax.scan(step, same, (value, jnp.arange(len(value))))[0]


def _lowest(
    weights: Weights, components: Canonical, value: Value, other: Value, height: Reals
) -> Reals:
    """The least log density on the way from each value to the ``other``."""
    share = _ON_THE_WAY.astype(other.dtype).reshape(-1, *(1,) * value.ndim)
    if components.selectable and is_circular(components):
        way = around(value + share * around(other - value))
    else:
        way = value + share * (other - value)
    way = jnp.round(way) if components.is_discrete else way
    heights = _evaluation.log_prob(weights, components, way)
    return jnp.min(where(jnp.isnan(heights), height, heights), axis=0)
