"""Mixtures of several families, of weights that rise."""

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from pathmix import Mixture


def shares(k):
    return np.arange(1.0, k + 1) / (k * (k + 1) / 2)


def mix(components, **options):
    weights = dist.Categorical(probs=jnp.asarray(shares(len(components))))
    return Mixture(weights, components, **options)
