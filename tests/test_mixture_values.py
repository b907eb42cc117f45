"""Values of draws against SciPy: Kolmogorov–Smirnov and chi-square, family by family.

False alarms: 1e-4 for each test, with the seeds fixed; over the whole table (31 rows, two tests
at most) less than 1 % for a change of the random stream. Power: with N = 20000 draws a sampler
whose cdf is off by 0.032 anywhere goes red with probability above 0.999
(Dvoretzky–Kiefer–Wolfowitz); the mutants below are farther off.
"""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from cases.mixtures import (
    CONTINUOUS,
    DISCRETE,
    WEIGHTS,
    all_rows,
    by_logits,
    by_probs,
    mostly_float32,
    rows,
)

FALSE_ALARM = 1e-4
TOLERANCE = {"float32": 5e-6, "float64": 1e-10}  # as in test_families.py
N = 20000


def draws(mixture, seed=0):
    return np.asarray(mixture.sample(jax.random.key(seed), (N,)))


def ks_p_value(row, x):
    """Whether the draws have the mixture's cdf by SciPy."""
    return stats.kstest(row.mixture_cdf(x.astype(float)), "uniform").pvalue


def chi_square_p_value(row, n):
    """Pearson's chi-square over counts, neighbours merged until ten are expected of each."""
    n = n.astype(int)
    grid = np.arange(-1, n.max() + 1)
    expected = N * np.diff(row.mixture_cdf(grid.astype(float)))
    expected[-1] += N - expected.sum()
    observed = np.bincount(n, minlength=expected.size)
    cuts, total = [0], 0.0
    for i, each in enumerate(expected):
        total += each
        if total >= 10 and expected[i + 1 :].sum() >= 10:
            cuts, total = [*cuts, i + 1], 0.0
    merged = [np.add.reduceat(counts, cuts) for counts in (observed, expected)]
    return stats.chisquare(*merged).pvalue


MUTANTS = [WEIGHTS[::-1], (0.3, 0.5, 0.2), (1 / 3, 1 / 3, 1 / 3), (0.6, 0.4, 0.0)]
"""Weights reversed, two swapped, all equal, one lost."""


def check_power(row, x, p_value):
    """The same test rejects the same draws for a mixture of wrong weights."""
    for mutant in MUTANTS:
        assert p_value(replace_weights(row, mutant), x) < FALSE_ALARM, mutant


def replace_weights(row, weights):
    """A row whose cdf is that of other weights."""
    return SimpleNamespace(mixture_cdf=lambda x: row.mixture_cdf(x, weights))


@all_rows(CONTINUOUS)
@mostly_float32
def test_continuous_draws(row, precision):
    x = draws(row.mixture(precision))
    assert x.dtype == precision
    assert ks_p_value(row, x) > FALSE_ALARM
    check_power(row, x, ks_p_value)


@all_rows(DISCRETE)
@mostly_float32
def test_discrete_draws(row, precision):
    n = draws(row.mixture(precision))
    assert np.array_equal(n, n.astype(int))  # NumPyro's Geometric draws counts as floats
    assert chi_square_p_value(row, n) > FALSE_ALARM
    check_power(row, n, chi_square_p_value)


SHARED = [
    pytest.param(row, name, id=f"{row}, {name}", marks=[pytest.mark.slow] if n else [])
    for row in CONTINUOUS
    for n, name in enumerate(row.params)
    if len(row.params) > 1
]


@pytest.mark.parametrize(("row", "name"), SHARED)
def test_draws_of_components_that_share_a_parameter(row, name):
    """A scalar parameter must not make the draws share randomness."""
    row = row.sharing(name)
    assert ks_p_value(row, draws(row.mixture("float32"))) > FALSE_ALARM


@pytest.mark.slow
@rows([*CONTINUOUS, *DISCRETE])
def test_the_cdf_at_draws_is_scipys(row, x64):
    """So that the draws have the mixture's own cdf too."""
    mixture = row.mixture("float64")
    x = draws(mixture)[:100]
    actual = jax.jit(lambda m, x: m.cdf(x))(mixture, x)
    np.testing.assert_allclose(actual, row.mixture_cdf(x), rtol=1e-9)


class Doubled(dist.Normal):
    """A user's family: a normal whose draws and density are those of twice the variable."""

    def sample(self, key, sample_shape=()):
        return 2 * super().sample(key, sample_shape)

    def log_prob(self, value):
        return super().log_prob(value / 2) - np.log(2)

    def cdf(self, value):
        return super().cdf(value / 2)


def by_scipy(component, name, x):
    """The cdf or density of the mixture."""
    return sum(w * getattr(component(k), name)(x) for k, w in enumerate(WEIGHTS))


