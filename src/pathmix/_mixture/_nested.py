"""A batch of mixtures as the components of a mixture: taken apart, so that it is one mixture."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array
from numpyro.distributions import Distribution

from pathmix._components import Canonical, canonical, split
from pathmix._weights import Logits, Weights, weights_of

Numbers: TypeAlias = Callable[[Weights], Array]
"""Weights as numbers, or as their logs."""
Times: TypeAlias = Callable[[Array, Array], Array]


def taken_apart(
    mixture: Distribution, inner: Weights, components: Canonical
) -> tuple[Distribution, Distribution]:
    """Return weights and components of a mixture of mixtures, ``*batch k·j``.

    Of ``k`` mixtures of ``j`` components each, those of the first one come first.
    """
    if len(split(components)) > 1 or not components.selectable:
        raise NotImplementedError(
            "expected mixtures of one family, whose parameters are known, in a batch, got "
            f"{components.family.name}. List them: "
            "pathmix.Mixture(weights, [components[i] for i in range(k)])."
        )
    *batch, k, j = components.batch_shape

    def flat(p: Any, n: int) -> Any:
        event = p.shape[p.ndim - n :]
        return jnp.broadcast_to(p, (*batch, k, j, *event)).reshape(*batch, k * j, *event)

    def joint(outer: Array, of: Numbers, times: Times) -> Array:
        both = times(outer[..., None], of(inner))
        return both.reshape(*both.shape[:-2], -1)

    weights = weights_within(mixture, k, joint)
    return weights, components.map(flat).expand((*batch, k * j)).distribution


def weights_within(
    mixture: Distribution, k: int, joint: Callable[[Array, Numbers, Times], Array]
) -> Distribution:
    """Return the weights of all, ``w_k v_kj``, by what the outer ones are given by.

    ``joint`` makes them of the outer ones, of what gives inner ones as the same, and of how the two
    are multiplied: logs are added.
    """
    outer = weights_of(canonical(mixture).plain, k)
    if isinstance(outer, Logits):
        logits = joint(outer.log(), lambda inner: inner.log(), jnp.add)
        return dist.Categorical(logits=logits, validate_args=False)
    probs = joint(outer.values(), lambda inner: inner.values(), jnp.multiply)
    return dist.Categorical(probs=probs, validate_args=False)
