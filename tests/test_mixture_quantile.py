"""Quantiles: the left inverse of the cdf, for every scalar family."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from cases.mixtures import CONTINUOUS, DISCRETE, by_logits, by_probs, rows

Q = [1e-30, 1e-20, 1e-10, 1e-6, 1e-3, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1 - 1e-5, 1 - 1e-7]
ULPS = 64
"""Errors allowed to a cdf, in units of the precision (see test_families.py), and to quantiles."""


@jax.jit
def quantiles(mixture, q, points):
    """Quantiles at q and at cdf(points), and both log tails there and one float below."""
    x = mixture.icdf(jnp.concatenate([q, mixture.cdf(points)]))
    both = jnp.stack([x, jnp.nextafter(x, -jnp.inf)])
    return x, mixture.log_cdf(both), mixture.log_survival_function(both), mixture.log_prob(points)


def evaluate(row, dtype):
    mixture, q = row.mixture(dtype), np.asarray(Q, dtype)
    points = mixture.sample(jax.random.key(1), (20,))
    return q, points, *map(np.asarray, quantiles(mixture, q, points))


def check_reached(q, log_cdf, log_survival, eps):
    """F(x) ≥ q > F(x⁻) for the float x⁻ below x, in log space, by the nearer tail."""
    low, high = np.log(q.astype(float)), np.log1p(-q.astype(float))
    slack = 8 * eps * np.maximum(1, -np.where(q <= 0.5, low, high))
    reached = np.where(q <= 0.5, log_cdf[0] >= low - slack, log_survival[0] <= high + slack)
    short = np.where(q <= 0.5, log_cdf[1] <= low + slack, log_survival[1] >= high - slack)
    assert reached.all(), f"cdf not reached at q = {q[~reached]}"
    assert short.all(), f"cdf reached too early at q = {q[~short]}"


@rows(CONTINUOUS)
def test_quantile_and_cdf_are_inverse(row, precision):
    """The second way up to conditioning: an error δF of the cdf moves the quantile by δF/f."""
    q, points, x, log_cdf, log_survival, log_f = evaluate(row, precision)
    n, eps = q.size, np.finfo(precision).eps
    assert x.dtype == precision
    check_reached(q, log_cdf[:, :n], log_survival[:, :n], eps)
    log_cdf = log_cdf[0, n:]
    moved = np.maximum(1, -log_cdf) * np.exp(log_cdf - log_f)
    allowed = ULPS * eps * (moved + np.abs(points))
    assert np.all(np.abs(x[n:] - points) <= allowed)


ENDS = {
    "Normal": (-np.inf, np.inf),
    "Gamma": (0, np.inf),
    "Uniform": (-1, 4),
    "Beta": (0, 1),
    "Pareto": (0.5, np.inf),
    "TruncatedNormal": (-2.5, 5),
    "TruncatedCauchy, from the right": (-np.inf, 3),
    "VonMises": (-np.pi, np.pi),
    "Normal, exponentiated and shifted": (-np.inf, 1),
    "Poisson": (0, np.inf),
    "Binomial": (0, 20),
    "Categorical": (0, 3),
}


@rows([row for row in [*CONTINUOUS, *DISCRETE] if row.name in ENDS])
def test_ends(row, precision):
    """Exact at 0 and 1; NaN for what is no probability."""
    icdf = jax.jit(lambda m, q: m.icdf(q))
    x = icdf(row.mixture(precision), jnp.array([0.0, 1.0, -0.1, 1.1, jnp.nan]))
    np.testing.assert_array_equal(x[:2], np.asarray(ENDS[row.name], precision))
    assert np.isnan(x[2:]).all()


def test_ends_of_components_without_weight_do_not_count(precision):
    components = dist.Uniform(jnp.array([-5.0, 0.0, 2.0]), jnp.array([9.0, 1.0, 3.0]))
    x = by_probs([0.0, 0.5, 0.5], components).icdf(jnp.array([0.0, 1.0]))
    np.testing.assert_array_equal(x, [0, 3])


@pytest.mark.parametrize("first", [0.5, 0.3, 0.7, 0.9, 0.999, 1e-3])
def test_gaps(first, precision):
    """Over a gap in the support the quantile is its lower end; just above, its upper end.

    The cdf of the gap may be rounded up, past the exact one: two roundings less are safe.
    """
    components = dist.Uniform(jnp.array([0.0, 3.0]), jnp.array([1.0, 4.0]))
    mixture = by_probs([first, 1 - first], components)
    icdf = jax.jit(mixture.icdf)
    q = mixture.cdf(jnp.array([1.0, 2.0, 2.999])) * (1 - 2 * np.finfo(precision).eps)
    np.testing.assert_allclose(icdf(q), 1, rtol=ULPS * np.finfo(precision).eps)
    above = icdf(q[0] + 1e3 * np.finfo(precision).eps)
    assert 3 <= above < 3.6


@rows(DISCRETE)
def test_quantiles_of_counts(row, precision):
    """icdf(cdf(n)) = n, and a q just above gives the next count."""
    mixture = row.mixture(precision)
    n = np.unique(mixture.sample(jax.random.key(2), (200,))).astype(precision)
    icdf = jax.jit(lambda m, q: m.icdf(q))
    q = mixture.cdf(n)
    back = icdf(mixture, q)
    assert back.dtype == precision
    inner = n[q < 1 - 1e3 * np.finfo(precision).eps]
    np.testing.assert_array_equal(back[: inner.size], inner)
    above = q[: inner.size] * (1 + 64 * np.finfo(precision).eps)
    np.testing.assert_array_equal(icdf(mixture, above), inner + 1)


def test_a_median_far_from_zero(precision):
    """Two narrow components 1e6 apart, and locations of 1e30."""
    narrow = by_probs([0.4, 0.6], dist.Normal(jnp.array([0.0, 1e6]), 1e-3))
    x = narrow.icdf(jnp.array([0.2, 0.7]))
    np.testing.assert_allclose(x, [0, 1e6], atol=1e-3, rtol=1e-6)
    huge = by_probs([0.5, 0.5], dist.Normal(jnp.array([-1e30, 1e30]), 1e25))
    np.testing.assert_allclose(huge.icdf(jnp.array([0.25, 0.75])), [-1e30, 1e30], rtol=1e-6)


def test_batches_and_probabilities_broadcast(precision):
    loc = jnp.arange(12.0).reshape(4, 3) ** 1.5
    q = jnp.array([[0.1], [0.5], [0.9]])
    mixture = by_logits(jnp.arange(3.0), dist.Normal(loc))
    whole = mixture.icdf(q)
    single = jax.jit(lambda loc, q: by_logits(jnp.arange(3.0), dist.Normal(loc)).icdf(q))
    by_hand = [[single(loc[b], q[i, 0]) for b in range(4)] for i in range(3)]
    tolerance = 64 * np.finfo(precision).eps
    np.testing.assert_allclose(whole, by_hand, rtol=tolerance)
    np.testing.assert_allclose(jax.jit(mixture.icdf)(q), whole, rtol=tolerance)
    np.testing.assert_allclose(jax.vmap(lambda q: mixture.icdf(q))(q), whole, rtol=tolerance)
    np.testing.assert_allclose(jax.vmap(single, (0, None))(loc, 0.5), whole[1], rtol=tolerance)
    assert mixture.icdf(0.5).shape == (4,)


def test_integer_probabilities_and_single_values(precision):
    mixture = by_logits(jnp.zeros(2), dist.Uniform(jnp.zeros(2), jnp.array([1.0, 2.0])))
    assert mixture.icdf(1) == 2
    assert mixture.icdf(0) == 0
    assert mixture.icdf(0.5).dtype == precision


def test_vector_events_have_no_quantile():
    mixture = by_logits(jnp.zeros(2), dist.Normal(jnp.zeros((2, 3))).to_event(1))
    with pytest.raises(NotImplementedError, match="expected scalar events for `icdf`"):
        mixture.icdf(0.5)
