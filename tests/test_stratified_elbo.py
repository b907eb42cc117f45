"""The stratified ELBO: unbiased to the second order, wherever a mixture stands in a guide.

Estimates from independent keys give a mean and its standard error; the mean must lie within 4 of
them of the exact bound, gradient or second derivative. Seeds are fixed; a change of the random
stream fails a test with probability below 1 %.
"""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from jax import lax
from numpyro.infer import Trace_ELBO

from cases.expectations import assert_unbiased, independent
from cases.guides import (
    START,
    bounds,
    elbo,
    gaussian_elbo,
    gaussian_model,
    guide,
    moving_guide,
    normals,
    parameters,
)
from pathmix.infer import Stratified_ELBO

BOTH = pytest.mark.parametrize("sticking", [True, False], ids=["sticking", "full"])


def all_orders(bound):
    """Value, gradient and second derivatives, by parameter."""
    first = jax.grad(bound)
    return lambda p, *key: (bound(p, *key), first(p, *key), jax.jacfwd(first)(p, *key))


@pytest.mark.slow
def test_the_exact_bounds_agree():
    for one, other in zip(
        *(jax.tree.leaves(all_orders(fn)(START)) for fn in (elbo, gaussian_elbo)), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@BOTH
def test_value_gradient_and_second_derivatives(sticking):
    objective = Stratified_ELBO(50, sticking_the_landing=sticking)
    estimates = all_orders(bounds(objective, gaussian_model, guide))
    assert_unbiased(independent(estimates, START, keys=400), all_orders(gaussian_elbo)(START))


def zeroed():
    """Mutant: no gradient in the weights."""
    p = parameters()
    numpyro.sample("z", normals({**p, "logits": lax.stop_gradient(p["logits"])}))


def ancestral():
    """Mutant under ``Trace_ELBO``: draws move with the chosen component only."""
    p = parameters()
    weights = dist.Categorical(logits=p["logits"])
    numpyro.sample("z", dist.MixtureSameFamily(weights, dist.Normal(p["loc"], p["scale"])))


MUTANTS = {
    "weights without gradient": (Stratified_ELBO(50), zeroed),
    "ancestral draws": (Trace_ELBO(50), ancestral),
    "no gradient at all": (Trace_ELBO(50), zeroed),
}


@pytest.mark.parametrize("name", MUTANTS)
@pytest.mark.filterwarnings("ignore:expected no gradient")
def test_mutants_are_rejected(name):
    gradient = jax.grad(bounds(MUTANTS[name][0], gaussian_model, MUTANTS[name][1]))
    estimates = independent(gradient, START, keys=400)
    with pytest.raises(AssertionError):
        assert_unbiased(estimates, jax.grad(gaussian_elbo)(START))


def test_a_guide_that_is_held_in_its_own_density_is_right_to_the_first_order_only():
    """Mutant: what sticks to the landing by ``stop_gradient`` alone."""

    def bound(p, key):
        q = normals(p)
        fixed = jax.tree.map(lax.stop_gradient, q)
        z = p["loc"] + p["scale"] * jax.random.normal(key, (50, 1))
        ratio = dist.Normal(0.5, 2.0).log_prob(z) + dist.Normal(z, 1.5).log_prob(0.7)
        ratio -= fixed.log_prob(z)
        return jnp.mean(ratio, axis=0) @ jax.nn.softmax(p["logits"])

    value, first, second = independent(all_orders(bound), START, keys=400)
    exact = all_orders(gaussian_elbo)(START)
    assert_unbiased((value, first), exact[:2])
    with pytest.raises(AssertionError):
        assert_unbiased(second, exact[2])


def test_it_is_the_bound_written_by_hand():
    """The same keys give the weighted sum of log ratios at the components' draws."""
    key = jax.random.key(3)
    loss = Stratified_ELBO(sticking_the_landing=False).loss(key, START, gaussian_model, guide)
    of_guide = jax.random.split(key)[1]
    noise = jax.random.normal(jax.random.split(of_guide)[1], ())
    z = START["loc"] + START["scale"] * noise
    ratio = dist.Normal(0.5, 2.0).log_prob(z) + dist.Normal(z, 1.5).log_prob(0.7)
    ratio -= normals(START).log_prob(z)
    np.testing.assert_allclose(-loss, jax.nn.softmax(START["logits"]) @ ratio, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("other", [moving_guide, ancestral], ids=["reparameterized", "NumPyro"])
def test_the_kind_of_mixture_does_not_matter(other):
    both = [
        jax.value_and_grad(bounds(Stratified_ELBO(3), gaussian_model, g))(START, jax.random.key(0))
        for g in (guide, other)
    ]
    for one, two in zip(*map(jax.tree.leaves, both), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


# The importance-weighted bound.


def log_evidence():
    return dist.Normal(0.5, (2.0**2 + 1.5**2) ** 0.5).log_prob(0.7)


def importance_weighted(num):
    return Stratified_ELBO(num, importance_weighted=True)


@pytest.fixture(scope="module")
def grown():
    """Means and standard errors of the bounds of 1 and 8 particles."""

    def values(p, key):
        return jnp.stack(
            [bounds(importance_weighted(n), gaussian_model, guide)(p, key) for n in (1, 8)]
        )

    each = independent(values, START, keys=4000)
    return each.mean(0), each.std(0) / 4000**0.5


def test_the_importance_weighted_bound_is_between_the_elbo_and_the_evidence(grown):
    """Which grows with the number of particles."""
    mean, error = grown
    assert gaussian_elbo(START) + 4 * error[0] < mean[0]
    assert mean[0] + 4 * np.hypot(*error) < mean[1]
    assert mean[1] < log_evidence() + 4 * error[1]


def quadrature_bound(p):
    """The bound of one particle: an integral over the noise that all components share."""
    noise = jnp.linspace(-9, 9, 3001)
    z = p["loc"] + p["scale"] * noise[:, None]
    ratio = dist.Normal(0.5, 2.0).log_prob(z) + dist.Normal(z, 1.5).log_prob(0.7)
    ratio -= normals(p).log_prob(z)
    bound = jax.nn.logsumexp(jax.nn.log_softmax(p["logits"]) + ratio, axis=1)
    return jnp.trapezoid(jnp.exp(dist.Normal().log_prob(noise)) * bound, noise)


@pytest.mark.slow
def test_gradients_of_the_importance_weighted_bound():
    estimates = all_orders(bounds(importance_weighted(1), gaussian_model, guide))
    assert_unbiased(independent(estimates, START, keys=40_000), all_orders(quadrature_bound)(START))


@pytest.mark.slow
def test_the_importance_weighted_bound_of_the_posterior_is_the_evidence():
    """Whatever the weights of equal components: every importance weight is the evidence."""
    variance = 1 / (1 / 2.0**2 + 1 / 1.5**2)
    mean = variance * (0.5 / 2.0**2 + 0.7 / 1.5**2)
    p = {"logits": START["logits"], "loc": jnp.full(2, mean), "scale": jnp.full(2, variance**0.5)}
    for objective in (importance_weighted(3), Stratified_ELBO(3)):
        bound = jax.value_and_grad(bounds(objective, gaussian_model, guide))
        value, gradient = bound(p, jax.random.key(0))
        np.testing.assert_allclose(value, log_evidence(), rtol=1e-5)
        for each in jax.tree.leaves(gradient):  # without the score there is no noise either
            if objective.importance_weighted:
                continue
            np.testing.assert_allclose(each, 0, atol=1e-4)
