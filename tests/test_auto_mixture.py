"""AutoMixture: its starts by exact masses, its numbers by SciPy, its life among NumPyro's parts."""

import copy
import functools

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro import handlers
from numpyro.infer import SVI, Predictive, Trace_ELBO, init_to_sample
from numpyro.infer.autoguide import AutoDelta, AutoGuideList
from numpyro.infer.reparam import NeuTraReparam
from scipy import optimize, stats

from pathmix import MixtureSameFamily
from pathmix.infer import AutoMixture, FromModes, FromPrior

KEY = jax.random.key(0)
POINTS = jax.random.normal(KEY, (3, 6))
QUICK = FromModes(num_starts=4, num_steps=30, num_draws=2)


def set_up(guide, *args, seed=0, **kwargs):
    """The guide once it has seen its model, and its parameters at the start."""
    with handlers.seed(rng_seed=seed), handlers.trace() as sites:
        guide(*args, **kwargs)
    return guide, {n: s["value"] for n, s in sites.items() if s["type"] == "param"}


def two_normals(weights, locs, scales):
    """A model whose posterior is a mixture of normals of independent coordinates."""
    weights, locs, scales = (jnp.array(t) for t in (weights, locs, scales))

    def model():
        flat = dist.Normal(0.0, 5.0).expand([locs.shape[-1]]).to_event(1)
        z = numpyro.sample("z", flat)
        parts = dist.Normal(locs, scales).to_event(1).log_prob(z) + jnp.log(weights)
        numpyro.factor("target", jax.nn.logsumexp(parts) - flat.log_prob(z))

    return model


def waits(y):
    """Two kinds of waits: which is which is not known, so that the posterior is symmetric."""
    loc = numpyro.sample("loc", dist.Normal(0.0, 5.0).expand([2]).to_event(1))
    scale = numpyro.sample("scale", dist.HalfNormal(2.0).expand([2]).to_event(1))
    kinds = MixtureSameFamily(dist.Categorical(probs=jnp.full(2, 0.5)), dist.Normal(loc, scale))
    with numpyro.plate("data", len(y)):
        numpyro.sample("y", kinds, obs=y)


Y = jnp.array(np.random.default_rng(0).normal(np.repeat([-2.0, 2.0], 15), 0.7))


def several(y=0.3):
    """Latents of several supports and sites."""
    loc = numpyro.sample("loc", dist.Normal(0.0, 1.0))
    scale = numpyro.sample("scale", dist.Gamma(2.0, 1.0))
    numpyro.sample("share", dist.Dirichlet(jnp.ones(3)))
    with numpyro.plate("groups", 2):
        numpyro.sample("level", dist.Uniform(-1.0, 3.0))
    numpyro.deterministic("ratio", loc / scale)
    numpyro.sample("y", dist.Normal(loc, scale), obs=y)


# ---- starts ----


@pytest.mark.slow
def test_the_start_is_at_the_modes_with_their_scales_and_masses():
    """Of normals far apart each fit is exact: the mixture itself is what comes out."""
    weights, locs = [0.3, 0.7], [[4.0, -1.0, 0.0], [-4.0, 2.0, 0.5]]
    scales = [[0.5, 1.0, 0.5], [0.7, 0.3, 2.0]]
    for seed in range(2):
        guide, p = set_up(AutoMixture(two_normals(weights, locs, scales), 2), seed=seed)
        order = np.argsort(p["auto_locs"][:, 0])[::-1]
        components = guide.get_components(p)
        np.testing.assert_allclose(components.weights[order], weights, atol=1e-3)
        np.testing.assert_allclose(components.locs[order], locs, atol=1e-2)
        np.testing.assert_allclose(components.scales[order], scales, rtol=1e-2)


@pytest.mark.slow
def test_both_orders_of_two_labels_are_found_and_kept():
    guide = AutoMixture(waits, 2)
    svi = SVI(waits, guide, numpyro.optim.Adam(0.003), Trace_ELBO(4))
    result = svi.run(KEY, 100, Y, progress_bar=False)
    components = guide.get_components(result.params)
    # the logits wander by 0.003 √100 each, weights by a quarter of the difference: 4 times 0.011
    np.testing.assert_allclose(components.weights, 0.5, atol=0.05)
    loc = components.latents["loc"]
    assert np.all(np.sign(loc[0]) == -np.sign(loc[1]))
    np.testing.assert_allclose(loc[0], loc[1, ::-1], atol=0.15)


