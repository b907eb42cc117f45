"""A mixture as a JAX pytree and a NumPyro distribution: copies, transformations, wrappers."""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions.batch_util import promote_batch_shape

from cases.mixtures import by_logits, by_probs
from pathmix import MixtureSameFamily


def scalar(**kwargs):
    return by_probs(
        [0.3, 0.7], dist.Normal(jnp.array([-1.0, 1.0]), jnp.array([0.1, 0.5])), **kwargs
    )


def vectors():
    loc = jnp.arange(24.0).reshape(4, 3, 2)
    return by_logits(jnp.arange(3.0), dist.Normal(loc, 2.0).to_event(1))


def matrices():
    return by_logits(jnp.zeros(2), dist.MultivariateNormal(jnp.zeros((2, 3)), jnp.eye(3)))


def cut():
    return by_logits(jnp.zeros((4, 2)), dist.TruncatedNormal(jnp.zeros((4, 2)), low=-1.0))


def named():
    return scalar(name="prices", allow_nan_stats=False, validate_args=True)


MAKERS = [scalar, vectors, matrices, cut, named]
COPIES = {
    "jax.tree": lambda m: jax.tree.unflatten(*reversed(jax.tree.flatten(m))),
    "jax.tree.map": lambda m: jax.tree.map(lambda x: x, m),
    "pickle": lambda m: pickle.loads(pickle.dumps(m)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "jit": jax.jit(lambda m: m),
}
FIELDS = ("batch_shape", "event_shape", "name", "allow_nan_stats", "reparameterize", "dtype")


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
def test_copies(make, duplicate):
    mixture = make()
    other = duplicate(mixture)
    assert type(other) is MixtureSameFamily
    for name in (*FIELDS, "_validate_args"):
        assert getattr(other, name) == getattr(mixture, name)
    x = mixture.sample(jax.random.key(0), (5,))
    np.testing.assert_array_equal(other.sample(jax.random.key(0), (5,)), x)
    np.testing.assert_array_equal(other.log_prob(x), mixture.log_prob(x))


def test_the_name_survives_validation_copies():
    assert copy.copy(named()).name == "prices"
    assert named().expand((3,)).name == "prices"
    assert not named().expand((3,)).allow_nan_stats


def test_structures_are_compared_by_their_static_fields():
    assert jax.tree.structure(scalar()) == jax.tree.structure(scalar())
    assert jax.tree.structure(scalar()) != jax.tree.structure(scalar(name="other"))


def test_jit_compiles_once_for_mixtures_of_one_shape():
    traces = []

    @jax.jit
    def log_prob(mixture, x):
        traces.append(1)
        return mixture.log_prob(x)

    for loc in (0.0, 1.0):
        log_prob(by_probs(jnp.array([0.3, 0.7]), dist.Normal(jnp.array([loc, 2.0]))), 0.5)
    assert len(traces) == 1


def test_gradients_with_respect_to_a_mixture():
    gradient = jax.grad(lambda m: m.log_prob(0.9))(scalar())
    assert isinstance(gradient, MixtureSameFamily)
    assert jax.tree.structure(gradient) == jax.tree.structure(scalar())
    by_loc = jax.grad(
        lambda loc: by_probs([0.3, 0.7], dist.Normal(loc, jnp.array([0.1, 0.5]))).log_prob(0.9)
    )
    np.testing.assert_allclose(gradient.components_distribution.loc, by_loc(jnp.array([-1.0, 1.0])))


def test_forward_and_reverse_mode_agree(x64):
    def log_prob(theta):
        return by_logits(theta[0], dist.Normal(theta[1], jnp.exp(theta[2]))).log_prob(
            jnp.arange(3.0)
        )

    theta = jnp.array([[0.1, 0.2, -0.3], [0.0, 1.0, 2.0], [0.3, -0.2, 0.1]])
    forward, backward = jax.jacfwd(log_prob)(theta), jax.jacrev(log_prob)(theta)
    np.testing.assert_allclose(forward, backward, rtol=1e-12, atol=1e-14)
    hessian = jax.hessian(lambda t: log_prob(t).sum())(theta)
    nested = jax.jacrev(jax.jacfwd(lambda t: log_prob(t).sum()))(theta)
    np.testing.assert_allclose(hessian, nested, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 5, 4)], ids=str)
