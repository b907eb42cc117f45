"""Hurdles over densities as components: an atom at zero, and the density beside it."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from pathmix import Mixture, MixtureSameFamily, expectation

GATE, WEIGHT = 0.3, 0.4
"""Of the zeros, and of the hurdle beside a standard normal distribution."""
HURDLES = {
    "HurdleGamma": (lambda: dist.HurdleGamma(GATE, 2.0, 1.5), stats.gamma(2.0, scale=1 / 1.5)),
    "HurdleLogNormal": (
        lambda: dist.HurdleLogNormal(GATE, 0.2, 0.7),
        stats.lognorm(0.7, scale=np.exp(0.2)),
    ),
    "HurdleProbs": (lambda: dist.HurdleProbs(dist.Exponential(2.0), GATE), stats.expon(scale=0.5)),
    "HurdleLogits": (
        lambda: dist.HurdleLogits(dist.Exponential(2.0), np.log(GATE / (1 - GATE))),
        stats.expon(scale=0.5),
    ),
}
X = np.array([-1.0, -1e-9, 0.0, 0.5, 3.0])


def beside_a_normal(hurdle):
    weights = dist.Categorical(probs=jnp.array([WEIGHT, 1 - WEIGHT]))
    return Mixture(weights, [hurdle, dist.Normal(0.0, 1.0)])


@pytest.mark.parametrize("name", HURDLES)
def test_the_atom_counts_alone_at_zero(name, x64):
    make, base = HURDLES[name]
    mixture, atom = beside_a_normal(make()), WEIGHT * GATE
    rest = WEIGHT * (1 - GATE)
    density = rest * base.pdf(X) + (1 - WEIGHT) * stats.norm.pdf(X)
    np.testing.assert_allclose(
        mixture.log_prob(X), np.log(np.where(X == 0, atom, density)), rtol=1e-12
    )
    cdf = rest * base.cdf(X) + (1 - WEIGHT) * stats.norm.cdf(X) + atom * (X >= 0)
    np.testing.assert_allclose(mixture.cdf(X), cdf, rtol=1e-12)
    np.testing.assert_allclose(mixture.mean, rest * base.mean(), rtol=1e-12)
    np.testing.assert_allclose(mixture.posterior_marginal(0.0).probs, [1.0, 0.0, 0.0])
    below = (1 - WEIGHT) / 2
    np.testing.assert_allclose(mixture.icdf(jnp.array([below + 1e-9, below + atom])), 0.0)


def test_batches_and_traced_gates(x64):
    gates = jnp.array([0.1, 0.5, 0.9])
    batch = beside_a_normal(dist.HurdleGamma(gates, 2.0).expand((2, 3)))
    assert batch.batch_shape == (2, 3)
    np.testing.assert_allclose(batch.log_prob(0.0), np.tile(np.log(WEIGHT * gates), (2, 1)))
    slope = jax.jit(jax.grad(lambda g: beside_a_normal(dist.HurdleGamma(g, 2.0)).log_prob(0.0)))
    np.testing.assert_allclose(slope(0.25), 4.0, rtol=1e-12)
    alone = Mixture(dist.Categorical(probs=jnp.ones(1)), [dist.HurdleGamma(gates, 2.0)])
    np.testing.assert_allclose(alone.log_prob(1.0), dist.HurdleGamma(gates, 2.0).log_prob(1.0))


def test_hurdles_of_a_mixture_within_a_mixture_are_taken_apart(x64):
    """Each has an atom and a density, by the weights of the list times its own."""
    gates = jnp.array([0.5, 0.25])
    inner = MixtureSameFamily(
        dist.Categorical(probs=jnp.array([0.5, 0.5])), dist.HurdleGamma(gates, 2.0)
    )
    mixture = beside_a_normal(inner)
    own, normal = WEIGHT / 2, (1 - WEIGHT) * stats.norm.pdf(1.0)
    np.testing.assert_allclose(mixture.log_prob(0.0), np.log(own * 0.75), rtol=1e-12)
    np.testing.assert_allclose(
        mixture.log_prob(1.0), np.log(own * 1.25 * stats.gamma(2.0).pdf(1.0) + normal), rtol=1e-12
    )
    share = np.sort(mixture.posterior_marginal(0.0).probs)
    np.testing.assert_allclose(share, [0.0, 0.0, 0.0, 1 / 3, 2 / 3], rtol=1e-12)


def test_the_share_of_zeros_of_draws_is_the_atom(key):
    """Within 4.5 standard errors, which chance leaves once in 150,000."""
    draws = beside_a_normal(dist.HurdleGamma(GATE, 2.0)).sample(key, (20_000,))
    p = WEIGHT * GATE
    assert abs(jnp.mean(draws == 0) - p) < 4.5 * np.sqrt(p * (1 - p) / 20_000)


def test_a_hurdle_has_no_pathwise_gradients_but_an_expectation(key):
    parts = [dist.HurdleGamma(GATE, 2.0), dist.Normal(0.0, 1.0)]
    weights = dist.Categorical(probs=jnp.array([WEIGHT, 1 - WEIGHT]))
    with pytest.raises(NotImplementedError, match="point masses for pathwise"):
        Mixture(weights, parts, reparameterize=True)

    def mean(gate):
        mixture = beside_a_normal(dist.HurdleGamma(gate, 2.0))
        return expectation(lambda x: x, mixture, key=key, num_samples=4_000)

    # the mean is .4 (1 − gate) 2; draws of a gamma variable of variance 2
    assert abs(jax.grad(mean)(GATE) + 0.8) < 4.5 * WEIGHT * np.sqrt(2 / 4_000)
