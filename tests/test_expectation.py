"""Expectations: every estimator against closed forms, and the report that compares them.

Estimates from independent keys give a mean and its standard error; the mean must lie within 4 of
them of the exact value, gradient or second derivative. Seeds are fixed; a change of the random
stream fails a test with probability below 1 %.
"""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from cases.mixtures import by_logits, by_probs
from pathmix import (
    MixtureSameFamily,
    Pathwise,
    Score,
    Stratified,
    estimator_report,
    expectation,
)

BOUND = 4
ESTIMATORS = [Stratified(), Pathwise(), Score(), Score("linear"), Score(None)]
every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
first_of_all = pytest.mark.parametrize(
    "estimator",
    [ESTIMATORS[0], *(pytest.param(each, marks=pytest.mark.slow) for each in ESTIMATORS[1:])],
    ids=repr,
)


def assert_unbiased(estimates, truth):
    """The mean over the leading axis within 4 standard errors (and rounding) of the truth."""
    assert jax.tree.structure(estimates) == jax.tree.structure(truth)

    def check(each, exact):
        each, exact = np.asarray(each, np.float64), np.asarray(exact, np.float64)
        assert each.shape[1:] == exact.shape
        assert np.isfinite(each).all()
        error = each.std(axis=0, ddof=1) / np.sqrt(len(each))
        assert np.all(error < 0.05 * (1 + np.abs(exact).max()))  # or the check would be empty
        assert np.all(np.abs(each.mean(axis=0) - exact) < BOUND * error + 1e-5 * (1 + abs(exact)))

    jax.tree.map(check, estimates, truth)


def independent(fn, parameters, seed=0, keys=200):
    """``fn(parameters, key)`` for independent keys, compiled once."""
    keys = jax.random.split(jax.random.key(seed), keys)
    return jax.jit(lambda p: jax.lax.map(lambda key: fn(p, key), keys))(parameters)


def normals(p):
    return by_logits(p["logits"], dist.Normal(p["loc"], p["scale"]))


NORMALS = {
    "logits": jnp.array([0.3, -0.4]),
    "loc": jnp.array([-0.8, 1.1]),
    "scale": jnp.array([0.9, 1.2]),
}


def functions(x):
    return {"x": x, "more": (x**2, jnp.stack([jnp.sin(1.5 * x), jnp.cos(x)]))}


def exact(p):
    """The expectations of ``functions`` under a mixture of normals."""
    w, m, v = jax.nn.softmax(p["logits"]), p["loc"], p["scale"] ** 2
    sine = jnp.sin(1.5 * m) * jnp.exp(-0.5 * 1.5**2 * v)
    cosine = jnp.cos(m) * jnp.exp(-0.5 * v)
    return {"x": w @ m, "more": (w @ (m**2 + v), jnp.stack([w @ sine, w @ cosine]))}


@first_of_all
def test_value_and_derivatives(estimator):
    """Of a pytree of functions, in the logits and every parameter, to the second order."""

    def all_orders(fn):
        first = jax.jacrev(fn)
        return fn, first, jax.jacrev(first)

    def estimates(p, key):
        fn = lambda p: expectation(  # noqa: E731
            functions, normals(p), key=key, num_samples=1000, estimator=estimator
        )
        return [order(p) for order in all_orders(fn)]

    truth = [order(NORMALS) for order in all_orders(exact)]
    assert_unbiased(independent(estimates, NORMALS), truth)


@every_estimator
def test_few_draws_are_unbiased_too(estimator):
    """Baselines that looked at the draws they correct would show here."""
    few = 6 if estimator == Score("linear") else 2

    def gradient(p, key):
        return jax.grad(
            lambda p: expectation(
                jnp.square, normals(p), key=key, num_samples=few, estimator=estimator
            )
        )(p)

    keys = jax.random.split(jax.random.key(1), 200_000)
    estimates = jax.jit(jax.vmap(gradient, (None, 0)))(NORMALS, keys)
    assert_unbiased(estimates, jax.grad(lambda p: exact(p)["more"][0])(NORMALS))


