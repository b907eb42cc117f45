"""Mixtures that are truncated and censored, and how closely draws are held to them."""

import jax.numpy as jnp
import numpyro.distributions as dist
from scipy import stats

from pathmix import MixtureSameFamily

ALPHA = 1e-5
"""The level of each test of draws."""


def two(components, probs=(0.3, 0.7), **options):
    return MixtureSameFamily(dist.Categorical(probs=jnp.array(probs)), components, **options)


def normals(**options):
    return two(dist.Normal(jnp.array([-1.0, 1.0]), jnp.array([0.5, 2.0])), **options)


def reference(x):
    return 0.3 * stats.norm.cdf(x, -1, 0.5) + 0.7 * stats.norm.cdf(x, 1, 2)
