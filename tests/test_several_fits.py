"""Fits of mixtures of several families: each family's maximum, given the memberships of all."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from pathmix import EM, Gradient, Mixture, MixtureSameFamily, fit, start

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


def test_priors_are_refused(x64):
    begun, _, x = problem("normal, t", 50)
    with pytest.raises(
        NotImplementedError, match="expected no prior of a mixture of several families"
    ):
        fit(begun, x, prior={"df": dist.Gamma(2.0, 0.1)})


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
