"""Families that NumPyro knows and this library does not: their own methods, beside NumPyro's."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from jax.scipy.special import logsumexp

from pathmix import MixtureSameFamily

WEIGHTS = np.array([0.3, 0.7])
L = np.linalg.cholesky(np.array([[2.0, 0.5, 0.1], [0.5, 1.0, 0.2], [0.1, 0.2, 0.7]]))
LOCS = np.arange(12.0).reshape(2, 2, 3) / 10
CASES = {
    "MultivariateNormal, covariance": lambda: dist.MultivariateNormal(
        LOCS, covariance_matrix=L @ L.T
    ),
    "MultivariateNormal, precision": lambda: dist.MultivariateNormal(
        LOCS, precision_matrix=L @ L.T
    ),
    "MultivariateNormal, one loc": lambda: dist.MultivariateNormal(
        LOCS[0, 0], scale_tril=np.stack([L, 2 * L])
    ),
    "MultivariateStudentT, one df": lambda: dist.MultivariateStudentT(
        4.0, LOCS, np.stack([L, 2 * L])
    ),
    "MultivariateStudentT, one factor": lambda: dist.MultivariateStudentT(
        np.array([3.0, 9.0]), LOCS[0, 0], L
    ),
    "GaussianCopula": lambda: dist.GaussianCopula(
        dist.Exponential(np.array([[2.0, 5.0], [3.0, 1.0]])), correlation_cholesky=np.eye(2)
    ),
    "GaussianCopulaBeta": lambda: dist.GaussianCopulaBeta(
        np.array([[2.0, 5.0], [3.0, 1.0]]), 2.0, correlation_cholesky=np.eye(2)
    ),
    "GaussianStateSpace": lambda: dist.GaussianStateSpace(
        3, 0.5 * np.eye(2), scale_tril=np.stack([np.eye(2), 2 * np.eye(2)])
    ),
    "MatrixNormal": lambda: dist.MatrixNormal(np.zeros((2, 3, 2)), np.eye(3), np.eye(2)),
    "GaussianRandomWalk": lambda: dist.GaussianRandomWalk(np.array([1.0, 2.0]), 4),
    "LKJCholesky": lambda: dist.LKJCholesky(3, np.array([1.0, 2.0])),
    "Wishart": lambda: dist.Wishart(np.array([5.0, 6.0]), scale_tril=L),
    "ProjectedNormal": lambda: dist.ProjectedNormal(np.array([[1.0, 2.0], [0.0, 1.0]])),
    "SineBivariateVonMises": lambda: dist.SineBivariateVonMises(
        np.array([0.1, 0.2]), 0.3, 2.0, 3.0, correlation=0.5
    ),
    "Multinomial": lambda: dist.Multinomial(4, probs=np.array([[0.2, 0.8], [0.5, 0.5]])),
    "DirichletMultinomial": lambda: dist.DirichletMultinomial(
        np.array([[1.0, 2.0], [3.0, 1.0]]), 4
    ),
    "masked": lambda: dist.Normal(np.zeros(2), 1.0).mask(np.array([True, False])),
    "expanded": lambda: dist.GaussianRandomWalk(1.0, 4).expand((2,)),
}
POINTS = {"GaussianCopulaBeta": [[0.2, 0.3], [0.9, 0.5], [0.01, 0.99]]}
"""NumPyro draws from this one by another library."""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", CASES)
def test_log_prob_is_the_sum_over_components(name, x64):
    """Against NumPyro's own density of every component, at draws from each of them."""
    if name == "GaussianCopulaBeta":  # NumPyro's cdf of Beta is that of another library
        pytest.importorskip("tensorflow_probability.substrates.jax")
    d = jax.tree.map(jnp.asarray, CASES[name]())
    weights = dist.Categorical(probs=jnp.asarray(WEIGHTS))
    mixture = MixtureSameFamily(weights, d)
    if name in POINTS:
        x = jnp.asarray(POINTS[name])
    else:  # draw by draw, component (and batch) by component
        x = d.sample(jax.random.key(3), (4,))
        x = jnp.moveaxis(x, len(d.batch_shape), 1).reshape(-1, *d.batch_shape[:-1], *d.event_shape)
    at_each = jnp.expand_dims(x, x.ndim - d.event_dim)
    at_each = jnp.broadcast_to(at_each, (len(x), *d.shape()))
    wanted = logsumexp(d.log_prob(at_each) + jnp.log(WEIGHTS), axis=-1)
    np.testing.assert_allclose(jax.jit(mixture.log_prob)(x), wanted, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", [name for name in CASES if name not in POINTS])
def test_draws_come_from_the_chosen_component(name, x64):
    """A draw of a component without weight never appears; shapes and a gradient are as they are."""
    d = jax.tree.map(jnp.asarray, CASES[name]())
    mixture = MixtureSameFamily(dist.Categorical(probs=jnp.array([0.0, 1.0])), d)
    draw, (index,) = mixture.sample_with_intermediates(jax.random.key(0), (6,))
    assert draw.shape == (6, *d.batch_shape[:-1], *d.event_shape)
    np.testing.assert_array_equal(index, 1)
    assert np.isfinite(mixture.log_prob(draw)).all()


def test_tails_of_a_hurdle_over_a_density_are_an_error():
    d = dist.HurdleProbs(dist.Gamma(jnp.array([2.0, 3.0])), 0.25)
    with pytest.raises(NotImplementedError, match="HurdleProbs components have no cumul"):
        MixtureSameFamily(dist.Categorical(probs=WEIGHTS), d).cdf(1.0)
