"""Censored mixtures: values, draws, derivatives, sites."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer.util import log_density
from scipy import stats

from cases.truncated import normals, reference, two
from pathmix import Mixture


def test_censored_values(x64):
    censored = normals().censored(-1.0, 2.0)
    x = jnp.array([-3.0, -1.0, 0.0, 2.0, 5.0])
    f = 0.3 * stats.norm.pdf(0, -1, 0.5) + 0.7 * stats.norm.pdf(0, 1, 2)
    low, high = np.log(reference(-1.0)), np.log(1 - reference(2.0))
    wanted = [low, low, np.log(f), high, high]
    np.testing.assert_allclose(censored.log_prob(x), wanted, rtol=1e-12)
    assert jnp.isnan(censored.log_prob(jnp.nan))
    np.testing.assert_allclose(normals().censored().log_prob(x), normals().log_prob(x))
    np.testing.assert_allclose(censored.cdf(jnp.array([-2.0, 0.0, 2.0])), [0, reference(0.0), 1])


def test_censored_counts(x64):
    """At most one, and at least four: ``P(X ≥ 4)`` counts four itself."""
    censored = two(dist.Poisson(jnp.array([3.0, 1.0]))).censored(1, 4)
    p = np.exp(censored.log_prob(jnp.arange(1, 5)))
    mixed = 0.3 * stats.poisson.pmf(np.arange(9), 3) + 0.7 * stats.poisson.pmf(np.arange(9), 1)
    np.testing.assert_allclose(p[:3], [mixed[:2].sum(), mixed[2], mixed[3]], rtol=1e-12)
    np.testing.assert_allclose(p.sum(), 1.0, rtol=1e-12)
    draws = censored.sample(jax.random.key(0), (500,))
    assert jnp.issubdtype(draws.dtype, jnp.integer)
    assert (draws.min(), draws.max()) == (1, 4)


def test_censored_draws_and_their_gradients(x64):
    def draws(t):
        mixture = two(dist.Normal(t[:2]), reparameterize=True)
        return mixture.censored(t[2], 2.0).sample(jax.random.key(0), (200,))

    t = jnp.array([-1.0, 1.0, 0.0])
    x, slopes = draws(t), jax.jacfwd(draws)(t)
    assert (x.min(), x.max()) == (0.0, 2.0)
    at_low, at_high = x == 0.0, x == 2.0
    np.testing.assert_array_equal(slopes[at_low], [[0.0, 0.0, 1.0]] * int(at_low.sum()))
    np.testing.assert_array_equal(slopes[at_high], [[0.0, 0.0, 0.0]] * int(at_high.sum()))
    inner = slopes[~at_low & ~at_high]
    np.testing.assert_allclose(inner[:, :2].sum(axis=1), 1.0, rtol=1e-9)  # a shift of all


def test_censored_derivatives(x64):
    def of(t):
        return (
            two(dist.Normal(t[:2])).censored(t[2], 2.0).log_prob(jnp.array([-3.0, 0.5, 2.0])).sum()
        )

    t, h = jnp.array([-1.0, 1.0, 0.0]), 1e-4
    gradient = jax.grad(of)(t)
    for i in range(3):
        e = jnp.zeros(3).at[i].set(h)
        near, far = of(t + e) - of(t - e), of(t + 2 * e) - of(t - 2 * e)
        np.testing.assert_allclose(gradient[i], (8 * near - far) / (12 * h), rtol=1e-8)


def test_a_censored_site():
    data = jnp.array([0.0, 0.3, 2.0])

    def model():
        loc = numpyro.sample("loc", dist.Normal())
        with numpyro.plate("rows", 3):
            mixture = two(dist.Normal(jnp.stack([loc, loc + 1.0])))
            numpyro.sample("x", mixture.censored(0.0, 2.0), obs=data)

    log_joint, _ = log_density(model, (), {}, {"loc": jnp.array(0.2)})
    mixture = two(dist.Normal(jnp.array([0.2, 1.2])))
    wanted = dist.Normal().log_prob(0.2) + mixture.log_cdf(0.0) + mixture.log_prob(0.3)
    wanted += mixture.log_survival_function(2.0)
    np.testing.assert_allclose(log_joint, wanted, rtol=1e-5)


def test_a_count_among_densities_where_it_is_censored(x64):
    """``P(X ≤ low)`` and ``P(X ≥ high)`` have the masses at the bounds."""
    weights = dist.Categorical(probs=jnp.array([0.4, 0.6]))
    m = Mixture(weights, [dist.Poisson(3.0), dist.Normal(2.5, 1.5)])
    at = np.exp(m.censored(1.0, 4.0).log_prob(jnp.array([1.0, 4.0])))
    above = 0.4 * stats.poisson.sf(3, 3.0) + 0.6 * stats.norm.sf(4.0, 2.5, 1.5)
    np.testing.assert_allclose(at, [m.cdf(1.0), above], rtol=1e-12)
