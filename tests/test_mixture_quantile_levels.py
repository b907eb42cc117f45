"""Quantiles of many probabilities at once, which levels bracket, against bisection of each."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from cases.mixtures import by_logits, by_probs
from pathmix._mixture import _levels

FEW = 50
"""So few probabilities are bisected one by one (`_tuning.MANY_QUANTILES`)."""
LOC, SCALE = jnp.array([-4.0, 0.5, 3.0]), jnp.array([0.5, 1.0, 0.01])
CONTINUOUS = {
    "normal": dist.Normal(LOC, SCALE),
    "student": dist.StudentT(3.0, LOC, SCALE),
    "cauchy": dist.Cauchy(LOC, SCALE),
    "laplace, far apart": dist.Laplace(100 * LOC, SCALE),
    "log-normal": dist.LogNormal(LOC, SCALE),
    "gamma": dist.Gamma(jnp.array([0.3, 2.0, 200.0]), jnp.array([1.0, 3.0, 2.0])),
    "truncated": dist.TruncatedNormal(LOC, SCALE, low=-4.5, high=3.01),
}
COUNTS = {
    "poisson": dist.Poisson(jnp.array([0.5, 30.0, 2000.0])),
    "negative binomial": dist.NegativeBinomial2(jnp.array([3.0, 50.0, 500.0]), 0.7),
    "binomial": dist.Binomial(40, jnp.array([0.1, 0.5, 0.99])),
}
LOGITS = [0.3, 0.0, -1.0]


def probabilities(dtype):
    """5000, of which a fifth are far down in the lower tail, a fifth in the upper one."""
    u = np.random.default_rng(0).uniform(size=(5, 1000))
    u[0] = np.exp(-60 * u[0])
    u[1] = -np.expm1(-12 * u[1])
    return jnp.asarray(u.ravel(), dtype)


def one_by_one(mixture, q):
    """Bisected, in groups that are too small for levels."""
    assert not _levels._number_of_levels(q[:FEW])
    assert _levels._number_of_levels(q)
    groups = jax.lax.map(mixture.icdf, q.reshape(-1, FEW, *q.shape[1:]))
    return groups.reshape(q.shape)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] * (n == "student")) for n in CONTINUOUS],
)
def test_continuous_quantiles(name, precision):
    """A tail may be off by 64 units of its log, which moves x by as much over the hazard."""
    mixture, eps = by_logits(LOGITS, CONTINUOUS[name]), np.finfo(precision).eps
    q = probabilities(precision)
    x, wanted = jax.jit(mixture.icdf)(q), one_by_one(mixture, q)
    assert not jnp.isnan(x).any()
    tail = jnp.where(q < 0.5, mixture.log_cdf(wanted), mixture.log_survival_function(wanted))
    log_hazard = mixture.log_prob(wanted) - tail
    allowed = 96 * eps * (jnp.maximum(1, -tail) * jnp.exp(-log_hazard) + jnp.abs(wanted))
    assert (jnp.abs(x - wanted) <= allowed).all()
    assert jnp.mean(jnp.isfinite(allowed)) > 0.99


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_the_same(name, precision):
    """As long as the steps of the cdf are above its errors, in float32 up to some ten thousand."""
    mixture, q = by_logits(LOGITS, COUNTS[name]), probabilities(precision)
    np.testing.assert_array_equal(jax.jit(mixture.icdf)(q), one_by_one(mixture, q))


def test_the_left_end_of_a_gap(precision):
    """Between the components the cdf is flat at 0.25 and 0.75."""
    mixture = by_probs(
        [0.25, 0.5, 0.25], dist.Uniform(jnp.array([0.0, 2, 4]), jnp.array([1.0, 3, 5]))
    )
    q = jnp.concatenate([jnp.array([0.25, 0.75]), jnp.linspace(0.01, 0.99, 4998)])
    x = mixture.icdf(q)
    inside = (x <= 1) | ((x >= 2) & (x <= 3)) | (x >= 4)
    near = np.isclose(q, 0.25, atol=1e-5) | np.isclose(q, 0.75, atol=1e-5)
    assert (inside | near).all()
    rtol = 32 * np.finfo(precision).eps
    np.testing.assert_allclose(x[:2], [1, 3], rtol=rtol)
    np.testing.assert_allclose(x, one_by_one(mixture, q), rtol=4 * rtol)


def test_atoms_of_all_probabilities_alike(precision):
    """Levels that are one, and probabilities that are none."""
    mixture = by_logits(LOGITS, CONTINUOUS["normal"])
    alike = mixture.icdf(jnp.full(5000, 0.3))
    np.testing.assert_allclose(alike, mixture.icdf(0.3), rtol=64 * np.finfo(precision).eps)
    q = jnp.where(jnp.arange(5000) % 2, jnp.nan, jnp.arange(5000) % 4 / 2)
    x = mixture.icdf(q)
    np.testing.assert_array_equal(x[:4], [-jnp.inf, jnp.nan, jnp.inf, jnp.nan])


def test_batches(precision):
    """Each member has levels of its own; a batch axis may also be one of vmap."""
    loc = jnp.array([[-1.0, 2.0], [5.0, 500.0], [0.0, 0.0]])
    q = probabilities(precision)
    q = jnp.stack([q, q[::-1], jnp.roll(q, 1)], axis=1)
    icdf = lambda loc, q: by_probs([0.4, 0.6], dist.Normal(loc, 2.0)).icdf(q)  # noqa: E731
    x = icdf(loc, q)
    tolerance = 512 * np.finfo(precision).eps
    for member in range(3):
        wanted = icdf(loc[member], q[:, member])
        np.testing.assert_allclose(x[:, member], wanted, rtol=tolerance, atol=tolerance)
    mapped = jax.vmap(icdf, (0, 1), 1)(loc, q)
    np.testing.assert_allclose(mapped, x, rtol=tolerance, atol=tolerance)


def test_far_tails_by_logs(precision):
    mixture = by_logits(LOGITS, dist.Laplace(LOC, 1.0))
    log_q = -jnp.logspace(0, 6, 5000)
    x = mixture.inverse_log_cdf(log_q)
    rtol = 128 * np.finfo(precision).eps
    np.testing.assert_allclose(mixture.log_cdf(x), log_q, rtol=rtol)


def test_gradients_through_levels(x64):
    """Of the sum, by central differences of the same; 1e-5 squared and eps over 1e-5 are small."""
    q = jnp.tile(probabilities("float64")[2000:], 2)

    def total(loc):
        return by_logits(LOGITS, dist.Normal(loc, SCALE + 0.5)).icdf(q).sum()

    loc = LOC.astype("float64")
    gradient = jax.grad(total)(loc)
    for k in range(3):
        step = 1e-5 * jnp.eye(3)[k]
        wanted = (total(loc + step) - total(loc - step)) / 2e-5
        np.testing.assert_allclose(gradient[k], wanted, rtol=1e-7)
