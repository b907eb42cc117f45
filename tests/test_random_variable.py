"""Random variables: where the value comes from, the pytree, gradients."""

import copy
import dataclasses
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from jax import lax, random
from numpyro import handlers
from numpyro.infer.reparam import LocScaleReparam

from cases.programs import draw, mixture, seeded
from pathmix import RandomVariable
from pathmix import random_variables as rv

# Where the value comes from


def test_a_given_value_comes_first(key):
    x = RandomVariable(dist.Normal(jnp.zeros(2), 1.0), value=[1.0, 2.0], key=key)
    np.testing.assert_array_equal(x.value, [1.0, 2.0])
    x = RandomVariable(dist.Normal(0.0, 1.0), value=RandomVariable(dist.Normal(), value=3.0))
    assert isinstance(x.value, jax.Array)
    assert x.value == 3.0


def test_a_key_draws_from_the_distribution(key):
    d = mixture(jnp.zeros(2), jnp.array([-5.0, 5.0]))
    x = RandomVariable(d, sample_shape=(3,), key=key)
    np.testing.assert_array_equal(x.value, d.sample(key, (3,)))
    assert x.distribution is d


def test_a_named_variable_is_the_sample_site_of_that_name():
    def ours():
        loc = RandomVariable(dist.Normal(0.0, 1.0), name="loc")
        return RandomVariable(dist.Normal(loc, 1.0), sample_shape=3, name="x").value

    def plain():
        loc = numpyro.sample("loc", dist.Normal(0.0, 1.0))
        return numpyro.sample("x", dist.Normal(loc, 1.0), sample_shape=(3,))

    one, other = (handlers.trace(handlers.seed(p, 0)).get_trace() for p in (ours, plain))
    assert list(one) == list(other) == ["loc", "x"]
    for name, site in one.items():
        np.testing.assert_array_equal(site["value"], other[name]["value"])
        assert site["is_observed"] == other[name]["is_observed"]
        assert isinstance(site["value"], jax.Array)


def test_a_key_within_handlers_draws_unless_a_handler_has_a_value(key):
    def program():
        return rv.Normal(0.0, 1.0, key=key, name="x")

    with handlers.trace() as sites:
        assert program() == dist.Normal().sample(key)
    assert not sites["x"]["is_observed"]
    assert handlers.substitute(program, {"x": 2.0})() == 2.0


def test_a_named_value_within_handlers_is_an_observation():
    with handlers.trace() as sites:
        x = rv.Normal(jnp.zeros(2), 1.0, value=jnp.ones(2), name="x")
    assert sites["x"]["is_observed"]
    np.testing.assert_array_equal(x, [1.0, 1.0])


def test_an_unnamed_variable_is_no_site(key):
    with handlers.trace() as sites:
        rv.Normal(0.0, 1.0, key=key)
        rv.Normal(0.0, 1.0, value=2.0)
    assert not sites


def test_shapes():
    for sample_shape, full in [((), ()), (5, (5,)), ([2, 3], (2, 3)), ((2,), (2,)), (0, (0,))]:
        x = rv.Bernoulli(0.5, sample_shape=sample_shape, value=jnp.zeros(full))
        assert x.sample_shape == full
        assert x.shape == full
    x = rv.Dirichlet(jnp.ones((2, 3)), sample_shape=5, key=random.key(0))
    assert (x.shape, x.ndim, x.size, len(x)) == ((5, 2, 3), 3, 30, 5)
    assert x.distribution.batch_shape + x.distribution.event_shape == (2, 3)
    assert (x.dtype, x.name) == (jnp.float32, None)


def test_plates_expand_the_distribution():
    def program():
        with numpyro.plate("rows", 4):
            x = rv.Normal(0.0, 1.0, name="x")
        with numpyro.plate("columns", 2):
            y = rv.Normal(0.0, 1.0, sample_shape=(3, 1), name="y")
        return x, y

    x, y = seeded(program)
    assert x.shape == x.distribution.shape() == (4,)
    assert x.log_prob().shape == (4,)
    assert y.shape == y.distribution.shape(y.sample_shape) == (3, 2)


