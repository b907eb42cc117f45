"""Folding over components, in blocks that a cache holds; points are rows as in ``_rows``."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from numpyro.distributions import Distribution

from pathmix._families._gather import largest_divisor
from pathmix._families._rows import from_rows, log_prob_rows, select, to_rows
from pathmix._typing import PerComponent, Reals, Value

_BLOCK = 2**18
"""Values of one block, over points, event and components: about what a core's cache holds."""
_SCALARS = 4
"""How many times as many of scalars, which are worked out in place."""


def over_blocks(step: Any, start: Any, components: Distribution, x: Value) -> Any:
    """Fold ``step(total, indices)`` over the indices of the components, block by block.

    The reverse pass works every block out again, which is cheaper than to store it.
    """
    blocks = _blocks(components, x)
    step = jax.checkpoint(step, prevent_cse=False)
    if len(blocks) == 1:
        return step(start, blocks[0])
    return lax.scan(lambda total, block: (step(total, block), None), start, blocks)[0]


def block_terms(components: Distribution, x: Value, block: Array) -> Reals:
    """Return the log densities of the components of a block, ``k split rest *batch``."""
    return jax.vmap(lambda k: log_prob_rows(select(components, k), x))(block)


def all_terms(components: Distribution, x: Value) -> Reals:
    """Return the log densities of all components, ``k split rest *batch``."""
    blocks = _blocks(components, x)
    terms = jax.checkpoint(partial(block_terms, components, x), prevent_cse=False)
    return terms(blocks[0]) if len(blocks) == 1 else jnp.concatenate(lax.map(terms, blocks))


def component_terms(components: Distribution, x: Value) -> PerComponent:
    """Return the log densities ``*sample *batch k`` of all components at ``x``."""
    events, batch = components.event_dim, len(components.batch_shape) - 1
    terms = all_terms(components, to_rows(x, events, batch))
    return from_rows(
        jnp.moveaxis(terms, 0, -1), x.shape[: x.ndim - events] + components.batch_shape[-1:]
    )


def _blocks(components: Distribution, x: Value) -> Array:
    """Indices of the components, block by block; of more than three vectors two blocks at least.

    What a loop reads is worked out once; outside of one, compilers would work a point that is a
    draw out again for every component.
    """
    count = components.batch_shape[-1]
    most = _BLOCK // max(x.size, 1)
    most = min(most, max(count // 2, 3)) if components.event_dim else _SCALARS * most
    return jnp.arange(count).reshape(-1, largest_divisor(count, most))
