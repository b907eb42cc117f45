"""Inference on Edward2-style programs, unchanged: NUTS, HMC, SVI, Predictive, graphs, ArviZ."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from jax import random
from numpyro import handlers
from numpyro.diagnostics import effective_sample_size
from numpyro.infer import (
    HMC,
    MCMC,
    NUTS,
    SVI,
    DiscreteHMCGibbs,
    Predictive,
    Trace_ELBO,
    TraceGraph_ELBO,
    autoguide,
    log_likelihood,
)
from numpyro.infer.inspect import get_model_relations
from numpyro.infer.util import initialize_model
from scipy import stats

from pathmix import MixtureSameFamily, condition
from pathmix import random_variables as rv

RNG = np.random.default_rng(0)
COMPONENT = RNG.random(60) < 0.7
DATA = RNG.normal(np.where(COMPONENT, 3.0, -3.0), 1.0).astype(np.float32)


def program(data=None, number=60):
    weights = rv.Dirichlet(jnp.ones(2), name="weights")
    first = rv.Normal(0.0, 5.0, name="first")
    gap = rv.LogNormal(1.0, 1.0, name="gap")
    loc = jnp.stack([first, first + gap])
    with numpyro.plate("data", number):
        return rv.MixtureSameFamily(
            dist.Categorical(probs=weights),
            dist.Normal(loc, 1.0),
            value=data,
            name="x",
            with_component=True,
        )


def plain(data=None, number=60):
    """The same in NumPyro alone."""
    weights = numpyro.sample("weights", dist.Dirichlet(jnp.ones(2)))
    first = numpyro.sample("first", dist.Normal(0.0, 5.0))
    gap = numpyro.sample("gap", dist.LogNormal(1.0, 1.0))
    loc = jnp.stack([first, first + gap])
    with numpyro.plate("data", number):
        mixture = MixtureSameFamily(dist.Categorical(probs=weights), dist.Normal(loc, 1.0))
        return numpyro.sample("x", mixture, obs=data)


def mcmc(model, kernel=NUTS, warmup=100, samples=100, data=DATA):
    run = MCMC(kernel(model), num_warmup=warmup, num_samples=samples, progress_bar=False)
    run.run(random.key(0), data)
    return run


@pytest.fixture(scope="module")
def nuts():
    return mcmc(program)


@pytest.fixture(scope="module")
def posterior(nuts):
    return nuts.get_samples()


@pytest.mark.slow
def test_the_potential_is_that_of_the_plain_model(posterior):
    """Of it and of its slope samplers make their draws, which grow apart from rounding errors."""
    initial = [
        initialize_model(random.key(0), model, model_args=(DATA,)) for model in (program, plain)
    ]
    start = initial[1].param_info.z
    assert set(start) == {"weights", "first", "gap"}
    for scale in (0.3, 1.0, 2.0):
        z = jax.tree.map(lambda t, scale=scale: scale * t + 0.1, start)
        ours, theirs = (jax.jit(jax.value_and_grad(m.potential_fn))(z) for m in initial)
        # sums of 60 terms of about 5, each to a few units of 2⁻²⁴
        jax.tree.map(
            lambda t, wanted: np.testing.assert_allclose(t, wanted, rtol=1e-5, atol=1e-3),
            ours,
            theirs,
        )
    assert "x_component" in posterior


@pytest.mark.slow
def test_hmc_runs_on_a_program():
    draws = mcmc(program, HMC).get_samples()
    assert {name for name, draw in draws.items() if not np.isfinite(draw).all()} == set()


@pytest.mark.slow
def test_the_posterior_is_near_the_truth(nuts, posterior):
    """With known labels the standard errors are 0.06, 0.24 and 0.29."""
    assert not nuts.get_extra_fields()["diverging"].any()
    for name, truth, spread in [("first", -3.0, 0.24), ("gap", 6.0, 0.29)]:
        assert abs(posterior[name].mean() - truth) < 4 * spread
        assert 0.5 * spread < posterior[name].std() < 2 * spread


def test_components_are_assigned_during_inference_and_in_one_line_after_it(posterior):
    loc = jnp.stack([posterior["first"], posterior["first"] + posterior["gap"]], -1)
    mixtures = MixtureSameFamily(
        dist.Categorical(probs=posterior["weights"]), dist.Normal(loc, 1.0)
    )
    assigned = mixtures.posterior_mode(DATA[:, None]).T
    assert assigned.shape == (100, 60)
    np.testing.assert_array_equal(posterior["x_component"], assigned)
    by_hand = stats.norm.logpdf(DATA[:, None, None], loc, 1.0) + np.log(posterior["weights"])
    np.testing.assert_array_equal(assigned, by_hand.argmax(-1).T)
    assert (assigned == COMPONENT).mean() > 0.98


def test_conditioning_by_a_block_is_conditioning_by_value(posterior):
    """The block may hold the whole inference: here the model has no data of its own."""
    with condition(x=DATA):
        run = mcmc(program, data=None)
    both = [np.asarray(each["first"]) for each in (posterior, run.get_samples())]
    error = np.sqrt(sum(x.var() / effective_sample_size(x[None]) for x in both))
    difference = abs(both[0].mean() - both[1].mean())
    assert difference <= 4 * error  # a false alarm in 16 000
    assert 4 * error < 0.5  # without the data it would be at 0, its prior mean, not at -3
    assert "x" not in run.get_samples()


def test_predictive(posterior):
    """Prior and posterior; the drawn component comes along."""
    for arguments in ({"num_samples": 100}, {"posterior_samples": posterior}):
        drawn = Predictive(program, **arguments)(random.key(1))
        assert drawn["x"].shape == drawn["x_component"].shape == (100, 60)
        assert set(np.unique(drawn["x_component"])) == {0, 1}
    # of the posterior predictive draws, those of the second component are above zero
    above = np.asarray(drawn["x"] > 0)
    assert (above == np.asarray(drawn["x_component"])).mean() > 0.95
    same = Predictive(plain, posterior)(random.key(1))["x"]
    np.testing.assert_array_equal(drawn["x"], same)


@pytest.mark.slow
def test_parallel_predictive_and_log_likelihood(posterior):
    one = Predictive(program, posterior, parallel=True)(random.key(1))["x"]
    np.testing.assert_allclose(one, Predictive(program, posterior)(random.key(1))["x"], rtol=1e-5)
    ours, theirs = (log_likelihood(p, posterior, DATA)["x"] for p in (program, plain))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


GUIDES = [
    autoguide.AutoNormal,
    pytest.param(autoguide.AutoMultivariateNormal, marks=pytest.mark.slow),
    pytest.param(autoguide.AutoDelta, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("guide", GUIDES)
def test_svi_with_automatic_guides(guide):
    losses = []
    for model in (program, plain):
        svi = SVI(model, guide(model), numpyro.optim.Adam(0.05), Trace_ELBO())
        losses.append(svi.run(random.key(0), 30, DATA, progress_bar=False).losses)
    np.testing.assert_array_equal(*losses)
    assert losses[0][-5:].mean() < losses[0][:5].mean()


@pytest.mark.slow
def test_svi_with_a_program_as_guide():
    """A reparameterised mixture as guide; the model is a normal about which all is known."""

    def model():
        rv.Normal(1.0, 0.5, name="z")

    def guide():
        logits = numpyro.param("logits", jnp.zeros(2))
        loc = numpyro.param("loc", jnp.array([-1.0, 1.0]))
        rv.MixtureSameFamily(
            dist.Categorical(logits=logits), dist.Normal(loc, 0.5), reparameterize=True, name="z"
        )

    svi = SVI(model, guide, numpyro.optim.Adam(0.05), Trace_ELBO(num_particles=8))
    state = svi.run(random.key(0), 300, progress_bar=False)
    with handlers.substitute(data=state.params), handlers.trace() as sites:
        handlers.seed(guide, random.key(0))()
    assert abs(sites["z"]["fn"].mean - 1.0) < 0.15
    assert svi.evaluate(state.state) < 0.1


@pytest.mark.slow
def test_svi_by_score_gradients():
    """TraceGraph_ELBO reads the dependencies between sites: discrete guides work."""

    def model():
        z = rv.Bernoulli(0.5, name="z")
        rv.Normal(2.0 * z, 0.5, value=2.0, name="x")

    def guide():
        rv.Bernoulli(logits=numpyro.param("logit", 0.0), name="z")

    svi = SVI(model, guide, numpyro.optim.Adam(0.2), TraceGraph_ELBO(num_particles=10))
    params = svi.run(random.key(0), 100, progress_bar=False).params
    # the exact log odds are log N(2; 2, 0.5) − log N(2; 0, 0.5) = 8
    assert params["logit"] > 2.0


@pytest.mark.slow
def test_subsampled_plates_in_svi():
    def model(data):
        loc = rv.Normal(0.0, 10.0, name="loc")
        with numpyro.plate("n", len(data), subsample_size=20):
            batch = numpyro.subsample(data, event_dim=0)
            rv.Normal(loc, 3.0, value=batch, name="x")

    svi = SVI(model, autoguide.AutoNormal(model), numpyro.optim.Adam(0.1), Trace_ELBO())
    result = svi.run(random.key(0), 300, jnp.asarray(DATA), progress_bar=False)
    assert abs(result.params["loc_auto_loc"] - DATA.mean()) < 0.8


@pytest.mark.slow
def test_enumeration_of_discrete_variables():
    """A value of the data's shape, although enumeration gives the distribution another axis."""
    pytest.importorskip("funsor")

    def model(data):
        loc = rv.MultivariateNormal(jnp.array([-3.0, 3.0]), jnp.eye(2), name="loc")
        with numpyro.plate("n", len(data)):
            z = rv.Categorical(jnp.array([0.3, 0.7]), name="z")
            rv.Normal(loc[z], 1.0, value=data, name="x")

    from numpyro.contrib.funsor import config_enumerate

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        enumerated = config_enumerate(model)
        made = initialize_model(random.key(0), enumerated, model_args=(jnp.asarray(DATA),))
        actual = -made.potential_fn({"loc": jnp.array([-3.0, 3.0])})
    density = 0.3 * stats.norm.pdf(DATA, -3) + 0.7 * stats.norm.pdf(DATA, 3)
    wanted = np.log(density).sum() + 2 * stats.norm.logpdf(0)
    np.testing.assert_allclose(actual, wanted, rtol=1e-5)


