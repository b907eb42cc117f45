"""Mixtures of factor analysers: covariances of a few factors and a diagonal."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from pathmix import EM, LowRank, MixtureSameFamily, Spherical, Tied, fit, select, start, update
from pathmix import statistics as sums_of

A = jnp.array
KEY = jax.random.key(0)
NORMAL, FACTORS = dist.MultivariateNormal, dist.LowRankMultivariateNormal


def known(size=5, rank=2):
    """A mixture of two components that are apart."""
    rng = np.random.default_rng(0)
    columns, own = rng.normal(size=(2, size, rank)), rng.uniform(0.3, 1.0, (2, size))
    loc = np.array([[0.0], [6.0]]) + rng.normal(size=(2, size))
    return MixtureSameFamily(dist.Categorical(A([0.4, 0.6])), FACTORS(A(loc), A(columns), A(own)))


def few(n=120, holes=0.0):
    """Rows of three numbers in two clouds, of which some entries are missing."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, 3)) @ np.array([[1.0, 0.5, 0.2], [0.0, 0.8, -0.3], [0.0, 0.0, 0.7]])
    x += 5 * (np.arange(n) % 3 == 0)[:, None]
    return np.where(rng.uniform(size=x.shape) < holes, np.nan, x)


def slopes(found, x):
    """Of the log likelihood, along log weights and all parameters."""

    def log_likelihood(log_w, *parameters):
        weights = dist.Categorical(logits=log_w)
        return MixtureSameFamily(weights, FACTORS(*parameters)).log_prob(x).sum()

    d = found.mixture.components_distribution
    log_w = jnp.log(found.mixture.mixture_distribution.probs)
    at = log_w, d.loc, d.cov_factor, d.cov_diag
    return jax.grad(log_likelihood, argnums=range(4))(*at)


@pytest.mark.slow
def test_a_known_mixture_is_recovered(x64):
    """Twice the gain on the truth is χ² with a degree for each number: rotations are none."""
    true = known()
    x = true.sample(jax.random.key(1), (2000,))
    found = fit(start(NORMAL, x, 2, key=KEY, structure=LowRank(2)), x, tolerance=1e-12)
    assert found.converged
    assert isinstance(found.mixture.components_distribution, FACTORS)
    p = 1 + 2 * (5 + 5 * 2 + 5 - 1)
    assert found.num_parameters == p
    gain = 2 * (found.log_likelihood - true.log_prob(x).sum())
    low, high = stats.chi2(p).ppf([1e-4, 1 - 1e-4])
    assert low < gain < high
    for slope in slopes(found, x):  # what is left to gain bounds them by √(2 · 2000² · 1e-12)
        np.testing.assert_allclose(slope, 0, atol=0.01)


@pytest.mark.slow
def test_newton_agrees(x64):
    """The same maximum by Newton's method, which a prior that says nothing asks for."""
    x = known(3, 1).sample(jax.random.key(1), (300,))
    begun = start(NORMAL, x, 2, key=KEY, structure=LowRank(1))
    flat = {"loc": dist.ImproperUniform(dist.constraints.real_vector, (), (3,))}
    newton = fit(begun, x, prior=flat, tolerance=1e-13)
    closed = fit(begun, x, tolerance=1e-13)
    np.testing.assert_allclose(closed.log_likelihood, newton.log_likelihood, atol=1e-6)


def test_no_step_goes_down(x64):
    """With weights and missing entries, by plain EM; the log likelihood is some −600."""
    x, w = few(holes=0.2), np.random.default_rng(2).integers(0, 4, 120)
    begun = start(NORMAL, x, 2, key=KEY, structure=LowRank(1), weights=w)
    found = fit(begun, x, weights=w, method=EM(memory=0), max_steps=200)
    history = found.history[: found.steps]
    assert np.min(np.diff(history)) > -1e-10
    assert history[-1] - history[0] > 1


@pytest.mark.parametrize("holes", [pytest.param(0.0, marks=pytest.mark.slow), 0.2])
@pytest.mark.slow
def test_full_rank_is_a_full_covariance(holes, x64):
    """Missing entries are marginalised as those of full covariances are."""
    x = few(holes=holes)
    low = fit(start(NORMAL, x, 2, key=KEY, structure=LowRank(3)), x, tolerance=1e-12)
    full = fit(start(NORMAL, x, 2, key=KEY), x, tolerance=1e-12)
    np.testing.assert_allclose(low.log_likelihood, full.log_likelihood, atol=1e-6)
    assert low.num_parameters == full.num_parameters
    if holes:
        np.testing.assert_allclose(low.impute(x), full.impute(x), atol=1e-3)


@pytest.mark.slow
def test_whole_weights_are_repetitions_and_sums_add_up(x64):
    x, w = few(), np.random.default_rng(3).integers(0, 4, 120)
    begun = start(NORMAL, x, 2, key=KEY, structure=LowRank(2))
    once = fit(begun, x, weights=w, max_steps=1)
    again = fit(begun, np.repeat(x, w, axis=0), max_steps=1)
    np.testing.assert_allclose(once.log_likelihood, again.log_likelihood, rtol=1e-12)
    by_sums = [
        update(begun, sum(sums_of(begun, rows, weights=v) for rows, v in parts))
        for parts in ([(x, w)], [(x[:50], w[:50]), (x[50:], w[50:])], [(np.repeat(x, w, 0), None)])
    ]
    for other in by_sums[1:]:
        np.testing.assert_allclose(other.log_prob(x), by_sums[0].log_prob(x), rtol=1e-10)
    assert by_sums[0].log_prob(x) @ w > begun.log_prob(x) @ w


