"""Densities of full covariances in float32 are as exact as a triangular solve makes them."""

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy.linalg import solve_triangular

from pathmix import MixtureSameFamily

E, N = 16, 2000


def factor_and_points(far):
    """An ill-conditioned factor, and points up to ``far`` deviations away, in float32."""
    rng = np.random.default_rng(1)
    below = np.tril(rng.normal(size=(E, E)), -1)
    factor = (0.3 * below + np.diag(np.geomspace(1, 0.03, E))).astype(np.float32)
    return factor, (far * rng.normal(size=(N, E)) @ factor.T).astype(np.float32)


def squares(solved):
    return np.sum(solved.astype(float) ** 2, axis=0)


@pytest.mark.parametrize("far", [1, 1e3, 1e6])
def test_squares_are_as_exact_as_by_a_solve(far):
    factor, x = factor_and_points(far)
    exact = squares(solve_triangular(factor.astype(float), x.T.astype(float), lower=True))
    by_solve = squares(solve_triangular(factor, x.T, lower=True))
    by_inverse = squares(solve_triangular(factor, np.eye(E, dtype=np.float32), lower=True) @ x.T)
    components = dist.MultivariateNormal(jnp.zeros((1, E)), scale_tril=jnp.asarray(factor)[None])
    mixture = MixtureSameFamily(dist.Categorical(logits=jnp.zeros(1)), components)
    # half the square is nearly all of the log density where x is far; the rest is a constant
    rest = E / 2 * np.log(2 * np.pi) + np.log(np.diag(factor).astype(float)).sum()
    ours = -2 * (np.asarray(mixture.log_prob(x), float) + rest)
    error = lambda s: np.median(np.abs(s / exact - 1))  # noqa: E731
    assert error(ours) < 2 * error(by_solve) + 1e-6
    assert error(by_inverse) > 2 * error(by_solve) + 1e-6  # the test would see a plain inverse


@pytest.mark.parametrize("x", [[0.0, np.inf], [-np.inf, 0.0], [np.inf, np.inf]])
def test_an_infinite_point_has_no_density(x):
    factor = jnp.array([[[1.0, 0.0], [0.4, 0.8]]])
    components = dist.MultivariateNormal(jnp.zeros((1, 2)), scale_tril=factor)
    mixture = MixtureSameFamily(dist.Categorical(logits=jnp.zeros(1)), components)
    assert mixture.log_prob(jnp.array(x)) == -jnp.inf