PAIRS = {
    "logits": jnp.array([0.3, -0.4]),
    "loc": jnp.array([[-0.8, 0.4], [0.7, -0.5]]),
    "tril": jnp.array([[[0.9, 0.0], [0.4, 0.8]], [[1.2, 0.0], [-0.3, 1.0]]]),
}


@first_of_all
def test_vector_events(estimator):
    """The second moments of a mixture of multivariate normals: ``fn`` takes one event."""

    def make(p):
        components = dist.MultivariateNormal(p["loc"], scale_tril=jnp.tril(p["tril"]))
        return by_logits(p["logits"], components)

    def outer(x):
        assert x.shape == (2,)
        return jnp.outer(x, x)

    def second_moments(p):
        each = jax.vmap(jnp.outer)(p["loc"], p["loc"])
        each += jnp.tril(p["tril"]) @ jnp.swapaxes(jnp.tril(p["tril"]), 1, 2)
        return jnp.einsum("k,kij->ij", jax.nn.softmax(p["logits"]), each)

    def estimates(p, key):
        fn = lambda p: expectation(  # noqa: E731
            outer, make(p), key=key, num_samples=1000, estimator=estimator
        )
        return jax.jacrev(fn)(p)

    assert_unbiased(independent(estimates, PAIRS), jax.jacrev(second_moments)(PAIRS))


@first_of_all
def test_batches(estimator):
    """The batch comes in front, and no element's parameters touch another's expectation."""
    loc = jnp.array([[[-1.0, 1.0]], [[0.0, 0.5]], [[2.0, 3.0]]])  # batch (3, 1)

    def estimates(loc, key):
        def fn(loc):
            mixture = by_logits(NORMALS["logits"], dist.Normal(loc, 0.7))
            return expectation(
                lambda x: jnp.stack([x, x**2, 1.0]),
                mixture,
                key=key,
                num_samples=500,
                estimator=estimator,
            )

        return fn(loc), jax.jacrev(fn)(loc)

    w = jax.nn.softmax(NORMALS["logits"])
    exact = lambda loc: jnp.stack([loc @ w, (loc**2 + 0.49) @ w, jnp.ones((3, 1))], axis=-1)  # noqa: E731
    values, gradients = independent(estimates, loc)
    assert values.shape == (200, 3, 1, 3)
    assert_unbiased([values, gradients], [exact(loc), jax.jacrev(exact)(loc)])
    touched = np.any(gradients, axis=(0, 2, 3, 5, 6))
    np.testing.assert_array_equal(touched, np.eye(3, dtype=bool))


@first_of_all
def test_weights_of_exactly_zero(estimator):
    """The gradient says what the absent component would add."""
    probs, loc = jnp.array([0.4, 0.0, 0.6]), jnp.array([-0.5, 0.8, 1.0])

    def estimates(p, key):
        fn = lambda p, loc: expectation(  # noqa: E731
            jnp.square,
            by_probs(p, dist.Normal(loc, 1.0)),
            key=key,
            num_samples=2000,
            estimator=estimator,
        )
        return fn(p, loc), jax.grad(fn, (0, 1))(p, loc)

    exact = lambda p, loc: (p / p.sum()) @ (loc**2 + 1)  # noqa: E731
    assert_unbiased(
        independent(estimates, probs), (exact(probs, loc), jax.grad(exact, (0, 1))(probs, loc))
    )


def test_a_component_without_weight_does_not_spoil_the_sum():
    """``fn`` is not finite where the absent component draws."""

    def mean_log(loc):
        mixture = by_probs(jnp.array([1.0, 0.0]), dist.Normal(loc, 0.1))
        return expectation(jnp.log, mixture, key=jax.random.key(0), num_samples=1000)

    value, gradient = jax.value_and_grad(mean_log)(jnp.array([5.0, -5.0]))
    assert abs(value - np.log(5)) < 0.01
    assert abs(gradient[0] - 0.2) < 0.01
    assert gradient[1] == 0


COUNTS = {"logits": jnp.array([0.3, -0.4]), "rate": jnp.array([2.0, 6.0])}


def poissons(p):
    return by_logits(p["logits"], dist.Poisson(p["rate"]))


