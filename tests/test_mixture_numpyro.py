"""A mixture in NumPyro programs: handlers, NUTS, SVI, Predictive.

Tolerances are stated in posterior standard deviations. With fixed seeds the tests are
deterministic; a change of the random stream fails one with probability below 1e-4.
"""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro import handlers
from numpyro.infer import MCMC, NUTS, SVI, Predictive, Trace_ELBO
from numpyro.infer.util import log_density
from scipy import stats

from cases.mixtures import by_logits, by_probs
from pathmix import MixtureSameFamily

WEIGHTS, LOC, SCALE = np.array([0.3, 0.7]), np.array([-2.0, 2.0]), 0.8


def data(n, seed=0):
    generator = np.random.default_rng(seed)
    component = generator.random(n) < WEIGHTS[1]
    return generator.normal(LOC[component.astype(int)], SCALE).astype("float32")


def model(x=None, n=None):
    """A normal mixture with ordered locations."""
    weights = numpyro.sample("weights", dist.Dirichlet(jnp.ones(2)))
    first = numpyro.sample("first", dist.Normal(0.0, 5.0))
    gap = numpyro.sample("gap", dist.LogNormal(1.0, 1.0))
    scale = numpyro.sample("scale", dist.LogNormal(0.0, 1.0))
    loc = jnp.stack([first, first + gap])
    mixture = MixtureSameFamily(dist.Categorical(probs=weights), dist.Normal(loc, scale))
    with numpyro.plate("data", n or len(x)):
        return numpyro.sample("x", mixture, obs=x)


TRUTH = {"weights": 0.3, "first": -2.0, "gap": 4.0, "scale": 0.8}


def nuts(program, *args, warmup=300, samples=300, **kwargs):
    mcmc = MCMC(NUTS(program), num_warmup=warmup, num_samples=samples, progress_bar=False)
    mcmc.run(jax.random.key(0), *args, **kwargs)
    return mcmc


@pytest.fixture(scope="module")
def posterior():
    """NUTS on 300 points; no divergences."""
    mcmc = nuts(model, data(300))
    assert not mcmc.get_extra_fields()["diverging"].any()
    return mcmc.get_samples()


def test_nuts_recovers_the_parameters(posterior):
    """The truth is within 4 posterior standard deviations, which are as small as they should be.

    With known labels the standard errors for n = 300 are √(p(1−p)/n) = 0.026 for the weight and
    0.8/√90 = 0.084, 0.10 and 0.033 for the others; overlap makes them a little larger. The spread
    of 90 points is itself known to 7 %, and 300 draws tell a deviation to 4 % or a little more.
    """
    ideal = {"weights": 0.026, "first": 0.084, "gap": 0.10, "scale": 0.033}
    for name, truth in TRUTH.items():
        draws = np.asarray(posterior[name])
        draws = draws[:, 0] if draws.ndim > 1 else draws
        assert abs(draws.mean() - truth) < 4 * draws.std()
        assert 0.65 * ideal[name] < draws.std() < 2 * ideal[name]


def test_predictive_draws_from_the_mixture(posterior):
    """Each draw's cdf under its own posterior sample is uniform (KS, 1e-4)."""
    drawn = Predictive(model, posterior)(jax.random.key(1), n=20)["x"]
    assert drawn.shape == (300, 20)
    p = {name: np.asarray(each, float)[:, None] for name, each in posterior.items()}
    first = stats.norm.cdf(drawn, p["first"], p["scale"])
    second = stats.norm.cdf(drawn, p["first"] + p["gap"], p["scale"])
    cdf = p["weights"][..., 0] * first + p["weights"][..., 1] * second
    assert stats.kstest(np.ravel(cdf), "uniform").pvalue > 1e-4


def test_prior_predictive():
    drawn = Predictive(model, num_samples=50)(jax.random.key(1), n=7)
    assert drawn["x"].shape == (50, 7)
    assert np.isfinite(drawn["x"]).all()


@pytest.mark.slow
def test_svi_recovers_the_parameters(posterior):
    """Within 4 posterior standard deviations, by a factorised normal guide."""
    guide = numpyro.infer.autoguide.AutoNormal(model)
    svi = SVI(model, guide, numpyro.optim.Adam(0.02), Trace_ELBO(num_particles=2))
    result = svi.run(jax.random.key(2), 1500, data(300), progress_bar=False)
    median = guide.median(result.params)
    assert np.isfinite(result.losses).all()
    for name, truth in TRUTH.items():
        spread = np.ravel(np.std(posterior[name], axis=0))[0]
        assert abs(np.ravel(median[name])[0] - truth) < 4 * spread


def latent_prior():
    return by_probs([0.3, 0.7], dist.Normal(jnp.array([-1.5, 1.5]), jnp.array([0.5, 1.0])))