def test_masks_are_part_of_the_distribution():
    def program():
        with handlers.mask(mask=jnp.array([True, False])):
            return rv.Normal(jnp.zeros(2), 1.0, value=jnp.ones(2), name="x")

    np.testing.assert_allclose(seeded(program).log_prob(), [-1.4189385, 0.0], rtol=1e-6)


def test_a_reparameterised_site_keeps_its_distribution():
    def program():
        with numpyro.plate("n", 3):
            return rv.Normal(1.0, 2.0, name="x")

    x = seeded(handlers.reparam(program, config={"x": LocScaleReparam(0.0)}))
    assert x.shape == x.distribution.shape() == (3,)
    np.testing.assert_allclose(x.log_prob(), dist.Normal(1.0, 2.0).log_prob(x.value), rtol=1e-6)


def test_scoped_names():
    def program():
        return rv.Normal(0.0, 1.0, name="x")

    assert seeded(handlers.scope(program, prefix="inner")).name == "inner/x"


# Parameters that are random variables


def test_parameters_become_arrays(key):
    loc = rv.Normal(jnp.zeros(3), 1.0, key=key)
    by_constructor = rv.Normal(loc, 1.0, key=key)
    by_class = RandomVariable(dist.Normal(loc, 1.0), key=key)
    for x in (by_constructor, by_class):
        assert isinstance(x.distribution.loc, jax.Array)
        np.testing.assert_array_equal(x, dist.Normal(loc.value, 1.0).sample(key))


def test_nested_parameters_become_arrays(key):
    def program(key):
        loc = rv.Normal(jnp.zeros(3), 1.0, key=key)
        weights = rv.Dirichlet(jnp.ones(3), key=key)
        x = RandomVariable(dist.Normal(loc, 1.0).to_event(1).expand((2,)), key=key)
        y = rv.MixtureSameFamily(dist.Categorical(probs=weights), dist.Normal(loc, 1.0), key=key)
        for variable in (x, y):
            leaves = jax.tree.leaves(variable, is_leaf=lambda leaf: isinstance(leaf, type(loc)))
            assert leaves == [variable]
            inner = jax.tree.leaves(
                variable.distribution, is_leaf=lambda z: isinstance(z, type(loc))
            )
            assert not any(isinstance(leaf, RandomVariable) for leaf in inner)
        return x.value, y.value

    assert [each.shape for each in jax.eval_shape(program, key)] == [(2, 3), ()]


# Gradients


def test_gradients_of_a_function_of_the_value():
    x = rv.Normal(0.0, 1.0, value=1.5)
    assert jax.grad(lambda value: 2 * value)(x.value) == 2.0
    assert jax.grad(jax.grad(lambda value: 2 * value**2))(x.value) == 4.0
    gradient = jax.grad(lambda x: jnp.sum(2 * x**2))(x)
    assert isinstance(gradient, RandomVariable)
    assert gradient.value == 6.0
    assert gradient.distribution.loc == 0.0


def test_draws_carry_gradients_to_parameters(key):
    def draw(loc, scale):
        return rv.Normal(loc, scale, key=key) * 1.0

    noise = dist.Normal().sample(key)
    np.testing.assert_allclose(jax.grad(draw, (0, 1))(0.5, 2.0), (1.0, noise), rtol=1e-6)


def test_draws_of_reparameterized_mixtures_carry_gradients_to_weights(key):
    """The same as differentiating the mixture's own draw; zero if it is not reparameterized."""

    def through_variable(logits, reparameterize):
        d = mixture(logits, jnp.array([-1.0, 1.0]), reparameterize=reparameterize)
        return jnp.sum(RandomVariable(d, sample_shape=4, key=key) ** 2)

    def direct(logits):
        d = mixture(logits, jnp.array([-1.0, 1.0]), reparameterize=True)
        return jnp.sum(d.sample(key, (4,)) ** 2)

    logits = jnp.array([0.3, -0.3])
    ours = jax.jit(jax.grad(through_variable), static_argnums=1)
    np.testing.assert_allclose(ours(logits, True), jax.jit(jax.grad(direct))(logits), rtol=1e-5)
    assert abs(ours(logits, True)[0]) > 1e-2
    with pytest.warns(UserWarning, match="expected no gradient through a draw"):
        assert not ours(logits, False).any()


