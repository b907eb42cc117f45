"""Truncated mixtures far out and in narrow intervals: nothing cancels."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from cases.mixtures import equations
from cases.truncated import ALPHA, normals, two
from pathmix import MixtureSameFamily


def test_far_out(x64):
    """Normals between 30 and 31 standard deviations, by mpmath."""
    truncated = two(dist.Normal(jnp.zeros(2), jnp.array([1.0, 0.5]))).truncate(30.0, 31.0)
    with mp.workdps(60):

        def tail(x):
            return mp.mpf(0.3) * mp.ncdf(-mp.mpf(x)) + mp.mpf(0.7) * mp.ncdf(-2 * mp.mpf(x))

        mass = tail(30) - tail(31)
        q = [float((tail(30) - tail(x)) / mass) for x in (30.01, 30.5)]
        log_p = float(mp.log(0.3 * mp.npdf(30.5) / mass))
    np.testing.assert_allclose(truncated.cdf(jnp.array([30.01, 30.5])), q, rtol=1e-12)
    np.testing.assert_allclose(truncated.log_prob(30.5), log_p, rtol=1e-12)
    np.testing.assert_allclose(truncated.icdf(q[0]), 30.01, rtol=1e-14)
    draws = truncated.sample(jax.random.key(0), (4000,))
    # far below a density of exp(−450) it is exponential with a rate of about 30
    assert stats.kstest(np.asarray(draws), lambda x: truncated.cdf(jnp.asarray(x))).pvalue > ALPHA
    lower = two(dist.Normal(jnp.zeros(2), jnp.array([1.0, 0.5]))).truncate(-31.0, -30.0)
    np.testing.assert_allclose(lower.icdf(1 - q[0]), -30.01, rtol=1e-14)


def upper(x):
    """``P(X > x)`` of normals of scales 1 and 1/2, in extended precision."""
    return mp.mpf(0.3) * mp.ncdf(-mp.mpf(x)) + mp.mpf(0.7) * mp.ncdf(-2 * mp.mpf(x))


@pytest.mark.parametrize("sign", [1, -1])
def test_forty_standard_deviations_out(sign, x64):
    """Between 39 and 40 on either side, where the mixture has a probability of 10⁻³³²."""
    low, high, x = (39.0, 40.0, 39.01) if sign > 0 else (-40.0, -39.0, -39.01)
    truncated = two(dist.Normal(jnp.zeros(2), jnp.array([1.0, 0.5]))).truncate(low, high)
    with mp.workdps(60):
        mass = upper(39) - upper(40)
        inner, outer = ((upper(39) - upper(39.01)) / mass, (upper(39.01) - upper(40)) / mass)
        log_p = mp.log(mp.mpf(0.3) * mp.npdf(39.01) / mass)
        wanted = [float(mp.log(t)) for t in ((inner, outer) if sign > 0 else (outer, inner))]
        log_mass, log_p = float(mp.log(mass)), float(log_p)
    np.testing.assert_allclose(truncated.log_cdf(x), wanted[0], rtol=1e-11)
    np.testing.assert_allclose(truncated.log_survival_function(x), wanted[1], rtol=1e-11)
    np.testing.assert_allclose(truncated.log_prob(x), log_p, rtol=1e-11)
    np.testing.assert_allclose(truncated.inverse_log_cdf(wanted[0]), x, rtol=1e-14)
    np.testing.assert_allclose(truncated.base_dist.log_interval(low, high), log_mass, rtol=1e-14)


def test_far_out_in_float32():
    truncated = two(dist.Normal(jnp.zeros(2))).truncate(30.0, 31.0)
    draws = np.asarray(truncated.sample(jax.random.key(0), (2000,)))
    assert draws.min() >= 30
    assert draws.max() <= 31
    exact = stats.truncexpon(b=1 * 30.033, loc=30, scale=1 / 30.033)
    # the density is that of an exponential but for a factor exp(−(x − 30)²/2), 0.3 % at most
    assert stats.kstest(draws, exact.cdf).pvalue > ALPHA


def test_a_narrow_interval_in_float32():
    """Quantiles are as fine as floats, though the mixture's cdf hardly changes."""
    truncated = normals().truncate(1.0, 1.0001)
    q = jnp.linspace(0, 1, 9)
    np.testing.assert_allclose(truncated.icdf(q), 1 + 1e-4 * np.asarray(q), atol=2e-7)


def loops(jaxpr):
    """How many loops a program has, those within others counted too."""
    return sum(eqn.primitive.name in ("while", "scan") for eqn in equations(jaxpr))


def test_a_quantile_evaluates_tails_five_times():
    """Which are most of its program: the check of the bounds, at them twice, the search, polish."""
    mixture = two(dist.StudentT(jnp.array([3.0, 5.0]), jnp.array([0.0, 1.0])))
    program = jax.make_jaxpr(lambda m: m.truncate(0.0, 2.0).icdf(0.3))(mixture)
    # each evaluation has a continued fraction and a series, and one of them is in a loop
    assert loops(program.jaxpr) == 5 * 2 + 1


@pytest.mark.parametrize(
    "of",
    [
        lambda loc: dist.TruncatedNormal(loc, 1.3, low=0.0),
        lambda loc: dist.TruncatedNormal(loc, 1.3, low=0.0, high=2.0),
        lambda loc: dist.LeftTruncatedDistribution(dist.Cauchy(loc, 1.3), 0.0),
        lambda loc: dist.FoldedDistribution(dist.Normal(loc, 1.3)),
    ],
    ids=["below", "both", "Cauchy", "folded"],
)
def test_tails_at_a_bound_are_numbers(of, precision):
    """As near to it as rounding confuses the tails there with those at the bound."""
    loc = jnp.linspace(-1.0, 1.0, 16, dtype=precision)
    mixture = MixtureSameFamily(dist.Categorical(logits=jnp.zeros(16)), of(loc))
    x = jnp.array([1e-30, 1e-20, 1e-17, 1e-10, 1e-8, 1e-5], precision)
    below, above = mixture.cdf(x), jnp.exp(mixture.log_survival_function(x))
    slope = jnp.exp(mixture.log_prob(x))
    eps = 10 * jnp.finfo(precision).eps
    np.testing.assert_allclose(below, slope * x, rtol=1e-2, atol=eps)
    np.testing.assert_allclose(above, 1 - below, rtol=eps)
