"""Mixtures that are written to files, and what it is to be the same."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from pathmix import Mixture, MixtureSameFamily

WEIGHTS = dist.Categorical(probs=jnp.array([0.3, 0.7]))
LOC, SCALE = jnp.array([-1.0, 2.0]), jnp.array([0.5, 3.0])


def assert_same(found, mixture):
    assert type(found) is type(mixture)
    assert jax.tree.structure(found) == jax.tree.structure(mixture)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(mixture), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
    for name in ("batch_shape", "event_shape", "is_discrete"):
        assert getattr(found, name, None) == getattr(mixture, name, None)


def normal(**options):
    return MixtureSameFamily(WEIGHTS, dist.Normal(LOC, SCALE), **options)


def pair(*components, **options):
    return Mixture(WEIGHTS, list(components), **options)
