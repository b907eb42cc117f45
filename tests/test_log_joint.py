"""log_joint: against sums by hand, with SciPy as the oracle, and differences of them."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from jax import random
from numpyro import handlers
from numpyro.infer.util import log_density
from scipy import stats

from cases.programs import PROGRAMS, matrices, twice, two
from pathmix import RandomVariable, log_joint, tape
from pathmix import random_variables as rv


@pytest.fixture(params=PROGRAMS)
def case(request, x64):
    """Program, arguments, values, the log joint density by hand; in float64."""
    return PROGRAMS[request.param]


def real(values):
    return {name: value for name, value in values.items() if value.dtype == float}


def test_log_joint_equals_the_sum_by_hand_and_log_density(case):
    """Under jit: the value, and its slope in one direction (a slower test takes every entry)."""
    program, args, values, by_hand = case
    joint = log_joint(program)

    @jax.jit
    def at(values, direction):
        value, slope = jax.jvp(
            lambda v: joint(*args, **{**values, **v}), (real(values),), (direction,)
        )
        return value, slope, log_density(program, args, {}, values)[0]

    values = jax.tree.map(jnp.asarray, values)
    direction = {k: jnp.cos(jnp.arange(v.size)).reshape(v.shape) for k, v in real(values).items()}
    value, slope, reference = at(values, direction)
    np.testing.assert_allclose(value, by_hand(values), rtol=1e-10)
    np.testing.assert_allclose(value, reference, rtol=1e-14)
    high, low = (
        by_hand({**values, **{k: np.asarray(values[k] + h * d) for k, d in direction.items()}})
        for h in (1e-5, -1e-5)
    )
    np.testing.assert_allclose(slope, (high - low) / 2e-5, rtol=1e-6)


@pytest.mark.slow
def test_without_jit_log_joint_is_the_same(case):
    program, args, values, by_hand = case
    np.testing.assert_allclose(log_joint(program)(*args, **values), by_hand(values), rtol=1e-10)


@pytest.mark.slow
def test_the_gradient_of_log_joint_equals_finite_differences_by_hand(case):
    program, args, values, by_hand = case
    gradients = jax.grad(
        lambda real: log_joint(program)(*args, **{**values, **real}), allow_int=True
    )(values)
    for name, value in values.items():
        if value.dtype != float:
            continue
        for index in np.ndindex(value.shape):
            step = np.zeros_like(value)
            step[index] = 1e-5
            high, low = (
                by_hand({**values, name: value + step}),
                by_hand({**values, name: value - step}),
            )
            np.testing.assert_allclose(gradients[name][index], (high - low) / 2e-5, rtol=1e-6)


def test_log_joint_differentiates_in_the_arguments_of_the_program():
    def program(loc):
        rv.Normal(loc, 1.0, name="x")

    assert jax.grad(log_joint(program))(0.5, x=2.0) == 1.5


def test_log_joint_takes_arguments_by_keyword_and_values_that_are_variables():
    joint = log_joint(matrices)
    values = {
        name: jnp.asarray(v, jnp.float32) for name, v in PROGRAMS["matrix factorisation"][2].items()
    }
    by_position = joint(2, **values)
    values["users"] = RandomVariable(dist.Normal().expand((4, 2)), value=values["users"])
    assert joint(rank=2, **values) == by_position


def test_log_joint_of_a_program_of_varying_structure():
    """As Edward2's: which variables there are may depend on an argument."""

    def program(depth):
        x = 0.0
        for i in range(depth):
            x = rv.Normal(x, 1.0, name=f"x{i}")
        return x

    joint = log_joint(program)
    np.testing.assert_allclose(joint(2, x0=1.0, x1=3.0), stats.norm.logpdf([1, 2]).sum(), rtol=1e-6)
    np.testing.assert_allclose(joint(1, x0=1.0), stats.norm.logpdf(1), rtol=1e-6)


def test_log_joint_overrides_observations():
    joint = log_joint(lambda: rv.Normal(0.0, 1.0, value=1.0, name="x"))
    np.testing.assert_allclose(joint(), stats.norm.logpdf(1), rtol=1e-6)
    np.testing.assert_allclose(joint(x=3.0), stats.norm.logpdf(3), rtol=1e-6)


def test_log_joint_takes_parameters_of_optimisation():
    def program():
        rv.Normal(numpyro.param("loc", 0.0), 1.0, name="x")

    np.testing.assert_allclose(log_joint(program)(loc=1.0, x=3.0), stats.norm.logpdf(2), rtol=1e-6)


def test_log_joint_leaves_the_handlers_around_it_alone():
    joint = log_joint(two)
    with handlers.trace() as sites, tape() as variables, handlers.seed(rng_seed=0):
        joint(x=1.0, y=jnp.zeros(3))
    assert not sites
    assert not variables


def test_the_names_of_log_joint():
    assert log_joint(two).__name__ == "log_joint_of_two"
    assert "two" in log_joint(two).__doc__


def missing_by_the_clash():
    def program(x):
        rv.Normal(x, 1.0, name="x")

    log_joint(program)(x=1.0)


def missing_then_failing():
    def program():
        x = rv.Normal(0.0, 1.0, name="x")
        raise RuntimeError(f"because x is {x}")

    log_joint(program)()


def keyed():
    rv.Normal(0.0, 1.0, key=random.key(0), name="x")


def subsampled():
    with numpyro.plate("n", 10, subsample_size=2):
        rv.Normal(0.0, 1.0, name="x")


LOG_JOINT_ERRORS = {
    "missing": (
        lambda: log_joint(two)(),
        r"got none for \['x', 'y'\]\. Pass them by keyword, as in log_joint\(program\)\(\.\.\., x=",
    ),
    "one missing": (lambda: log_joint(two)(x=1.0), r"got none for \['y'\]"),
    "missing although it has a key": (lambda: log_joint(keyed)(), r"got none for \['x'\]"),
    "missing, and the program fails": (missing_then_failing, r"got none for \['x'\]"),
    "an argument of the same name": (
        missing_by_the_clash,
        r"got none for \['x'\].*Rename the parameters \['x'\]",
    ),
    "unknown": (
        lambda: log_joint(two)(x=1.0, y=jnp.zeros(3), z=1.0, w=2.0),
        r"\['x', 'y'\], got \['w', 'z'\]\. Rename the keyword of log_joint",
    ),
    "duplicate": (lambda: log_joint(twice)(x=1.0), r"unique in a program, got two named 'x'"),
    "shape": (
        lambda: log_joint(two)(x=1.0, y=jnp.zeros(2)),
        r"expected a value of shape \(3,\) for the random variable 'y', got shape \(2,\)",
    ),
    "shape that would broadcast": (
        lambda: log_joint(two)(x=jnp.zeros(3), y=jnp.zeros(3)),
        r"expected a value of shape \(\) for the random variable 'x', got shape \(3,\)",
    ),
    "subsampling without a seed": (lambda: log_joint(subsampled)(x=jnp.zeros(2)), "random key"),
}


@pytest.mark.parametrize("row", LOG_JOINT_ERRORS)
def test_errors_of_log_joint(row):
    call, text = LOG_JOINT_ERRORS[row]
    with pytest.raises(ValueError, match=text):
        call()
    with pytest.raises(ValueError, match=text):
        jax.jit(call)()
    assert not numpyro.primitives._PYRO_STACK