@pytest.mark.slow
def test_gibbs_within_nuts():
    def model():
        z = rv.Bernoulli(0.25, name="z")
        rv.Normal(4.0 * z, 1.0, name="x")

    run = MCMC(
        DiscreteHMCGibbs(NUTS(model), modified=True),
        num_warmup=50,
        num_samples=50,
        progress_bar=False,
    )
    run.run(random.key(0))
    assert set(np.unique(run.get_samples()["z"])) <= {0, 1}
    assert run.get_samples()["x"].shape == (50,)


def test_the_graph_of_a_program():
    relations = get_model_relations(program, (DATA,))
    expected = get_model_relations(plain, (DATA,))
    for part in ("sample_sample", "plate_sample", "observed", "sample_dist"):
        ours = {**relations}[part]
        if isinstance(ours, dict):
            ours = {
                k: [v for v in vs if v != "x_component"] if isinstance(vs, list) else vs
                for k, vs in ours.items()
                if k != "x_component"
            }
        assert ours == expected[part]
    assert set(relations["sample_sample"]["x"]) == {"weights", "first", "gap"}


def test_render_model():
    graphviz = pytest.importorskip("graphviz")
    graph = numpyro.render_model(program, (DATA,), render_distributions=True)
    assert isinstance(graph, graphviz.Digraph)
    assert all(name in graph.source for name in ("weights", "first", "gap", "MixtureSameFamily"))


