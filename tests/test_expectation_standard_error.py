"""Standard errors of expectations, by the spread and the coverage of independent estimates.

With M = 4000 estimates of n = 100 draws each:

- The mean of the squared errors is an unbiased estimate of the variance of an estimate, and so is
  the variance of the M values. The latter is uncertain by √(2/M) = 2.2 % (an average of 100 draws
  is normal enough), and the former by less. They agree within 4.5 times that, 10 %: an error that
  is wrong by 6 % or more (1.06² = 1.12) fails.
- The share of intervals of 1.984 errors (Student t, 99 degrees of freedom) that cover the exact
  value is 0.95 with a standard deviation of √(0.95·0.05/M) = 0.0034. It is within 4 of those, and
  0.01 for the skewness of 100 draws (Hall 1992: O(skewness²/n)): 0.926 to 0.974. Errors too small
  by 13 % cover 0.914, too large by 15 % 0.976, and fail.
"""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from cases.expectations import NORMALS, every_estimator, exact, functions, normals
from cases.mixtures import by_logits
from pathmix import Estimate, Score, Stratified, expectation

NUM_ESTIMATES, NUM_SAMPLES = 4000, 100


@every_estimator
def test_spread_and_coverage(estimator):
    def estimate(key):
        return expectation(
            functions,
            normals(NORMALS),
            key=key,
            num_samples=NUM_SAMPLES,
            estimator=estimator,
            with_standard_error=True,
        )

    truth = exact(NORMALS)
    found = jax.jit(jax.vmap(estimate))(jax.random.split(jax.random.key(0), NUM_ESTIMATES))
    assert isinstance(found, Estimate)
    assert jax.tree.structure(found.value) == jax.tree.structure(found.standard_error)

    def check(value, error, truth):
        value, error = np.asarray(value, np.float64), np.asarray(error, np.float64)
        np.testing.assert_allclose((error**2).mean(axis=0), value.var(axis=0, ddof=1), rtol=0.1)
        covered = (np.abs(value - truth) < 1.984 * error).mean(axis=0)
        assert np.all((covered > 0.926) & (covered < 0.974)), covered

    if estimator == Score("linear"):  # which knows the mean of a line: rounding is all there is
        np.testing.assert_allclose(found.value.pop("x"), truth.pop("x"), rtol=1e-5)
        assert np.all(found.standard_error.pop("x") < 1e-6)
    jax.tree.map(check, *found, truth)


@pytest.mark.parametrize("estimator", [Score(), Score("linear"), Stratified()], ids=repr)
@pytest.mark.slow
def test_counts(estimator):
    """The same of discrete components."""
    mixture = by_logits(jnp.array([0.3, -0.4]), dist.Poisson(jnp.array([2.0, 6.0])))

    def estimate(key):
        return expectation(
            lambda n: 1.0 * n,
            mixture,
            key=key,
            num_samples=NUM_SAMPLES,
            estimator=estimator,
            with_standard_error=True,
        )

    value, error = jax.jit(jax.vmap(estimate))(jax.random.split(jax.random.key(0), NUM_ESTIMATES))
    value, error = np.asarray(value, np.float64), np.asarray(error, np.float64)
    if estimator == Score("linear"):  # a line is known exactly
        np.testing.assert_allclose(value, 4 * np.exp(-0.4) / (np.exp(0.3) + np.exp(-0.4)) + 2, 1e-3)
        return
    np.testing.assert_allclose((error**2).mean(), value.var(ddof=1), rtol=0.1)


def test_the_value_is_the_same_and_the_error_has_no_gradient():
    kwargs = {"key": jax.random.key(0), "num_samples": 50}

    def both(loc):
        mixture = by_logits(jnp.zeros(2), dist.Normal(loc, 1.0))
        return expectation(jnp.square, mixture, with_standard_error=True, **kwargs)

    loc = jnp.array([-1.0, 2.0])
    mixture = by_logits(jnp.zeros(2), dist.Normal(loc, 1.0))
    np.testing.assert_array_equal(both(loc).value, expectation(jnp.square, mixture, **kwargs))
    gradient = jax.jacrev(both)(loc)
    np.testing.assert_array_equal(gradient.standard_error, jnp.zeros(2))
    assert np.all(gradient.value != 0)


def test_batches_have_errors_of_their_own():
    """The standard deviation of a location is that of its component, here 0.1, 1 and 10."""
    scale = jnp.array([0.1, 1.0, 10.0])[:, None]
    mixture = by_logits(jnp.zeros(2), dist.Normal(jnp.zeros(2), scale))
    found = expectation(
        lambda x: x, mixture, key=jax.random.key(0), num_samples=5000, with_standard_error=True
    )
    assert found.standard_error.shape == (3,)
    # common random numbers in both strata: the estimate is the scale times one normal
    np.testing.assert_allclose(found.standard_error, scale[:, 0] / 5000**0.5, rtol=4 / 1e4**0.5)
