"""Fits of mixtures of several families: each family's maximum, given the memberships of all."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from pathmix import (
    EM,
    ConjugateNormal,
    Gradient,
    Mixture,
    MixtureSameFamily,
    OnlineEM,
    fit,
    start,
    statistics,
    update,
)

ROWS = {
    "normal, t": lambda s: [dist.Normal(s, 1.0), dist.StudentT(3.0, s, 6.0)],
    "normal, gamma, normal": lambda s: [
        dist.Normal(-3.0 + s, 1.0), dist.Gamma(9.0, 2.0 + s), dist.Normal(12.0 + s, 1.0 + s),
    ],
    "independent": lambda s: [
        dist.Normal(jnp.zeros(2) + s, jnp.ones(2)).to_event(1),
        dist.Laplace(4 * jnp.ones(2) + s, jnp.ones(2)).to_event(1),
    ],
    "vectors": lambda s: [
        dist.MultivariateNormal(jnp.zeros(2) + s, jnp.eye(2)),
        dist.MultivariateStudentT(5.0, 6 * jnp.ones(2) + s, jnp.eye(2)),
    ],
    "counts": lambda s: [dist.Poisson(2.0 + s), dist.NegativeBinomial2(20.0 + s, 4.0)],
}  # fmt: skip


def mix(components, weights=None):
    k = len(components)
    w = np.ones(k) / k if weights is None else weights
    return Mixture(dist.Categorical(probs=jnp.asarray(w)), components)


def problem(name, n=2000):
    """A start away from the truth, the truth, and draws from it."""
    components = ROWS[name](0.0)
    truth = mix(components, np.arange(1.0, len(components) + 1) / sum(range(len(components) + 1)))
    return mix(ROWS[name](0.3)), truth, truth.sample(jax.random.key(0), (n,))


def own(d):
    """What a component was built of."""
    return getattr(d, "base_dist", d).get_args()


@pytest.mark.parametrize("name", ROWS)
def test_nothing_is_uphill_at_the_end(name, x64):
    begun, truth, x = problem(name)
    found = fit(begun, x, tolerance=1e-12, progress=False)
    assert found.converged
    history = np.asarray(found.history)[: int(found.steps)]
    assert np.all(np.diff(history) >= -1e-9 * abs(history[-1]))
    assert found.log_likelihood > truth.log_prob(x).sum()
    np.testing.assert_allclose(found.log_likelihood, found.mixture.log_prob(x).sum(), rtol=1e-10)
    kinds = [type(d) for d in found.mixture.components_distributions]
    assert kinds == [type(d) for d in truth.components_distributions]
    # the likelihood with each parameter of each component a little to either side
    flat, unravel = jax.flatten_util.ravel_pytree(found.mixture)
    value = jax.jit(lambda v: unravel(v).log_prob(x).sum())
    k = truth.num_components  # of these the sum is known
    for e in 1e-4 * np.eye(len(flat))[k:]:
        assert max(value(flat + e), value(flat - e)) < found.log_likelihood + 1e-3


@pytest.mark.parametrize("number", [jnp.asarray, float], ids=["array", "number"])
def test_a_fit_is_one_program_however_its_start_is_given(number, x64):
    """Python's numbers have weak types, which the first steps lose."""
    x = jnp.arange(30.0) % 7
    begun = mix([dist.Exponential(number(0.5)), dist.Normal(number(4.0), number(1.5))])
    before = EM.advance._cache_size()
    found = fit(begun, x, progress=False)
    assert found.steps > 4  # a run looks after two steps, four, and so on
    assert EM.advance._cache_size() <= before + 1


def test_parameters_are_counted_once(x64):
    begun, _, x = problem("normal, gamma, normal")
    found = fit(begun, x, progress=False)
    assert found.num_parameters == 2 + 3 * 2
    np.testing.assert_allclose(found.bic, 8 * np.log(2000) - 2 * found.log_likelihood)


@pytest.mark.slow
def test_what_is_known_is_held(x64):
    """Parameters that two families have go by the family's name too; a point mass stays."""
    begun, _, x = problem("normal, t")
    found = fit(begun, x, fixed={"StudentT.loc": True, "df": True}, progress=False)
    normal, heavy = map(own, found.mixture.components_distributions)
    assert (heavy["loc"], heavy["df"]) == (0.3, 3.0)
    assert heavy["scale"] != 6.0
    assert normal["loc"] != 0.3
    with pytest.raises(ValueError, match=r"Normal\.loc, Normal\.scale, df, StudentT\.loc"):
        fit(begun, x, fixed={"loc": True})