def test_nuts_samples_a_latent_mixture():
    """Without data the latent has the mixture's own distribution: KS of thinned draws, 1e-4."""
    mcmc = nuts(lambda: numpyro.sample("z", latent_prior()), warmup=500, samples=4000)
    z = np.asarray(mcmc.get_samples()["z"])
    size = numpyro.diagnostics.effective_sample_size(z[None])
    thinned = z[:: max(1, round(z.size / size))].astype(float)
    assert thinned.size > 100
    cdf = 0.3 * stats.norm.cdf(thinned, -1.5, 0.5) + 0.7 * stats.norm.cdf(thinned, 1.5, 1)
    assert stats.kstest(cdf, "uniform").pvalue > 1e-4


def test_a_latent_mixture_with_data_has_the_exact_posterior_mean():
    """Conjugate: each component's posterior is normal, their weights by the evidence."""

    def program(y):
        z = numpyro.sample("z", latent_prior())
        numpyro.sample("y", dist.Normal(z, 1.0), obs=y)

    z = np.asarray(nuts(program, 0.2, warmup=500, samples=4000).get_samples()["z"])
    prior = np.array([-1.5, 1.5]), np.array([0.25, 1.0])
    evidence = np.array([0.3, 0.7]) * stats.norm.pdf(0.2, prior[0], np.sqrt(prior[1] + 1))
    means = (prior[0] / prior[1] + 0.2) / (1 / prior[1] + 1)
    wanted = np.sum(evidence * means) / np.sum(evidence)
    size = numpyro.diagnostics.effective_sample_size(z[None])
    assert abs(z.mean() - wanted) < 4.5 * z.std() / np.sqrt(size)


def test_nuts_moves_through_the_hull_of_a_bounded_latent():
    """biject_to(support) maps the hull of overlapping uniforms to the line."""
    low, high = jnp.array([0.0, 1.0]), jnp.array([2.0, 3.0])

    def program():
        numpyro.sample("z", by_probs([0.5, 0.5], dist.Uniform(low, high)))

    z = np.asarray(nuts(program, samples=2000).get_samples()["z"])
    assert z.min() > 0
    assert z.max() < 3
    size = numpyro.diagnostics.effective_sample_size(z[None])
    assert abs(z.mean() - 1.5) < 4.5 * z.std() / np.sqrt(size)


def test_log_density_is_the_sum_by_hand():
    x = data(5)
    values = {
        "weights": jnp.array([0.4, 0.6]),
        "first": jnp.array(-1.0),
        "gap": jnp.array(2.0),
        "scale": jnp.array(0.7),
    }
    actual, _ = log_density(model, (x,), {}, values)
    densities = 0.4 * stats.norm.pdf(x, -1, 0.7) + 0.6 * stats.norm.pdf(x, 1, 0.7)
    prior = stats.norm.logpdf(-1, 0, 5) + stats.lognorm.logpdf(2, 1, scale=np.e)
    prior += stats.lognorm.logpdf(0.7, 1) + stats.dirichlet.logpdf([0.4, 0.6], [1, 1])
    np.testing.assert_allclose(actual, prior + np.log(densities).sum(), rtol=1e-5)


def batched():
    with numpyro.plate("rows", 4):
        return numpyro.sample("z", by_logits(jnp.zeros(3), dist.Normal(jnp.zeros((4, 3)))))


def test_seed_trace_and_plate():
    site = handlers.trace(handlers.seed(batched, jax.random.key(0))).get_trace()["z"]
    assert isinstance(site["fn"], MixtureSameFamily)
    assert site["value"].shape == (4,)
    assert [frame.name for frame in site["cond_indep_stack"]] == ["rows"]
    again = handlers.seed(batched, jax.random.key(0))()
    np.testing.assert_array_equal(site["value"], again)


def test_a_plate_expands_the_mixture():
    def program():
        with numpyro.plate("outer", 5, dim=-2), numpyro.plate("inner", 4):
            return numpyro.sample("z", latent_prior())

    assert handlers.seed(program, jax.random.key(0))().shape == (5, 4)
    site = handlers.trace(handlers.seed(program, jax.random.key(0))).get_trace()["z"]
    assert site["fn"].log_prob(site["value"]).shape == (5, 4)


@pytest.mark.parametrize("handler", [handlers.condition, handlers.substitute])
def test_condition_and_substitute(handler):
    value = jnp.arange(4.0)
    program = handlers.seed(handler(batched, {"z": value}), jax.random.key(0))
    site = handlers.trace(program).get_trace()["z"]
    np.testing.assert_array_equal(site["value"], value)
    assert site["is_observed"] == (handler is handlers.condition)


def test_mask_and_scale():
    mask = jnp.array([True, False, True, False])
    value = {"z": jnp.arange(4.0)}
    full = batched_log_density(batched, value, by_site=True)
    masked = batched_log_density(lambda: handlers.mask(batched, mask=mask)(), value)
    np.testing.assert_allclose(masked, full[mask].sum(), rtol=1e-6)
    scaled = batched_log_density(lambda: handlers.scale(batched, scale=3.0)(), value)
    np.testing.assert_allclose(scaled, 3 * full.sum(), rtol=1e-6)


