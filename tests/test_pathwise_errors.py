"""Which mixtures have draws with gradients, and how those that have none say so."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import transforms

from cases.mixtures import by_logits, by_probs
from pathmix import MixtureSameFamily

PAIR = jnp.array([0.2, 0.6])
LOGITS = jnp.array([0.3, -0.3])

DISCRETE = {
    "Poisson": lambda: dist.Poisson(1 + PAIR),
    "BernoulliProbs": lambda: dist.Bernoulli(probs=PAIR),
    "BinomialLogits": lambda: dist.Binomial(3, logits=PAIR),
    "MultinomialProbs": lambda: dist.Multinomial(3, probs=jnp.full((2, 4), 0.25)),
    "Independent": lambda: dist.Poisson(jnp.ones((2, 3))).to_event(1),
    "ExpandedDistribution": lambda: dist.Poisson(1.0).expand((2,)),
}


class Unknown(dist.Gompertz):
    """A family that the library does not know: of a subclass it takes nothing for granted."""


CONDITIONALS = ["conditional distributions", "gradients of the mixture weights"]
NO_GRADIENT = {
    "Unknown": (
        lambda: Unknown(1 + PAIR, 1.0),
        ["no pathwise gradient for Unknown components", "known log tails"],
    ),
    "Independent Unknown": (
        lambda: Unknown(jnp.ones((2, 3)), 1.0).to_event(1),
        ["no pathwise gradient for Unknown components"],
    ),
    "expanded Unknown": (
        lambda: Unknown(1.0, 1.0).expand((2,)),
        ["no pathwise gradient for Unknown components"],
    ),
    "transformed Unknown": (
        lambda: dist.TransformedDistribution(Unknown(1 + PAIR, 1.0), transforms.ExpTransform()),
        ["no pathwise gradient for Unknown components"],
    ),
    "Independent MultivariateNormal": (
        lambda: dist.MultivariateNormal(jnp.zeros((2, 4, 3)), jnp.eye(3)).to_event(1),
        ["Independent components", "event shape", *CONDITIONALS],
    ),
    "a multivariate transform": (
        lambda: dist.TransformedDistribution(
            dist.Normal(jnp.zeros((2, 3))).to_event(1),
            transforms.LowerCholeskyAffine(jnp.zeros(3), jnp.eye(3)),
        ),
        ["TransformedDistribution components", "event shape (3,)", *CONDITIONALS],
    ),
    "a transformed MultivariateNormal": (
        lambda: dist.TransformedDistribution(
            dist.MultivariateNormal(jnp.zeros((2, 3)), jnp.eye(3)), transforms.ExpTransform()
        ),
        ["components", "event shape (3,)", *CONDITIONALS],
    ),
}
ALTERNATIVES = ["expected", "Independent", "reparameterize=False", "`component_log_probs`"]


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_components(name):
    """A wrong argument, at construction; nothing is wrong without the flag."""
    components = DISCRETE[name]()
    with pytest.raises(ValueError, match="expected continuous components") as caught:
        by_logits(LOGITS, components, reparameterize=True)
    for phrase in (f"discrete {name}", "reparameterize=False", "`component_log_probs`"):
        assert phrase in str(caught.value)
    plain = by_logits(LOGITS, components)
    with pytest.raises(ValueError, match="expected continuous components"):
        plain.reparameterize_sample(plain.sample(jax.random.key(0)))


@pytest.mark.parametrize(("make", "phrases"), NO_GRADIENT.values(), ids=NO_GRADIENT)
def test_families_without_pathwise_gradients(make, phrases):
    """The text names the family, what is missing and what to do; draws and densities work."""
    with pytest.raises(NotImplementedError) as caught:
        by_logits(LOGITS, make(), reparameterize=True)
    for phrase in (*phrases, *ALTERNATIVES):
        assert phrase in str(caught.value)
    plain = by_logits(LOGITS, make())
    x = plain.sample(jax.random.key(0))
    assert np.isfinite(plain.log_prob(x))
    with pytest.raises(NotImplementedError):
        plain.reparameterize_sample(x)


def test_the_same_under_jit():
    def build(logits, components):
        return by_logits(logits, components, reparameterize=True).sample(jax.random.key(0))

    with pytest.raises(ValueError, match="discrete Poisson"):
        jax.jit(build)(LOGITS, dist.Poisson(1 + PAIR))
    with pytest.raises(NotImplementedError, match="Unknown"):
        jax.jit(build)(LOGITS, Unknown(1 + PAIR, 1.0))


def test_arguments_are_checked_before_the_family():
    """A mixture that does not fit together says so first."""
    with pytest.raises(ValueError, match="as many categories"):
        by_logits(jnp.zeros(3), dist.Poisson(1 + PAIR), reparameterize=True)


def normals(*, reparameterize, logits=LOGITS, loc=PAIR, scale=1.0, **kwargs):
    return by_logits(logits, dist.Normal(loc, scale), reparameterize=reparameterize, **kwargs)


def test_rsample_needs_the_flag():
    mixture = normals(reparameterize=False)
    for draw in (mixture.rsample, jax.jit(mixture.rsample), mixture.expand((3,)).rsample):
        with pytest.raises(NotImplementedError, match="reparameterize=True") as caught:
            draw(jax.random.key(0))
        assert "got reparameterize=False" in str(caught.value)
        assert "Use `sample`" in str(caught.value)


def test_rsample_with_the_flag_is_sample():
    mixture, key = normals(reparameterize=True), jax.random.key(0)
    np.testing.assert_array_equal(mixture.rsample(key, (5,)), mixture.sample(key, (5,)))


@pytest.mark.parametrize("flag", [False, True])
def test_has_rsample_is_the_flag(flag):
    """Through everything that makes one mixture of another."""
    mixture = normals(reparameterize=flag)
    leaves, structure = jax.tree.flatten(mixture)
    batched = normals(reparameterize=flag, loc=jnp.zeros((3, 2)))
    for each in (
        mixture,
        mixture.expand((3, 4)),
        batched.expand((5, 3)),
        mixture.expand((3,)).expand((2, 3)),
        jax.tree.unflatten(structure, leaves),
        jax.tree.map(lambda leaf: leaf, batched),
    ):
        assert each.reparameterize is flag
        assert each.has_rsample is flag


def test_has_rsample_of_wrappers():
    """As NumPyro's ELBOs see it under plates, masks and to_event."""
    for flag in (False, True):
        batched = normals(reparameterize=flag, loc=jnp.zeros((3, 2)))
        assert batched.to_event(1).has_rsample is flag
        assert batched.mask(jnp.array([True, False, True])).has_rsample is flag