@pytest.mark.slow
def test_zeros_are_a_point_mass(x64):
    rng = np.random.default_rng(0)
    x = np.concatenate([np.zeros(300), rng.gamma(3.0, 2.0, 700)])
    found = fit(mix([dist.Delta(0.0), dist.Gamma(1.0, 1.0)]), x, progress=False)
    np.testing.assert_allclose(found.mixture.mixture_distribution.probs, [0.3, 0.7], rtol=1e-9)
    gamma = own(found.mixture.components_distributions[1])
    alone = fit(
        Mixture(dist.Categorical(probs=jnp.ones(1)), [dist.Gamma(1.0, 1.0)]),
        x[300:],
        progress=False,
    )
    wanted = own(alone.mixture.components_distributions[0])
    np.testing.assert_allclose(
        [gamma["concentration"], gamma["rate"]],
        [wanted["concentration"], wanted["rate"]],
        rtol=1e-4,
    )
    assert not found.degenerate.any()
    assert found.num_parameters == 3


def test_zeros_are_a_point_mass_among_counts(x64):
    """As of a zero-inflated Poisson: the mean of what is not zero is that of a truncated one."""
    x, times = np.arange(6), np.array([500, 120, 150, 130, 70, 30])
    found = fit(
        mix([dist.Delta(0), dist.Poisson(1.0)]), x, weights=times, tolerance=1e-13, progress=False
    )
    rate = own(found.mixture.components_distributions[1])["rate"]
    np.testing.assert_allclose(rate / -np.expm1(-rate), x @ times / 500, rtol=1e-6)
    np.testing.assert_allclose(np.exp(found.mixture.log_prob(0)), 0.5, rtol=1e-6)
    assert found.num_parameters == 2
    assert not found.degenerate.any()


def test_ends_that_are_integers_are_found():
    """By a step that works with floats; 4 and 8 are of the uniform component alone."""
    x = jnp.array([0, 0, 0, 0, 1, 0, 0, 4, 5, 6, 7, 8])
    begun = mix([dist.DiscreteUniform(3, 9), dist.Poisson(0.1)])
    uniform, _ = map(own, fit(begun, x, progress=False).mixture.components_distributions)
    assert (uniform["low"], uniform["high"]) == (4, 8)
    assert jnp.issubdtype(uniform["low"].dtype, jnp.integer)


def test_labels_weights_and_missing_entries(x64):
    begun, _, x = problem("independent", 400)
    x = np.array(x)
    labels = np.where(np.arange(400) < 50, (x[:, 0] > 2).astype(int), -1)
    weights = np.random.default_rng(0).integers(0, 3, 400)
    x[np.random.default_rng(1).uniform(size=x.shape) < 0.1] = np.nan
    found = fit(begun, x, labels=labels, weights=weights, progress=False, tolerance=1e-11)
    twice = fit(
        begun, np.repeat(x, weights, 0), labels=np.repeat(labels, weights), progress=False,
        tolerance=1e-11,
    )  # fmt: skip
    np.testing.assert_allclose(found.log_likelihood, twice.log_likelihood, rtol=1e-9)
    assert found.converged


@pytest.mark.slow
def test_by_slopes(x64):
    optax = pytest.importorskip("optax")
    begun, _, x = problem("normal, t", 500)
    by_em = fit(begun, x, progress=False)
    by_slope = fit(begun, x, method=Gradient(optax.lbfgs()), max_steps=300, progress=False)
    np.testing.assert_allclose(by_slope.log_likelihood, by_em.log_likelihood, atol=1e-3)


@pytest.mark.slow
def test_slopes_take_priors_into_account(x64):
    optax = pytest.importorskip("optax")
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.poisson(2, 40), rng.poisson(30, 20)])
    begun = mix([dist.Poisson(2.0), dist.GeometricProbs(0.05)])
    prior = {"rate": dist.Gamma(30.0, 5.0), "probs": dist.Beta(2.0, 30.0)}
    by_em = fit(begun, x, prior=prior, tolerance=1e-13, progress=False)
    method = Gradient(optax.adam(0.05))
    by_slope = fit(begun, x, prior=prior, method=method, max_steps=2000, progress=False)
    np.testing.assert_allclose(
        own(by_slope.mixture.components_distributions[0])["rate"],
        own(by_em.mixture.components_distributions[0])["rate"],
        rtol=1e-4,
    )


