"""Mixtures of TFP and Distrax as ours: further rows of the table of families."""

from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from pathmix._mixture._same_family import MixtureSameFamily
from pathmix._mixture._several_families import Mixture
from pathmix._outside import DISTRAX, TFP, reads


def _of_same_family(d: Any) -> Distribution:
    """TFP's flag for gradients of draws is kept; Distrax's draws have none to the weights."""
    kept = getattr(d, "parameters", {})
    reparameterize = bool(isinstance(kept, dict) and kept.get("reparameterize", False))
    return MixtureSameFamily(d.mixture_distribution, d.components_distribution, reparameterize)


reads(TFP, "MixtureSameFamily", "pathmix.MixtureSameFamily")(_of_same_family)
reads(DISTRAX, "MixtureSameFamily", "pathmix.MixtureSameFamily")(_of_same_family)


@reads(TFP, "Mixture", "pathmix.Mixture")
def _of_several(d: Any) -> Distribution:
    return Mixture(d.cat, list(d.components))


@reads(DISTRAX, "MixtureOfTwo", "pathmix.Mixture")
def _of_two(d: Any) -> Distribution:
    share = jnp.asarray(d.prob_a)
    weights = dist.Categorical(probs=jnp.stack([share, 1 - share], axis=-1), validate_args=False)
    return Mixture(weights, [d._component_a, d._component_b])
