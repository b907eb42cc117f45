"""The bootstrap test of one component more: levels, power, missing entries, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from pathmix import LikelihoodRatioTest, Tied, fit, likelihood_ratio_test, start

KEY = jax.random.key(0)
FAITHFUL = np.loadtxt("examples/data/faithful.csv", delimiter=",", skiprows=1)


@pytest.mark.slow
def test_there_is_more_than_one_kind_of_eruption(x64):
    """The log likelihood of two is that of test_fit_references.py."""
    found = likelihood_ratio_test(
        dist.MultivariateNormal, FAITHFUL, 1, key=KEY, num_samples=19, num_starts=5
    )
    mean, cov = FAITHFUL.mean(0), np.cov(FAITHFUL.T, bias=True)
    alone = dist.MultivariateNormal(mean, cov).log_prob(FAITHFUL).sum()
    np.testing.assert_allclose(found.statistic, 2 * (-1130.263960185 - alone), rtol=1e-7)
    assert found.p_value == 0.05
    assert found.samples.max() < 50 < found.statistic
    assert "1 against 2 components" in repr(found)


@pytest.mark.slow
def test_two_kinds_of_counts_not_three(x64):
    rng = np.random.default_rng(0)
    counts = np.concatenate([rng.poisson(2, 60), rng.poisson(20, 40)])
    test = lambda k: likelihood_ratio_test(dist.Poisson, counts, k, key=KEY, num_samples=19)  # noqa: E731
    assert test(1).p_value == 0.05
    assert test(2).p_value > 0.1


@pytest.mark.slow
def test_the_statistic_is_that_of_two_fits(x64):
    kind = {"structure": Tied(), "num_starts": 4}
    found = likelihood_ratio_test(
        dist.MultivariateNormal, FAITHFUL[:60], 1, key=KEY, num_samples=1, **kind
    )
    reached = [
        fit(start(dist.MultivariateNormal, FAITHFUL[:60], k, key=KEY, **kind), FAITHFUL[:60])
        for k in (1, 2)
    ]
    gain = 2 * (reached[1].log_likelihood - reached[0].log_likelihood)
    np.testing.assert_allclose(found.statistic, gain, rtol=1e-5)


@pytest.mark.slow
def test_p_values_are_even_where_nothing_is_to_be_found(x64):
    """Of 40 samples of one normal, p ≤ 0.3 is binomial: P(outside 4…20) = 0.004.

    A test that takes χ²'s law instead, or one that draws from the larger mixture, is outside.
    """
    rng = np.random.default_rng(0)
    p = [
        likelihood_ratio_test(
            dist.Poisson, rng.poisson(4.0, 40), 1, key=jax.random.key(i), num_samples=19
        ).p_value
        for i in range(40)
    ]
    assert 4 <= np.sum(np.array(p) <= 0.3) <= 20


def test_missing_entries_are_missing_from_samples(x64):
    rng = np.random.default_rng(0)
    x = np.where(rng.uniform(size=(80, 2)) < 0.2, np.nan, rng.normal(size=(80, 2)))
    x[:40] += 8.0
    found = likelihood_ratio_test(
        dist.Normal, x, 1, key=KEY, num_samples=9, num_starts=3, progress=False
    )
    assert found.p_value == 0.1
    assert np.isfinite(found.samples).all()


def test_failed_samples_count_against_the_gain():
    found = LikelihoodRatioTest(1, 5.0, np.array([1.0, np.nan, 5.0, 4.0]))
    assert found.p_value == 3 / 5


BAD = {
    "no components": ({"k": 0}, "expected k to be an integer ≥ 1, got 0"),
    "no samples": ({"num_samples": 0}, "expected num_samples to be an integer ≥ 1, got 0"),
    "starts": ({"num_starts": 1.5}, "expected num_starts to be an integer ≥ 1, got 1.5"),
    "steps": ({"max_steps": 0}, "expected max_steps to be an integer ≥ 1, got 0"),
    "rows": ({"k": 3}, "expected at least as many rows as components, got 3 rows for 4"),
    "off the support": ({"data": -np.ones(9)}, "possible under mixtures of the family"),
}


@pytest.mark.parametrize(("change", "text"), BAD.values(), ids=BAD)
def test_bad_input(change, text):
    given = {"data": np.arange(3.0), "k": 1, **change}
    with pytest.raises(ValueError, match=text):
        likelihood_ratio_test(dist.Exponential, key=KEY, **given)


def test_traced_data_are_refused():
    with pytest.raises(TypeError, match="data that are known for likelihood_ratio_test"):
        jax.jit(lambda x: likelihood_ratio_test(dist.Normal, x, 1, key=KEY))(jnp.arange(4.0))
