"""Means and variances of truncated and censored mixtures, against SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import integrate, stats

from pathmix import MixtureSameFamily

pytestmark = pytest.mark.usefixtures("x64")
SLOW = pytest.mark.slow


def normals(t=(0.3, 0.7, -1.0, 1.0, 0.5, 2.0)):
    t = jnp.asarray(t)
    return MixtureSameFamily(dist.Categorical(probs=t[:2]), dist.Normal(t[2:4], t[4:]))


def standard():
    return MixtureSameFamily(dist.Categorical(probs=jnp.ones(1)), dist.Normal(jnp.zeros(1), 1.0))


# of truncnorm's own variance, in the tail a difference of numbers of 1e3, some 1e-8 is known
@pytest.mark.parametrize(
    ("bounds", "rtol"),
    [((-1.0, 2.0), 1e-9), ((30.0, None), 1e-6), pytest.param((None, 0.5), 1e-9, marks=SLOW)],
)
def test_of_one_normal(bounds, rtol):
    a, b = (t if t is not None else s * np.inf for t, s in zip(bounds, (-1, 1), strict=True))
    truncated, exact = standard().truncate(*bounds), stats.truncnorm(a, b)
    np.testing.assert_allclose(truncated.mean, exact.mean(), rtol=1e-11)
    np.testing.assert_allclose(truncated.variance, exact.var(), rtol=rtol)


@pytest.mark.slow
def test_of_a_censored_mixture():
    low, high = -1.2, 2.0
    cdf = lambda x: 0.3 * stats.norm.cdf(x, -1, 0.5) + 0.7 * stats.norm.cdf(x, 1, 2)  # noqa: E731
    pdf = lambda x: 0.3 * stats.norm.pdf(x, -1, 0.5) + 0.7 * stats.norm.pdf(x, 1, 2)  # noqa: E731

    def moment(k):
        inner = integrate.quad(lambda x: x**k * pdf(x), low, high, epsabs=1e-13)[0]
        return inner + low**k * cdf(low) + high**k * (1 - cdf(high))

    seen = normals().censored(low, high)
    np.testing.assert_allclose(seen.mean, moment(1), rtol=1e-11)
    np.testing.assert_allclose(seen.variance, moment(2) - moment(1) ** 2, rtol=1e-11)
    # by the ends themselves, `P(X < low)` and `P(X > high)`
    slope = jax.grad(lambda t: normals().censored(t[0], t[1]).mean)(jnp.array([low, high]))
    np.testing.assert_allclose(slope, [cdf(low), 1 - cdf(high)], rtol=1e-10)


@pytest.mark.slow
def test_of_power_tails():
    """A Student t of three degrees of freedom above 1, by its closed integral; infinite ones."""
    m = MixtureSameFamily(
        dist.Categorical(probs=jnp.ones(1)), dist.StudentT(jnp.array([3.0]), 0.0, 1.0)
    )
    exact = stats.t(3)
    mass = exact.sf(1.0)
    mean = exact.pdf(1.0) * (3 + 1.0) / (3 - 1) / mass
    second = integrate.quad(lambda t: exact.pdf(1 / t) / t**4, 0, 1, epsabs=1e-13)[0] / mass
    truncated = m.truncate(low=1.0)
    np.testing.assert_allclose(truncated.mean, mean, rtol=1e-10)
    np.testing.assert_allclose(truncated.variance, second - mean**2, rtol=1e-8)
    wide = MixtureSameFamily(
        dist.Categorical(probs=jnp.ones(1)), dist.Cauchy(jnp.zeros(1), 1.0)
    ).truncate(low=0.0)
    assert wide.mean == wide.variance == jnp.inf


@SLOW
def test_derivatives_of_means():
    """In bounds, weights and parameters at once, by a difference with an error of ``h⁴``."""
    t, towards = jnp.array([0.3, 0.7, -1.0, 1.0, 0.5, 2.0, -0.8, 2.6]), jnp.arange(1.0, 9.0)
    mean = jax.jit(lambda t: normals(t[:6]).truncate(t[6], t[7]).mean)
    slope = jax.jvp(mean, (t,), (towards,))[1]
    e = 1e-4 * towards
    near, far = mean(t + e) - mean(t - e), mean(t + 2 * e) - mean(t - 2 * e)
    np.testing.assert_allclose(slope, (8 * near - far) / 12e-4, rtol=1e-9)


def test_counts_have_none():
    m = MixtureSameFamily(dist.Categorical(probs=jnp.ones(1)), dist.Poisson(jnp.ones(1)))
    with pytest.raises(NotImplementedError, match="Estimate it from draws"):
        _ = m.truncate(1, 3).mean