def test_conversion_to_arviz(nuts):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        arviz = pytest.importorskip("arviz")
    data = arviz.from_numpyro(nuts)
    assert {"weights", "first", "gap", "x_component"} <= set(data.posterior)
    assert data.observed_data["x"].shape == (60,)
    assert data.log_likelihood["x"].shape == (1, 100, 60)
    np.testing.assert_array_equal(
        data.posterior["gap"][0], nuts.get_samples(group_by_chain=True)["gap"][0]
    )


@pytest.mark.slow
def test_a_program_within_a_program():
    def inner(loc):
        return rv.Normal(loc, 1.0, name="x")

    def outer():
        loc = rv.Normal(0.0, 1.0, name="loc")
        first = handlers.scope(inner, prefix="first")(loc)
        return handlers.scope(inner, prefix="second")(first)

    run = MCMC(NUTS(outer), num_warmup=20, num_samples=20, progress_bar=False)
    run.run(random.key(0))
    assert set(run.get_samples()) == {"loc", "first/x", "second/x"}


@pytest.mark.slow
def test_several_chains_by_vmap():
    run = MCMC(
        NUTS(program),
        num_warmup=20,
        num_samples=20,
        num_chains=2,
        chain_method="vectorized",
        progress_bar=False,
    )
    run.run(random.key(0), DATA)
    draws = run.get_samples(group_by_chain=True)
    assert draws["gap"].shape == (2, 20)
    assert draws["x_component"].shape == (2, 20, 60)
    assert jnp.isfinite(draws["gap"]).all()
    assert jax.tree.all(jax.tree.map(lambda x: isinstance(x, jax.Array), draws))
