"""A mixture as numbers without constraints, by the names of its parameters."""

from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool

from pathmix._components import Canonical
from pathmix._estimation._parameters import leaves, of_leaf
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


@jax.jit
def is_at_an_end(model: Model) -> Bool[Array, " k"]:
    """Whether components have parameters that are no numbers, or at an end of what they may be."""
    k, numbers = len(model.weights), unconstrained(model)
    del numbers["weights"]
    gone = [~jnp.all(jnp.isfinite(u.reshape(len(u), -1)), axis=1) for u in numbers.values()]
    each = [jnp.broadcast_to(g, k) for g in gone]
    return jnp.any(jnp.stack([jnp.zeros(k, bool), *each]), axis=0)


def inside(new: Model, old: Model) -> Model:
    """Return the new mixture, but the old parameters of components that came to an end.

    A few rows may be all alike, or flat in a direction: what a component has of them next may not.
    Counts may well have probabilities of zero.
    """
    if old.components.is_discrete:
        return new
    ended = is_at_an_end(new) & ~is_at_an_end(old)

    def keep(p: Array, q: Array) -> Array:
        of_each = ended if len(p) == len(ended) else jnp.any(ended, keepdims=True)
        return where(of_leaf(of_each, p), q, p)

    pairs = zip(new.components.parameters, old.components.parameters, strict=True)
    return Model(new.weights, new.components.of([keep(p, q) for p, q in pairs]))
