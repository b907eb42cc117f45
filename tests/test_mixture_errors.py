"""The error table of the design: what is raised, when, and what the text says.

Invalid values of parameters and points are in test_mixture_validation.py.
"""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from cases.mixtures import by_logits
from pathmix import MixtureSameFamily
from pathmix._mixture._arguments import check_arguments
from pathmix._mixture._errors import (
    check_levels,
    check_value_shape,
    checked_sample_shape,
    no_entropy,
    no_enumeration,
    no_modes_of_vectors,
)

TWO = dist.Categorical(logits=jnp.zeros(2))
NORMALS = dist.Normal(jnp.zeros(2))

CONSTRUCTION = {
    "weights not integer-valued": (
        lambda: MixtureSameFamily(dist.Normal(0.0, 1.0), NORMALS),
        ValueError,
        ["integer-valued mixture_distribution", "got Normal", "Use Categorical(probs=...)"],
    ),
    "weights with vector events": (
        lambda: MixtureSameFamily(dist.Multinomial(1, probs=jnp.array([0.5, 0.5])), NORMALS),
        ValueError,
        ["scalar events", "event shape (2,)", "Use Categorical(probs=...)"],
    ),
    "weights over infinitely many": (
        lambda: MixtureSameFamily(dist.Poisson(1.0), NORMALS),
        ValueError,
        ["finitely many categories", "got Poisson", "Use Categorical(probs=...)"],
    ),
    "weights over other integers": (
        lambda: MixtureSameFamily(dist.DiscreteUniform(1, 2), NORMALS),
        ValueError,
        ["over 0, …, 1", "got DiscreteUniform over [1, 2]", "Use Categorical(probs=...)"],
    ),
    "batch shapes that do not fit": (
        lambda: by_logits(jnp.zeros((3, 2)), dist.Normal(jnp.zeros((4, 2)))),
        ValueError,
        [
            "batch shape () or (4,)",
            "(4, 2) without its last axis",
            "got (3,)",
            "Give both the same",
        ],
    ),
    "weights with a batch, components without": (
        lambda: by_logits(jnp.zeros((3, 2)), NORMALS),
        ValueError,
        [
            "expected a mixture_distribution with batch shape (),",
            "got (3,)",
            "For a batch (3,) of mixtures pass components_distribution.expand((3, 2)).",
        ],
    ),
    "both to be expanded": (
        lambda: by_logits(jnp.zeros((3, 1, 2)), dist.Normal(jnp.zeros((4, 2)))),
        ValueError,
        [
            "got (3, 1)",
            "pass components_distribution.expand((3, 4, 2)) and "
            "mixture_distribution.expand((3, 4)).",
        ],
    ),
    "a vector family under to_event": (
        lambda: by_logits(
            jnp.zeros((5, 2)), dist.MultivariateNormal(jnp.zeros((5, 2, 3)), jnp.eye(3)).to_event(1)
        ),
        ValueError,
        [
            "got (5,)",
            "to_event(1) takes the axis of 2 components of MultivariateNormal",
            "batch shape (5, 2)",
            "leave it out",
        ],
    ),
    "a batch taken for components": (
        lambda: by_logits(jnp.zeros(2), dist.Normal(jnp.zeros((5, 2))).to_event(1)),
        ValueError,
        ["got 2 categories and 5 components", "to_event(1) takes the axis of 2 components"],
    ),
    "another number of categories": (
        lambda: by_logits(jnp.zeros(3), NORMALS),
        ValueError,
        ["as many categories", "got 3 categories and 2 components", "last batch axis"],
    ),
    "components without a batch axis": (
        lambda: MixtureSameFamily(TWO, dist.Normal(0.0, 1.0)),
        ValueError,
        ["rightmost batch axis indexes the components", "batch shape ()", "Give its parameters"],
    ),
    "no components": (
        lambda: by_logits(jnp.zeros(0), dist.Normal(jnp.zeros(0))),
        ValueError,
        ["at least one", "got Normal with batch shape (0,)", "Give its parameters"],
    ),
    "a vector event taken for components": (
        lambda: MixtureSameFamily(TWO, NORMALS.to_event(1)),
        ValueError,
        [
            "rightmost batch axis",
            "got Independent with batch shape ()",
            "to_event(1) takes the axis of 2 components of Normal",
        ],
    ),
}


@pytest.mark.parametrize(("make", "kind", "phrases"), CONSTRUCTION.values(), ids=CONSTRUCTION)
def test_construction(make, kind, phrases):
    with pytest.raises(kind) as caught:
        make()
    for phrase in phrases:
        assert phrase in str(caught.value)


@pytest.mark.parametrize(("make", "kind", "phrases"), CONSTRUCTION.values(), ids=CONSTRUCTION)
def test_construction_under_jit(make, kind, phrases):
    """Kinds and shapes are known while tracing: the same error."""
    with pytest.raises(kind):
        jax.jit(lambda: make().log_prob(0.0))()