@pytest.mark.slow
def test_factors_that_components_share(x64):
    """Of all rows about their means together; the diagonals may be of each component."""
    x = few()
    one = FACTORS(jnp.zeros(3), jnp.zeros((3, 2)), jnp.ones(3))
    begun = start(one, x, 2, key=KEY, structure=Tied())
    tied = fit(begun, x, tolerance=1e-13)
    assert tied.num_parameters == 1 + 2 * 3 + 3 + 3
    pooled = fit(start(NORMAL, x, 2, key=KEY, structure=Tied()), x, tolerance=1e-13)
    # two factors of three coordinates and a diagonal are as much as a covariance
    np.testing.assert_allclose(tied.log_likelihood, pooled.log_likelihood, atol=1e-5)
    loc, columns, own = begun._components.parameters
    partly = MixtureSameFamily(
        begun.mixture_distribution, FACTORS(loc, columns, jnp.repeat(own, 2, axis=0))
    )
    found = fit(partly, x, tolerance=1e-13, method=EM(memory=0), max_steps=3000)
    history = found.history[: found.steps]
    assert np.min(np.diff(history)) > -1e-10
    d = found.mixture.components_distribution
    np.testing.assert_array_equal(d.cov_factor[0], d.cov_factor[1])
    for slope in (*slopes(found, x)[:2], slopes(found, x)[2].sum(axis=0), slopes(found, x)[3]):
        np.testing.assert_allclose(slope, 0, atol=1e-3)


def test_what_is_fixed_stays(x64):
    x = few()
    begun = start(NORMAL, x, 2, key=KEY, structure=LowRank(1))
    found = fit(begun, x, fixed={"cov_factor": True, "cov_diag": [True, False]}, max_steps=5)
    old, new = begun.components_distribution, found.mixture.components_distribution
    np.testing.assert_array_equal(new.cov_factor, old.cov_factor)
    np.testing.assert_array_equal(new.cov_diag[0], old.cov_diag[0])
    assert np.max(np.abs(new.cov_diag[1] - old.cov_diag[1])) > 1e-3
    assert found.num_parameters == 1 + 6 + 3


@pytest.mark.slow
def test_covariances_move_with_the_data(x64):
    """Factors may turn, and have no derivative; covariances have the one of a finite difference."""
    x = jnp.asarray(few(60))
    begun = fit(start(NORMAL, x, 1, key=KEY, structure=LowRank(2)), x, tolerance=1e-15).mixture
    dx, h = jnp.asarray(np.random.default_rng(4).normal(size=x.shape)), 1e-4

    def covariance(x):
        return fit(begun, x, tolerance=1e-15, max_steps=3000, progress=False).mixture.covariance

    slope = jax.jvp(covariance, (x,), (dx,))[1]
    away = (covariance(x + h * dx) - covariance(x - h * dx)) / (2 * h)
    np.testing.assert_allclose(slope, away, atol=1e-4)
    assert np.max(np.abs(slope)) > 0.01


@pytest.mark.slow
def test_a_rank_with_other_numbers_of_components(x64):
    x = known(4, 1).sample(jax.random.key(2), (400,))
    chosen = select({"one": (NORMAL, LowRank(1))}, x, [1, 2], key=KEY, num_starts=2)
    np.testing.assert_array_equal(chosen.table["num_parameters"], [12, 25])
    assert chosen.row == 1
    assert chosen.best.mixture.components_distribution.cov_factor.shape == (2, 4, 1)


ERRORS = {
    "the class alone": (lambda x: start(FACTORS, x, 2, key=KEY), r"structure=LowRank\(rank\)"),
    "scalars": (
        lambda x: start(dist.Normal, x[:, 0], 2, key=KEY, structure=LowRank(1)),
        r"expected dist.MultivariateNormal for LowRank\(1\), got Normal",
    ),
    "too high": (
        lambda x: start(NORMAL, x, 2, key=KEY, structure=LowRank(4)), "rank of at most 3, .* got 4",
    ),
    "no rank": (lambda x: LowRank(0), "expected rank to be an integer ≥ 1, got 0"),
    "no columns": (
        lambda x: fit(
            MixtureSameFamily(
                dist.Categorical(A([1.0])),
                FACTORS(jnp.zeros((1, 3)), jnp.zeros((1, 3, 1)), jnp.ones((1, 3))),
            ),
            x,
        ),
        "columns of cov_factor that are not zero",
    ),
    "one scale of coordinates": (
        lambda x: start(NORMAL, x, 2, key=KEY, structure=Spherical()),
        r"scale for each coordinate for Spherical\(\), such as .* got MultivariateNormal",
    ),
    "nothing to share": (
        lambda x: start(dist.Poisson, x, 2, key=KEY, structure=Tied()),
        r"scale or a covariance for Tied\(\), got",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    call, text = ERRORS[name]
    with pytest.raises(ValueError, match=text):
        call(few())