@pytest.mark.parametrize("make", [scalar, vectors, cut])
def test_expand(make, shape):
    mixture = make()
    expanded = mixture.expand(shape)
    assert isinstance(expanded, MixtureSameFamily)
    assert expanded.batch_shape == shape
    assert expanded.event_shape == mixture.event_shape
    x = expanded.sample(jax.random.key(0), (3,))
    assert x.shape == (3, *shape, *mixture.event_shape)
    assert np.unique(x).size == x.size
    np.testing.assert_allclose(expanded.log_prob(x), mixture.log_prob(x), rtol=1e-5)
    assert expanded.mean.shape == (*shape, *mixture.event_shape)
    np.testing.assert_allclose(expanded.mean, np.broadcast_to(mixture.mean, expanded.mean.shape))


def test_expand_twice():
    mixture = cut().expand((3, 4)).expand((2, 3, 4))
    assert mixture.sample(jax.random.key(0)).shape == (2, 3, 4)


def test_expand_to_a_shape_that_does_not_fit():
    with pytest.raises(ValueError, match="broadcast"):
        cut().expand((3,))


def test_to_event_and_mask():
    mixture = cut()
    x = mixture.sample(jax.random.key(0), (5,))
    event = mixture.to_event(1)
    assert (event.batch_shape, event.event_shape) == ((), (4,))
    np.testing.assert_allclose(event.log_prob(x), mixture.log_prob(x).sum(-1), rtol=1e-6)
    mask = jnp.array([True, False, True, False])
    np.testing.assert_allclose(mixture.mask(mask).log_prob(x), mixture.log_prob(x) * mask)


def test_batched_parameters_made_inside_vmap():
    loc = jnp.arange(6.0).reshape(3, 2)

    def log_prob(loc):
        return MixtureSameFamily(dist.Categorical(logits=jnp.zeros(2)), dist.Normal(loc)).log_prob(
            0.5
        )

    np.testing.assert_allclose(jax.vmap(log_prob)(loc), [log_prob(each) for each in loc], rtol=1e-6)


@pytest.mark.parametrize("event", [(), (2,)], ids=str)
def test_a_mixture_returned_from_vmap_is_promoted(event):
    """Its arrays have one more axis than its batch shape says, until it is promoted."""
    loc = jnp.arange(3.0 * 2 * np.prod(event, dtype=int)).reshape(3, 2, *event)

    def make(loc):
        return by_logits(loc.reshape(2, -1)[:, 0], dist.Normal(loc).to_event(len(event)))

    promoted = promote_batch_shape(jax.vmap(make)(loc))
    assert promoted.batch_shape == (3,)
    x = promoted.sample(jax.random.key(0), (4,))
    assert x.shape == (4, 3, *event)
    wanted = jnp.stack([make(each).log_prob(x[:, b]) for b, each in enumerate(loc)], -1)
    np.testing.assert_allclose(promoted.log_prob(x), wanted, rtol=1e-5)


def test_a_mixture_returned_from_vmap_with_shared_weights():
    make = jax.vmap(lambda loc: by_logits(jnp.zeros(2), dist.Normal(loc)))
    promoted = promote_batch_shape(make(jnp.arange(6.0).reshape(3, 2)))
    assert promoted.batch_shape == (3,)
    assert promoted.log_prob(jnp.zeros((5, 3))).shape == (5, 3)


def test_scan_over_parameters():
    def step(total, loc):
        return total + by_logits(jnp.zeros(2), dist.Normal(loc)).log_prob(0.5), None

    loc = jnp.arange(6.0).reshape(3, 2)
    total, _ = jax.lax.scan(step, jnp.zeros(()), loc)
    np.testing.assert_allclose(
        total, by_logits(jnp.zeros(2), dist.Normal(loc)).log_prob(0.5).sum(), rtol=1e-6
    )