NOT_DISTRIBUTIONS = {
    "weights": ((jnp.zeros(2), NORMALS), ["mixture_distribution", "got ArrayImpl"]),
    "parameters": ((TWO, [0.0, 1.0]), ["components_distribution", "got list", "Wrap its"]),
    "a list": (
        (TWO, [dist.Normal(), dist.Normal()]),
        ["one batched", "got a list of 2 (Normal)", "dist.Normal(jnp.array([loc_0, loc_1])"],
    ),
    "several families": (
        (TWO, (dist.Normal(), dist.Cauchy())),
        ["got a tuple of 2 (Normal, Cauchy)", "pathmix.Mixture of the list"],
    ),
}


@pytest.mark.parametrize(
    ("arguments", "phrases"), NOT_DISTRIBUTIONS.values(), ids=list(NOT_DISTRIBUTIONS)
)
def test_arguments_that_are_no_distributions(arguments, phrases):
    """The text is our own; in these tests jaxtyping's check of the constructor comes before it."""
    with pytest.raises(TypeError):
        MixtureSameFamily(*arguments)
    with pytest.raises(TypeError, match=r"numpyro\.distributions\.Distribution") as caught:
        check_arguments(*arguments)
    for phrase in phrases:
        assert phrase in str(caught.value)


def test_the_mend_in_the_text_works():
    """A batch of weights over components without one: the line that the text names."""
    weights = dist.Categorical(logits=jnp.zeros((3, 2)))
    assert MixtureSameFamily(weights, NORMALS.expand((3, 2))).batch_shape == (3,)


LISTS = {
    "weights": (
        lambda: (dist.Categorical(probs=[0.3, 0.7], validate_args=False), NORMALS),
        ["`probs` of CategoricalProbs", "got a list", "Write jnp.array([0.3, 0.7])"],
    ),
    "components": (
        lambda: (TWO, dist.Normal([-1.0, 2.0], 1.0)),
        ["`loc` of Normal", "Write jnp.array([-1.0, 2.0])"],
    ),
    "inside a wrapper": (
        lambda: (TWO, dist.Normal(jnp.zeros(2), [1.0, 2.0]).to_event(1)),
        ["`scale` of Normal"],
    ),
}


