"""Point masses and counts beside densities, or among counts, in a mixture of several families."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from cases.listed import mix, shares
from pathmix import (
    Mixture,
    MixtureSameFamily,
    Score,
    Stratified,
    expectation,
    fit,
)

KEY = jax.random.key(0)


def test_a_point_mass_without_weight_is_none():
    weights = dist.Categorical(probs=jnp.array([0.0, 1.0]))
    m = Mixture(weights, [dist.Delta(0.5), dist.Normal()])
    np.testing.assert_allclose(m.log_prob(0.5), dist.Normal().log_prob(0.5))


def test_point_masses_among_counts_are_counts():
    m = mix([dist.Delta(0.0), dist.Poisson(2.0)])
    assert m.is_discrete
    assert m.sample(KEY, (5,)).dtype == dist.Poisson(2.0).sample(KEY).dtype
    assert m.support(jnp.array([-1.0, 0.0, 0.5, 3.0])).tolist() == [False, True, False, True]
    halves = dist.Categorical(probs=jnp.array([0.5, 0.5]))
    inside = Mixture(halves, [MixtureSameFamily(halves, dist.Delta(jnp.array([0.0, 3.0]))), m])
    wanted = 0.25 + 0.5 * (np.array([1.0, 0.0]) / 3 + 2 / 3 * np.exp(-2) * np.array([1.0, 4 / 3]))
    np.testing.assert_allclose(np.exp(inside.log_prob(jnp.array([0, 3]))), wanted, rtol=1e-6)


@pytest.mark.parametrize("kind", [MixtureSameFamily, pytest.param(Mixture, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_mixture_of_point_masses_among_counts_is_of_counts(kind, x64):
    """As its masses are, listed one by one."""
    halves, places = dist.Categorical(probs=jnp.array([0.5, 0.5])), jnp.array([0.0, 3.0])
    masses = [dist.Delta(0.0), dist.Delta(3.0)] if kind is Mixture else dist.Delta(places)
    nested = Mixture(halves, [kind(halves, masses), dist.Poisson(2.0)])
    listed = Mixture(
        dist.Categorical(probs=jnp.array([0.25, 0.25, 0.5])),
        [dist.Delta(0.0), dist.Delta(3.0), dist.Poisson(2.0)],
    )
    x, pmf = np.arange(8), 0.5 * stats.poisson.pmf(np.arange(8), 2.0)
    pmf[[0, 3]] += 0.25
    assert nested.is_discrete
    assert nested.support.is_discrete
    np.testing.assert_array_equal(nested.support(x - 0.5), np.zeros(8))
    np.testing.assert_allclose(np.exp(nested.log_prob(x)), pmf, rtol=1e-12)
    np.testing.assert_allclose(nested.cdf(x + 0.5), np.cumsum(pmf), rtol=1e-12)
    np.testing.assert_array_equal(nested.icdf(np.cumsum(pmf) - 1e-9), x)
    assert nested.mode() == listed.mode() == 3
    np.testing.assert_array_equal(nested.sample(KEY, (20,)), listed.sample(KEY, (20,)))
    assert nested.sample(KEY).dtype == dist.Poisson(2.0).sample(KEY).dtype
    with pytest.raises(ValueError, match="among counts at whole numbers, got Delta at"):
        Mixture(halves, [MixtureSameFamily(halves, dist.Delta(places + 0.5)), dist.Poisson(2.0)])


def test_the_place_of_a_point_mass_decides_on_its_precision():
    """Not NumPyro's default for the logarithm of the mass, a zero in another one."""
    half = lambda *x: jnp.array(x, jnp.float16)  # noqa: E731
    weights = dist.Categorical(logits=half(0.0, 0.0))
    one = MixtureSameFamily(weights, dist.Delta(half(0.0, 1.0)))
    several = Mixture(weights, [dist.Delta(half(0.0)[0]), dist.Normal(*half(0.0, 1.0))])
    assert one.log_prob(half(1.0)).dtype == several.log_prob(half(1.0)).dtype == jnp.float16


