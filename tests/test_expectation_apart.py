"""Expectations under components far apart, where strata beat paths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from cases.expectations import apart, assert_unbiased, first_of_all, independent
from pathmix import Pathwise, Stratified, expectation


def test_strata_beat_paths_far_apart():
    """Deviation per draw of the logits' gradient, for x² + x.

    Exactly: half of ``w₁w₂(g(x₂) − g(x₁)) = 6z + 3`` apart from the sign, thus 6, for common
    ``z``; and ``√∫ (w₁w₂(F₁ − F₂) g')²/f``, which the gap dominates. Draws see less of it than
    there is, since they hardly ever fall into the gap.
    """
    fn = lambda x: x**2 + x  # noqa: E731

    def deviation(estimator):
        def gradient(key):
            mean = lambda logits: expectation(  # noqa: E731
                fn, apart(logits), key=key, num_samples=1, estimator=estimator
            )
            return jax.grad(mean)(jnp.zeros(2))[1]

        keys = jax.random.split(jax.random.key(0), 200_000)
        return float(np.std(jax.jit(jax.vmap(gradient))(keys)))

    strata, paths = deviation(Stratified()), deviation(Pathwise())
    assert strata == pytest.approx(6, rel=0.02)
    assert strata < paths / 20

    x = np.linspace(-16, 16, 200_001)
    f = (stats.norm.pdf(x, -6) + stats.norm.pdf(x, 6)) / 2
    pull = (stats.norm.cdf(x, -6) - stats.norm.cdf(x, 6)) / 4
    second_moment = np.trapezoid((pull * (2 * x + 1)) ** 2 / f, x)
    assert strata < np.sqrt(second_moment - 9) / 20
    assert paths < 1.5 * np.sqrt(second_moment)


@first_of_all
def test_far_apart_is_still_unbiased(estimator):
    """In the value, for all; in the gradient, for all but the paths."""

    def estimates(logits, key):
        mean = lambda logits: expectation(  # noqa: E731
            lambda x: x**2 + x, apart(logits), key=key, num_samples=400, estimator=estimator
        )
        return mean(logits), jax.grad(mean)(logits)

    value, gradient = independent(estimates, jnp.zeros(2))
    assert_unbiased(value, jnp.asarray(37.0))
    if estimator != Pathwise():
        assert_unbiased(gradient, jnp.array([-3.0, 3.0]))
