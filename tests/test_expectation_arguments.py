"""Arguments of expectations: what is accepted, what raises, and what the texts say."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from cases.expectations import ESTIMATORS, apart
from cases.mixtures import by_logits
from pathmix import (
    MixtureSameFamily,
    Pathwise,
    RandomVariable,
    Score,
    Stratified,
    estimator_report,
    expectation,
)


class Unregistered(dist.Normal):
    """A family of the user's own, of which nothing is known but what NumPyro asks for."""


def test_families_without_pathwise_gradients():
    """A component gradient raises; the text names the family."""

    def mean(loc, estimator):
        components = Unregistered(loc, 1.0)
        return expectation(
            jnp.square,
            by_logits(jnp.zeros(2), components),
            key=jax.random.key(0),
            num_samples=8,
            estimator=estimator,
        )

    for estimator in ESTIMATORS[:3]:
        with pytest.raises(NotImplementedError, match="Unregistered"):
            jax.grad(mean)(jnp.array([-1.0, 1.0]), estimator)


def call(mixture=None, num_samples=10, estimator=ESTIMATORS[0], **kwargs):
    return expectation(
        lambda x: x,
        apart(jnp.zeros(2)) if mixture is None else mixture,
        key=jax.random.key(0),
        num_samples=num_samples,
        estimator=estimator,
        **kwargs,
    )


def batch_of(n):
    return by_logits(jnp.zeros(2), dist.Normal(jnp.zeros((n, 2))))


def pairs():
    return by_logits(jnp.zeros(2), dist.Normal(jnp.zeros((2, 2))).to_event(1))


ARGUMENTS = {
    "another distribution": (
        lambda: call(dist.Normal()),
        TypeError,
        [
            "expected a pathmix.MixtureSameFamily, NumPyro's",
            "continuous.Normal",
            "Categorical(...)",
        ],
    ),
    "several families": (
        lambda: call(
            dist.MixtureGeneral(dist.Categorical(jnp.ones(2) / 2), [dist.Normal(), dist.Cauchy()])
        ),
        TypeError,
        ["expected a pathmix.MixtureSameFamily", "mixtures.MixtureGeneral"],
    ),
    "one draw for a standard error": (
        lambda: call(num_samples=1, with_standard_error=True),
        ValueError,
        ["num_samples ≥ 2 for a standard error", "got 1", "leave out with_standard_error"],
    ),
    "another batch": (
        lambda: call(batch_of(3), batched={"a": jnp.zeros(3), "b": jnp.zeros((2, 3))}),
        ValueError,
        ["every array of `batched`", "(3,), in front, got shape (2, 3)", "jnp.broadcast_to"],
    ),
    "no batch": (
        lambda: call(batch_of(3), batched=1.0),
        ValueError,
        ["(3,), in front, got shape ()"],
    ),
    "a class": (
        lambda: call(estimator=Stratified),
        TypeError,
        ["expected Stratified(), Pathwise() or Score()", "Stratified'", "Call the class"],
    ),
    "a name": (
        lambda: call(estimator="pathwise"),
        TypeError,
        ["expected Stratified(), Pathwise() or Score()", "got 'pathwise'"],
    ),
    "no samples": (
        lambda: call(num_samples=0),
        ValueError,
        ["expected num_samples ≥ 1, got 0"],
    ),
    "fewer than no samples": (
        lambda: call(num_samples=-1, estimator=Score(None)),
        ValueError,
        ["expected num_samples ≥ 1, got -1"],
    ),
    "no other draws": (
        lambda: call(num_samples=1, estimator=Score()),
        ValueError,
        ["num_samples ≥ 2 for Score(baseline='mean')", "got 1"],
    ),
    "too few for a line": (
        lambda: call(num_samples=3, estimator=Score("linear")),
        ValueError,
        ["num_samples ≥ 4 for Score(baseline='linear')", "got 3"],
    ),
    "too few for a plane": (
        lambda: call(pairs(), num_samples=5, estimator=Score("linear")),
        ValueError,
        ["num_samples ≥ 6 for Score(baseline='linear')", "got 5"],
    ),
    "another baseline": (
        lambda: Score("median"),
        ValueError,
        ["expected baseline 'mean', 'linear' or None", "got 'median'"],
    ),
}


@pytest.mark.parametrize(("make", "kind", "phrases"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments(make, kind, phrases):
    with pytest.raises(kind) as caught:
        make()
    for phrase in phrases:
        assert phrase in str(caught.value)


def test_estimators_are_values():
    """Equal, hashable and printed as written, to be static arguments and keys of the report."""
    assert Stratified() == Stratified()
    assert Score() != Score(None)
    assert len({Stratified(), Pathwise(), Score(), Score("mean")}) == 3
    assert repr(Score("linear")) == "Score(baseline='linear')"


def test_mixtures_of_other_kinds():
    """NumPyro's class and random variables stand for the same mixture: the same estimate."""
    weights, components = dist.Categorical(jnp.array([0.3, 0.7])), dist.Normal(jnp.array([-1.0, 1]))
    wanted = call(MixtureSameFamily(weights, components))
    theirs = dist.MixtureSameFamily(weights, components)
    for given in (
        theirs,
        RandomVariable(theirs, key=jax.random.key(1)),
        RandomVariable(MixtureSameFamily(weights, components), key=jax.random.key(1)),
    ):
        np.testing.assert_array_equal(call(given), wanted)


def test_a_report_on_numpyros_class():
    def make(logits):
        return dist.MixtureSameFamily(dist.Categorical(logits=logits), dist.Normal(jnp.zeros(2)))

    report = estimator_report(
        lambda x: x, make, jnp.zeros(2), key=jax.random.key(0), num_samples=16, num_batches=2
    )
    assert report["Stratified()"].evaluations == 32
