"""Draws: component indices, shapes, batches, reproducibility, no gradient, cost.

Statistical tests fail a correct sampler with probability 1e-4 each; the seeds are fixed.
"""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from jax import lax
from scipy import stats

from cases.mixtures import by_logits, by_probs, equations
from pathmix._evaluation._index import _cumulative_counts

FALSE_ALARM = 1e-4
BITS = {"float32": 31, "float64": 63}


def indices(mixture, shape, key):
    """The component indices of draws."""
    return jax.jit(lambda m, k: m.sample_with_intermediates(k, shape)[1][0])(mixture, key)


def spread_weights(k):
    """Weights that differ by a factor of ten and are in no order."""
    w = 10 ** np.random.default_rng(k).uniform(0, 1, k)
    return w / w.sum()


def index_p_value(drawn, w):
    """The p-value of Pearson's chi-square for indices drawn with weights ``w``."""
    counts = np.bincount(np.ravel(drawn), minlength=w.size)
    return stats.chisquare(counts, counts.sum() * w).pvalue if w.size > 1 else 1.0


@pytest.mark.parametrize(("k", "n"), [(2, 10**5), (4, 10**6), (64, 10**6), (1024, 10**6)])
@pytest.mark.parametrize("by", [by_probs, by_logits])
def test_component_frequencies(k, n, by, precision):
    w = spread_weights(k)
    mixture = by(w if by is by_probs else np.log(w), dist.Normal(jnp.zeros(k)))
    drawn = indices(mixture, (n,), jax.random.key(k))
    assert index_p_value(drawn, w) > FALSE_ALARM


def test_component_frequencies_of_4096(precision):
    w = spread_weights(4096)
    mixture = by_probs(w, dist.Normal(jnp.zeros(4096)))
    assert index_p_value(indices(mixture, (10**6,), jax.random.key(2)), w) > FALSE_ALARM


@pytest.mark.parametrize("mutant", ["reversed", "swapped", "uniform", "5 % too much"])
def test_the_frequency_test_has_power(mutant):
    """With 1e6 draws of 4 components a weight that is wrong by 5 % goes red."""
    w = spread_weights(4)
    wrong = {
        "reversed": w[::-1],
        "swapped": w[[1, 0, 2, 3]],
        "uniform": np.full(4, 0.25),
        "5 % too much": w * [1.05, 1, 1, 1] / np.sum(w * [1.05, 1, 1, 1]),
    }[mutant]
    drawn = indices(by_probs(wrong, dist.Normal(jnp.zeros(4))), (10**6,), jax.random.key(4))
    assert index_p_value(drawn, w) < FALSE_ALARM


def test_a_weight_of_a_millionth():
    """The count in 2e7 draws is Poisson(20): exact two-sided test."""
    w = np.array([1e-6, 0.6 - 1e-6, 0.4])
    mixture, n = by_probs(w, dist.Normal(jnp.zeros(3))), 2 * 10**6
    count = jax.jit(lambda k: jnp.sum(mixture.sample_with_intermediates(k, (n,))[1][0] == 0))
    total = sum(int(count(key)) for key in jax.random.split(jax.random.key(6), 10))
    assert stats.poisson.cdf(total, 20) > FALSE_ALARM / 2
    assert stats.poisson.sf(total - 1, 20) > FALSE_ALARM / 2


def shares(w, dtype):
    """The exact probabilities with which components are drawn, as integers of a power of two."""
    ends = np.asarray(_cumulative_counts(jnp.asarray(w, dtype))).tolist()
    ends = [0, *ends, 2 ** BITS[dtype]]
    return [high - low for low, high in pairwise(ends)]


@pytest.mark.parametrize("small", [1e-2, 1e-6, 1e-7])
@pytest.mark.parametrize("place", [0, 1, -1])
def test_the_share_of_a_small_weight(small, place, precision):
    """To half a unit of the random word and the rounding of the weight itself."""
    w = np.array([0.3, 0.4, 0.3])
    w[place] = small
    w = w / w.sum()
    share = shares(w, precision)[place] / 2 ** BITS[precision]
    allowed = 0.5 * 2.0 ** -BITS[precision] + np.finfo(precision).eps * w[place]
    assert abs(share - w[place]) <= allowed


@pytest.mark.parametrize("k", [1, 2, 5, 100, 4096])
@pytest.mark.parametrize("seed", range(3))
def test_shares_are_the_weights(k, seed, precision):
    """Also of weights over many orders of magnitude, and none for a zero weight."""
    generator = np.random.default_rng(seed)
    w = np.exp(4 * seed * generator.standard_normal(k))
    w[generator.random(k) < 0.3] = 0
    w[generator.integers(k)] = 1
    w = np.asarray(w / w.sum(), precision)
    share = np.array(shares(w, precision)) / 2 ** BITS[precision]
    assert share.min() >= 0
    assert not share[w == 0].any()
    others = np.arange(k) != np.argmax(w)
    allowed = 0.5 * 2.0 ** -BITS[precision] + np.finfo(precision).eps * w
    assert np.all(np.abs(share - w)[others] <= allowed[others])


