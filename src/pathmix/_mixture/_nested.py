"""A batch of mixtures as the components of a mixture: taken apart, so that it is one mixture."""

from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._components import Canonical, canonical, split
from pathmix._weights import Logits, Weights, weights_of


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

    return _weights(mixture, inner, k), components.map(flat).expand((*batch, k * j)).distribution


def _weights(mixture: Distribution, inner: Weights, k: int) -> Distribution:
    """The weights of all, ``w_k v_kj``, by what the outer ones are given by."""
    outer = weights_of(canonical(mixture).plain, k)
    if isinstance(outer, Logits):
        both = outer.log()[..., None] + inner.log()
        logits = both.reshape(*both.shape[:-2], -1)
        return dist.Categorical(logits=logits, validate_args=False)
    product = outer.values()[..., None] * inner.values()
    return dist.Categorical(probs=product.reshape(*product.shape[:-2], -1), validate_args=False)