@pytest.mark.parametrize(("make", "phrases"), LISTS.values(), ids=LISTS)
def test_lists_of_numbers(make, phrases):
    """Where NumPyro lets them pass; JAX warns of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        weights, components = make()
    with pytest.raises(TypeError, match="expected an array for the parameter") as caught:
        MixtureSameFamily(weights, components)
    for phrase in phrases:
        assert phrase in str(caught.value)


def test_draws_that_carry_no_gradient():
    with pytest.raises(NotImplementedError, match="reparameterize=False") as caught:
        by_logits(jnp.zeros(2), NORMALS).rsample(jax.random.key(0))
    assert "Use `sample`" in str(caught.value)


def test_no_key():
    with pytest.raises(ValueError, match=r"expected a JAX random key.*jax\.random\.key"):
        by_logits(jnp.zeros(2), NORMALS).sample(None)


def batched_pairs(**kwargs):
    components = dist.Normal(jnp.zeros((3, 2, 4))).to_event(1)
    return by_logits(jnp.zeros(2), components, **kwargs)


@pytest.mark.parametrize("shape", [(), (3,), (3, 5), (2, 4), (5, 2, 4)], ids=str)
@pytest.mark.parametrize("method", ["log_prob", "component_log_probs", "posterior_marginal", "cdf"])
def test_values_of_a_wrong_shape(shape, method):
    """With and without validation, eagerly and while tracing."""
    for validate in (False, True):
        mixture = batched_pairs(validate_args=validate)
        with pytest.raises(ValueError, match=r"event shape \(4,\), got shape") as caught:
            getattr(mixture, method)(jnp.zeros(shape))
        assert "batch shape (3,)" in str(caught.value)
        with pytest.raises(ValueError, match="got shape"):
            jax.jit(lambda x, m=mixture: getattr(m, method)(x))(jnp.zeros(shape))


VECTOR_ONLY = {
    "icdf": lambda m: m.icdf(0.5),
    "log_survival_function": lambda m: m.log_survival_function(jnp.zeros(4)),
}


@pytest.mark.parametrize("name", VECTOR_ONLY)
def test_scalar_events_only(name):
    with pytest.raises(NotImplementedError, match=f"scalar events for `{name}`, got event shape"):
        VECTOR_ONLY[name](batched_pairs())


def test_covariance_is_for_vectors():
    with pytest.raises(
        NotImplementedError, match=r"vector events for `covariance`.*Use `variance`"
    ):
        by_logits(jnp.zeros(2), NORMALS).covariance  # noqa: B018


NO_CDF = {
    "MultivariateNormal": lambda: dist.MultivariateNormal(jnp.zeros((2, 3)), jnp.eye(3)),
    "Dirichlet": lambda: dist.Dirichlet(jnp.ones((2, 3))),
}


@pytest.mark.parametrize("name", NO_CDF)
def test_families_without_a_cdf(name):
    mixture = by_logits(jnp.zeros(2), NO_CDF[name]())
    with pytest.raises(NotImplementedError, match=f"{name} components have no cumulative"):
        mixture.cdf(jnp.ones(3) / 3)


SAMPLE_SHAPES = {
    "an int": (5, ["got 5", "sample(key, (5,))"]),
    "NumPy's int": (np.int64(3), ["got 3", "sample(key, (3,))"]),
    "a float": (2.0, ["got 2.0", "tuple of ints"]),
    "floats": ((2.0,), ["got (2.0,)", "tuple of ints"]),
    "nothing": (None, ["got None", "tuple of ints"]),
}


@pytest.mark.parametrize(("given", "phrases"), SAMPLE_SHAPES.values(), ids=SAMPLE_SHAPES)
def test_sample_shapes(given, phrases):
    with pytest.raises(TypeError, match="expected sample_shape to be a tuple of ints") as caught:
        checked_sample_shape(given)
    for phrase in phrases:
        assert phrase in str(caught.value)


@pytest.mark.parametrize("given", [(), (2, 3), [2, 3], (np.int32(4),)], ids=str)
def test_good_sample_shapes(given):
    assert checked_sample_shape(given) == tuple(given)


def test_levels_that_do_not_broadcast():
    check_levels((), (3,))
    check_levels((5, 1), (3,))
    with pytest.raises(ValueError, match=r"q .* batch shape \(3,\), got shape \(5,\)") as caught:
        check_levels((5,), (3,))
    assert "pass q[:, None]" in str(caught.value)
    with pytest.raises(ValueError, match=r"pass q\[:, :, None, None\]"):
        check_levels((5, 2), (3, 4))


def test_points_that_do_not_broadcast():
    """Only points of the right event are told of the batch."""
    check_value_shape((7, 1, 4), (3,), (4,))
    with pytest.raises(ValueError, match=r"pass X\[:, None\]"):
        check_value_shape((7, 4), (3,), (4,))
    with pytest.raises(ValueError, match=r"event shape \(4,\), got shape \(7, 5\)\.$"):
        check_value_shape((7, 5), (3,), (4,))
    with pytest.raises(ValueError, match=r"got shape \(\)\.$"):
        check_value_shape((), (3,), (4,))


def test_the_hints_work():
    """``X[:, None]`` is each point in each mixture, by SciPy."""
    loc, x = np.array([[-1.0, 1.0], [0.0, 2.0], [3.0, 3.0]]), np.linspace(-1, 1, 5)
    mixture = by_logits(jnp.zeros(2), dist.Normal(jnp.asarray(loc)))
    wanted = np.log(stats.norm.pdf(x[:, None, None], loc, 1).mean(axis=-1))
    np.testing.assert_allclose(mixture.log_prob(jnp.asarray(x)[:, None]), wanted, rtol=1e-5)


ABSENT = {
    "entropy": (no_entropy(), ["closed form", "pathmix.expectation(mixture.log_prob", "entropy()"]),
    "modes": (no_modes_of_vectors((3,)), ["shape (3,)", "`log_prob`", "posterior_mode(x)"]),
    "values": (no_enumeration(is_discrete=True), ["discrete components", "`component_log_probs`"]),
}


@pytest.mark.parametrize(("error", "phrases"), ABSENT.values(), ids=ABSENT)
def test_what_a_mixture_does_not_have(error, phrases):
    assert isinstance(error, NotImplementedError)
    for phrase in phrases:
        assert phrase in str(error)


ASKED = {
    "values": (lambda m: m.enumerate_support(), NotImplementedError, "continuous components"),
    "levels": (lambda m: m.icdf(jnp.full(5, 0.5)), ValueError, r"q\[:, None\]"),
    "points": (lambda m: m.posterior_marginal(jnp.zeros(5)), ValueError, r"X\[:, None\]"),
}


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("name", ASKED)
def test_texts_of_methods(name, wrap):
    ask, kind, phrase = ASKED[name]

    def asked(loc):
        return ask(by_logits(jnp.zeros(2), dist.Normal(loc)))

    with pytest.raises(kind, match=phrase):
        wrap(asked)(jnp.zeros((3, 2)))


def test_an_int_for_a_sample_shape():
    """In these tests jaxtyping's check of the method may come before ours."""
    with pytest.raises(TypeError, match="5"):
        by_logits(jnp.zeros(2), NORMALS).sample(jax.random.key(0), 5)