def count_moments(p):
    w = jax.nn.softmax(p["logits"])
    return jnp.stack([w @ p["rate"], w @ (p["rate"] ** 2 + p["rate"])])


def moments_of_counts(p, key, estimator, num_samples=1000):
    return expectation(
        lambda n: jnp.stack([1.0 * n, 1.0 * n**2]),
        poissons(p),
        key=key,
        num_samples=num_samples,
        estimator=estimator,
    )


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


def test_families_without_pathwise_gradients():
    """A component gradient raises; the text names the family."""

    def mean(loc, estimator):
        components = dist.AsymmetricLaplace(loc, 1.0, 0.7)
        return expectation(
            jnp.square,
            by_logits(jnp.zeros(2), components),
            key=jax.random.key(0),
            num_samples=8,
            estimator=estimator,
        )

    for estimator in ESTIMATORS[:3]:
        with pytest.raises(NotImplementedError, match="AsymmetricLaplace"):
            jax.grad(mean)(jnp.array([-1.0, 1.0]), estimator)


def apart(logits):
    """Two unit normals at ±6."""
    return by_logits(logits, dist.Normal(jnp.array([-6.0, 6.0]), 1.0))


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


def test_defaults():
    """Strata, whatever the mixture's own flag says; the same key, the same estimate."""
    p, key = NORMALS, jax.random.key(0)
    flagged = MixtureSameFamily(
        dist.Categorical(logits=p["logits"]), dist.Normal(p["loc"], p["scale"]), reparameterize=True
    )
    default = expectation(jnp.square, normals(p), key=key, num_samples=50)
    for mixture, kwargs in ((normals(p), {"estimator": Stratified()}), (flagged, {})):
        np.testing.assert_array_equal(
            default, expectation(jnp.square, mixture, key=key, num_samples=50, **kwargs)
        )


def test_the_flag_does_not_matter_to_the_gradient():
    """``Score`` and ``Pathwise`` draw from the mixture: its own gradient must not add to theirs."""

    def gradient(estimator, flag):
        def mean(p):
            mixture = by_logits(p["logits"], dist.Normal(p["loc"], p["scale"]), reparameterize=flag)
            return expectation(
                jnp.square, mixture, key=jax.random.key(0), num_samples=50, estimator=estimator
            )

        return jax.jit(jax.grad(mean))(NORMALS)

    for estimator in (Score(), Stratified()):
        for one, other in zip(
            jax.tree.leaves(gradient(estimator, False)),
            jax.tree.leaves(gradient(estimator, True)),
            strict=True,
        ):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_paths_of_a_reparameterized_mixture():
    """The gradient is not attached twice."""

    def mean(loc, flag):
        mixture = by_logits(jnp.zeros(2), dist.Normal(loc, 1.0), reparameterize=flag)
        return expectation(
            lambda x: x, mixture, key=jax.random.key(0), num_samples=50, estimator=Pathwise()
        )

    for flag in (False, True):
        gradient = jax.jit(jax.grad(mean), static_argnums=1)(jnp.zeros(2), flag)
        np.testing.assert_allclose(gradient, [0.5, 0.5], rtol=1e-5)


REPORTED = (Score(), Stratified(), Pathwise())


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


def call(mixture=None, num_samples=10, estimator=ESTIMATORS[0]):
    return expectation(
        lambda x: x,
        apart(jnp.zeros(2)) if mixture is None else mixture,
        key=jax.random.key(0),
        num_samples=num_samples,
        estimator=estimator,
    )


def pairs():
    return by_logits(jnp.zeros(2), dist.Normal(jnp.zeros((2, 2))).to_event(1))


ARGUMENTS = {
    "another mixture": (
        lambda: call(
            dist.MixtureSameFamily(dist.Categorical(jnp.ones(2) / 2), dist.Normal(jnp.zeros(2)))
        ),
        TypeError,
        ["expected a pathmix.MixtureSameFamily", "got MixtureSameFamily"],
    ),
    "another distribution": (
        lambda: call(dist.Normal()),
        TypeError,
        ["expected a pathmix.MixtureSameFamily", "got Normal"],
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
