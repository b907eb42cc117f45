"""The report that compares the estimators."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cases.expectations import NORMALS, apart, functions, independent, normals
from pathmix import Pathwise, Score, Stratified, estimator_report, expectation

REPORTED = (Score(), Stratified(), Pathwise())


@pytest.mark.slow
def test_report():
    """Structure, order, cost, and figures that an independent measurement confirms.

    The report's standard errors are of 64 estimates each, uncertain by 9 %; four of those.
    """
    num_samples = 64 * 50
    report = estimator_report(
        functions,
        normals,
        NORMALS,
        key=jax.random.key(0),
        num_samples=num_samples,
        estimators=REPORTED,
    )
    assert list(report) == ["Score(baseline='mean')", "Stratified()", "Pathwise()"]

    for estimator in REPORTED:
        found = report[repr(estimator)]
        assert found.evaluations == num_samples * (2 if estimator == Stratified() else 1)

        def both(p, key, estimator=estimator):
            fn = lambda p: expectation(  # noqa: E731
                functions, normals(p), key=key, num_samples=num_samples, estimator=estimator
            )
            return fn(p), jax.jacrev(fn)(p)

        values, gradients = independent(both, NORMALS, seed=7, keys=256)
        for mine, theirs in ((found.value, values), (found.gradient, gradients)):
            assert jax.tree.structure(mine) == jax.tree.structure(theirs)
            for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True):
                np.testing.assert_allclose(a, np.std(b, axis=0, ddof=1), rtol=0.4, atol=1e-6)


def test_report_of_all_estimators_by_default():
    """In the order of their recommendation; with draws left over uncounted."""
    report = estimator_report(
        lambda x: x, apart, jnp.zeros(2), key=jax.random.key(0), num_samples=83, num_batches=10
    )
    assert list(report) == ["Stratified()", "Pathwise()", "Score(baseline='mean')"]
    assert [found.evaluations for found in report.values()] == [160, 80, 80]
    for found in report.values():
        assert found.value.shape == ()
        assert found.gradient.shape == (2,)
    assert report["Pathwise()"].gradient[0] > 5 * report["Stratified()"].gradient[0]


def test_report_of_too_few_draws():
    with pytest.raises(ValueError, match="at least 8 draws for each of 64 batches") as caught:
        estimator_report(
            lambda x: x, apart, jnp.zeros(2), key=jax.random.key(0), num_samples=64 * 8 - 1
        )
    assert "num_samples=511" in str(caught.value)
    assert "Raise num_samples or lower num_batches" in str(caught.value)