@pytest.mark.slow
def test_several_starts_and_jit(x64):
    begun, _, x = problem("normal, t", 500)
    one = fit(begun, x, progress=False)
    again = jax.jit(lambda x: fit(begun, x).log_likelihood)(x)
    np.testing.assert_allclose(again, one.log_likelihood, rtol=1e-9)
    loc = jnp.array([0.3, -1.0, 2.0])
    starts = Mixture(
        dist.Categorical(probs=jnp.array([0.5, 0.5])),
        [dist.Normal(loc, 1.0), dist.StudentT(3.0, loc, 6.0)],
    )
    best = fit(starts, x, progress=False)
    np.testing.assert_allclose(best.log_likelihood, one.log_likelihood, atol=1e-4)
    assert best.mixture.batch_shape == ()


@pytest.mark.slow
def test_a_prior_is_of_each_family_s_own_components(x64):
    """Where rows are far apart, modes of posteriors are those of each family's rows alone."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.poisson(2, 40), rng.poisson(300, 20), np.full(10, 1000)])
    begun = mix([dist.Poisson(2.0), dist.Delta(1000), dist.Poisson(290.0)])
    prior = {"rate": dist.Gamma(600.0, 2.0), "weights": dist.Dirichlet(jnp.array([1.0, 9.0, 2.0]))}
    found = fit(begun, x, prior=prior, tolerance=1e-14, progress=False)
    first, _, second = (own(d).get("rate") for d in found.mixture.components_distributions)
    wanted = (x[:40].sum() + 599) / (40 + 2), (x[40:60].sum() + 599) / (20 + 2)
    np.testing.assert_allclose([first, second], wanted, rtol=1e-6)
    np.testing.assert_allclose(
        found.mixture.mixture_distribution.probs, np.array([40, 18, 21]) / 79, rtol=1e-9
    )
    likely = found.mixture.log_prob(x).sum() + sum(
        dist.Gamma(600.0, 2.0).log_prob(rate) for rate in (first, second)
    )
    likely += np.array([0, 8, 1]) @ np.log(found.mixture.mixture_distribution.probs)
    np.testing.assert_allclose(found.history[int(found.steps) - 1], likely, rtol=1e-9)


@pytest.mark.slow
def test_the_conjugate_prior_is_of_the_normal_components(x64):
    """A location pulled to the mean, and nothing said of the other family."""
    flat = dist.Normal(6 * jnp.ones(2), jnp.ones(2)).to_event(1)
    begun = mix([dist.MultivariateNormal(jnp.zeros(2), jnp.eye(2)), flat])
    x = begun.sample(jax.random.key(0), (300,))
    prior = ConjugateNormal(mean=-2 * jnp.ones(2), shrinkage=50.0, scale=jnp.eye(2))
    found = fit(begun, x, prior={"components": prior}, tolerance=1e-12, progress=False)
    history = np.asarray(found.history)[: int(found.steps)]
    assert np.all(np.diff(history) >= -1e-9 * abs(history[-1]))
    assert found.converged
    r = found.mixture.posterior_marginal(x).probs[:, 0]
    normal = own(found.mixture.components_distributions[0])
    wanted = (r @ x + 50 * prior.mean) / (r.sum() + 50)
    np.testing.assert_allclose(normal["loc"], wanted, rtol=1e-4)
    assert normal["loc"].max() < -0.5  # that of the rows is near zero
    other = own(found.mixture.components_distributions[1])
    np.testing.assert_allclose(other["loc"], (1 - r) @ x / (1 - r).sum(), rtol=1e-4)


def test_names_of_priors(x64):
    begun, _, x = problem("normal, t", 50)
    with pytest.raises(ValueError, match=r"priors of weights, components, Normal\.loc, .*df, St"):
        fit(begun, x, prior={"loc": dist.Normal(0.0, 1.0)})


# ---- blocks of data ----


def zeros_and_counts():
    rng = np.random.default_rng(0)
    x = np.concatenate([np.zeros(20), rng.poisson(4, 30), rng.geometric(0.04, 30)])
    return mix([dist.Delta(0), dist.Poisson(3.0), dist.GeometricProbs(0.1)]), rng.permutation(x)


def normal_and_log_normal():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(1, 0.5, 30), np.exp(rng.normal(1.5, 0.4, 30))])
    return mix([dist.Normal(1.0, 1.0), dist.LogNormal(1.0, 1.0)]), rng.permutation(x)


def test_sums_of_several_families(x64):
    """Those of blocks add up to a step of EM, with the prior once."""
    begun, x = normal_and_log_normal()
    prior = {"weights": dist.Dirichlet(jnp.array([5.0]))}
    total = statistics(begun, x[:25]) + statistics(begun, x[25:])
    one = fit(begun, x, prior=prior, method=EM(memory=0), max_steps=2, tolerance=0.0)
    values = lambda m: jax.flatten_util.ravel_pytree(m)[0]  # noqa: E731
    np.testing.assert_allclose(
        values(update(begun, total, prior=prior)), values(one.mixture), rtol=1e-9
    )


@pytest.mark.slow
@pytest.mark.parametrize("make", [zeros_and_counts, normal_and_log_normal])
def test_blocks_of_several_families(make, x64):
    """Sums of blocks move with the locations: with each the whole data, the end is EM's."""
    begun, x = make()
    expected = fit(begun, x, tolerance=1e-14, progress=False)
    found = fit(begun, [x], method=OnlineEM(passes=200, power=0.51), progress=False)
    np.testing.assert_allclose(found.log_likelihood, expected.log_likelihood, rtol=1e-5)
    assert not found.degenerate.any()


