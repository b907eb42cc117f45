"""Draws from chosen components."""

import jax
import jax.numpy as jnp

from pathmix._components import Canonical, Opaque
from pathmix._layout import gather_components, select_components
from pathmix._typing import Index, Value


def draw(components: Canonical, index: Index, key: jax.Array) -> Value:
    """Draw ``*sample *batch *event``, entry by entry from the component at ``index``.

    Costs one draw per entry where the parameters are known, and ``k`` otherwise. Draws have the
    dtype of the parameters.
    """
    recipe = components.recipe
    if not isinstance(recipe, Opaque):
        pairs = zip(components.parameters, recipe.event_dims, strict=True)
        taken = recipe.build([gather_components(p, n, index) for p, n in pairs], to_draw=True)
        x = jnp.asarray(taken.expand(index.shape).sample(key))
    else:
        d = components.distribution
        sample_shape = index.shape[: index.ndim - len(d.batch_shape) + 1]
        draws = jnp.asarray(d.sample(key, sample_shape))
        x = select_components(draws, components.event_dim, index)
    return x.astype(components.dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x
