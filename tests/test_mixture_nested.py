"""Batches of mixtures as the components of a mixture."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from pathmix import Mixture, MixtureSameFamily

OUTER = jnp.array([0.4, 0.6])
INNER = jnp.array([[0.2, 0.3, 0.5], [0.7, 0.1, 0.2]])
LOC = jnp.array([[-3.0, 0.0, 1.0], [2.0, 4.0, 9.0]])
ROOTS = jnp.array([[2.0, 0.0], [0.5, 1.0]])
COMPONENTS = {
    "scalars": (lambda loc: dist.Normal(loc, 1.5), ()),
    "shared": (lambda loc: dist.Gamma(jnp.exp(loc / 4), 2.0), ()),
    "vectors": (lambda loc: dist.MultivariateNormal(loc[..., None], scale_tril=ROOTS), (2,)),
    "factorised": (lambda loc: dist.StudentT(5.0, loc[..., None], jnp.ones(2)).to_event(1), (2,)),
}


def categorical(w, by):
    return dist.Categorical(probs=w) if by == "probs" else dist.Categorical(logits=jnp.log(w))


def nested(make, outer="probs", inner="probs", weights=OUTER, **options):
    components = MixtureSameFamily(categorical(INNER, inner), make(LOC))
    return MixtureSameFamily(categorical(weights, outer), components, **options)


def flat(make, weights=OUTER, **options):
    both = (weights[:, None] * INNER).reshape(-1)
    return MixtureSameFamily(categorical(both, "probs"), make(LOC.reshape(-1)), **options)


@pytest.mark.parametrize("outer", ["probs", "logits"])
@pytest.mark.parametrize("inner", ["probs", "logits"])
@pytest.mark.parametrize("name", COMPONENTS)
def test_is_one_mixture_of_all(name, inner, outer):
    make, event = COMPONENTS[name]
    x = jnp.linspace(0.1, 3.0, 5)[(...,) + (None,) * len(event)] * jnp.ones(event)
    mine, theirs = nested(make, outer, inner), flat(make)
    # weights are logarithms, products or both, of half a dozen roundings
    np.testing.assert_allclose(mine.log_prob(x), theirs.log_prob(x), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(mine.mean, theirs.mean, rtol=1e-5, atol=1e-5)
    shares = [m.posterior_marginal(x).probs for m in (mine, theirs)]
    np.testing.assert_allclose(*shares, rtol=1e-4, atol=1e-6)
    assert mine.num_components == 6


@pytest.mark.parametrize("name", COMPONENTS)
def test_draws_carry_gradients_to_both_weights(name):
    make, _ = COMPONENTS[name]

    def mean_of_draws(of, weights):
        draws = of(make, weights=weights, reparameterize=True).sample(jax.random.key(0), (20,))
        return jnp.mean(jnp.square(draws))

    mine, theirs = (jax.grad(lambda w, of=of: mean_of_draws(of, w))(OUTER) for of in (nested, flat))
    np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
    assert np.abs(theirs).min() > 0.01


def test_batches_of_them():
    loc = LOC + jnp.arange(4.0)[:, None, None]
    inner = MixtureSameFamily(dist.Categorical(probs=jnp.array([0.2, 0.3, 0.5])), dist.Normal(loc))
    mixture = MixtureSameFamily(dist.Categorical(probs=OUTER), inner)
    assert (mixture.batch_shape, mixture.num_components) == ((4,), 6)
    alone = Mixture(dist.Categorical(probs=OUTER), [inner[2][0], inner[2][1]])
    np.testing.assert_allclose(mixture.log_prob(1.0)[2], alone.log_prob(1.0), rtol=1e-5)


def test_several_families_are_to_be_listed():
    inner = Mixture(
        dist.Categorical(probs=jnp.array([0.5, 0.5])),
        [dist.Normal(jnp.zeros(2), 1.0), dist.Cauchy(jnp.zeros(2), 1.0)],
    )
    with pytest.raises(NotImplementedError, match=r"Mixture\(weights, \[components\[i\]"):
        MixtureSameFamily(dist.Categorical(probs=OUTER), inner)


@pytest.mark.parametrize("make", ["truncate", "censored"])
def test_what_is_made_of_mixtures_is_no_component(make):
    inner = MixtureSameFamily(dist.Categorical(probs=INNER), dist.Normal(LOC))
    with pytest.raises(NotImplementedError, match=r"got (Trunc|Cens).*Mixture\. .*truncate\(low"):
        MixtureSameFamily(dist.Categorical(probs=OUTER), getattr(inner, make)(0.0, 2.0))
