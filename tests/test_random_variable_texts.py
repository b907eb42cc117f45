"""Random variables: what they print, and what their errors say."""

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
import pytest
from jax import random
from numpyro import handlers

from cases.programs import draw, mixture, seeded
from pathmix import RandomVariable, tape
from pathmix import random_variables as rv
from pathmix._random_variable._site import realize

# What it prints


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        (
            lambda: rv.Normal(0.0, 1.0, value=1.234),
            "RandomVariable(Normal, shape=(), dtype=float32, value=1.234)",
        ),
        (
            lambda: rv.MixtureSameFamily(
                dist.Categorical(logits=jnp.zeros(2)),
                dist.Normal(jnp.zeros(2)),
                value=jnp.arange(5.0),
                sample_shape=5,
                name="x",
            ),
            "RandomVariable(MixtureSameFamily, name='x', shape=(5,), dtype=float32, "
            "value=[0., 1., 2., 3., 4.])",
        ),
        (
            lambda: rv.Poisson(1.0, value=jnp.arange(99), sample_shape=99),
            "RandomVariable(Poisson, shape=(99,), dtype=int32, value=[0, 1, ..., 97, 98])",
        ),
        (
            lambda: RandomVariable(dist.Normal().expand((2, 1)).to_event(1), value=[[1.0], [2.0]]),
            "RandomVariable(Normal, shape=(2, 1), dtype=float32, value=[[1.], [2.]])",
        ),
    ],
)
def test_what_it_prints(variable, text):
    assert repr(variable()) == str(variable()) == text


def test_what_it_prints_when_traced(key):
    seen = []
    jax.jit(lambda key: seen.append(repr(draw(key))))(key)
    assert seen == ["RandomVariable(Normal, name='x', shape=(3,), dtype=float32, value=<traced>)"]


# Errors


def no_value_in_handlers():
    handlers.seed(lambda: rv.Normal(0.0, 1.0), 0)()


def no_key_in_handlers():
    with tape():
        rv.Normal(0.0, 1.0, name="x")


def no_key_for_a_mixture_in_handlers():
    with handlers.trace():
        RandomVariable(mixture(jnp.zeros(2), jnp.zeros(2)), name="x")


def wrong_shape_in_a_plate():
    with numpyro.plate("n", 4):
        rv.Normal(0.0, 1.0, value=jnp.ones(3), name="x")


THREE_WAYS = r"Pass value=\.\.\., pass key=jax.random.key\(seed\), or give it a name and run"
ERRORS = {
    "no value": (lambda: rv.Normal(0.0, 1.0), ValueError, THREE_WAYS),
    "no value, named": (
        lambda: rv.Normal(0.0, 1.0, name="x"),
        ValueError,
        rf"for the random variable Normal 'x', got none\. {THREE_WAYS}",
    ),
    "no value, unnamed, in handlers": (
        no_value_in_handlers,
        ValueError,
        rf"{THREE_WAYS}.*pass name=\.\.\. to make it part of the program",
    ),
    "no key in handlers": (no_key_in_handlers, ValueError, rf"variable Normal 'x'.*{THREE_WAYS}"),
    "no key for a mixture": (
        no_key_for_a_mixture_in_handlers,
        ValueError,
        rf"MixtureSameFamily 'x'.*{THREE_WAYS}",
    ),
    "shape": (
        lambda: rv.Normal(jnp.zeros(2), 1.0, sample_shape=3, value=jnp.ones((2, 3))),
        ValueError,
        r"expected a value of shape \(3, 2\), which is \(\*sample, \*batch, \*event\), for the "
        r"random variable, got shape \(2, 3\)\. Reshape the value",
    ),
    "shape that would broadcast": (
        lambda: rv.Normal(jnp.zeros(2), 1.0, value=1.0),
        ValueError,
        r"shape \(2,\).*got shape \(\)",
    ),
    "shape in a plate": (
        wrong_shape_in_a_plate,
        ValueError,
        r"expected a value of shape \(4,\).*'x', got shape \(3,\)",
    ),
    "an attribute of the distribution": (
        lambda: rv.Normal(value=0.0).variance,
        AttributeError,
        r"got 'variance'\. Use x.distribution.variance",
    ),
    "no such attribute": (
        lambda: rv.Normal(value=0.0).nothing,
        AttributeError,
        r"expected an attribute of a random variable or of an array, got 'nothing'\.$",
    ),
}


@pytest.mark.parametrize("row", ERRORS)
def test_errors(row):
    call, kind, text = ERRORS[row]
    with pytest.raises(kind, match=text):
        call()
    assert not numpyro.primitives._PYRO_STACK


KINDS = {
    "no distribution": (
        {"distribution": jnp.ones(2)},
        r"expected a numpyro.distributions.Distribution, got ArrayImpl\. Wrap its parameters",
    ),
    "a variable for a distribution": (
        {"distribution": rv.Normal(value=0.0)},
        "expected a numpyro.distributions.Distribution, got RandomVariable",
    ),
    "sample shape": (
        {"sample_shape": (2.5,)},
        r"expected sample_shape to be an int or a sequence of ints.*got \(2\.5,\)\. Pass a shape",
    ),
    "negative sample shape": ({"sample_shape": -1}, "none of them negative or traced, got -1"),
    "key": (
        {"key": 3},
        r"expected key to be a JAX random key, got int\. Pass jax.random.key\(seed\)",
    ),
}


@pytest.mark.parametrize("row", KINDS)
def test_arguments_of_wrong_kinds(row):
    """The text is our own; in these tests jaxtyping's check of the constructor comes before it."""
    wrong, text = KINDS[row]
    arguments = {"distribution": dist.Normal(), "sample_shape": (), "value": 0.0, "key": None}
    with pytest.raises(TypeError):
        RandomVariable(**arguments | wrong)
    with pytest.raises(TypeError, match=text):
        realize(**arguments | wrong, name=None)


def test_a_traced_sample_shape():
    with pytest.raises(TypeError, match=r"none of them negative or traced, got .*int32"):
        jax.jit(lambda n: realize(dist.Normal(), n, None, random.key(0), None).value)(3)


def test_distributions_that_cannot_be_drawn_from_need_a_value(key):
    improper = dist.ImproperUniform(dist.constraints.real, (), ())
    assert RandomVariable(improper, value=2.0) == 2.0
    with pytest.raises(NotImplementedError):
        RandomVariable(improper, key=key)
    with pytest.raises(NotImplementedError):
        seeded(lambda: RandomVariable(improper, name="x"))


def test_an_error_of_a_handler_is_not_taken_for_a_missing_value(key):
    def fail(site):
        raise RuntimeError("of the handler")

    program = handlers.substitute(lambda: rv.Normal(0.0, 1.0, key=key, name="x"), None, fail)
    with pytest.raises(RuntimeError, match="of the handler"):
        program()