def test_the_flag_is_off_unless_asked_for():
    mixture = MixtureSameFamily(dist.Categorical(logits=LOGITS), dist.Normal(PAIR))
    assert not mixture.has_rsample
    assert not by_logits(LOGITS, dist.Poisson(1 + PAIR)).has_rsample
    assert not by_logits(LOGITS, Unknown(1 + PAIR, 1.0)).has_rsample


WAYS = {
    "sample": lambda m, key: m.sample(key, (4,)),
    "sample_with_intermediates": lambda m, key: m.sample_with_intermediates(key, (4,))[0],
    "expand": lambda m, key: m.expand((3,)).sample(key, (4,)),
    "call": lambda m, key: m(rng_key=key, sample_shape=(4,)),
}


@pytest.mark.parametrize("way", WAYS)
def test_all_of_the_gradient_or_none_of_it(way):
    """Exactly zero without the flag, in forward and reverse; every parameter's with it."""
    parameters = {"logits": LOGITS, "loc": PAIR, "scale": jnp.array([0.5, 1.5])}

    def draws(parameters, flag):
        return WAYS[way](normals(reparameterize=flag, **parameters), jax.random.key(1))

    @jax.jit
    def derivatives(p):
        plain = lambda p: draws(p, False)  # noqa: E731
        return jax.jacfwd(plain)(p), jax.jacrev(plain)(p), jax.jacfwd(lambda p: draws(p, True))(p)

    with pytest.warns(UserWarning, match="expected no gradient through a draw"):
        *none, all_of_it = derivatives(parameters)
    for leaf in jax.tree.leaves(none):
        assert not np.any(leaf)
    for leaf in jax.tree.leaves(all_of_it):
        assert np.isfinite(leaf).all()
        assert np.all(leaf != 0)
    np.testing.assert_array_equal(draws(parameters, True), draws(parameters, False))


@pytest.mark.parametrize("flag", [False, True])
def test_all_of_the_gradient_by_probs(flag):
    """With a weight of exactly zero, too, and for vector events."""

    def draws(probs, loc):
        components = dist.Normal(loc, 1.0).to_event(1)
        return by_probs(probs, components, reparameterize=flag).sample(jax.random.key(1), (4,))

    loc = jnp.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
    derivatives = jax.jit(jax.jacrev(draws, (0, 1)))
    with contextlib.nullcontext() if flag else pytest.warns(UserWarning, match="no gradient"):
        for_probs, for_loc = derivatives(jnp.array([0.4, 0.0, 0.6]), loc)
    assert np.isfinite(for_probs).all()
    assert np.all(for_probs != 0) if flag else not np.any(for_probs)
    assert np.any(for_loc) == flag
    assert not np.any(for_loc[:, :, 1])  # a component of weight zero has no draws to move


def test_intermediates_are_the_indices():
    """The component of each draw, an integer without a gradient, as without the flag."""
    key = jax.random.key(2)
    x, (index,) = normals(reparameterize=True).sample_with_intermediates(key, (6,))
    plain, (same,) = normals(reparameterize=False).sample_with_intermediates(key, (6,))
    assert jnp.issubdtype(index.dtype, jnp.integer)
    np.testing.assert_array_equal(index, same)
    np.testing.assert_array_equal(x, plain)
