"""The constructors: a table held against NumPyro's, signatures, docstrings, types, draws."""

import inspect
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from jax import random
from numpyro import handlers

import pathmix
from cases.random_variables import ARGUMENTS
from cases.stubs import PATH, stub
from pathmix import MixtureSameFamily, RandomVariable, log_joint
from pathmix import random_variables as rv

FAMILIES = [name for name in rv.__all__ if not name.startswith("Mixture")]
EXCLUDED = [name for names in rv._WITHOUT_CONSTRUCTOR.values() for name in names]
NO_FAMILIES = {"biject_to", "constraints", "kl_divergence", "transforms"}
PARAMETERS = {"sample_shape": (), "value": None, "key": None, "name": None}


def test_every_family_of_numpyro_has_a_constructor_or_a_reason():
    known = {*rv.__all__, *EXCLUDED, *NO_FAMILIES}
    new = sorted(set(dist.__all__) - known)
    assert not new, (
        f"NumPyro has families that pathmix.random_variables does not know: {new}. Add each that "
        "is constructed from arrays to _FAMILIES and to tests/cases/random_variables.py, and run "
        "tests/cases/stubs.py; add the others to _WITHOUT_CONSTRUCTOR with the reason."
    )


def test_the_table_names_each_family_once_and_none_that_numpyro_lacks():
    names = [*rv.__all__, *EXCLUDED]
    assert len(names) == len(set(names))
    gone = sorted(set(names) - set(dist.__all__))
    assert not gone, f"NumPyro no longer has {gone}: remove them from pathmix.random_variables"
    assert sorted(ARGUMENTS) == sorted(FAMILIES)


@pytest.mark.parametrize("name", EXCLUDED)
def test_a_family_without_constructor_says_why(name):
    with pytest.raises(AttributeError, match=f"got {name}, which is .* Use pathmix.RandomVariable"):
        getattr(rv, name)


def test_an_unknown_name():
    with pytest.raises(AttributeError, match=r"expected one of the families in dir.*got 'Nothing'"):
        rv.Nothing  # noqa: B018


def test_completion():
    assert set(dir(rv)) == set(rv.__all__)
    assert "MixtureSameFamily" in dir(rv)
    assert "Normal" in dir(rv)


@pytest.mark.parametrize("name", FAMILIES)
def test_signature_is_the_familys_and_ours(name):
    own = inspect.signature(getattr(dist, name)).parameters
    all_of_them = inspect.signature(getattr(rv, name)).parameters
    assert list(all_of_them) == [*own, *PARAMETERS]
    assert {k: p.default for k, p in all_of_them.items() if k in PARAMETERS} == PARAMETERS
    assert inspect.signature(getattr(rv, name)).return_annotation is RandomVariable


@pytest.mark.parametrize("name", FAMILIES)
def test_docstring_is_composed_from_the_familys(name):
    text = inspect.getdoc(getattr(rv, name))
    assert text.startswith(f"Create a random variable for {name}.\n\nSee ``numpyro.distributions.")
    assert all(f"    {parameter}: " in text for parameter in PARAMETERS)
    assert (inspect.getdoc(getattr(dist, name)) or "(none)").strip() in text


def test_names_and_pickles():
    assert rv.Normal.__name__ == rv.Normal.__qualname__ == "Normal"
    assert rv.Normal is rv.Normal
    assert pickle.loads(pickle.dumps(rv.Normal)) is rv.Normal


def test_the_stub_is_in_step():
    assert PATH.read_text() == stub() + "\n", "run `python tests/cases/stubs.py`"


def test_tfps_signature_of_the_mixture():
    reference = list(inspect.signature(MixtureSameFamily).parameters.values())
    ours = list(inspect.signature(rv.MixtureSameFamily).parameters.values())
    assert [p.name for p in ours[:6]] == [p.name for p in reference]
    assert [p.default for p in ours[:5]] == [p.default for p in reference[:5]]
    assert [p.name for p in ours[6:]] == ["sample_shape", "value", "key", "with_component"]


@pytest.mark.parametrize("name", sorted({*FAMILIES} - {"GaussianCopulaBeta"}))
def test_draws_are_those_of_the_distribution(name, key):
    """Their programs are the same, equation for equation; nothing is run."""
    arguments, distributions = ARGUMENTS[name], []

    def ours(key):
        x = getattr(rv, name)(**arguments, sample_shape=3, key=key)
        distributions.append((type(x.distribution), x.shape))
        return x.value

    def direct(key):
        d = getattr(dist, name)(**arguments)
        distributions.append((type(d), d.shape((3,))))
        return jnp.asarray(d.sample(key, (3,)))

    assert str(jax.make_jaxpr(ours)(key)) == str(jax.make_jaxpr(direct)(key))
    assert distributions[0] == distributions[1]


@pytest.mark.slow
# that package may warn of what it uses of JAX, where it is installed
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_family_whose_draws_need_another_package():
    """NumPyro draws from GaussianCopulaBeta by TensorFlow Probability; values need none."""
    arguments = ARGUMENTS["GaussianCopulaBeta"]
    x = rv.GaussianCopulaBeta(**arguments, value=jnp.array([0.3, 0.6]))
    wanted = dist.Beta(arguments["concentration1"], arguments["concentration0"]).log_prob(x.value)
    np.testing.assert_allclose(x.log_prob(), wanted.sum(), rtol=1e-5)


