"""A mixture as numbers without constraints, by the names of its parameters."""

from typing import TypeAlias

import jax.numpy as jnp
from jax import Array

from pathmix._components import Canonical
from pathmix._estimation._parameters import leaves
from pathmix._estimation._sweep import Model
from pathmix._where import where

Free: TypeAlias = dict[str, Array]
"""``"weights"``, the logarithms of the weights, and each parameter through ``biject_to``."""


def is_smooth(components: Canonical) -> bool:
    """Whether some parameters that are estimated have unconstrained numbers."""
    return any(leaf.constraint is not None for leaf in leaves(components))


def unconstrained(model: Model) -> Free:
    """Return log weights and unconstrained parameters."""
    tiny = jnp.finfo(model.weights.dtype).tiny
    free = {"weights": jnp.log(jnp.maximum(model.weights, tiny))}
    for leaf, p in zip(leaves(model.components), model.components.parameters, strict=True):
        if leaf.constraint is not None:
            free[leaf.name] = leaf.transform.inv(p)
    return free


def constrained(free: Free, like: Model) -> Model:
    """Return the mixture of these numbers; what has none, and weights of zero, are as before."""
    log_w = free["weights"]
    weights = where(like.weights > 0, jnp.exp(log_w - jnp.max(log_w)), 0.0)
    new = [
        p if leaf.constraint is None else leaf.transform(free[leaf.name]).astype(p.dtype)
        for leaf, p in zip(leaves(like.components), like.components.parameters, strict=True)
    ]
    return Model(weights / jnp.sum(weights), like.components.of(new))