def test_families_without_sums_are_named(x64):
    begun, _, x = problem("normal, t", 50)
    with pytest.raises(NotImplementedError, match=r"function of sums over rows .* got .*StudentT"):
        fit(begun, x, method=OnlineEM())


def test_a_mixture_is_a_start_itself(x64):
    begun, _, x = problem("normal, t", 50)
    with pytest.raises(TypeError, match=r"a Mixture\. A mixture is a start itself: pass it to fit"):
        start(begun, x, 2, key=jax.random.key(0))


WITH_AN_EMPTY_ONE = {
    "closed": lambda k: dist.Normal(jnp.array([0.0, 5.0, 9.0])[:k], jnp.ones(k)),
    "Newton, a shared scale": lambda k: dist.Gumbel(jnp.array([0.0, 5.0, 9.0])[:k], 1.0),
    "Newton": lambda k: dist.Logistic(jnp.array([0.0, 5.0, 9.0])[:k], jnp.ones(k)),
}
ROWS_OF_TWO = np.array([0.0, 0.2, -0.3, 5.0, 5.2, 4.7, 0.1, -0.5, 5.5, 0.33])


def slope_of_mean(start):
    mean = lambda x: fit(start, x, tolerance=1e-13, progress=False).mixture.mean  # noqa: E731
    return mean, jax.grad(mean)(jnp.asarray(ROWS_OF_TWO))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(make, id=name, marks=() if name == "Newton" else pytest.mark.slow)
        for name, make in WITH_AN_EMPTY_ONE.items()
    ],
)
@pytest.mark.slow
def test_a_component_without_weight_does_not_touch_derivatives(make, x64):
    """They are those of the fit without it."""
    of = lambda w: MixtureSameFamily(  # noqa: E731
        dist.Categorical(probs=jnp.array(w)), make(len(w))
    )
    _, three = slope_of_mean(of([0.5, 0.5, 0.0]))
    _, two = slope_of_mean(of([0.5, 0.5]))
    np.testing.assert_allclose(three, two, rtol=1e-6)
    assert np.abs(two).min() > 0.01  # of ten rows each about a tenth


@pytest.mark.slow
def test_estimates_of_several_families_have_derivatives(x64):
    mean, slope = slope_of_mean(mix([dist.Normal(0.0, 1.0), dist.Gumbel(5.0, 1.0)]))
    eye = 1e-5 * np.eye(10)[:3]
    wanted = [(mean(ROWS_OF_TWO + e) - mean(ROWS_OF_TWO - e)) / 2e-5 for e in eye]
    np.testing.assert_allclose(slope[:3], wanted, rtol=1e-5)