@pytest.mark.slow
def test_light_modes_are_passed_over_and_components_share_the_rest():
    model = two_normals([1e-8, 1.0], [[4.0, 0.0], [-4.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]])
    _, p = set_up(AutoMixture(model, 3))
    assert np.all(p["auto_locs"][:, 0] < -2)
    np.testing.assert_allclose(jax.nn.softmax(p["auto_logits"]), 1 / 3, rtol=1e-4)
    away = np.linalg.norm(p["auto_locs"][:, None] - p["auto_locs"], axis=-1)
    assert np.all(away[np.triu_indices(3, 1)] > 0.1)


@pytest.mark.slow
def test_a_mode_has_a_weight_to_learn_by():
    """Masses at the start are estimates: none says that a component is to be given up."""
    model = two_normals([1e-4, 1.0], [[4.0], [-4.0]], [[1.0], [1.0]])
    _, p = set_up(AutoMixture(model, 2))
    np.testing.assert_allclose(np.min(jax.nn.softmax(p["auto_logits"])), 0.005, rtol=0.01)


@pytest.mark.parametrize("strategy", [FromModes(), FromPrior()], ids=["modes", "prior"])
def test_starts_are_finite_where_densities_are_not(strategy):
    """Draws of the prior that overflow, and a density that is NaN on half of the line."""

    def model():
        numpyro.sample("wide", dist.Gamma(0.01, 0.01))
        x = numpyro.sample("x", dist.Normal(0.0, 1e3))
        numpyro.sample("flat", dist.ImproperUniform(dist.constraints.real, (), ()))
        numpyro.factor("half", jnp.where(x > 0, -((x - 1) ** 2), jnp.nan))

    for seed in range(2):
        _, p = set_up(AutoMixture(model, 3, init=strategy), seed=seed)
        assert all(jnp.isfinite(value).all() for value in p.values())
        assert np.all(p["auto_scales"] > 0)


@pytest.mark.slow
def test_starts_from_the_prior_follow_it():
    guide, p = set_up(AutoMixture(several, 400, init=FromPrior()))
    latents = guide.get_components(p).latents
    # false alarms: 4e-5 each
    assert stats.kstest(latents["scale"], stats.gamma(2).cdf).pvalue > 4e-5
    assert stats.kstest(latents["level"][:, 1], stats.uniform(-1, 4).cdf).pvalue > 4e-5
    assert stats.kstest(latents["share"][:, 0], stats.beta(1, 2).cdf).pvalue > 4e-5


