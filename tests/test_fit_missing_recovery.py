"""Mixtures are found again from draws of which entries were deleted at random.

The density of what was seen of a row is written here by hand; its scores tell how far off an
estimate may be. Fits with something else in the place of the missing entries are further off.
"""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from jax.scipy.special import gammaln, logsumexp
from scipy import stats

from cases.recovery import in_errors, observed_information, parts
from pathmix import MixtureSameFamily, fit

A = np.array
ROWS, GONE = 4000, 0.6
"""So many rows, each entry of which is deleted with that probability: one in 16 stays whole."""
FOUR = 2 * stats.norm.sf(4)
"""How often chance is four standard errors off."""
LOC = A([[0.0, 0.0, 0.0], [3.0, -2.0, 4.0]])
FACTOR = A(
    [
        [[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [-0.5, 0.3, 0.9]],
        [[0.7, 0.0, 0.0], [0.4, 1.2, 0.0], [0.3, 0.0, 1.0]],
    ]
)
SCALE = A([[1.0, 0.8, 1.2], [0.6, 1.1, 0.9]])
RATE = A([[2.0, 6.0, 1.0], [9.0, 3.0, 4.0]])
SIDES = A([[0.1, 0.8, 0.1, 0.9, 0.2, 0.7], [0.9, 0.2, 0.8, 0.1, 0.7, 0.1]])
FAMILIES = {
    "MultivariateNormal": lambda: dist.MultivariateNormal(LOC, scale_tril=FACTOR),
    "MultivariateStudentT": lambda: dist.MultivariateStudentT(A([5.0, 9.0]), 2 * LOC, FACTOR),
    "Normal": lambda: dist.Normal(LOC, SCALE).to_event(1),
    "one covariance": lambda: dist.MultivariateNormal(LOC, scale_tril=FACTOR[0]),
    "Poisson": lambda: dist.Poisson(RATE).to_event(1),
    "Gamma": lambda: dist.Gamma(3 * RATE, A([[2.0], [1.0]])).to_event(1),
    "Bernoulli": lambda: dist.Bernoulli(SIDES).to_event(1),
}
NORMALS = ["MultivariateNormal", "one covariance", "Normal"]


def seen_log_densities(mixture, x):
    """Of each row, of which a missing entry is NaN."""
    d, there = mixture.components_distribution, ~np.isnan(x)
    seen = np.where(there, x, 1.0)[:, None]
    if hasattr(d, "scale_tril"):
        terms = elliptical(d, seen, there[:, None])
    else:
        terms = jnp.sum(jnp.where(there[:, None], d.base_dist.log_prob(seen), 0.0), axis=-1)
    return logsumexp(jnp.log(mixture.mixture_distribution.probs) + terms, axis=-1)


def elliptical(d, x, there):
    """A missing coordinate is as if it were at its location, with a variance of one by itself."""
    scatter = d.scale_tril @ jnp.swapaxes(d.scale_tril, -1, -2)
    both = there[..., None] & there[..., None, :]
    scatter = jnp.where(both, scatter, jnp.eye(3))
    away = jnp.where(there, x - d.loc, 0.0)
    one, two, three = (scatter[..., i] for i in range(3))
    adjugate = jnp.stack([jnp.cross(two, three), jnp.cross(three, one), jnp.cross(one, two)], -1)
    det = jnp.sum(one * adjugate[..., 0], axis=-1)
    squares = jnp.einsum("...i,...ij,...j", away, adjugate, away) / det
    size, log_det = there.sum(-1), jnp.log(det)
    if isinstance(d, dist.MultivariateNormal):
        return -0.5 * (squares + log_det + size * np.log(2 * np.pi))
    constant = gammaln((d.df + size) / 2) - gammaln(d.df / 2) - size / 2 * jnp.log(d.df * np.pi)
    return constant - 0.5 * log_det - (d.df + size) / 2 * jnp.log1p(squares / d.df)


def problem(name):
    """A mixture, draws from it, and the same with holes."""
    mixture = MixtureSameFamily(dist.Categorical(A([0.4, 0.6])), FAMILIES[name]())
    x = np.asarray(mixture.sample(jax.random.key(1), (ROWS,)), float)
    return mixture, np.where(np.random.default_rng(1).uniform(size=x.shape) < GONE, np.nan, x)


def estimate(mixture, x, weights=None):
    """Unconstrained numbers of a fit from somewhere else."""
    truth, of = parts(mixture)
    away = truth + 0.1 * np.resize([1.0, -1.0, -1.0], len(truth))
    found = fit(of(away), x, weights=weights, tolerance=1e-10, progress=False)
    assert found.converged
    return np.asarray(parts(found.mixture)[0])


def rejected(off, information):
    """Whether numbers are off: one by four standard errors, or all by what chance is as rarely."""
    together = off @ information @ off > stats.chi2.isf(FOUR, len(off))
    return np.max(in_errors(off, information)) > 4 or together


def information(mixture, at, x):
    of = parts(mixture)[1]
    return observed_information(at, lambda v: seen_log_densities(of(v), x))


def rows(names, quick):
    return [pytest.param(n, marks=() if n in quick else (pytest.mark.slow,)) for n in names]


@pytest.mark.slow
@pytest.mark.parametrize("name", rows(FAMILIES, ["MultivariateNormal", "Normal"]))
def test_within_four_standard_errors(name, x64):
    mixture, x = problem(name)
    found = estimate(mixture, x)
    off = found - np.asarray(parts(mixture)[0])
    assert not rejected(off, information(mixture, found, x))


@pytest.mark.parametrize("name", rows(NORMALS, ["Normal"]))
def test_other_ways_are_rejected(name, x64):
    """Means in the place of missing entries, and whole rows alone.

    Three in five of all values are then one, so that variances are far off. Whole rows are off in
    no direction, but tell less. Were the estimate normal, `(θ̂ − θ)ᵀ I (θ̂ − θ)`
    would be `tr(I J⁻¹)` on average, with the information `J` of whole rows: beyond the bound.
    """
    mixture, x = problem(name)
    truth, whole = np.asarray(parts(mixture)[0]), ~np.isnan(x).any(axis=1)
    told = information(mixture, truth, x)
    filled = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
    off = estimate(mixture, filled, np.ones(ROWS)) - truth
    assert np.max(in_errors(off, told)) > 20
    less = information(mixture, truth, x[whole])
    assert np.trace(told @ np.linalg.inv(less)) > 1.5 * stats.chi2.isf(FOUR, len(truth))
    assert rejected(estimate(mixture, filled, 1.0 * whole) - truth, told)
