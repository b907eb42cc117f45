"""Undefined and infinite statistics, and components that must not contaminate them."""

import equinox
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from cases.mixtures import by_logits, by_probs

NAN, INF = np.nan, np.inf


def student(df):
    return dist.StudentT(jnp.asarray(df), jnp.array([1.0, 3.0]), 1.0)


TABLE = {
    "Student t, defined": ([0.5, 0.5], lambda: student([4.0, 4.0]), 2, 3),
    "Student t, infinite variance": ([0.5, 0.5], lambda: student([1.5, 4.0]), 2, INF),
    "Student t, infinite without weight": ([0.0, 1.0], lambda: student([1.5, 4.0]), 3, 2),
    "Student t, no mean": ([0.5, 0.5], lambda: student([1.0, 4.0]), NAN, NAN),
    "Student t, no mean without weight": ([0.0, 1.0], lambda: student([0.5, 4.0]), 3, 2),
    "Cauchy": ([0.5, 0.5], lambda: dist.Cauchy(jnp.zeros(2)), NAN, NAN),
    "HalfCauchy": ([0.5, 0.5], lambda: dist.HalfCauchy(jnp.ones(2)), INF, INF),
    "Pareto, infinite mean": (
        [0.5, 0.5],
        lambda: dist.Pareto(1.0, jnp.array([0.5, 3.0])),
        INF,
        INF,
    ),
    "Pareto, infinite variance": (
        [0.5, 0.5],
        lambda: dist.Pareto(1.0, jnp.array([1.5, 3.0])),
        0.5 * 3 + 0.5 * 1.5,
        INF,
    ),
    "Pareto, infinite without weight": (
        [0.0, 1.0],
        lambda: dist.Pareto(1.0, jnp.array([0.5, 3.0])),
        1.5,
        0.75,
    ),
    "a location at infinity without weight": (
        [0.0, 1.0],
        lambda: dist.Normal(jnp.array([INF, 3.0]), validate_args=False),
        3,
        1,
    ),
    "NaN parameters without weight": (
        [0.0, 1.0],
        lambda: dist.Normal(jnp.array([NAN, 3.0]), jnp.array([NAN, 2.0]), validate_args=False),
        3,
        4,
    ),
}
table = pytest.mark.parametrize(
    ("probs", "make", "mean", "variance"), TABLE.values(), ids=list(TABLE)
)


@table
def test_moments(probs, make, mean, variance, precision):
    mixture = by_probs(probs, make())
    np.testing.assert_allclose(mixture.mean, mean, rtol=2e-6)
    np.testing.assert_allclose(mixture.variance, variance, rtol=2e-6)
    np.testing.assert_allclose(mixture.stddev, np.sqrt(variance), rtol=2e-6)


@table
def test_undefined_moments_raise_on_request(probs, make, mean, variance):
    for name, wanted in (("mean", mean), ("variance", variance), ("stddev", variance)):
        mixture = by_probs(probs, make(), allow_nan_stats=False)
        if np.isnan(wanted):
            with pytest.raises(ValueError, match="allow_nan_stats=True"):
                getattr(mixture, name)
        else:
            assert not np.isnan(getattr(mixture, name))


@pytest.mark.parametrize("name", ["mean", "variance", "stddev"])
def test_undefined_moments_raise_under_jit(name):
    def statistic(probs):
        mixture = by_probs(probs, dist.Cauchy(jnp.zeros(2)), allow_nan_stats=False)
        return getattr(mixture, name)

    with pytest.raises(equinox.EquinoxRuntimeError, match="got NaN from Cauchy components"):
        equinox.filter_jit(statistic)(jnp.array([0.5, 0.5]))
    with pytest.raises(Exception, match="got NaN from Cauchy components"):
        jax.jit(statistic)(jnp.array([0.5, 0.5]))


def test_defined_moments_do_not_raise_under_jit():
    def mean(probs, df):
        return by_probs(probs, student(df), allow_nan_stats=False).mean

    jitted = equinox.filter_jit(mean)
    assert jitted(jnp.array([0.0, 1.0]), jnp.array([0.5, 4.0])) == 3
    with pytest.raises(equinox.EquinoxRuntimeError, match="expected a defined mean"):
        jitted(jnp.array([0.5, 0.5]), jnp.array([0.5, 4.0]))


def test_undefined_covariances_raise():
    loc, factor = jnp.zeros((2, 3)), jnp.eye(3)
    components = dist.MultivariateStudentT(jnp.array([1.0, 5.0]), loc, factor)
    assert np.isnan(by_probs([0.5, 0.5], components).covariance).all()
    with pytest.raises(ValueError, match="expected a defined covariance"):
        by_probs([0.5, 0.5], components, allow_nan_stats=False).covariance  # noqa: B018
    alone = by_probs([0.0, 1.0], components, allow_nan_stats=False).covariance
    np.testing.assert_allclose(alone, np.eye(3) * 5 / 3, rtol=1e-6)


def test_zero_weight_by_logits(precision):
    mixture = by_logits([-jnp.inf, 0.0], student([0.5, 4.0]), allow_nan_stats=False)
    assert mixture.mean == 3
    np.testing.assert_allclose(mixture.variance, 2, rtol=1e-6)


@pytest.mark.parametrize("name", ["mean", "variance"])
def test_gradients_of_moments_are_not_contaminated(name, precision):
    """By a component without weight and without a mean."""

    def statistic(probs, df, loc):
        return getattr(by_probs(probs, dist.StudentT(df, loc, 1.0)), name)

    theta = jnp.array([0.0, 0.4, 0.6]), jnp.array([0.5, 4.0, 5.0]), jnp.array([1.0, 2.0, 3.0])
    _, by_df, by_loc = jax.jit(jax.grad(statistic, (0, 1, 2)))(*theta)
    assert jnp.isfinite(by_df).all()
    assert jnp.isfinite(by_loc).all()


def test_the_circular_mean_is_that_of_the_resultant(x64):
    """Two components either side of ±π: the mean direction is π, not the average 0."""
    loc, kappa = np.array([3.0, -3.0]), np.array([4.0, 4.0])
    mixture = by_probs([0.5, 0.5], dist.VonMises(loc, kappa))
    grid = np.linspace(-np.pi, np.pi, 4001)[:-1]
    p = np.exp(jax.jit(mixture.log_prob)(grid)) * (2 * np.pi / 4000)
    resultant = np.sum(p * np.exp(1j * grid))
    np.testing.assert_allclose(abs(mixture.mean), np.pi, rtol=1e-12)
    np.testing.assert_allclose(mixture.variance, 1 - abs(resultant), rtol=1e-10)


def test_moments_are_named_where_there_are_none():
    mixture = by_probs([0.5, 0.5], dist.AsymmetricLaplace(jnp.zeros(2)))
    assert mixture.mean.shape == ()
    unknown = by_probs([0.5, 0.5], dist.LKJCholesky(3, jnp.ones(2)))
    with pytest.raises(
        NotImplementedError, match="LKJCholesky components have no closed-form mean"
    ):
        unknown.mean  # noqa: B018
