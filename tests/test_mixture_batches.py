"""Batches of mixtures: members, what vmap returns, plates, and subclasses with a constructor."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro import handlers

from pathmix import MixtureSameFamily

WEIGHTS = jnp.array([0.3, 0.7])


def batch_of(loc, **weights):
    weights = weights or {"probs": WEIGHTS}
    return MixtureSameFamily(dist.Categorical(**weights), dist.Normal(loc, 0.5))


LOC = jnp.arange(24.0).reshape(3, 4, 2)
BATCHES = {
    "shared weights": batch_of(LOC),
    "own weights": batch_of(LOC, logits=jnp.sin(LOC)),
    "expanded": batch_of(LOC[0, 0]).expand((3, 4)),
    "vectors": MixtureSameFamily(
        dist.Categorical(probs=WEIGHTS),
        dist.MultivariateNormal(jnp.stack([LOC, -LOC], -1), scale_tril=jnp.eye(2)),
    ),
}
INDICES = [0, -1, (1, 2), slice(1, None), (..., -1), (slice(None), 0), (None, 1), (1, ...)]


@pytest.mark.parametrize("index", INDICES, ids=str)
@pytest.mark.parametrize("name", BATCHES)
def test_a_member_is_that_of_the_batch(name, index):
    """The density of a member is the member of the densities, and its shape NumPy's."""
    batch = BATCHES[name]
    member = batch[index]
    assert member.batch_shape == np.zeros(batch.batch_shape)[index].shape
    assert member.event_shape == batch.event_shape
    x = jnp.full(batch.event_shape, 0.7)
    np.testing.assert_allclose(member.log_prob(x), batch.log_prob(x)[index], rtol=1e-6)
    first = (..., *(0,) * batch.event_dim)  # so that an ellipsis stays within the batch
    np.testing.assert_allclose(member.mean[first], batch.mean[first][index], rtol=1e-6)


@pytest.mark.parametrize("index", [(0, 0, 0), (0, ..., 0, 0)])
def test_too_many_indices_do_not_reach_the_components(index):
    with pytest.raises(IndexError, match="at most 2 indices"):
        BATCHES["own weights"][index]


def test_a_mixture_that_is_no_batch_has_no_members():
    with pytest.raises(IndexError, match="at most 0 indices"):
        batch_of(LOC[0, 0])[0]


MAKERS = {
    "weights fixed": lambda t: batch_of(t),
    "weights by logits": lambda t: batch_of(t, logits=t),
    "components fixed": lambda t: batch_of(jnp.array([0.0, 1.0]), logits=t),
    "factorised": lambda t: MixtureSameFamily(
        dist.Categorical(probs=WEIGHTS), dist.Normal(t[:, None] + jnp.zeros(3), 1.0).to_event(1)
    ),
    "affine": lambda t: MixtureSameFamily(
        dist.Categorical(probs=WEIGHTS),
        dist.TransformedDistribution(
            dist.Normal(jnp.zeros(2), 1.0), [dist.transforms.AffineTransform(t[0], 2.0)]
        ),
    ),
    "of an unknown structure": lambda t: MixtureSameFamily(
        dist.Categorical(probs=WEIGHTS), dist.Multinomial(3, probs=jax.nn.softmax(t + jnp.eye(2)))
    ),
    "batches": lambda t: batch_of(t + jnp.zeros((3, 2))),
}


@pytest.mark.parametrize("name", MAKERS)
def test_what_vmap_returns_is_a_batch(name):
    """Evaluated outside of vmap it is what is evaluated member by member."""
    make, theta = MAKERS[name], jnp.linspace(-1.0, 2.0, 8).reshape(4, 2)
    batch = jax.vmap(make)(theta)
    members = [make(t) for t in theta]
    assert batch.batch_shape == (4, *members[0].batch_shape)
    x = members[0].sample(jax.random.key(1))
    stacked = np.stack([m.log_prob(x) for m in members])
    np.testing.assert_allclose(batch.log_prob(x), stacked, rtol=2e-6)
    np.testing.assert_allclose(batch.mean, np.stack([m.mean for m in members]), rtol=2e-6)
    draws = batch.sample(jax.random.key(2), (5,))
    assert draws.shape == (5, *batch.shape())
    again = jax.vmap(lambda m: m.log_prob(x))(batch)  # and member by member within vmap
    np.testing.assert_allclose(again, stacked, rtol=2e-6)


def test_members_of_what_vmap_returns_are_drawn_independently():
    """Of 4 × 2000 standard normals the largest correlation exceeds 4.5/√2000 once in 10⁵ runs."""
    batch = jax.vmap(lambda s: batch_of(jnp.zeros(2) * s))(jnp.ones(4))
    correlation = np.corrcoef(np.asarray(batch.sample(jax.random.key(0), (2000,))).T)
    assert np.abs(correlation - np.eye(4)).max() < 4.5 / 2000**0.5


def test_a_plate_costs_nothing_more():
    """Expanded, the parameters are those of one mixture: nothing is copied for each point."""
    mixture = batch_of(LOC[0, 0]).expand((1000,))
    assert sum(leaf.size for leaf in jax.tree.leaves(mixture)) == 5
    with handlers.seed(rng_seed=0), handlers.trace() as trace, numpyro.plate("n", 1000):
        numpyro.sample("x", batch_of(LOC[0, 0]))
    assert trace["x"]["value"].shape == (1000,)


class TwoNormals(MixtureSameFamily):
    """A subclass with a constructor, and a field, of its own."""

    pytree_data_fields = ("scale",)

    def __init__(self, probs, loc, scale):
        super().__init__(dist.Categorical(probs=probs), dist.Normal(loc, scale))
        self.scale = jnp.asarray(scale)


def test_a_subclass_with_its_own_constructor_is_copied():
    make = lambda loc: TwoNormals(WEIGHTS, loc, 0.5)  # noqa: E731
    mixture = make(LOC[0, 0])
    batch = jax.vmap(make)(LOC[0])
    leaf = jax.tree.leaves(mixture)[0]
    for copy in (mixture.expand((3,)), batch, batch[1], jax.tree.map(lambda t: t, mixture)):
        assert type(copy) is TwoNormals
        assert copy.scale is not None
    np.testing.assert_array_equal(leaf, WEIGHTS)
    np.testing.assert_allclose(batch.log_prob(0.0)[0], mixture.log_prob(0.0), rtol=1e-6)
    with handlers.seed(rng_seed=0), numpyro.plate("n", 7):
        assert numpyro.sample("x", mixture).shape == (7,)
