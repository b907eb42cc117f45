"""Programs: tape, condition, log_joint, and no overhead over the same program on arrays."""

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
from scipy import special, stats

from pathmix import MixtureSameFamily, RandomVariable, condition, log_joint, tape
from pathmix import random_variables as rv


def two():
    x = rv.Normal(0.0, 1.0, name="x")
    return rv.Normal(x, 0.5, sample_shape=3, name="y")


def seeded(program, *args, seed=0):
    return handlers.seed(program, random.key(seed))(*args)


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


# log_joint, by hand. SciPy is the oracle.

FEATURES = np.array([[1.0, 2.0], [0.5, -1.0], [-2.0, 0.3]])
DATA = np.array([-1.0, 0.2, 1.5, 2.5])


def logistic(features):
    coefficients = rv.Normal(0.0, 1.0, sample_shape=features.shape[1], name="coefficients")
    intercept = rv.Normal(0.0, 2.0, name="intercept")
    return rv.Bernoulli(logits=features @ coefficients + intercept, name="outcomes")


def logistic_by_hand(v):
    logits = FEATURES @ v["coefficients"] + v["intercept"]
    outcomes = v["outcomes"] * logits - np.logaddexp(0, logits)
    prior = stats.norm.logpdf(v["coefficients"]).sum() + stats.norm.logpdf(v["intercept"], 0, 2)
    return prior + outcomes.sum()


def of_mixture(data):
    weights = rv.Dirichlet(jnp.array([2.0, 3.0]), name="weights")
    loc = rv.Normal(0.0, 5.0, sample_shape=2, name="loc")
    scale = rv.LogNormal(0.0, 1.0, name="scale")
    with numpyro.plate("data", len(data)):
        return rv.MixtureSameFamily(
            dist.Categorical(probs=weights), dist.Normal(loc, scale), value=data, name="x"
        )


def mixture_by_hand(v):
    # the mixture normalises its weights, so finite differences must, too
    terms = np.log(v["weights"] / v["weights"].sum()) + stats.norm.logpdf(
        DATA[:, None], v["loc"], v["scale"]
    )
    # Dirichlet(2, 3) without SciPy's check of the sum, which finite differences would not pass
    prior = np.log(12 * v["weights"][0] * v["weights"][1] ** 2) + stats.lognorm.logpdf(
        v["scale"], 1
    )
    prior += stats.norm.logpdf(v["loc"], 0, 5).sum()
    return prior + special.logsumexp(terms, axis=-1).sum()


def scaled_and_masked():
    """A subsampled plate (scale 10/4), a mask, a nested program and a scale."""
    with numpyro.plate("n", 10, subsample_size=4):
        x = rv.Normal(0.0, 2.0, name="x")
        with handlers.mask(mask=jnp.array([True, False, True, True])):
            rv.Laplace(x, 1.0, value=DATA, name="y")
    handlers.scope(handlers.scale(lambda: rv.Gamma(2.0, 3.0, name="z"), 0.5), prefix="inner")()


def scaled_by_hand(v):
    observed = stats.laplace.logpdf(DATA, v["x"])[[0, 2, 3]].sum()
    return 2.5 * (stats.norm.logpdf(v["x"], 0, 2).sum() + observed) + 0.5 * stats.gamma.logpdf(
        v["inner/z"], 2, scale=1 / 3
    )


def walk(steps):
    def step(carry, _):
        x = rv.Normal(0.9 * carry, 0.5, name="x")
        return x.value, x.value

    scale = rv.HalfNormal(1.0, name="scale")
    _, path = scan(step, 1.0, jnp.arange(steps))
    return rv.Normal(path, scale, name="y")


def walk_by_hand(v):
    before = np.concatenate([[1.0], v["x"][:-1]])
    path = stats.norm.logpdf(v["x"], 0.9 * before, 0.5).sum()
    observed = stats.norm.logpdf(v["y"], v["x"], v["scale"]).sum()
    return path + observed + stats.halfnorm.logpdf(v["scale"])


def matrices(rank):
    """Edward2's probabilistic matrix factorisation, with plain NumPyro in it."""
    users = rv.Normal(0.0, 1.0, sample_shape=[4, rank], name="users")
    items = numpyro.sample("items", dist.Normal(0.0, 1.0), sample_shape=(3, rank))
    return rv.Normal(loc=users @ items.T, scale=0.1, name="ratings")


def matrices_by_hand(v):
    prior = stats.norm.logpdf(v["users"]).sum() + stats.norm.logpdf(v["items"]).sum()
    return prior + stats.norm.logpdf(v["ratings"], v["users"] @ v["items"].T, 0.1).sum()


RNG = np.random.default_rng(1)
PROGRAMS = {
    "logistic regression": (
        logistic,
        (FEATURES,),
        {
            "coefficients": np.array([0.3, -0.7]),
            "intercept": np.array(0.2),
            "outcomes": np.array([1, 0, 1]),
        },
        logistic_by_hand,
    ),
    "mixture": (
        of_mixture,
        (DATA,),
        {"weights": np.array([0.4, 0.6]), "loc": np.array([-1.0, 2.0]), "scale": np.array(0.8)},
        mixture_by_hand,
    ),
    "scale, mask, scope": (
        handlers.seed(scaled_and_masked, random.key(0)),
        (),
        {"x": np.array([0.1, 0.2, -0.3, 0.4]), "inner/z": np.array(0.7)},
        scaled_by_hand,
    ),
    "random walk": (
        walk,
        (4,),
        {"scale": np.array(0.6), "x": DATA / 2, "y": DATA},
        walk_by_hand,
    ),
    "matrix factorisation": (
        matrices,
        (2,),
        {
            "users": RNG.normal(size=(4, 2)),
            "items": RNG.normal(size=(3, 2)),
            "ratings": RNG.normal(size=(4, 3)),
        },
        matrices_by_hand,
    ),
}


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


def twice():
    rv.Normal(0.0, 1.0, name="x")
    rv.Normal(0.0, 1.0, name="x")


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


# No overhead: the equations are the same as those of the program on arrays.


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
