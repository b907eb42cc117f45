"""Velocities worked out in blocks of components and of coordinates are those of all at once."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from pathmix import MixtureSameFamily
from pathmix._evaluation import _blocks
from pathmix._pathwise import _logits

K, E = 6, 4


def normals(p):
    return dist.Normal(p["loc"], p["scale"]).to_event(1)


def full(p):
    factor = p["scale"][..., None] * jnp.eye(E) + jnp.tril(p["below"], -1)
    return dist.MultivariateNormal(p["loc"], scale_tril=factor)


def parameters():
    rng = np.random.default_rng(0)
    return {
        "logits": rng.normal(size=K),
        "loc": rng.normal(size=(K, E)),
        "scale": np.exp(0.3 * rng.normal(size=(K, E))),
        "below": 0.3 * rng.normal(size=(K, E, E)),
    }


# one component or coordinate at a time, and two; samples that can be split, and not
@pytest.mark.parametrize(("make", "block", "n"), [(normals, 1, 7), (full, 20, 8)])
@pytest.mark.slow
def test_blocks_change_nothing(make, block, n, x64, monkeypatch):
    x = np.random.default_rng(1).normal(size=(n, E))
    direction = jax.tree.map(lambda v: np.cos(np.arange(v.size)).reshape(v.shape), parameters())

    def loss(p):
        mixture = MixtureSameFamily(dist.Categorical(logits=p["logits"]), make(p), True)
        return jnp.sum(jnp.sin(mixture.reparameterize_sample(x)))

    def derivatives():
        jax.clear_caches()  # they hold this size of block
        slope = lambda p: jax.jvp(loss, (p,), (direction,))[1]  # noqa: E731
        return jax.jit(lambda p: (jax.grad(loss)(p), slope(p), jax.grad(slope)(p)))(parameters())

    at_once = derivatives()
    monkeypatch.setattr(_blocks, "SMALL", 0)
    monkeypatch.setattr(_blocks, "BLOCK", block * E)
    monkeypatch.setattr(_logits, "RECURRENCE", block * K)
    blocked = derivatives()
    jax.clear_caches()
    assert np.all(at_once[0]["logits"] != 0)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11), blocked, at_once
    )


@pytest.mark.parametrize("event_shape", [(), (1,), (2,), (5,), (2, 3)])
def test_the_gradient_leaves_the_draw_as_it_is(event_shape):
    """Under a derivative, vectors come through a loop."""
    x = jnp.asarray(np.random.default_rng(1).normal(size=(4, 2, *event_shape)))
    loc = jnp.zeros((2, 3, *event_shape))
    components = lambda loc: dist.Normal(loc, 1.0).to_event(len(event_shape))  # noqa: E731
    weights = dist.Categorical(logits=jnp.zeros((2, 3)))

    def attached(loc):
        return MixtureSameFamily(weights, components(loc), True).reparameterize_sample(x)

    value, slope = jax.jvp(attached, (loc,), (jnp.ones_like(loc),))
    np.testing.assert_array_equal(value, x)
    np.testing.assert_allclose(slope, 1, rtol=1e-5)  # all components move alike
