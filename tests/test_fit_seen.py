"""Whose rows are of which only a part was seen, and what the other part may have been."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from pathmix import Fit, MixtureSameFamily
from pathmix._estimation import _sweep

A = jnp.array
NAN = np.nan
W = np.array([0.3, 0.7])
LOC = np.array([[0.0, 1.0, -1.0], [2.0, 0.0, 1.0]])
COVARIANCE = np.array(
    [
        [[2.0, 0.7, 0.3], [0.7, 1.0, -0.2], [0.3, -0.2, 1.5]],
        [[1.0, -0.4, 0.0], [-0.4, 2.0, 0.6], [0.0, 0.6, 1.0]],
    ]
)
ROWS = np.array(
    [
        [0.5, 1.0, 0.2],
        [NAN, 0.3, 1.0],
        [1.5, NAN, NAN],
        [NAN, NAN, NAN],
        [0.1, -2.0, NAN],
    ]
)
TABLES = np.array([[[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], [[0.2, 0.2, 0.6], [0.6, 0.3, 0.1]]])


def as_fit(components):
    """A fit whose mixture is known; the rest of it is not looked at."""
    mixture = MixtureSameFamily(dist.Categorical(probs=A(W)), components)
    return Fit(mixture, *[None] * (len(Fit._fields) - 1))


def posterior(densities):
    both = W * densities
    return both / both.sum()


def gaussian_part(row, there, noise=0.0):
    """The densities of a part of a row, and the mean of a whole value given it, by blocks."""
    densities, means = [], []
    for m, c in zip(LOC, COVARIANCE, strict=True):
        seen = c[np.ix_(there, there)] + noise * np.eye(there.sum())
        densities.append(
            stats.multivariate_normal(m[there], seen).pdf(row[there]) if there.any() else 1.0
        )
        gain = c[:, there] @ np.linalg.inv(seen)
        means.append(m + gain @ (row[there] - m[there]))
    return np.array(densities), np.array(means)


def test_gaussian_rows(x64):
    found = as_fit(dist.MultivariateNormal(A(LOC), A(COVARIANCE)))
    share, filled = found.memberships(ROWS), found.impute(ROWS)
    for i, row in enumerate(ROWS):
        there = ~np.isnan(row)
        densities, means = gaussian_part(row, there)
        np.testing.assert_allclose(share[i], posterior(densities), rtol=1e-9)
        expected = np.where(there, row, posterior(densities) @ means)
        np.testing.assert_allclose(filled[i], expected, rtol=1e-9)


def test_rows_with_errors(x64):
    """What was seen is a value with an error: all of it is estimated."""
    found = as_fit(dist.MultivariateNormal(A(LOC), A(COVARIANCE)))
    noise = np.full(ROWS.shape, 0.5)
    share, values = found.memberships(ROWS, noise=noise), found.impute(ROWS, noise=noise)
    for i, row in enumerate(ROWS):
        densities, means = gaussian_part(row, ~np.isnan(row), noise=0.25)
        np.testing.assert_allclose(share[i], posterior(densities), rtol=1e-9)
        np.testing.assert_allclose(values[i], posterior(densities) @ means, rtol=1e-9)
    sums = np.nansum(ROWS, axis=1, keepdims=True)
    by_sum = found.memberships(sums, projection=np.ones((5, 1, 3)))
    scale = np.sqrt(COVARIANCE.sum((1, 2)))
    wanted = [posterior(stats.norm.pdf(s, LOC.sum(1), scale)) for s in sums.ravel()]
    np.testing.assert_allclose(by_sum, wanted, rtol=1e-9)


def test_independent_coordinates(x64):
    rates = np.array([[1.0, 3.0], [6.0, 0.5]])
    found = as_fit(dist.Poisson(A(rates)).to_event(1))
    rows = np.array([[2.0, 1.0], [NAN, 3.0], [4.0, NAN], [NAN, NAN]])
    share, filled = found.memberships(rows), found.impute(rows)
    for i, row in enumerate(rows):
        there = ~np.isnan(row)
        r = posterior(stats.poisson.pmf(row[there], rates[:, there]).prod(axis=1))
        np.testing.assert_allclose(share[i], r, rtol=1e-9)
        np.testing.assert_allclose(filled[i], np.where(there, row, r @ rates), rtol=1e-9)


def test_tables_by_a_sum_over_all_that_may_be_missing(x64):
    found = as_fit(dist.Categorical(probs=A(TABLES)).to_event(1))
    rows = np.array([[2.0, NAN], [NAN, 1.0], [0.0, 2.0]])
    share = found.memberships(rows)
    joint = np.exp(
        [
            [
                dist.Categorical(probs=t).log_prob(A([a, b])).sum()
                for a in range(3)
                for b in range(3)
            ]
            for t in TABLES
        ]
    ).reshape(2, 3, 3)
    np.testing.assert_allclose(share[0], posterior(joint[:, 2].sum(-1)), rtol=1e-9)
    np.testing.assert_allclose(share[1], posterior(joint[:, :, 1].sum(-1)), rtol=1e-9)
    np.testing.assert_allclose(share[2], posterior(joint[:, 0, 2]), rtol=1e-9)


def test_heavy_tails(x64):
    """A conditional of a Student t has the normal's mean, and its degrees of freedom and one more
    for each number that was seen: without any, of one degree, there is no mean."""
    d = dist.MultivariateStudentT(A([1.0, 4.0]), A(LOC), jnp.linalg.cholesky(A(COVARIANCE)))
    found = as_fit(d)
    share, filled = found.memberships(ROWS[2:4]), found.impute(ROWS[2:4])
    r = posterior(stats.t(df=[1.0, 4.0], loc=LOC[:, 0], scale=COVARIANCE[:, 0, 0] ** 0.5).pdf(1.5))
    np.testing.assert_allclose(share, [r, W], rtol=1e-9)
    _, means = gaussian_part(ROWS[2], np.array([True, False, False]))
    np.testing.assert_allclose(filled[0], np.r_[1.5, (r @ means)[1:]], rtol=1e-9)
    assert np.isnan(filled[1]).all()


def test_whole_rows_as_by_the_mixture(x64):
    """Those of a density of zero, too, have the weights."""
    found = as_fit(dist.Exponential(A([1.0, 0.2])))
    x = np.array([0.3, 5.0, -1.0])
    expected = found.mixture.posterior_marginal(x).probs
    np.testing.assert_allclose(found.memberships(x), expected, rtol=1e-12)
    np.testing.assert_array_equal(found.impute(x), x)


def test_stretches_and_jit(monkeypatch, x64):
    """The same for many rows, a few at a time; under jit what is missing has to be said."""
    found = as_fit(dist.MultivariateNormal(A(LOC), A(COVARIANCE)))
    rows = np.tile(ROWS, (3, 1))[:13]
    wanted = found.memberships(ROWS), found.impute(ROWS)
    monkeypatch.setattr(_sweep, "SWEPT_BY_MATRICES", 50)  # of rows some three
    call = jax.jit(lambda x: (found.memberships(x, missing=True), found.impute(x, missing=True)))
    for got, one in zip(call(rows), wanted, strict=True):
        np.testing.assert_allclose(got, np.tile(one, (3, 1))[:13], rtol=1e-12)


def several():
    rates = A([[1.0, 5.0], [2.0, 7.0]])
    return as_fit(dist.Poisson(rates))


TABLE = dist.Categorical(probs=A(TABLES)).to_event(1)
ERRORS = {
    "batch": (lambda: several().memberships(A([1.0])), ValueError, "fit of one mixture, got batch"),
    "shape": (lambda: as_fit(TABLE).memberships(A([1.0])), ValueError, r"data of shape \(n, 2\)"),
    "margins": (
        lambda: as_fit(dist.Dirichlet(jnp.ones((2, 3)))).memberships(ROWS),
        NotImplementedError, "without NaN for Dirichlet components",
    ),
    "categories": (
        lambda: as_fit(TABLE).impute(A([[NAN, 1.0]])),
        NotImplementedError, "whose mean is known and means something, .* got Categorical",
    ),
    "noise": (
        lambda: as_fit(TABLE).impute(ROWS[:, :2], noise=ROWS[:, :2]),
        NotImplementedError, "MultivariateNormal components for noise",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    call, kind, text = ERRORS[name]
    with pytest.raises(kind, match=text):
        call()
