"""Integrands with an argument of their own for each member of a batch of mixtures."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from cases.expectations import NORMALS, assert_unbiased, every_estimator, independent
from cases.mixtures import by_logits
from pathmix import expectation

STATES = jnp.array([[-1.0, 0.5], [0.0, 2.0], [1.5, -0.5]])
LOC = jnp.array([[-1.0, 1.0], [0.0, 0.5], [2.0, 3.0]])[:, None, :]  # batch (3, 1), expanded


def make(loc):
    return by_logits(NORMALS["logits"], dist.Normal(jnp.broadcast_to(loc, (3, 2, 2)), 0.7))


@every_estimator
def test_each_member_has_its_own_integrand(estimator):
    """``E[(x − s)² , s x]`` by the moments of normals, and its gradient in s and the locations."""

    def fn(x, own):
        assert x.shape == own["s"].shape == ()
        return jnp.stack([(x - own["s"]) ** 2, own["s"] * x])

    def estimates(p, key):
        def estimate(p):
            return expectation(
                fn,
                make(p["loc"]),
                key=key,
                num_samples=400,
                estimator=estimator,
                batched={"s": p["s"]},
            )

        return estimate(p), jax.grad(lambda p: jnp.sum(estimate(p)))(p)

    w = jax.nn.softmax(NORMALS["logits"])

    def exact(p):
        loc, s = jnp.broadcast_to(p["loc"], (3, 2, 2)), p["s"]
        return jnp.stack([((loc - s[..., None]) ** 2) @ w + 0.49, s * (loc @ w)], axis=-1)

    p = {"loc": LOC, "s": STATES}
    truth = exact(p), jax.grad(lambda p: jnp.sum(exact(p)))(p)
    assert_unbiased(independent(estimates, p), truth)


def test_vector_events_and_matrices_of_their_own():
    """An affine integrand ``A_i x``: the mean is ``A_i E[x]``, exactly ``A_i loc`` at scale 0."""
    loc = np.arange(12.0, dtype=np.float32).reshape(3, 2, 2)
    matrices = np.arange(18.0, dtype=np.float32).reshape(3, 3, 2)
    mixture = by_logits(jnp.zeros(2), dist.Normal(jnp.asarray(loc), 1e-30).to_event(1))
    found = expectation(
        lambda x, matrix: matrix @ x,
        mixture,
        key=jax.random.key(0),
        num_samples=4,
        batched=jnp.asarray(matrices),
    )
    np.testing.assert_allclose(found, np.einsum("bij,bkj->bi", matrices, loc) / 2, rtol=1e-6)


def test_a_closure_is_the_same_for_every_member():
    """What the documentation says: all the states meet the draws of all members."""
    states = jnp.arange(3.0)
    mixture = by_logits(jnp.zeros(2), dist.Normal(jnp.zeros((3, 2))))
    kwargs = {"key": jax.random.key(0), "num_samples": 4}
    assert expectation(lambda x: x + states, mixture, **kwargs).shape == (3, 3)
    own = expectation(lambda x, s: s + 0 * x, mixture, batched=states, **kwargs)
    np.testing.assert_array_equal(own, states)


def test_a_single_mixture_takes_the_whole():
    """Without a batch every array has its shape, (), in front."""
    mixture = by_logits(jnp.zeros(2), dist.Normal(jnp.zeros(2)))
    found = expectation(
        lambda x, both: both * jnp.ones_like(x),
        mixture,
        key=jax.random.key(0),
        num_samples=4,
        batched=jnp.array([1.0, 2.0]),
    )
    assert found == pytest.approx(np.array([1.0, 2.0]))
