"""Triangular systems, inverses and Cholesky factors, against exact arithmetic."""

from fractions import Fraction
from functools import partial

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from jax.scipy.linalg import solve_triangular
from jax.test_util import check_grads

from pathmix._special import cholesky, solve_rows, triangular_inverse


def ill_conditioned(size):
    """A Cholesky factor of condition 1e3."""
    rotation = np.linalg.qr(np.random.default_rng(size).normal(size=(size, size)))[0]
    return np.linalg.cholesky(rotation * np.geomspace(1, 1e-6, size) @ rotation.T)


def exact_inverse(factor):
    with mp.workdps(50):
        return np.array((mp.matrix(factor.tolist()) ** -1).tolist(), float)


def exactly(array):
    """The entries as fractions, for arithmetic without rounding."""
    return np.vectorize(Fraction, otypes=[object])(np.asarray(array, float))


def gamma(count, precision):
    """``nu/(1 − nu)``, the relative error of ``count`` roundings (Higham 2002, lemma 3.1)."""
    rounding = Fraction(float(np.finfo(precision).eps)) / 2
    return count * rounding / (1 - count * rounding)


def largest_error(inverse, exact):
    return np.max(np.abs(np.asarray(inverse, float) - exact)) / np.max(np.abs(exact))


@pytest.mark.parametrize("size", [1, 2, 16, 40])
def test_entries_are_as_exact_as_their_rounding(size, precision):
    factor = ill_conditioned(size).astype(precision)
    unit = np.finfo(precision).eps / 2
    # the rounding of the result, and a rest that the size magnifies a little
    assert largest_error(triangular_inverse(factor), exact_inverse(factor)) < 3 * unit


@pytest.mark.parametrize("graded", [0, 12])
def test_every_entry_of_a_small_inverse_has_one_rounding(graded, precision):
    """Of rows of any size, too: sums that cancel are carried along with what they leave."""
    rng = np.random.default_rng(graded)
    factor = np.tril(rng.normal(size=(16, 16))) * np.exp(rng.uniform(-graded, graded, (16, 1)))
    factor = factor.astype(precision)
    exact, unit = exact_inverse(factor), np.finfo(precision).eps / 2
    inverse = np.asarray(triangular_inverse(factor), float)
    lower = np.tril_indices(16)
    assert np.max(np.abs(inverse - exact)[lower] / np.abs(exact)[lower]) < 1.1 * unit


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


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("size", [1, 5, 16, 37])
def test_solutions_have_the_residual_of_a_substitution(size, transposed, precision):
    """``|Lz − y| ≤ γ |L||z|``, row by row (Higham 2002, theorem 8.5)."""
    lower = ill_conditioned(size).astype(precision)
    upper = np.triu(np.ones((size, size), precision), 1)  # of no account
    y = np.random.default_rng(1).normal(size=size).astype(precision)
    solve = jax.jit(partial(solve_rows, transposed=transposed))
    z = solve(jnp.asarray(lower + upper), jnp.asarray(y))
    matrix, z = exactly(lower.T if transposed else lower), exactly(z)
    residual = np.abs(matrix @ z - exactly(y))
    assert np.all(residual <= gamma(size + 1, precision) * (np.abs(matrix) @ np.abs(z)))


def test_points_and_batches_of_systems(x64):
    rng = np.random.default_rng(2)
    factor = np.tril(rng.normal(size=(3, 1, 20, 20)) / 20) + np.eye(20)
    y = rng.normal(size=(20, 2, 3, 4))  # event *points *batch
    inverse = np.linalg.inv(factor)[:, 0]
    for transposed, equation in [(False, "bij,jpbc->ipbc"), (True, "bji,jpbc->ipbc")]:
        z = jax.jit(partial(solve_rows, transposed=transposed))(factor, y)
        np.testing.assert_allclose(z, np.einsum(equation, inverse, y), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("size", [3, pytest.param(18, marks=pytest.mark.slow)])
def test_derivatives_of_solutions(size, transposed, x64):
    """Against finite differences, to second order, in both modes."""
    rng = np.random.default_rng(3)
    factor = jnp.asarray(np.tril(rng.normal(size=(2, size, size)) / size) + np.eye(size))
    y = jnp.asarray(rng.normal(size=(size, 3, 2)))
    solve = jax.jit(partial(solve_rows, transposed=transposed))
    check_grads(solve, (factor, y), order=2)


@pytest.mark.parametrize("size", [1, 4, 19, 40])
def test_cholesky_factors_have_the_product_of_theirs(size, precision):
    """``|LLᵀ − A| ≤ γ |L||Lᵀ|``, entry by entry (Higham 2002, theorem 10.3)."""
    root = np.random.default_rng(size).normal(size=(2, size, size))
    matrices = (root @ np.swapaxes(root, -1, -2) + np.eye(size)).astype(precision)
    for factor, matrix in zip(cholesky(jnp.asarray(matrices)), matrices, strict=True):
        assert np.all(np.triu(factor, 1) == 0)
        assert np.all(np.diagonal(factor) > 0)
        factor = exactly(factor)
        residual = np.abs(factor @ factor.T - exactly(np.tril(matrix) + np.tril(matrix, -1).T))
        bound = gamma(size + 2, precision) * (np.abs(factor) @ np.abs(factor.T))
        assert np.all(residual <= bound)


def test_derivatives_of_cholesky_factors(x64):
    """Against finite differences, to second order, in both modes; a large one against a small."""
    root = np.random.default_rng(4).normal(size=(2, 3, 3))
    matrix = jnp.asarray(root @ np.swapaxes(root, -1, -2) + np.eye(3))
    check_grads(jax.jit(cholesky), (matrix,), order=2)
    large = jnp.eye(34).at[:3, :3].set(matrix[0])
    slope = lambda m, i: jax.grad(lambda m: jnp.sum(cholesky(m)[:3, :3] ** i))(m)  # noqa: E731
    np.testing.assert_allclose(slope(large, 3)[:3, :3], slope(matrix[0], 3), rtol=1e-10, atol=1e-12)


def test_a_matrix_without_a_cholesky_factor_has_nan():
    assert jnp.isnan(cholesky(jnp.array([[1.0, 2.0], [2.0, 1.0]]))[1, 1])