def batched_log_density(program, value, *, by_site=False):
    if by_site:
        site = handlers.trace(handlers.condition(handlers.seed(program, 0), value)).get_trace()["z"]
        return site["fn"].log_prob(site["value"])
    return log_density(program, (), {}, value)[0]


def test_replay():
    first = handlers.trace(handlers.seed(batched, jax.random.key(0))).get_trace()
    replayed = handlers.replay(handlers.seed(batched, jax.random.key(1)), trace=first)
    np.testing.assert_array_equal(replayed(), first["z"]["value"])


CENSORED_X = np.array([0.5, 2.0, 3.0], np.float32)


def waiting_times():
    return by_probs([0.4, 0.6], dist.LogNormal(jnp.array([0.0, 1.0]), 0.5))


def waiting_densities(x):
    """Density and cdf of ``waiting_times`` by SciPy."""
    parts = [stats.lognorm(0.5, scale=np.exp(loc)) for loc in (0.0, 1.0)]
    mix = lambda name: sum(w * getattr(d, name)(x) for w, d in zip((0.4, 0.6), parts, strict=True))  # noqa: E731
    return mix("pdf"), mix("cdf")


CENSORINGS = {
    "right": (dist.RightCensoredDistribution, lambda cdf: 1 - cdf),
    "left": (dist.LeftCensoredDistribution, lambda cdf: cdf),
}


@pytest.mark.parametrize("name", CENSORINGS)
def test_censored_all_alike(name):
    """NumPyro's wrappers with one indicator for all."""
    wrapper, tail = CENSORINGS[name]
    density, cdf = waiting_densities(CENSORED_X)
    for censored, wanted in ((True, tail(cdf)), (False, density)):
        found = wrapper(waiting_times(), censored).log_prob(CENSORED_X)
        np.testing.assert_allclose(found, np.log(wanted), rtol=1e-5)


@pytest.mark.parametrize("name", CENSORINGS)
def test_censored_each(name):
    """An indicator per point needs an axis of its own, to which the components broadcast."""
    wrapper, tail = CENSORINGS[name]
    censored = np.array([False, True, True])[:, None]
    density, cdf = (each[:, None] for each in waiting_densities(CENSORED_X))
    found = wrapper(waiting_times(), censored).log_prob(CENSORED_X[:, None])
    np.testing.assert_allclose(found, np.log(np.where(censored, tail(cdf), density)), rtol=1e-5)


def test_censored_in_intervals():
    """Between 0.5 and 1.5; up to 2; from 3."""
    bounds = np.array([[0.5, 1.5], [0.0, 2.0], [3.0, np.inf]], np.float32)
    left, right = np.array([[False, True, False], [False, False, True]])[..., None]
    low, high = waiting_densities(bounds[:, 0])[1], waiting_densities(bounds[:, 1])[1]
    d = dist.IntervalCensoredDistribution(waiting_times(), left, right)
    found = d.log_prob(bounds[:, None])[:, 0]
    np.testing.assert_allclose(found, np.log([high[0] - low[0], high[1], 1 - low[2]]), rtol=1e-5)


def test_censoring_by_hand():
    """What the documentation advises, exact where NumPyro's wrapper stops at one minus epsilon."""
    x, event = np.array([0.5, 2.0, 60.0], np.float32), np.array([True, False, False])
    mixture = waiting_times()
    found = jnp.where(event, mixture.log_prob(x), mixture.log_survival_function(x))
    logs = [stats.lognorm.logsf(x, 0.5, scale=np.exp(loc)) for loc in (0.0, 1.0)]
    survival = np.logaddexp(np.log(0.4) + logs[0], np.log(0.6) + logs[1])
    wanted = np.where(event, np.log(waiting_densities(x)[0]), survival)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    theirs = dist.RightCensoredDistribution(mixture, True).log_prob(x[2])
    assert theirs > found[2] + 1  # off by more than a unit in the log


def test_truncation_by_hand():
    """``log f − log(F(high) − F(low))`` by the mixture's own cdf; NumPyro's class refuses it."""
    with pytest.raises(AssertionError, match="MixtureSameFamily is not supported"):
        dist.TruncatedDistribution(waiting_times(), low=1.0)
    mixture = waiting_times()
    found = mixture.log_prob(CENSORED_X) - jnp.log(mixture.cdf(4.0) - mixture.cdf(0.25))
    density, _ = waiting_densities(CENSORED_X)
    share = waiting_densities(4.0)[1] - waiting_densities(0.25)[1]
    np.testing.assert_allclose(found, np.log(density / share), rtol=1e-5)


def test_as_a_guide():
    """SVI with a mixture as guide runs through log_prob; its draws carry no gradient."""

    def guide():
        loc = numpyro.param("loc", jnp.array([-1.0, 1.0]))
        numpyro.sample("z", by_logits(jnp.zeros(2), dist.Normal(loc)))

    traced = handlers.trace(handlers.seed(guide, jax.random.key(0))).get_trace()
    assert not traced["z"]["fn"].has_rsample