def rain(t):
    """A mass of weight `t_0` at `t_1`, and a normal."""
    weights = dist.Categorical(probs=jnp.stack([t[0], 1 - t[0]]))
    return Mixture(weights, [dist.Delta(t[1]), dist.Normal(t[2], t[3])])


@pytest.mark.parametrize("q", [0.1, 0.6, 0.9])
def test_quantiles_with_a_point_mass_move(q, x64):
    """Before it, at it (where they follow its place), and beyond."""
    t = jnp.array([0.3, 0.5, 0.0, 1.0])
    quantile = lambda t: rain(t).icdf(q)  # noqa: E731
    eye = 1e-6 * np.eye(4)
    wanted = [(quantile(t + e) - quantile(t - e)) / 2e-6 for e in eye]
    np.testing.assert_allclose(jax.grad(quantile)(t), wanted, atol=1e-7)
    assert (jax.grad(lambda q: rain(t).icdf(q))(q) == 0) == (q == 0.6)


@pytest.mark.parametrize(("estimator", "by_place"), [(Stratified(), 0.3), (Score(), 0.0)])
def test_expectations_with_a_point_mass(estimator, by_place, x64):
    """Of x², `t_0 t_1² + (1 − t_0)(t_2² + t_3²)`; a score knows nothing of the mass's place."""
    mean = lambda t: expectation(  # noqa: E731
        jnp.square, rain(t), key=KEY, num_samples=40_000, estimator=estimator
    )
    slope = jax.grad(mean)(jnp.array([0.3, 0.5, 0.0, 1.0]))
    # of 40,000 draws of x² and of its product with a score: standard errors of .01 to .02
    np.testing.assert_allclose(slope, [-0.75, by_place, 0.0, 1.4], atol=0.07)


def test_point_masses_of_one_family(x64):
    m = MixtureSameFamily(
        dist.Categorical(probs=jnp.array([0.3, 0.7])), dist.Delta(jnp.array([1.0, 2.0]))
    )
    np.testing.assert_allclose(np.exp(m.log_prob(jnp.array([1.0, 1.5, 2.0]))), [0.3, 0, 0.7])
    np.testing.assert_allclose(m.cdf(jnp.array([0.9, 1.0, 2.0])), [0, 0.3, 1])
    np.testing.assert_allclose(m.icdf(jnp.array([0.1, 0.3, 0.31, 0.99])), [1, 1, 2, 2])
    assert m.mean == pytest.approx(1.7)


def test_a_point_mass_among_counts(x64):
    """The masses at its place add up; draws, quantiles and the support are those of counts."""
    at = lambda p, rate: Mixture(  # noqa: E731
        dist.Categorical(probs=jnp.stack([p, 1 - p])), [dist.Delta(2.0), dist.Poisson(rate)]
    )
    m, x = at(0.3, 3.0), np.arange(6)
    masses = 0.7 * stats.poisson.pmf(x, 3.0)
    np.testing.assert_allclose(np.exp(m.log_prob(x)), masses + 0.3 * (x == 2), rtol=1e-12)
    np.testing.assert_allclose(m.cdf(x + 0.5), np.cumsum(masses + 0.3 * (x == 2)), rtol=1e-12)
    np.testing.assert_allclose(
        m.posterior_marginal(jnp.array([1, 2])).probs[:, 0], [0.0, 0.3 / (0.3 + masses[2])]
    )
    np.testing.assert_array_equal(m.icdf(m.cdf(jnp.arange(6.0)) - 1e-6), x)
    np.testing.assert_allclose([m.mean, m.variance], [2.7, 0.7 * 3.0 + 0.21])
    # of the log of 0.3 + 0.7 Poisson(2; rate), whose mass changes by itself times 2/3 − 1
    slope = jax.grad(lambda p, rate: at(p, rate).log_prob(2), (0, 1))(0.3, 3.0)
    mass = stats.poisson.pmf(2, 3.0)
    wanted = np.array([1 - mass, 0.7 * mass * (2 / 3 - 1)]) / (0.3 + 0.7 * mass)
    np.testing.assert_allclose(slope, wanted, rtol=1e-12)
    drawn = m.sample(KEY, (4000,))
    assert jnp.issubdtype(drawn.dtype, jnp.integer)
    share = 0.3 + 0.7 * mass
    assert abs((drawn == 2).mean() - share) < 5 * np.sqrt(share * (1 - share) / 4000)
    assert m.is_discrete
    np.testing.assert_array_equal(m.support(jnp.array([-1.0, 0.0, 0.5, 2.0])), [0, 1, 0, 1])


