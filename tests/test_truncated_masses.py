"""Truncated mixtures with point masses and counts beside densities."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from pathmix import Mixture

SLOW = pytest.mark.slow


@pytest.mark.slow
def test_point_masses_forty_standard_deviations_out(x64):
    """Masses .2 and .3 at ±40 and a normal of weight .5, by mpmath."""
    masses = dist.Categorical(probs=jnp.array([0.2, 0.3, 0.5]))
    m = Mixture(masses, [dist.Delta(40.0), dist.Delta(-40.0), dist.Normal(0.0, 1.0)])
    with mp.workdps(60):
        tail = lambda x: mp.mpf(0.5) * mp.ncdf(-mp.mpf(x))  # noqa: E731
        far, short = mp.log(tail(40)), mp.log(tail(39.5) - tail(39.9))
        inside = mp.log(mp.mpf(0.5) * mp.npdf(39.5)) - mp.log(tail(39) - tail(39.9))
        far, short, inside = float(far), float(short), float(inside)
    before = jnp.nextafter(-40.0, -jnp.inf)
    np.testing.assert_allclose(
        m.log_cdf(jnp.array([before, -40.0])), [far, np.log(0.3)], rtol=1e-13
    )
    above = m.log_survival_function(jnp.array([40.0, jnp.nextafter(40.0, 0.0)]))
    np.testing.assert_allclose(above, [far, np.log(0.2)], rtol=1e-13)
    got = m.log_interval(jnp.array([39.5, 39.5]), jnp.array([39.9, 40.0]))
    np.testing.assert_allclose(got, [short, np.log(0.2)], rtol=1e-12)
    np.testing.assert_allclose(m.truncate(39.0, 39.9).log_prob(39.5), inside, rtol=1e-11)
    np.testing.assert_allclose(m.truncate(39.0, 41.0).log_prob(40.0), 0.0, atol=1e-15)
    np.testing.assert_allclose(m.truncate(39.0, 41.0).icdf(jnp.array([0.1, 0.9])), [40.0, 40.0])


@pytest.mark.slow
def test_a_count_among_densities_at_the_bound(x64):
    """It is between the bounds, and the quantile of all levels of its mass."""
    weights = dist.Categorical(probs=jnp.array([0.4, 0.6]))
    m = Mixture(weights, [dist.Poisson(3.0), dist.Normal(2.5, 1.5)])
    truncated, mass = m.truncate(1.0, 4.0), float(m.cdf(4.0) - m.cdf(1.0 - 1e-12))
    at_bound = 0.4 * stats.poisson.pmf(1, 3.0) / mass
    np.testing.assert_allclose(np.exp(truncated.log_prob(1.0)), at_bound, rtol=1e-9)
    np.testing.assert_allclose(truncated.cdf(jnp.array([0.9, 1.0])), [0.0, at_bound], rtol=1e-9)
    x = truncated.icdf(jnp.array([0.9 * at_bound, 0.6]))
    assert x[0] == 1.0
    assert truncated.cdf(x[1] - 1e-9) < 0.6 <= truncated.cdf(x[1] + 1e-9)


def rain(t):
    """A mass of weight ``t_0`` at ``t_1`` and a normal, between two bounds."""
    weights = dist.Categorical(probs=jnp.stack([t[0], 1 - t[0]]))
    return Mixture(weights, [dist.Delta(t[1]), dist.Normal(t[2], t[3])]).truncate(t[4], t[5])


def spells(t):
    """Counts of rate ``t_1`` with weight ``t_0`` and a normal, between two bounds."""
    weights = dist.Categorical(probs=jnp.stack([t[0], 1 - t[0]]))
    return Mixture(weights, [dist.Poisson(t[1]), dist.Normal(t[2], t[3])]).truncate(t[4], t[5])


RAIN, SPELLS = [0.3, 0.5, 0.0, 1.0, -0.8, 2.6], [0.4, 3.0, 2.5, 1.5, -0.8, 2.6]


LEVELS_OF = [(rain, RAIN, 0.3), (rain, RAIN, 0.5), (spells, SPELLS, 0.5)]


MORE_LEVELS = [
    (rain, RAIN, 0.02),
    (rain, RAIN, 0.97),
    (spells, SPELLS, 0.3),
    (spells, SPELLS, 0.97),
]


@pytest.mark.parametrize(
    ("made", "at", "q"), [*LEVELS_OF, *(pytest.param(*row, marks=SLOW) for row in MORE_LEVELS)]
)
@pytest.mark.slow
def test_derivatives_of_quantiles_with_masses(made, at, q, x64):
    """Below, at, between and above the masses, by central differences with an error of ``h⁴``."""
    value, t = jax.jit(lambda t: made(t).icdf(q)), jnp.array(at)
    gradient = jax.grad(value)(t)
    for i, e in enumerate(1e-4 * np.eye(6)):
        near, far = value(t + e) - value(t - e), value(t + 2 * e) - value(t - 2 * e)
        # quantiles have errors of some 10⁻¹⁵, of which the difference makes 10⁻¹¹
        np.testing.assert_allclose(gradient[i], (8 * near - far) / 12e-4, rtol=1e-7, atol=1e-9)
    slope = jax.grad(lambda q: made(t).icdf(q))(q)
    at_mass = value(t) in (0.5, 1.0)
    assert at_mass == (q == (0.5 if made is rain else 0.3))
    per_unit = 0.0 if at_mass else np.exp(-made(t).log_prob(value(t)))
    np.testing.assert_allclose(slope, per_unit, rtol=1e-9)


def test_the_log_density_moves_with_a_bound_beside_a_mass(x64):
    value = jax.jit(lambda low: rain(jnp.array([0.3, 0.5, 0.0, 1.0, low, 2.6])).log_prob(1.0))
    mass = 0.3 + 0.7 * (stats.norm.cdf(2.6) - stats.norm.cdf(-0.8))
    np.testing.assert_allclose(jax.grad(value)(-0.8), 0.7 * stats.norm.pdf(0.8) / mass, rtol=1e-12)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_a_mass_at_a_bound_of_zero(dtype, x64):
    """The float below zero is one that compilers take for zero."""
    m = Mixture(
        dist.Categorical(probs=jnp.array([0.3, 0.7], dtype)),
        [dist.Delta(jnp.zeros((), dtype)), dist.Normal(*jnp.array([0.0, 1.0], dtype))],
    )
    zero, mass = jnp.zeros((), dtype), 0.3 + 0.7 * (stats.norm.cdf(2.0) - 0.5)
    # eight units in the last place, of what is a sum and a quotient of a few logarithms
    rtol = 8 * float(jnp.finfo(dtype).eps)
    truncated = m.truncate(zero, jnp.array(2.0, dtype))
    np.testing.assert_allclose(np.exp(truncated.log_prob(zero)), 0.3 / mass, rtol=rtol)
    np.testing.assert_allclose(truncated.cdf(zero), 0.3 / mass, rtol=rtol)
    assert truncated.icdf(jnp.array(0.2, dtype)) == 0
    seen = m.censored(high=zero).log_prob(jnp.ones((), dtype))
    np.testing.assert_allclose(np.exp(seen), 0.3 + 0.35, rtol=rtol)
