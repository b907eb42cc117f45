"""Inverses of triangular matrices, against those in twice the precision or by mpmath."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from jax.scipy.linalg import solve_triangular

from pathmix._special import triangular_inverse


def ill_conditioned(size):
    """A Cholesky factor of condition 1e3."""
    rotation = np.linalg.qr(np.random.default_rng(size).normal(size=(size, size)))[0]
    return np.linalg.cholesky(rotation * np.geomspace(1, 1e-6, size) @ rotation.T)


def exact_inverse(factor):
    with mp.workdps(50):
        return np.array((mp.matrix(factor.tolist()) ** -1).tolist(), float)


def largest_error(inverse, exact):
    return np.max(np.abs(np.asarray(inverse, float) - exact)) / np.max(np.abs(exact))


@pytest.mark.parametrize("size", [1, 2, 16, 40])
def test_entries_are_as_exact_as_their_rounding(size, precision):
    factor = ill_conditioned(size).astype(precision)
    exact = exact_inverse(factor)
    unit = np.finfo(precision).eps / 2
    # the rounding of the result, and a rest that the size magnifies a little
    assert largest_error(triangular_inverse(factor), exact) < 3 * unit
    if size == 40:  # a plain solve loses more, so that the refinement is seen to do something
        plain = solve_triangular(factor, np.eye(size, dtype=precision), lower=True)
        assert largest_error(plain, exact) > 5 * unit


def test_batches_and_what_lies_above_the_diagonal():
    lower = jnp.asarray(np.stack([ill_conditioned(4), 2 * np.eye(4)]), "float32")
    upper = jnp.triu(jnp.ones((4, 4)), 1)
    np.testing.assert_array_equal(triangular_inverse(lower + upper), triangular_inverse(lower))
    np.testing.assert_array_equal(triangular_inverse(lower)[1], 0.5 * np.eye(4))


def test_derivatives(x64):
    """Against those of a solve, to second order, in both modes."""
    factor = jnp.asarray(ill_conditioned(4)) + jnp.eye(4)
    solve = lambda m: solve_triangular(m, jnp.eye(4), lower=True)  # noqa: E731
    for order in (jax.jacfwd, jax.jacrev, lambda f: jax.jacfwd(jax.jacrev(f))):
        np.testing.assert_allclose(
            order(triangular_inverse)(factor), order(solve)(factor), rtol=1e-9, atol=1e-9
        )
