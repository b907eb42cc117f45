"""Bad input to fits is refused with what was expected, what was got and what to do."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from pathmix import EM, ConjugateNormal, MixtureSameFamily, fit, start

A = jnp.array
TWO = MixtureSameFamily(dist.Categorical(A([0.5, 0.5])), dist.Normal(A([0.0, 5.0]), A([1.0, 1.0])))
FLAT = MixtureSameFamily(
    dist.Categorical(A([0.5, 0.5])), dist.MultivariateNormal(jnp.zeros((2, 2)), jnp.eye(2))
)
COUNTS = MixtureSameFamily(
    dist.Categorical(A([0.5, 0.5])), dist.Gamma(A([1.0, 5.0]), A([1.0, 1.0]))
)
SIMPLEX = MixtureSameFamily(dist.Categorical(A([0.5, 0.5])), dist.Dirichlet(jnp.ones((2, 3))))
X = np.array([0.0, 0.5, 5.0, 5.5])
NAN = np.nan


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: fit(dist.Normal(0.0, 1.0), X), TypeError, "expected a pathmix.MixtureSameFamily"),
        (lambda: fit(TWO, np.zeros(0)), ValueError, "at least one row of data, got none"),
        (lambda: fit(TWO, X[:1]), ValueError, "got 1 rows for 2 components"),
        (lambda: fit(TWO, X[:, None]), ValueError, r"data of shape \(n,\).* got shape \(4, 1\)"),
        (lambda: fit(FLAT, X), ValueError, r"data of shape \(n, 2\).* got shape \(4,\)"),
        (lambda: fit(TWO, A([0.0, jnp.inf, 1.0])), ValueError, "infinite values in rows 1"),
        (lambda: fit(TWO, X, weights=-X), ValueError, "finite weights ≥ 0, got negative"),
        (lambda: fit(TWO, X, weights=0 * X), ValueError, "some weight above zero"),
        (lambda: fit(TWO, X, weights=X[:2]), ValueError, r"shape \(4,\), got shape \(2,\)"),
        (
            lambda: fit(FLAT, np.array([[1.0, NAN], [2.0, NAN], [3.0, NAN]])),
            ValueError,
            "something observed of each coordinate, got only NaN in 1",
        ),
        (
            lambda: fit(SIMPLEX, np.array([[0.2, 0.3, NAN], [0.2, 0.3, 0.5]])),
            NotImplementedError,
            "without NaN for Dirichlet components",
        ),
        (lambda: fit(COUNTS, A([-1.0, 1.0, 2.0])), ValueError, "likelihood of zero.* in rows 0"),
        (lambda: fit(TWO, X, labels=[0, 1, 2, 0]), ValueError, "labels from −1 to 1"),
        (lambda: fit(TWO, X, labels=X), ValueError, "one integer label for each row"),
        (lambda: fit(TWO, X, fixed=["loc"]), TypeError, "fixed to be a mapping"),
        (lambda: fit(TWO, X, fixed={"rate": True}), ValueError, "components, weights, loc, scale"),
        (lambda: fit(TWO, X, fixed={"loc": [True]}), ValueError, "True, False or 2 of these"),
        (lambda: fit(TWO, X, fixed={"components": [2]}), ValueError, "indices from 0 to 1"),
        (lambda: fit(TWO, X, prior=3.0), TypeError, "prior to be a ConjugateNormal or a mapping"),
        (lambda: fit(TWO, X, prior={"rate": dist.Gamma(1.0)}), ValueError, "got one of 'rate'"),
        (lambda: fit(TWO, X, prior={"loc": 3.0}), TypeError, "expected a distribution for 'loc'"),
        (
            lambda: fit(TWO, X, prior={"weights": dist.Beta(1.0, 1.0)}),
            NotImplementedError,
            "expected a Dirichlet distribution of the weights",
        ),
        (
            lambda: fit(TWO, X, prior=ConjugateNormal()),
            NotImplementedError,
            "MultivariateNormal components for ConjugateNormal",
        ),
        (lambda: fit(TWO, X, noise=X), NotImplementedError, "components for noise and projection"),
        (
            lambda: fit(FLAT, np.ones((3, 2)), noise=np.ones((3, 3))),
            ValueError,
            "standard deviations, or .* covariances",
        ),
        (
            lambda: fit(FLAT, np.ones((3, 2)), noise=-np.ones((3, 2))),
            ValueError,
            "standard deviations ≥ 0",
        ),
        (
            lambda: fit(FLAT, np.ones((3, 1)), projection=np.ones((3, 1, 3))),
            ValueError,
            r"projection of shape \(n, m, 2\)",
        ),
        (lambda: fit(TWO, X, method="em"), TypeError, r"method to be EM\(\)"),
        (lambda: fit(TWO, X, max_steps=0), ValueError, "max_steps to be an integer ≥ 1"),
        (lambda: fit(TWO, X, tolerance=-1.0), ValueError, "tolerance ≥ 0"),
        (lambda: EM(memory=-1), ValueError, "memory to be an integer ≥ 0"),
        (
            lambda: fit(TWO.expand((2, 3)), X),
            ValueError,
            r"or one axis of starts, got batch shape \(2, 3\)",
        ),
        (lambda: start("normal", X, 2, key=jax.random.key(0)), TypeError, "class of NumPyro"),
        (lambda: start(dist.Normal, X, 0, key=jax.random.key(0)), ValueError, "k to be an integer"),
        (
            lambda: start(dist.Normal, X, 2, key=jax.random.key(0), num_starts=0),
            ValueError,
            "num_starts to be an integer",
        ),
        (
            lambda: start(dist.BinomialProbs, X, 2, key=jax.random.key(0)),
            ValueError,
            "which has arguments that are not estimated",
        ),
    ],
)
def test_text(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_shared_parameters_are_fixed_as_one():
    tied = MixtureSameFamily(dist.Categorical(A([0.5, 0.5])), dist.Normal(A([0.0, 5.0]), A([1.0])))
    with pytest.raises(ValueError, match="'scale', which all components share"):
        fit(tied, X, fixed={"scale": [True, False]})


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (A([0.0, jnp.nan, 1.0]), "expected data without NaN under jit"),
        (A([0.0, jnp.inf, 1.0]), "infinite values"),
    ],
)
def test_traced_data_are_checked_when_they_come(x, text):
    with pytest.raises(Exception, match=text):
        jax.block_until_ready(jax.jit(lambda x: fit(TWO, x).log_likelihood)(x))


@pytest.mark.parametrize(
    ("w", "text"),
    [
        (A([1.0, -1.0, 1.0, 1.0]), "finite weights ≥ 0, got negative"),
        (A([1.0, jnp.nan, 1.0, 1.0]), "finite weights ≥ 0, .* NaN ones"),
        (jnp.zeros(4), "some weight above zero, got zeros alone"),
    ],
)
def test_traced_weights_are_checked_when_they_come(w, text):
    fitted = jax.jit(lambda w: fit(TWO, X, weights=w).log_likelihood)
    with pytest.raises(Exception, match=text):
        jax.block_until_ready(fitted(w))


def test_missing_entries_under_jit(x64):
    x = A([0.0, jnp.nan, 1.0, 5.0, 6.0])
    traced = jax.jit(lambda x: fit(TWO, x, missing=True).log_likelihood)(x)
    np.testing.assert_allclose(traced, fit(TWO, x).log_likelihood)


def test_traced_data_that_are_impossible():
    fitted = jax.jit(lambda x: fit(COUNTS, x).log_likelihood)
    with pytest.raises(Exception, match="expected a start under which data are possible"):
        jax.block_until_ready(fitted(A([-1.0, 1.0, 2.0])))