@pytest.mark.parametrize("name", ["Normal", "Dirichlet", "Poisson", "Unit"])
def test_log_joint_of_one_variable(name, key):
    d = getattr(dist, name)(**ARGUMENTS[name])
    value = d.sample(key)
    joint = log_joint(lambda: getattr(rv, name)(**ARGUMENTS[name], name="x"))
    np.testing.assert_allclose(joint(x=value), d.log_prob(value).sum(), rtol=1e-6)


def test_positional_arguments(key):
    np.testing.assert_array_equal(
        rv.Normal(1.0, 2.0, key=key), rv.Normal(loc=1.0, scale=2.0, key=key)
    )
    with pytest.raises(TypeError, match="positional"):
        rv.Normal(1.0, 2.0, 3.0, 4.0)
    with pytest.raises(TypeError, match="nothing"):
        rv.Normal(nothing=1.0)


def test_validation_of_arguments():
    with pytest.raises(ValueError, match="invalid scale parameter"):
        rv.Normal(0.0, -1.0, validate_args=True, value=0.0)


# Mixtures

WEIGHTS = dist.Categorical(probs=jnp.array([0.3, 0.7]))
NORMALS = dist.Normal(jnp.array([-9.0, 9.0]), 1.0)


def test_mixtures_take_the_references_arguments(key):
    x = rv.MixtureSameFamily(
        mixture_distribution=WEIGHTS,
        components_distribution=NORMALS,
        reparameterize=True,
        allow_nan_stats=False,
        sample_shape=[5],
        key=key,
        name="x",
    )
    assert isinstance(x.distribution, MixtureSameFamily)
    assert (x.distribution.name, x.name) == ("x", "x")
    assert x.distribution.reparameterize
    assert not x.distribution.allow_nan_stats
    np.testing.assert_array_equal(x, x.distribution.sample(key, (5,)))
    unnamed = rv.MixtureSameFamily(WEIGHTS, NORMALS, key=key)
    assert (unnamed.distribution.name, unnamed.name) == ("MixtureSameFamily", None)


def test_unnamed_variables_stand_for_their_distributions(key):
    weights, normals = RandomVariable(WEIGHTS, key=key), RandomVariable(NORMALS, key=key)
    x = rv.MixtureSameFamily(weights, normals, key=key)
    np.testing.assert_array_equal(x, rv.MixtureSameFamily(WEIGHTS, NORMALS, key=key))


def test_named_variables_as_distributions_are_errors(key):
    named = RandomVariable(WEIGHTS, key=key, name="z")
    with pytest.raises(ValueError, match=r"mixture_distribution.*'z'.*Pass a NumPyro distribution"):
        rv.MixtureSameFamily(named, NORMALS, key=key)


def test_arrays_as_distributions_are_errors(key):
    with pytest.raises(TypeError):
        rv.MixtureSameFamily(jnp.ones(2), NORMALS, key=key)


def component_program(**options):
    def program():
        return rv.MixtureSameFamily(WEIGHTS, NORMALS, name="x", with_component=True, **options)

    return handlers.trace(handlers.seed(program, random.key(3)))


def test_the_component_of_a_draw_is_the_one_it_was_drawn_from():
    """Overlapping components, so that the most probable one is often another."""
    overlapping = dist.Normal(jnp.array([-0.1, 0.1]), 1.0)

    def program():
        rv.MixtureSameFamily(WEIGHTS, overlapping, name="x", with_component=True, sample_shape=2000)

    sites = handlers.trace(handlers.seed(program, random.key(3))).get_trace()
    index, x = sites["x_component"]["value"], sites["x"]["value"]
    assert sites["x_component"]["type"] == "deterministic"
    assert index.shape == x.shape == (2000,)
    # frequencies and means of the drawn components: z-scores below 4.5
    assert abs(index.mean() - 0.7) < 4.5 * np.sqrt(0.21 / 2000)
    for k, loc in enumerate([-0.1, 0.1]):
        members = x[index == k]
        assert abs(members.mean() - loc) < 4.5 / np.sqrt(members.size)
    mode = sites["x"]["fn"].posterior_mode(x)
    assert 0.2 < (mode != index).mean() < 0.5


def test_the_component_of_a_given_value_is_the_most_probable():
    sites = component_program(value=jnp.array([-8.0, 8.0, -0.01]), sample_shape=3).get_trace()
    np.testing.assert_array_equal(sites["x_component"]["value"], [0, 1, 1])
    with pathmix.condition(x=jnp.array(-8.0)):
        sites = component_program().get_trace()
    assert sites["x_component"]["value"] == 0
    sites = handlers.trace(handlers.substitute(component_program(), {"x": 8.0})).get_trace()
    assert sites["x_component"]["value"] == 1


def test_a_component_needs_a_name(key):
    with pytest.raises(ValueError, match=r"expected a name with with_component=True.*name=None"):
        rv.MixtureSameFamily(WEIGHTS, NORMALS, key=key, with_component=True)


def test_constructors_under_jit(key):
    def drawn(loc):
        x = rv.MixtureSameFamily(WEIGHTS, dist.Normal(loc, 1.0), key=key, sample_shape=4)
        return rv.Normal(x, 1.0, key=key).value

    loc = jnp.array([-9.0, 9.0])
    np.testing.assert_allclose(jax.jit(drawn)(loc), drawn(loc), rtol=1e-5)
