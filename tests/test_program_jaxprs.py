"""Programs have no overhead: their equations are those of the same program on arrays."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from jax import random
from numpyro import handlers
from numpyro.contrib.control_flow import scan
from numpyro.infer.util import log_density

from cases.programs import PROGRAMS
from pathmix import MixtureSameFamily, RandomVariable, log_joint


def array_logistic(features):
    coefficients = numpyro.sample("coefficients", dist.Normal(0.0, 1.0), sample_shape=(2,))
    intercept = numpyro.sample("intercept", dist.Normal(0.0, 2.0))
    logits = features @ coefficients + intercept
    return numpyro.sample("outcomes", dist.Bernoulli(logits=logits))


def array_of_mixture(data):
    weights = numpyro.sample("weights", dist.Dirichlet(jnp.array([2.0, 3.0])))
    loc = numpyro.sample("loc", dist.Normal(0.0, 5.0), sample_shape=(2,))
    scale = numpyro.sample("scale", dist.LogNormal(0.0, 1.0))
    with numpyro.plate("data", len(data)):
        mixture = MixtureSameFamily(
            dist.Categorical(probs=weights), dist.Normal(loc, scale), name="x"
        )
        return numpyro.sample("x", mixture, obs=data)


def array_walk(steps):
    def step(carry, _):
        x = numpyro.sample("x", dist.Normal(0.9 * carry, 0.5))
        return x, x

    scale = numpyro.sample("scale", dist.HalfNormal(1.0))
    _, path = scan(step, 1.0, jnp.arange(steps))
    return numpyro.sample("y", dist.Normal(path, scale))


def array_matrices(rank):
    users = numpyro.sample("users", dist.Normal(0.0, 1.0), sample_shape=(4, rank))
    items = numpyro.sample("items", dist.Normal(0.0, 1.0), sample_shape=(3, rank))
    return numpyro.sample("ratings", dist.Normal(users @ items.T, 0.1))


ON_ARRAYS = {
    "logistic regression": array_logistic,
    "mixture": array_of_mixture,
    "random walk": array_walk,
    "matrix factorisation": array_matrices,
}


@pytest.mark.parametrize("name", ON_ARRAYS)
def test_the_jaxpr_is_that_of_the_program_on_arrays(name):
    program, args, values, _ = PROGRAMS[name]
    values = {k: jnp.asarray(v) for k, v in values.items()}
    args = [jnp.asarray(a) if isinstance(a, np.ndarray) else a for a in args]

    def drawn(program):
        return lambda key: jnp.asarray(handlers.seed(program, key)(*args)) * 2

    def density(program):
        return lambda values: log_density(program, args, {}, values)[0]

    on_arrays = ON_ARRAYS[name]
    for one, other, argument in [
        (drawn(program), drawn(on_arrays), random.key(0)),
        (density(program), density(on_arrays), values),
        (
            jax.grad(density(program), allow_int=True),
            jax.grad(density(on_arrays), allow_int=True),
            values,
        ),
        (lambda values: log_joint(program)(*args, **values), density(on_arrays), values),
    ]:
        assert str(jax.make_jaxpr(one)(argument)) == str(jax.make_jaxpr(other)(argument))


def on_variable(function):
    def run(value, key):
        x = RandomVariable(dist.Normal(value, 1.0), key=key)
        return function(x, x.log_prob())

    return run


def on_array(function):
    def run(value, key):
        d = dist.Normal(value, 1.0)
        x = d.sample(key)
        return function(x, d.log_prob(x))

    return run


ARGUMENTS = jnp.ones((2, 2)), random.key(0)


def test_the_jaxpr_of_operators_and_elementwise_functions_is_that_of_the_value():
    def function(x, log_prob):
        return jnp.sin(x) @ x.T + x[0] / 2 - x, jnp.maximum(x, 0).sum() + log_prob, x > 0

    one, other = (str(jax.make_jaxpr(f(function))(*ARGUMENTS)) for f in (on_variable, on_array))
    assert one == other


def compiled(function):
    """The optimised program, without the names and lines of the source."""
    text = jax.jit(function).lower(*ARGUMENTS).compile().as_text()
    return re.sub(r", metadata=\{[^}]*\}|HloModule \S+", "", text).split("FileNames")[0]


def test_what_is_compiled_is_the_same_also_for_functions_that_jax_itself_jits():
    """To such a function a variable is a pytree: the parameters are operands that it ignores."""

    def function(x, log_prob):
        return jnp.where(x > 0, x, 0).sum() + log_prob, jnp.var(x), jnp.linalg.inv(x)

    assert compiled(on_variable(function)) == compiled(on_array(function))
    assert compiled(on_variable(function)) != compiled(
        on_array(lambda x, _: jnp.where(x > 0, x, 1))
    )
