"""Programs: tape and condition."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from jax import random
from numpyro import handlers
from numpyro.contrib.control_flow import scan

from cases.programs import seeded, twice, two
from pathmix import RandomVariable, condition, tape
from pathmix import random_variables as rv

# tape


def test_a_tape_collects_named_variables_in_order():
    with tape() as variables:
        y = seeded(two)
    assert list(variables) == ["x", "y"]
    assert all(isinstance(x, RandomVariable) for x in variables.values())
    np.testing.assert_array_equal(variables["y"], y)
    assert variables["y"].name == "y"
    assert variables["y"].sample_shape == y.sample_shape == (3,)
    assert variables["y"].distribution.loc == variables["x"]


def test_a_tape_ignores_what_has_no_name(key):
    with tape() as variables:
        rv.Normal(0.0, 1.0, key=key)
        rv.Normal(0.0, 1.0, key=key, name="x")
    assert list(variables) == ["x"]


def test_tapes_nest_and_take_in_plain_sites(key):
    with tape() as outer:
        rv.Normal(0.0, 1.0, key=key, name="a")
        with tape() as inner:
            numpyro.sample("b", dist.Normal(), rng_key=key)
            numpyro.deterministic("c", 1.0)
    assert list(outer) == ["a", "b"]
    assert list(inner) == ["b"]
    assert isinstance(inner["b"], RandomVariable)


def test_a_tape_records_what_is_conditioned_on():
    with tape() as variables, condition(x=2.0):
        seeded(two)
    assert variables["x"] == 2.0
    with condition(x=2.0), tape() as variables:
        seeded(two)
    assert variables["x"] == 2.0


def test_a_tape_under_jit():
    @jax.jit
    def log_densities(key):
        with tape() as variables:
            handlers.seed(two, key)()
        return {name: x.log_prob() for name, x in variables.items()}

    actual = log_densities(random.key(0))
    assert {name: each.shape for name, each in actual.items()} == {"x": (), "y": (3,)}


def test_a_tape_of_a_loop_has_a_stack():
    def walk():
        def step(carry, _):
            return rv.Normal(carry, 1.0, name="y").value, None

        return scan(step, 0.0, jnp.arange(4))

    with tape() as variables:
        seeded(walk)
    assert variables["y"].shape == (4,)


def test_duplicate_names_on_a_tape():
    with (
        handlers.seed(rng_seed=0),
        tape(),
        pytest.raises(ValueError, match=r"to be unique in a tape, got two named 'x'"),
    ):
        twice()
    assert not numpyro.primitives._PYRO_STACK


# condition


def test_conditioning_sets_values_and_what_depends_on_them():
    with condition(x=jnp.asarray(5.0)):
        y = seeded(two)
    assert y.distribution.loc == 5.0
    with condition(x=5.0), handlers.trace() as sites:
        seeded(two)
    assert sites["x"]["is_observed"]
    assert not sites["y"]["is_observed"]


def test_conditions_nest_and_the_outermost_wins():
    with condition(x=1.0), condition(y=jnp.zeros(3)):
        y = seeded(two)
    np.testing.assert_array_equal(y, 0.0)
    with condition(x=1.0), condition(x=2.0):
        assert seeded(two).distribution.loc == 1.0


def test_a_condition_overrides_an_observation_and_takes_variables():
    with condition(x=rv.Normal(value=3.0)):
        x = rv.Normal(0.0, 1.0, value=1.0, name="x")
    assert x == 3.0


def test_a_condition_on_everything_needs_no_key():
    with condition(x=1.0, y=jnp.zeros(3)):
        assert two().log_prob().shape == (3,)


def test_a_condition_holds_for_each_run_in_its_block():
    with condition(x=1.0):
        first, second = seeded(two), seeded(two, seed=1)
    assert first.distribution.loc == second.distribution.loc == 1.0


def test_conditions_under_jit_and_grad():
    @jax.jit
    def loss(value):
        with condition(x=value, y=jnp.ones(3)):
            return -two().log_prob().sum()

    np.testing.assert_allclose(jax.grad(loss)(0.5), -3 * 0.5 / 0.25, rtol=1e-6)


def test_a_condition_reaches_into_plates_and_loops():
    def walk():
        def step(carry, _):
            return rv.Normal(carry, 1.0, name="y").value, None

        return scan(step, 0.0, jnp.arange(3))[0]

    with condition(y=jnp.array([1.0, 2.0, 3.0])):
        assert seeded(walk) == 3.0

    def rows():
        with numpyro.plate("n", 2):
            return rv.Normal(0.0, 1.0, name="x")

    with condition(x=jnp.ones(2)):
        np.testing.assert_array_equal(seeded(rows), 1.0)


def test_unknown_names_of_a_condition():
    text = r"expected names of random variables.*\['x', 'y'\], got \['z'\]\. Rename the keyword of "
    with pytest.raises(ValueError, match=text + "condition"), condition(x=1.0, z=2.0):
        seeded(two)
    with pytest.raises(ValueError, match=r"makes, \[\], got \['x'\]"), condition(x=1.0):
        pass


def test_an_error_in_the_block_is_not_hidden_by_unknown_names():
    with pytest.raises(RuntimeError, match="of the block"), condition(z=1.0):
        raise RuntimeError("of the block")
    assert not numpyro.primitives._PYRO_STACK


def test_the_shape_of_a_conditioned_value():
    text = r"expected a value of shape \(3,\).*'y', got shape \(2,\)"
    with pytest.raises(ValueError, match=text), condition(y=jnp.zeros(2)):
        seeded(two)