def test_gradients_flow_from_variable_to_variable(key):
    """d/dθ of y = x + ε₂, x = θ + ε₁ is one."""

    def program(theta):
        x = rv.Normal(theta, 1.0, name="x")
        return rv.Normal(x, 1.0, name="y").value

    assert jax.grad(lambda theta: handlers.seed(program, key)(theta))(0.3) == 1.0


def test_log_prob_is_that_of_its_own_value(key, precision):
    x = rv.Normal(jnp.array([2.0, 3.0]), 1.0, sample_shape=4, key=key)
    np.testing.assert_array_equal(x.log_prob(), x.distribution.log_prob(x.value))
    assert x.log_prob().shape == (4, 2)
    assert x.log_prob().dtype == precision


# The pytree


def test_it_is_frozen(key):
    x = draw(key)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign"):
        x.value = 1.0
    before = x
    x += 1
    assert isinstance(x, jax.Array)
    assert not (before == x).any()


def test_leaves_and_static_parts(key):
    x = draw(key)
    leaves, structure = jax.tree.flatten(x)
    assert len(leaves) == 3
    again = jax.tree.unflatten(structure, leaves)
    assert (again.name, again.sample_shape, repr(again)) == ("x", (3,), repr(x))
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(x)]
    assert paths[-1] == ".value"
    assert all(path.startswith(".distribution") for path in paths[:-1])


@pytest.mark.parametrize("leaf", [object(), None, "text", jax.ShapeDtypeStruct((2,), jnp.int32)])
def test_unflattening_takes_any_leaves(key, leaf):
    structure = jax.tree.structure(draw(key))
    x = jax.tree.unflatten(structure, [leaf] * structure.num_leaves)
    assert x.value is leaf
    assert "value=" in repr(x)


def test_through_jit(key):
    direct, jitted = draw(key), jax.jit(draw)(key)
    np.testing.assert_allclose(jitted, direct, rtol=1e-6)
    assert (jitted.name, jitted.sample_shape) == ("x", (3,))
    np.testing.assert_allclose(
        jax.jit(lambda x: x.log_prob())(jitted), direct.log_prob(), rtol=1e-6
    )


@pytest.mark.parametrize("number", [3, 4])
def test_through_vmap(key, number):
    """As many draws as samples (3) is the case in which shapes could be taken for others."""
    keys, loc = random.split(key, number), jnp.linspace(0.0, 9.0, number)

    def one(key, loc):
        return RandomVariable(dist.Normal(loc, 1.0), sample_shape=3, key=key)

    many = jax.vmap(one)(keys, loc)
    assert many.shape == (number, 3)
    wanted = dist.Normal(loc[:, None], 1.0).log_prob(many.value)
    np.testing.assert_allclose(many.log_prob(), wanted, rtol=1e-6)
    np.testing.assert_allclose(jax.vmap(lambda x: x.log_prob())(many), wanted, rtol=1e-6)


def test_through_scan(key):
    def step(x, key):
        x = RandomVariable(dist.Normal(x.value, 1.0), key=key, name="x")
        return x, x

    start = RandomVariable(dist.Normal(0.0, 1.0), key=key, name="x")
    start = jax.tree.map(jnp.asarray, start)
    last, path = lax.scan(step, start, random.split(key, 5))
    assert path.shape == (5,)
    assert last.value == path.value[-1]
    np.testing.assert_allclose(
        path.log_prob(), dist.Normal(path.distribution.loc, 1.0).log_prob(path.value), rtol=1e-6
    )


def test_stacked_by_tree_map(key):
    one, other = draw(key), draw(random.key(1))
    both = jax.tree.map(lambda *leaves: jnp.stack(leaves), one, other)
    np.testing.assert_allclose(both.log_prob()[1], other.log_prob(), rtol=1e-6)


def test_copies_and_pickles():
    x = rv.Normal(jnp.zeros(3), 1.0, key=jax.random.key(0), name="x")
    for made in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert np.array_equal(made.value, x.value)
        assert made.name == "x"
        assert repr(made) == repr(x)