@pytest.mark.slow
def test_starts_from_given_points():
    points = {
        "loc": jnp.array([0.0, 1.0]),
        "scale": jnp.array([1.0, 2.0]),
        "share": jnp.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]),
        "level": jnp.array([[0.0, 1.0], [2.0, -0.5]]),
    }
    guide, p = set_up(AutoMixture(several, 2, init=points, init_scale=0.2))
    latents = guide.get_components(p).latents
    for name, value in points.items():
        np.testing.assert_allclose(latents[name], value, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(p["auto_scales"], 0.2)
    _, q = set_up(AutoMixture(several, 2, init=p["auto_locs"]))
    np.testing.assert_array_equal(p["auto_locs"], q["auto_locs"])
    np.testing.assert_allclose(q["auto_scales"], 0.1)


def test_starts_depend_on_the_key_and_on_nothing_else():
    def model():
        numpyro.sample("z", dist.Normal(0.0, 1.0))

    start = lambda seed: set_up(AutoMixture(model, 3, init=FromPrior()), seed=seed)[1]["auto_locs"]  # noqa: E731
    np.testing.assert_array_equal(start(0), start(0))
    assert np.all(start(1) != start(0))


@pytest.mark.parametrize("start", [[-1.2, 1.0], [3.0, -2.0]])
def test_the_minimiser(start, x64):
    from pathmix._infer._lbfgs import minimise

    starts = jnp.array([start, [np.nan, 0.0]])
    x, value = minimise(optimize_rosenbrock, starts, num_steps=150, longest=2.0)
    np.testing.assert_allclose(x[0], 1.0, atol=1e-6)
    assert value[0] < 1e-12
    assert value[1] == jnp.inf


def optimize_rosenbrock(x):
    """SciPy's, in JAX; the two agree."""
    value = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    if not isinstance(x, jax.core.Tracer):
        assert value == optimize.rosen(x)
    return value


# ---- parameters and posterior ----


def covariances(p, covariance):
    """By the formulas of the class, in NumPy."""
    if covariance == "diagonal":
        return np.stack([np.diag(s**2) for s in np.asarray(p["auto_scales"])])
    if covariance == "full":
        return np.stack([t @ t.T for t in np.asarray(p["auto_scale_trils"])])
    pairs = zip(np.asarray(p["auto_scales"]), np.asarray(p["auto_cov_factors"]), strict=True)
    return np.stack([np.diag(s) @ (np.eye(len(s)) + f @ f.T) @ np.diag(s) for s, f in pairs])


@pytest.mark.slow
@pytest.mark.parametrize("covariance", ["diagonal", "full", "low_rank"])
def test_the_posterior_is_the_mixture_of_the_parameters(covariance):
    guide, p = set_up(AutoMixture(several, 3, covariance=covariance, init=POINTS))
    noise = iter(jax.random.split(KEY, 9))
    bent = {n: v + 0.1 * jnp.abs(jax.random.normal(next(noise), v.shape)) for n, v in p.items()}
    if covariance == "full":
        bent["auto_scale_trils"] = jnp.tril(bent["auto_scale_trils"])
    q, components = guide.get_posterior(bent), guide.get_components(bent)
    weights = np.exp(bent["auto_logits"]) / np.sum(np.exp(bent["auto_logits"]))
    np.testing.assert_allclose(components.weights, weights, rtol=1e-5)
    full = covariances(bent, covariance)
    np.testing.assert_allclose(components.scales**2, [np.diag(c) for c in full], rtol=1e-4)
    z = np.asarray(bent["auto_locs"][0]) + 0.1
    normals = [
        w * stats.multivariate_normal(m, c).pdf(z)
        for w, m, c in zip(weights, np.asarray(bent["auto_locs"]), full, strict=True)
    ]
    assert q.log_prob(z) == pytest.approx(np.log(np.sum(normals)), rel=1e-4)
    np.testing.assert_allclose(
        guide.responsibilities(bent, z), normals / np.sum(normals), rtol=1e-3, atol=1e-6
    )
    assert q.reparameterize
    assert q.event_shape == (guide.latent_dim,) == (6,)


@pytest.mark.slow
def test_parameters_are_named_by_the_prefix_and_start_as_they_are_constrained():
    guide = AutoMixture(several, 2, covariance="low_rank", rank=3, prefix="q", init=POINTS[:2])
    svi = SVI(several, guide, numpyro.optim.Adam(0.1), Trace_ELBO())
    p = svi.get_params(svi.init(KEY))
    shapes = {name: value.shape for name, value in p.items()}
    assert shapes == {
        "q_logits": (2,),
        "q_locs": (2, 6),
        "q_scales": (2, 6),
        "q_cov_factors": (2, 6, 3),
    }


@pytest.mark.slow
def test_slopes_of_low_rank_factors_are_not_zero_at_the_start():
    model = two_normals([1.0], [[0.0, 0.0, 0.0, 0.0]], [[1.0, 1.0, 1.0, 1.0]])
    guide, p = set_up(AutoMixture(model, 1, covariance="low_rank", init=jnp.zeros((1, 4))))
    slopes = jax.jit(jax.grad(lambda p: Trace_ELBO(8).loss(KEY, p, model, guide)))(p)
    assert np.all(slopes["auto_cov_factors"] != 0)


@functools.cache
def learnt():
    """A guide of latents of several kinds whose components differ."""
    guide, p = set_up(AutoMixture(several, 2, init=POINTS[:2]))
    p["auto_locs"] = jnp.array([[1.0, 0.5, 0.0, 0.3, 1.0, -1.0], [-1.0, -0.5, 2.0, -0.3, 0.5, 0.0]])
    p["auto_logits"] = jnp.log(jnp.array([0.3, 0.7]))
    p["auto_scales"] = jnp.array([[0.3] * 6, [0.6] * 6])
    return guide, p


def margin_cdf(p, axis, x):
    """Of an unconstrained coordinate, by SciPy."""
    locs, scales = np.asarray(p["auto_locs"])[:, axis], np.asarray(p["auto_scales"])[:, axis]
    return np.array([0.3, 0.7]) @ stats.norm(locs[:, None], scales[:, None]).cdf(np.ravel(x))


def test_quantiles_are_those_of_the_margins():
    guide, p = learnt()
    levels = np.array([0.05, 0.5, 0.99])
    q = guide.quantiles(p, levels)
    order = list(guide._init_locs)
    axis = {name: i for i, name in enumerate(["loc", "scale"])}
    assert order[:2] == ["loc", "scale"]
    np.testing.assert_allclose(margin_cdf(p, axis["loc"], q["loc"]), levels, atol=1e-5)
    np.testing.assert_allclose(margin_cdf(p, axis["scale"], np.log(q["scale"])), levels, atol=1e-5)
    inner = (np.asarray(q["level"][:, 1]) + 1) / 4
    last = guide.latent_dim - 1
    np.testing.assert_allclose(margin_cdf(p, last, np.log(inner / (1 - inner))), levels, atol=1e-4)
    assert q["share"].shape == (3, 3)
    for name, value in guide.median(p).items():
        np.testing.assert_allclose(value, q[name][1], rtol=1e-5)


def test_draws_of_the_posterior_follow_it():
    guide, p = learnt()
    draws = guide.sample_posterior(KEY, p, sample_shape=(2, 1000))
    assert draws["share"].shape == (2, 1000, 3)
    np.testing.assert_allclose(draws["ratio"], draws["loc"] / draws["scale"], rtol=1e-5)
    assert guide.sample_posterior(KEY, p)["level"].shape == (2,)
    cdf = functools.partial(margin_cdf, p, 1)
    # false alarm: 6e-5
    assert stats.kstest(np.log(draws["scale"]).ravel(), cdf).pvalue > 6e-5


def test_assignments_of_draws():
    guide, p = learnt()
    draws = guide.sample_posterior(KEY, p, sample_shape=(50,))
    shares, chosen = guide.responsibilities(p, draws), guide.assignments(p, draws)
    z = np.stack([draws["loc"], np.log(draws["scale"])], -1)
    assert shares.shape == (50, 2)
    assert np.all(np.argmax(shares, -1) == chosen)
    # the first component is narrow and right; these two coordinates alone nearly tell
    right = stats.norm.logpdf(z, [1.0, 0.5], 0.3).sum(-1)
    left = stats.norm.logpdf(z, [-1.0, -0.5], 0.6).sum(-1)
    sure = np.abs(right - left) > 12
    assert sure.sum() > 10
    np.testing.assert_array_equal(chosen[sure], np.where(right > left, 0, 1)[sure])


@pytest.mark.parametrize("through", ["guide", "model"])
def test_predictive(through):
    guide, p = learnt()
    if through == "guide":
        draws = Predictive(guide, params=p, num_samples=300)(KEY)
    else:
        draws = Predictive(several, guide=guide, params=p, num_samples=300)(KEY, None)
        assert draws["y"].shape == (300,)
    if through == "guide":
        cdf = functools.partial(margin_cdf, p, 0)
        assert stats.kstest(draws["loc"], cdf).pvalue > 6e-5


def test_the_gradient_is_unbiased():
    """Of a scalar target, against the derivative of the ELBO by a sum over a grid."""
    model = two_normals([0.2, 0.8], [[-1.5], [1.5]], [[1.0], [0.7]])
    guide, p = set_up(AutoMixture(model, 2, init=jnp.array([[-1.0], [0.5]]), init_scale=0.9))
    grid = jnp.linspace(-8, 8, 2001)[:, None]

    def elbo(p):
        q = guide.get_posterior(p).log_prob(grid)
        target = jax.vmap(lambda z: handlers_log_density(model, z))(grid)
        return jnp.sum(jnp.exp(q) * (target - q)) * 16 / 2000

    estimate = jax.grad(lambda p, key: -Trace_ELBO().loss(key, p, model, guide))
    slopes = jax.jit(jax.vmap(estimate, (None, 0)))(p, jax.random.split(KEY, 4000))
    for name, exact in jax.grad(elbo)(p).items():
        mean, error = slopes[name].mean(0), slopes[name].std(0) / 4000**0.5
        assert np.all(np.abs(mean - exact) < 4 * error), name
        assert np.all(np.abs(exact) > 8 * error), name  # a slope of zero would be told


def handlers_log_density(model, z):
    return numpyro.infer.util.log_density(model, (), {}, {"z": z})[0]


# ---- among NumPyro's parts ----


def learn(guide, model, *args, steps=3):
    """A few steps under jit from a start under jit, and their losses."""
    svi = SVI(model, guide, numpyro.optim.Adam(0.01), Trace_ELBO())
    state = jax.jit(svi.init)(KEY, *args)
    update, losses = jax.jit(svi.update), []
    for _ in range(steps):
        state, loss = update(state, *args)
        losses.append(loss)
    assert np.all(np.isfinite(losses))
    return svi, state


@pytest.mark.slow
def test_start_and_steps_under_jit():
    guide = AutoMixture(waits, 2, init=QUICK)
    svi, state = learn(guide, waits, Y)
    _, p = set_up(AutoMixture(waits, 2, init=QUICK), Y)
    assert svi.get_params(state).keys() == p.keys()
    assert all(jnp.isfinite(x).all() for x in guide.median(svi.get_params(state)).values())


def test_subsampled_data_and_mutable_state():
    def model(y):
        loc = numpyro.sample("loc", dist.Normal(0.0, 5.0))
        seen = numpyro.primitives.mutable("seen", {"rows": 0.0})
        with numpyro.plate("data", len(y), subsample_size=5):
            batch = numpyro.subsample(y, event_dim=0)
            numpyro.sample("y", dist.Normal(jnp.abs(loc) + 0.0 * seen["rows"], 1.0), obs=batch)
        seen["rows"] = seen["rows"] + 5.0 + 0.0 * loc

    _, state = learn(AutoMixture(model, 2, init=QUICK), model, jnp.abs(Y))
    assert state.mutable_state["seen"]["rows"] > 0


def test_parts_of_a_model_by_different_guides():
    guide = AutoGuideList(waits)
    guide.append(AutoMixture(handlers.block(waits, hide=["scale"]), 2, init=jnp.eye(2)))
    guide.append(AutoDelta(handlers.block(waits, expose=["scale"]), prefix="other"))
    svi, state = learn(guide, waits, Y)
    assert {"auto_locs", "scale_other_loc"} <= set(svi.get_params(state))


@pytest.mark.slow
def test_double_precision(x64):
    model = two_normals([1.0], [[0.0, 0.0]], [[1.0, 1.0]])
    guide, p = set_up(AutoMixture(model, 2, init=QUICK))
    assert {value.dtype for value in p.values()} == {jnp.dtype("float64")}
    assert guide.sample_posterior(KEY, p)["z"].dtype == jnp.float64


def test_copies():
    guide, p = learnt()
    again = copy.deepcopy(guide)
    np.testing.assert_array_equal(again.median(p)["loc"], guide.median(p)["loc"])
    _, q = set_up(copy.deepcopy(AutoMixture(several, 2, init=POINTS[:2])))
    assert q.keys() == p.keys()


@pytest.mark.slow
def test_another_strategy_of_initialisation():
    where = functools.partial(numpyro.infer.init_to_value, values={"z": jnp.array([4.0])})
    model = two_normals([0.1, 0.9], [[4.0], [-40.0]], [[0.1], [0.1]])
    init = FromModes(num_starts=4, num_draws=2, num_steps=60)
    _, p = set_up(AutoMixture(model, 1, init=init, init_loc_fn=where))
    np.testing.assert_allclose(p["auto_locs"], 4.0, atol=0.01)
    by_sample = AutoMixture(model, 2, init=QUICK, init_loc_fn=init_to_sample)
    assert jnp.isfinite(set_up(by_sample)[1]["auto_locs"]).all()


# ---- errors ----


def discrete():
    x = numpyro.sample("x", dist.Normal())
    kind = numpyro.sample("kind", dist.Bernoulli(0.5))
    numpyro.sample("y", dist.Normal(x + kind), obs=1.0)


def counts():
    numpyro.sample("kind", dist.Poisson(2.0))


def nothing():
    numpyro.sample("y", dist.Normal(), obs=1.0)


def local():
    with numpyro.plate("data", 10, subsample_size=5):
        numpyro.sample("x", dist.Normal())


SHAPES = {"loc": jnp.zeros(2), "scale": jnp.ones(2), "share": jnp.full((2, 3), 1 / 3)}
WRONG = {
    "no components": (ValueError, "num_components to be an integer ≥ 1, got 0", (several, 0), {}),
    "half a component": (ValueError, "an integer ≥ 1, got 1.5", (several, 1.5), {}),
    "covariance": (ValueError, "got 'diag'", (several, 2), {"covariance": "diag"}),
    "rank": (ValueError, "no `rank` with covariance='full'", (several, 2), {"rank": 2}),
    "no rank": (ValueError, "rank to be an integer ≥ 1", (several, 2), {"rank": 0}),
    "scale": (ValueError, "init_scale > 0", (several, 2), {"init_scale": 0.0}),
    "init": (TypeError, "FromModes.*got 'prior'", (several, 2), {"init": "prior"}),
    "a class": (TypeError, "got <class", (several, 2), {"init": FromPrior}),
    "vectors": (ValueError, "of the 6 dimensions", (several, 2), {"init": jnp.zeros((2, 3))}),
    "points": (
        ValueError,
        r"each of the 2 .*axes \(3,\)",
        (several, 2),
        {"init": np.zeros((3, 6))},
    ),
    "missing": (ValueError, "got none of level", (several, 2), {"init": SHAPES}),
    "shape": (
        ValueError,
        r"latent level of shape \(2,\).*got shape \(2, 3\)",
        (several, 2),
        {"init": SHAPES | {"level": jnp.zeros((2, 3))}},
    ),
    "unequal": (
        ValueError,
        "as many values of each latent",
        (several, 2),
        {"init": SHAPES | {"level": jnp.zeros((3, 2))}},
    ),
    "outside": (
        ValueError,
        "within the supports",
        (several, 2),
        {"init": SHAPES | {"level": jnp.zeros((2, 2)), "scale": -jnp.ones(2)}},
    ),
    "discrete": (NotImplementedError, "the discrete latent kind", (discrete, 2), {}),
    "counts": (NotImplementedError, "the discrete latent kind", (counts, 2), {}),
    "no latents": (RuntimeError, "AutoMixture found no latent variables", (nothing, 2), {}),
    "local": (ValueError, "does not support local latent variables", (local, 2), {}),
}


@pytest.mark.filterwarnings("ignore:Some algorithms will automatically enumerate")
@pytest.mark.parametrize("case", WRONG)
def test_errors(case):
    kind, text, args, options = WRONG[case]
    if "rank" in options:
        options = {"covariance": "full" if options["rank"] else "low_rank"} | options
    with pytest.raises(kind, match=text):
        set_up(AutoMixture(*args, **options))


@pytest.mark.parametrize("name", ["num_starts", "num_steps", "num_draws"])
def test_numbers_of_a_search(name):
    with pytest.raises(ValueError, match=f"{name} to be an integer ≥ 1, got 0"):
        FromModes(**{name: 0})


def test_there_is_no_transform():
    guide, p = learnt()
    for ask in (guide.get_base_dist, lambda: guide.get_transform(p)):
        with pytest.raises(ValueError, match=r"get_posterior\(params\)"):
            ask()
    with pytest.raises(ValueError, match="got AutoMixture, a mixture of normals"):
        NeuTraReparam(guide, p)
