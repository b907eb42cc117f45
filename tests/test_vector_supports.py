"""Mixtures of counts over categories and of vectors of sum zero: their common support."""

import jax
import numpy as np
import numpyro.distributions as dist
import pytest
from jax import numpy as jnp
from numpyro.distributions import constraints

from pathmix import MixtureSameFamily

WEIGHTS = jnp.array([0.3, 0.7])
PROBS = jnp.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
COMPONENTS = {
    "Multinomial": (dist.Multinomial(4, PROBS), [1, 2, 1], [[1, 2, 2], [-1, 4, 1]]),
    "Multinomial of logits": (
        dist.Multinomial(4, logits=jnp.log(PROBS)),
        [1, 2, 1],
        [[1, 2, 2], [-1, 4, 1]],
    ),
    "DirichletMultinomial": (
        dist.DirichletMultinomial(5 * PROBS, 4),
        [1, 2, 1],
        [[1, 2, 2], [-1, 4, 1]],
    ),
    "ZeroSumNormal": (
        dist.ZeroSumNormal(0.5, (3,)).expand((2,)),  # its scale takes no batch
        [1.0, -3.0, 2.0],
        [[1.0, -3.0, 2.5]],
    ),
}


@pytest.fixture(params=COMPONENTS)
def case(request):
    return COMPONENTS[request.param]


def mixture_of(components, **options):
    return MixtureSameFamily(dist.Categorical(WEIGHTS), components, **options)


def test_the_support_is_that_of_every_component(case):
    components, inside, outside = case
    support = mixture_of(components).support
    assert support.event_dim == 1
    assert support(jnp.asarray(inside))
    assert not any(bool(support(jnp.asarray(x))) for x in outside)


def test_draws_are_in_the_support_and_the_same_support_holds_under_jit(case, key):
    components, *_ = case
    draws = mixture_of(components).sample(key, (50,))
    held = jax.jit(lambda c, x: mixture_of(c).support(x))(components, draws)
    assert held.shape == (50,)
    assert held.all()


def test_values_are_checked(case):
    components, inside, outside = case
    mixture = mixture_of(components, validate_args=True)
    assert np.isfinite(mixture.log_prob(jnp.asarray(inside)))
    with pytest.raises(ValueError, match="support"):
        mixture.log_prob(jnp.asarray(outside[0]))


def test_counts_out_of_different_totals_are_in_the_support_of_either():
    components = dist.Multinomial(jnp.array([2, 4]), PROBS, total_count_max=4)
    support = mixture_of(components).support
    assert support(jnp.array([1, 1, 0]))
    assert support(jnp.array([1, 1, 2]))
    assert not support(jnp.array([1, 1, 1]))


def test_a_latent_site_has_the_transform_of_its_support():
    components, *_ = COMPONENTS["ZeroSumNormal"]
    transform = dist.biject_to(mixture_of(components).support)
    value = transform(jnp.array([0.3, -1.0]))
    assert value.shape == (3,)
    np.testing.assert_allclose(value.sum(), 0, atol=1e-6)
    assert isinstance(mixture_of(components).support, type(constraints.zero_sum(1)))
