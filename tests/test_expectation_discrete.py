"""Expectations under discrete components: by score, or by strata in the weights only."""

import jax
import pytest

from cases.expectations import (
    COUNTS,
    ESTIMATORS,
    assert_unbiased,
    count_moments,
    independent,
    moments_of_counts,
)
from pathmix import Pathwise, Stratified


@pytest.mark.parametrize("estimator", ESTIMATORS[2:], ids=repr)
def test_discrete_components_by_score(estimator):
    """Value and gradient in the logits and in the rates."""

    def estimates(p, key):
        fn = lambda p: moments_of_counts(p, key, estimator)  # noqa: E731
        return fn(p), jax.jacrev(fn)(p)

    truth = count_moments(COUNTS), jax.jacrev(count_moments)(COUNTS)
    assert_unbiased(independent(estimates, COUNTS), truth)


def test_discrete_components_by_strata():
    """Value and gradient in the logits."""

    def estimates(logits, key):
        fn = lambda logits: moments_of_counts(  # noqa: E731
            {**COUNTS, "logits": logits}, key, Stratified()
        )
        return fn(logits), jax.jacrev(fn)(logits)

    exact = lambda logits: count_moments({**COUNTS, "logits": logits})  # noqa: E731
    logits = COUNTS["logits"]
    assert_unbiased(independent(estimates, logits), (exact(logits), jax.jacrev(exact)(logits)))


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("derivative", [jax.jacrev, jax.jacfwd])
def test_strata_of_discrete_components_have_no_gradient(wrap, derivative):
    """In the components' parameters: an error rather than a silent zero."""
    moments = lambda p: moments_of_counts(p, jax.random.key(0), Stratified(), 8)  # noqa: E731
    wrap(moments)(COUNTS)
    with pytest.raises(NotImplementedError, match="discrete components have no gradient") as caught:
        wrap(derivative(moments))(COUNTS)
    for phrase in ("components' parameters", "mixture weights only", "estimator=Score()"):
        assert phrase in str(caught.value)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_no_paths_for_discrete_components(wrap):
    """Not even a value: asking for the estimator is the mistake."""
    moments = lambda p: moments_of_counts(p, jax.random.key(0), Pathwise(), 8)  # noqa: E731
    with pytest.raises(ValueError, match="expected continuous components") as caught:
        wrap(moments)(COUNTS)
    assert "discrete Poisson" in str(caught.value)