@pytest.mark.slow
def test_point_masses_among_counts_have_shapes(x64):
    m = mix([dist.Poisson(3.0), dist.Delta(0).expand([2])])
    wanted = np.log(shares(2) @ [np.exp(-3.0), 1.0])
    np.testing.assert_allclose(m.log_prob(0), [wanted, wanted])
    np.testing.assert_allclose(m[0].log_prob(0), wanted)
    again = jax.jit(lambda rate: mix([dist.Poisson(rate), dist.Delta(0.0)]).log_prob(0))(3.0)
    np.testing.assert_allclose(again, wanted)
    vectors = mix([dist.Poisson(jnp.ones(2)).to_event(1), dist.Delta(jnp.zeros(2)).to_event(1)])
    wanted = np.log(shares(2) @ [np.exp(-2.0), 1.0])
    np.testing.assert_allclose(vectors.log_prob(jnp.zeros(2, int)), wanted)
    few = mix([dist.Binomial(1, 0.5), dist.Delta(0)])
    np.testing.assert_allclose(few.entropy(), stats.entropy([5 / 6, 1 / 6]))


def spells(t):
    """A Poisson count of rate ``t_1`` with probability ``t_0``, and else a normal."""
    weights = dist.Categorical(probs=jnp.stack([t[0], 1 - t[0]]))
    return Mixture(weights, [dist.Poisson(t[1]), dist.Normal(t[2], t[3])])


def test_counts_among_densities_are_point_masses(x64):
    """With respect to length plus counting: at a count the density is that of the count alone."""
    m, x = spells(jnp.array([0.4, 3.0, 2.5, 1.5])), np.array([-1.0, 0, 2, 2.5, 40])
    mass, density = 0.4 * stats.poisson.pmf(x, 3.0), 0.6 * stats.norm.pdf(x, 2.5, 1.5)
    np.testing.assert_allclose(np.exp(m.log_prob(x)), where_mass(mass, density), rtol=1e-12)
    np.testing.assert_allclose(m.posterior_marginal(x).probs[:, 0], mass > 0)
    tails = [0.4 * p(x, 3.0) + 0.6 * n(x, 2.5, 1.5) for p, n in TAILS]
    np.testing.assert_allclose(m.cdf(x), tails[0], rtol=1e-12)
    np.testing.assert_allclose(m.log_survival_function(x), np.log(tails[1]), rtol=1e-12)
    between = m.cdf(3.2) - m.cdf(1.0)
    np.testing.assert_allclose(m.log_interval(1.0, 3.2), np.log(between), rtol=1e-12)
    assert not m.is_discrete
    np.testing.assert_allclose([m.mean, m.variance], [2.7, 0.4 * 3 + 0.6 * 2.25 + 0.06], rtol=1e-9)


TAILS = [(stats.poisson.cdf, stats.norm.cdf), (stats.poisson.sf, stats.norm.sf)]


def where_mass(mass, density):
    return np.where(mass > 0, mass, density)


