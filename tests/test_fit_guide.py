"""fit_guide reaches what is known, within a given number of evaluations."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from jax.scipy.special import logsumexp
from numpyro.infer import MCMC, NUTS, SVI, Predictive, Trace_ELBO
from numpyro.infer.autoguide import AutoNormal

from pathmix import MixtureSameFamily
from pathmix.infer import AutoMixture, FromPrior, diagnose, fit_guide


def two(mean=3.0):
    """Normals around (m, m) and (−m, −m), of weights 0.3 and 0.7; the log evidence is zero."""

    def model():
        x = numpyro.sample("x", dist.Normal(0.0, 5.0).expand([2]).to_event(1))
        prior = dist.Normal(0.0, 5.0).log_prob(x).sum()
        each = jnp.stack([dist.Normal(m, 1.0).log_prob(x).sum() for m in (mean, -mean)])
        numpyro.factor("f", logsumexp(each + jnp.log(jnp.array([0.3, 0.7]))) - prior)

    return model


@pytest.mark.parametrize("covariance", ["full", pytest.param("diagonal", marks=pytest.mark.slow)])
@pytest.mark.slow
def test_two_normals_are_reached_exactly(covariance):
    """A mixture of normals is among the guides, so the ELBO is the log evidence, 0, to rounding."""
    model = two()
    guide = AutoMixture(model, 3, covariance=covariance, init=FromPrior())
    fit = fit_guide(model, guide, key=jax.random.key(0), max_evaluations=4000, progress=False)
    assert abs(fit.elbo.value) < 1e-3
    assert fit.converged
    assert fit.evaluations <= 4000
    assert np.all(np.diff(fit.trace.evaluations) > 0)
    assert len(fit.trace.elbo) == len(fit.trace.components) == len(fit.trace.evaluations)
    posterior = guide.get_posterior(fit.params)
    mean = 0.3 * 3 - 0.7 * 3
    np.testing.assert_allclose(posterior.mean, mean, atol=0.02)
    np.testing.assert_allclose(posterior.variance, 1 + 9 - mean**2, rtol=0.02)
    draws = guide.sample_posterior(jax.random.key(1), fit.params, sample_shape=(2000,))["x"]
    # four standard errors of a mean of 2000
    assert abs(np.mean(draws[:, 0] > 0) - 0.3) < 4 * (0.21 / 2000) ** 0.5


def test_a_gaussian_posterior_is_exact():
    """Linear regression, by one component: posterior and log evidence have closed forms."""
    rng = np.random.default_rng(0)
    features, noise = rng.normal(size=(30, 3)), 0.5
    y = features @ np.array([1.0, -2.0, 0.5]) + noise * rng.normal(size=30)

    def model(features, y):
        b = numpyro.sample("b", dist.Normal(0.0, 2.0).expand([3]).to_event(1))
        with numpyro.plate("rows", len(y)):
            numpyro.sample("y", dist.Normal(features @ b, noise), obs=y)

    data = jnp.asarray(features), jnp.asarray(y)
    guide = AutoMixture(model, 1, covariance="full", init=FromPrior())
    fit = fit_guide(model, guide, *data, key=jax.random.key(0), max_evaluations=3000, adapt=False)
    covariance = np.linalg.inv(features.T @ features / noise**2 + np.eye(3) / 4)
    marginal = noise**2 * np.eye(30) + 4 * features @ features.T
    evidence = -0.5 * (
        y @ np.linalg.solve(marginal, y) + np.linalg.slogdet(marginal)[1] + 30 * np.log(2 * np.pi)
    )
    posterior = guide.get_posterior(fit.params)
    np.testing.assert_allclose(posterior.mean, covariance @ features.T @ y / noise**2, rtol=1e-3)
    np.testing.assert_allclose(
        posterior.components_distribution.covariance_matrix[0], covariance, rtol=1e-2, atol=1e-5
    )
    assert abs(fit.elbo.value - evidence) < 1e-3
    assert fit.num_components == 1


def test_places_without_a_component_have_no_weight():
    """Of three places, one holds a component at the start, and no more are added."""

    def model():
        numpyro.sample("x", dist.Normal(1.0, 2.0))

    guide = AutoMixture(model, 3, covariance="diagonal", init=FromPrior())
    params = {
        "auto_logits": jnp.array([-1e4, 0.0, -1e4]),
        "auto_locs": jnp.zeros((3, 1)),
        "auto_scales": jnp.ones((3, 1)),
    }
    options = {"max_evaluations": 1000, "adapt": False, "progress": False}
    fit = fit_guide(model, guide, key=jax.random.key(0), params=params, **options)
    assert fit.num_components == 1
    assert guide.get_posterior(fit.params).mixture_distribution.probs.tolist() == [0.0, 1.0, 0.0]
    assert all(jnp.isfinite(value).all() for value in fit.params.values())
    np.testing.assert_allclose(fit.params["auto_locs"][1], 1.0, atol=1e-3)
    np.testing.assert_allclose(fit.params["auto_scales"][1], 2.0, rtol=1e-3)
    predictive = Predictive(guide, params=fit.params, num_samples=50)(jax.random.key(1))
    assert np.isfinite(predictive["x"]).all()


@pytest.mark.slow
def test_fewer_evaluations_than_stochastic_gradients():
    """At the same number of evaluations, from the same start, Adam is far behind."""
    model = two(4.0)
    guide = AutoMixture(model, 2, covariance="full", init=FromPrior())
    fit = fit_guide(model, guide, key=jax.random.key(0), max_evaluations=2000)
    adam = AutoMixture(model, 2, covariance="full", init=FromPrior())
    svi = SVI(model, adam, numpyro.optim.Adam(0.05), Trace_ELBO(8))
    result = svi.run(jax.random.key(0), 250, progress_bar=False)
    loss = Trace_ELBO(2000).loss(jax.random.key(1), result.params, model, adam)
    assert fit.elbo.value > -loss + 0.1


@pytest.mark.slow
def test_forty_normals_are_all_held():
    means = 40 * jax.random.uniform(jax.random.PRNGKey(0), (40, 2), minval=-1, maxval=1)

    def model():
        x = numpyro.sample("x", dist.Normal(0.0, 40.0).expand([2]).to_event(1))
        prior = dist.Normal(0.0, 40.0).log_prob(x).sum()
        each = dist.Normal(means, 1.0).to_event(1).log_prob(x)
        numpyro.factor("f", logsumexp(each) - jnp.log(40.0) - prior)

    guide = AutoMixture(model, 64, covariance="full", init=FromPrior())
    fit = fit_guide(model, guide, key=jax.random.key(0), max_evaluations=100_000)
    assert fit.elbo.value > -0.3
    # all modes: the guide's density at each is that of the target, within a factor of two
    at_modes = guide.get_posterior(fit.params).log_prob(means)
    target = logsumexp(
        dist.Normal(means, 1.0).to_event(1).log_prob(means[:, None]), axis=1
    ) - jnp.log(40.0)
    assert jnp.all(jnp.abs(at_modes - target) < jnp.log(2.0))


@pytest.mark.slow
def test_masses_of_label_modes_are_those_of_a_symmetrised_run():
    """Three components without an order: six modes, and NUTS within one of them tells the rest.

    A run made symmetric by all permutations gives each mode a sixth. Without order, locations of
    sorted draws agree as well, within four standard errors of 300 effective draws.
    """
    rng = np.random.default_rng(0)
    y = jnp.asarray(
        np.concatenate([rng.normal(m, 1.0, n) for m, n in ((-5, 15), (0, 25), (4, 20))])
    )

    def model(y):
        loc = numpyro.sample("loc", dist.Normal(0.0, 10.0).expand([3]).to_event(1))
        weights = numpyro.sample("weights", dist.Dirichlet(jnp.full(3, 2.0)))
        with numpyro.plate("rows", len(y)):
            components = dist.Normal(loc, 1.0)
            numpyro.sample(
                "y", MixtureSameFamily(dist.Categorical(probs=weights), components), obs=y
            )

    guide = AutoMixture(model, 18, covariance="full", init=FromPrior())
    fit = fit_guide(model, guide, y, key=jax.random.key(0), max_evaluations=60_000)
    found = diagnose(model, guide, fit.params, y, key=jax.random.key(1), num_samples=20_000)
    heavy = [mass for mass in found.mode_masses.values() if mass > 0.01]
    np.testing.assert_allclose(heavy, np.full(6, 1 / 6), atol=0.02)
    heavy = [mass for mass in found.posterior_masses.values() if mass > 0.01]
    np.testing.assert_allclose(heavy, np.full(6, 1 / 6), atol=0.02)
    mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=1000, progress_bar=False)
    mcmc.run(jax.random.key(2), y)
    runs = np.sort(mcmc.get_samples()["loc"], axis=1)
    ours = np.sort(
        guide.sample_posterior(jax.random.key(3), fit.params, sample_shape=(4000,))["loc"]
    )
    error = runs.std(0) / 300**0.5
    assert np.all(np.abs(ours.mean(0) - runs.mean(0)) < 4 * error)
    np.testing.assert_allclose(ours.std(0), runs.std(0), rtol=4 / 600**0.5)


REFUSED = {
    "guide": (lambda m: AutoNormal(m), {}, TypeError, "expected an AutoMixture, got numpyro"),
    "model": (lambda m: AutoMixture(two(), 2), {}, ValueError, "the model that the guide was made"),
    "low_rank": (
        lambda m: AutoMixture(m, 2, covariance="low_rank", init=FromPrior()),
        {},
        NotImplementedError,
        'covariance "full" or "diagonal", got "low_rank"',
    ),
    "none": (lambda m: AutoMixture(m, 2), {"max_evaluations": 0}, ValueError, "max_evaluations"),
    "samples": (lambda m: AutoMixture(m, 2), {"num_samples": 0}, ValueError, "num_samples"),
    "candidates": (
        lambda m: AutoMixture(m, 2),
        {"num_candidates": -1},
        ValueError,
        "num_candidates to be an integer ≥ 0, got -1",
    ),
    "fewer": (
        lambda m: AutoMixture(m, 1, init=FromPrior()),
        {"max_evaluations": 10},
        ValueError,
        "25 for the last estimate and .* for a step, got max_evaluations=10",
    ),
    "few": (
        lambda m: AutoMixture(m, 2, init=FromPrior()),
        {"max_evaluations": 50, "num_candidates": 50},
        ValueError,
        "expected more evaluations than 50 draws of the prior, 25 for the last",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    make, options, error, text = REFUSED[case]
    model = two()
    with pytest.raises(error, match=text):
        fit_guide(model, make(model), key=jax.random.key(0), **options)
