"""The error table of the design: what is raised, when, and what the text says.

Invalid values of parameters and points are in test_mixture_validation.py.
"""

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
import pytest

from cases.mixtures import by_logits
from pathmix import MixtureSameFamily
from pathmix._mixture._arguments import check_arguments

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
        ["over 0, …, 1", "got DiscreteUniform over [1, 2]"],
    ),
    "batch shapes that do not fit": (
        lambda: by_logits(jnp.zeros((3, 2)), dist.Normal(jnp.zeros((4, 2)))),
        ValueError,
        ["batch shape () or (4,)", "got (3,)", "Expand one of the two"],
    ),
    "weights with a batch, components without": (
        lambda: by_logits(jnp.zeros((3, 2)), NORMALS),
        ValueError,
        ["batch shape () or ()", "got (3,)", "Expand"],
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
        ["rightmost batch axis", "got Independent with batch shape ()"],
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
    "components": ((TWO, [dist.Normal()]), ["components_distribution", "got list"]),
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