UNKNOWN = {
    "a subclass of Normal": (
        lambda: Doubled(jnp.array([-2.0, 0.5, 4.0]), jnp.array([0.5, 1.0, 2.0])),
        lambda k: stats.norm(2 * (-2.0, 0.5, 4.0)[k], (1.0, 2.0, 4.0)[k]),
    ),
    "Gompertz": (
        lambda: dist.Gompertz(jnp.array([0.5, 1.0, 2.0]), jnp.array([0.2, 1.0, 3.0])),
        lambda k: stats.gompertz((0.5, 1.0, 2.0)[k], scale=1 / (0.2, 1.0, 3.0)[k]),
    ),
    "AsymmetricLaplace": (
        lambda: dist.AsymmetricLaplace(jnp.array([-2.0, 0.0, 3.0]), 1.0, 2.0),
        lambda k: stats.laplace_asymmetric(2.0, (-2.0, 0.0, 3.0)[k]),
    ),
    "Levy": (
        lambda: dist.Levy(jnp.array([0.0, 1.0, 2.0]), jnp.array([0.2, 1.0, 3.0])),
        lambda k: stats.levy((0.0, 1.0, 2.0)[k], (0.2, 1.0, 3.0)[k]),
    ),
}


@pytest.mark.parametrize(("make", "component"), UNKNOWN.values(), ids=UNKNOWN)
@mostly_float32
def test_families_that_are_not_listed(make, component, precision):
    mixture = by_probs(np.asarray(WEIGHTS, precision), make())
    x = draws(mixture)
    cdf = by_scipy(component, "cdf", x.astype(float))
    pdf = by_scipy(component, "pdf", x.astype(float))
    assert stats.kstest(cdf, "uniform").pvalue > FALSE_ALARM
    # rounding moves a point by a few units of its size, and a value by its slope times that
    moved = np.abs(x) * pdf
    assert np.all(np.abs(mixture.cdf(x) - cdf) <= TOLERANCE[precision] * (1 + moved))
    step = 1e-6 * np.abs(x.astype(float))
    ends = [np.log(by_scipy(component, "pdf", x + s * step)) for s in (-1, 1)]
    moved = np.abs(ends[1] - ends[0]) / 2e-6
    allowed = TOLERANCE[precision] * np.maximum(1 + np.abs(np.log(pdf)), moved)
    assert np.all(np.abs(mixture.log_prob(x) - np.log(pdf)) <= allowed)


def test_vectors_of_a_family_that_is_not_listed():
    """The fallback selects whole events, batched and not."""
    base = Doubled(10 * jnp.arange(6.0).reshape(2, 3)[..., None] + jnp.zeros(4), 1e-3)
    mixture = by_probs(jnp.array([0.0, 0.0, 1.0]), base.to_event(1))
    x = mixture.sample(jax.random.key(0), (5,))
    assert x.shape == (5, 2, 4)
    np.testing.assert_allclose(x[..., 0, :], 40, atol=0.1)
    np.testing.assert_allclose(x[..., 1, :], 100, atol=0.1)


VECTORS = {
    "MultivariateNormal": lambda loc: dist.MultivariateNormal(
        loc, scale_tril=jnp.array([[1.0, 0, 0], [0.5, 0.8, 0], [-0.3, 0.2, 0.5]])
    ),
    "MultivariateNormal, by precision": lambda loc: dist.MultivariateNormal(
        loc, precision_matrix=jnp.array([[2.0, 0.5, 0], [0.5, 1, 0], [0, 0, 3]])
    ),
    "LowRankMultivariateNormal": lambda loc: dist.LowRankMultivariateNormal(
        loc, jnp.array([[1.0], [0.5], [-1.0]]), jnp.array([0.5, 1.0, 0.3])
    ),
    "MultivariateStudentT": lambda loc: dist.MultivariateStudentT(
        5.0, loc, jnp.array([[1.0, 0, 0], [0.5, 0.8, 0], [-0.3, 0.2, 0.5]])
    ),
    "Independent": lambda loc: dist.Laplace(loc, 0.5).to_event(1),
    "Dirichlet": lambda loc: dist.Dirichlet(jnp.exp(loc) + 2),
}


@pytest.mark.parametrize("make", VECTORS.values(), ids=VECTORS)
def test_moments_of_vector_draws(make):
    """Mean and covariance within 5 standard errors (about 1e-5 over the twelve of a row)."""
    loc = jnp.array([[-1.0, 0.0, 1.0], [2.0, 1.0, 0.0], [0.0, 2.0, -1.0]])
    mixture = by_logits(jnp.log(jnp.array(WEIGHTS)), make(loc))
    x = draws(mixture).astype(float)
    error = x.std(0) / np.sqrt(N)
    assert np.all(np.abs(x.mean(0) - mixture.mean) < 5 * error)
    products = np.einsum("ni,nj->nij", x - x.mean(0), x - x.mean(0))
    error = products.std(0) / np.sqrt(N)
    assert np.all(np.abs(products.mean(0) - mixture.covariance) < 5 * error + 1e-6)