@pytest.mark.slow
def test_quantiles_of_counts_among_densities(x64):
    """A count is the quantile of all levels of its step; between two the cdf is a density's."""
    m = spells(jnp.array([0.4, 3.0, 2.5, 1.5]))
    np.testing.assert_allclose(m.icdf(m.cdf(jnp.array([-1.0, 1.0, 2.5, 3.0]))), [-1, 1, 2.5, 3])
    below = m.cdf(3.0 - 1e-9)
    np.testing.assert_array_equal(m.icdf(below + np.array([1e-3, 0.05])), [3.0, 3.0])
    many = jnp.linspace(0.001, 0.999, 3000)  # by levels
    x = m.icdf(many)
    assert np.all(m.cdf(x) >= many - 1e-12)
    assert np.all(m.cdf(np.nextafter(x, -np.inf)) <= many + 1e-12)


@pytest.mark.parametrize("q", [pytest.param(0.05, marks=pytest.mark.slow), 0.3, 0.97])
def test_quantiles_of_counts_among_densities_move(q, x64):
    """Between counts with all parameters; a count stays where it is."""
    t, quantile = jnp.array([0.4, 3.0, 2.5, 1.5]), jax.jit(lambda t: spells(t).icdf(q))
    wanted = [(quantile(t + e) - quantile(t - e)) / 2e-5 for e in 1e-5 * np.eye(4)]
    gradient = jax.grad(quantile)(t)
    # second differences of 10⁻¹⁰ times third derivatives of some 1 to 10
    np.testing.assert_allclose(gradient, wanted, rtol=1e-8, atol=1e-8)
    assert np.any(gradient != 0) == (q < 0.9)


def test_draws_of_counts_among_densities_do_not_move():
    slope = jax.grad(lambda t: expectation(jnp.square, spells(t), key=KEY, num_samples=2))
    with pytest.raises(NotImplementedError, match=r"no counts among .* of draws, .* Score\(\)"):
        slope(jnp.array([0.4, 3.0, 2.5, 1.5]))


def test_draws_and_fits_of_counts_among_densities(x64):
    m = spells(jnp.array([0.4, 3.0, 2.5, 1.5]))
    x = m.sample(KEY, (4000,))
    whole = x == jnp.round(x)
    assert abs(whole.mean() - 0.4) < 5 * np.sqrt(0.24 / 4000)
    found = fit(spells(jnp.array([0.5, 1.0, 0.0, 1.0])), x, progress=False).mixture
    # which component a value is of can be seen: estimates are those of the two samples
    np.testing.assert_allclose(found.mixture_distribution.probs[0], whole.mean(), rtol=1e-6)
    rate, normal = found.components_distributions
    np.testing.assert_allclose(rate.rate, x[whole].mean(), rtol=1e-6)
    np.testing.assert_allclose([normal.loc, normal.scale], [x[~whole].mean(), x[~whole].std()])


@pytest.mark.parametrize("name", ["entropy", "crps", "kl_divergence"])
def test_integrals_do_not_see_point_masses(name):
    m = rain(jnp.array([0.3, 0.5, 0.0, 1.0]))
    ask = {
        "entropy": m.entropy,
        "crps": lambda: m.crps(0.0),
        "kl_divergence": lambda: dist.kl_divergence(m, m),
    }
    with pytest.raises(NotImplementedError, match=f"for `{name}`, got"):
        ask[name]()


@pytest.mark.parametrize("name", ["mean", "variance"])
def test_moments_of_what_is_rounded_or_cut_with_masses_are_not_known(name):
    m = mix([dist.Normal(0.0, 1.0), dist.StudentT(3.0, 0.5, 4.0)])
    with pytest.raises(NotImplementedError, match=rf"has no closed-form {name}\. Estimate it"):
        getattr(m.quantized(0.5), name)
    with pytest.raises(NotImplementedError, match="without point masses for `mean and variance"):
        getattr(spells(jnp.array([0.4, 3.0, 2.5, 1.5])).truncate(0.0), name)