@pytest.mark.parametrize("k", [5, 100])
@pytest.mark.parametrize("by", [by_probs, by_logits])
def test_zero_weights_are_never_drawn(k, by, precision):
    w = spread_weights(k)
    w[[0, k // 2, k - 1]] = 0
    with np.errstate(divide="ignore"):
        mixture = by(w if by is by_probs else np.log(w), dist.Normal(jnp.zeros(k)))
    drawn = np.bincount(indices(mixture, (10**5,), jax.random.key(1)), minlength=k)
    assert not drawn[w == 0].any()
    assert drawn[w > 0].all()


def test_one_component(precision):
    mixture = by_probs([1.0], dist.Normal(jnp.array([5.0]), 1e-3))
    value, (index,) = mixture.sample_with_intermediates(jax.random.key(0), (100,))
    assert not index.any()
    np.testing.assert_allclose(value, 5, atol=0.01)


BATCHES = {
    "no batch": ((), (), 3),
    "a batch": ((4,), (4,), 3),
    "one mixture distribution for a batch": ((), (4,), 3),
    "a batch of two axes": ((2, 4), (2, 4), 3),
    "many components": ((2,), (2,), 40),
    "an empty batch": ((0,), (0,), 3),
}


@pytest.mark.parametrize("sample_shape", [(), (6,), (5, 6), (0,)], ids=str)
@pytest.mark.parametrize("event_shape", [(), (2,)], ids=str)
@pytest.mark.parametrize(("of_weights", "batch", "k"), BATCHES.values(), ids=BATCHES)
def test_draws_come_from_their_batch_element_and_component(
    of_weights, batch, k, event_shape, sample_shape
):
    """Every location is different and the scale is tiny, so that a draw tells its origin."""
    loc = jnp.arange(float(np.prod((*batch, k, *event_shape)))).reshape(*batch, k, *event_shape)
    components = dist.Normal(loc, 1e-3).to_event(len(event_shape))
    mixture = by_logits(jnp.zeros((*of_weights, k)), components)
    value, (index,) = mixture.sample_with_intermediates(jax.random.key(3), sample_shape)
    assert index.shape == (*sample_shape, *batch)
    at = index.reshape(*index.shape, 1, *(1 for _ in event_shape))
    wanted = jnp.broadcast_to(loc, (*sample_shape, *loc.shape))
    wanted = jnp.squeeze(
        jnp.take_along_axis(wanted, at, len(sample_shape + batch)), -1 - len(event_shape)
    )
    assert value.shape == wanted.shape
    np.testing.assert_allclose(value, wanted, atol=0.01)


def test_each_batch_element_has_its_own_weights():
    """One-hot weights, the position differing along the batch."""
    for k in (3, 40):
        mixture = by_probs(jnp.eye(k), dist.Normal(jnp.zeros((k, k))))
        drawn = indices(mixture, (50,), jax.random.key(0))
        np.testing.assert_array_equal(drawn, np.broadcast_to(np.arange(k), (50, k)))


def test_events_of_a_draw_are_independent_across_samples():
    """No randomness is shared: 1000 draws differ, in a batch as well."""
    draws = by_logits(jnp.zeros(3), dist.Normal(jnp.zeros((2, 3)))).sample(
        jax.random.key(0), (500,)
    )
    assert np.unique(draws).size == 1000


def test_the_index_is_independent_of_the_draw():
    """Within one component, the draws given either index have one distribution."""
    mixture = by_probs([0.5, 0.5], dist.Normal(jnp.zeros(2)))
    value, (index,) = mixture.sample_with_intermediates(jax.random.key(8), (20000,))
    p = stats.ks_2samp(np.asarray(value[index == 0]), np.asarray(value[index == 1])).pvalue
    assert p > FALSE_ALARM


@pytest.mark.parametrize("k", [3, 40])
def test_jit_and_eager_draw_the_same(k, precision):
    mixture = by_logits(jnp.linspace(0, 1, k), dist.Normal(jnp.arange(float(k))))
    eager = mixture.sample(jax.random.key(5), (64,))
    jitted = jax.jit(lambda m, key: m.sample(key, (64,)))(mixture, jax.random.key(5))
    np.testing.assert_allclose(eager, jitted, atol=8 * k * np.finfo(precision).eps)
    assert not np.array_equal(eager, mixture.sample(jax.random.key(6), (64,)))


def test_old_style_keys_are_accepted():
    mixture = by_logits(jnp.zeros(3), dist.Normal(jnp.arange(3.0)))
    assert mixture.sample(jax.random.PRNGKey(0), (4,)).shape == (4,)


def draw_from(logits, loc, scale):
    return by_logits(logits, dist.Normal(loc, scale)).sample(jax.random.key(0), (50,))


def test_draws_carry_no_gradient():
    """In either mode, and a log density at a draw has the gradient at a fixed value."""
    theta = jnp.array([0.1, 0.2, 0.3]), jnp.arange(3.0), jnp.ones(3)
    with pytest.warns(UserWarning, match="expected no gradient through a draw"):
        gradients = jax.jacrev(draw_from, (0, 1, 2))(*theta)
    assert not any(gradient.any() for gradient in gradients)
    _, tangent = jax.jvp(draw_from, theta, theta)
    assert not tangent.any()
    x = draw_from(*theta)
    density = lambda t, x: by_logits(t[0], dist.Normal(*t[1:])).log_prob(x).sum()  # noqa: E731
    through = jax.grad(lambda *t: density(t, lax.stop_gradient(draw_from(*t))), (0, 1, 2))
    fixed = jax.grad(lambda *t: density(t, x), (0, 1, 2))
    for ours, theirs in zip(through(*theta), fixed(*theta), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("k", [40, 1000])
def test_the_cost_of_a_draw_does_not_grow_with_the_number_of_components(k):
    mixture = by_logits(jnp.zeros(k), dist.Normal(jnp.zeros((k, 8))).to_event(1))
    jaxpr = jax.make_jaxpr(lambda key: mixture.sample(key, (10**5,)))(jax.random.key(0))
    sizes = [v.aval.size for e in equations(jaxpr) for v in e.outvars if hasattr(v.aval, "size")]
    assert max(sizes) <= 2 * 8 * 10**5
