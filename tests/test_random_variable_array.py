"""A random variable is its value to Python, NumPy and JAX: results, dtypes and weak types."""

import math
import operator

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from jax import lax

from pathmix import RandomVariable
from pathmix import random_variables as rv


def variable(value):
    """A random variable of that value; the distribution plays no part."""
    ones = jnp.ones(jnp.shape(value))
    return RandomVariable(dist.Normal(ones, ones), value=value)


VALUES = {
    "float": jnp.array([0.5, -1.5, 2.0]),
    "half": jnp.array([0.5, -1.5, 2.0], jnp.float16),
    "weak": jnp.asarray(1.5),  # from a Python scalar, so weakly typed
    "integer": jnp.array([3, 1, 2]),
}
OTHERS = {
    "python": 2.0,
    "python int": 2,
    "numpy": np.array([2.0, 1.0, 3.0], np.float32),
    "numpy scalar": np.float32(2.0),
    "jax": jnp.array([2.0, 1.0, 3.0]),
    "variable": variable(jnp.array([2.0, 1.0, 3.0])),
}
BINARY = [
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod),
    *(operator.pow, divmod, operator.eq, operator.ne, operator.lt, operator.le, operator.gt),
    operator.ge,
]
BITWISE = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]
UNARY = [operator.neg, operator.pos, abs, round, operator.itemgetter(...), list]


def same(actual, expected):
    """Equal in value (NaN equals NaN), shape, dtype, weak type and type, leaf by leaf."""
    actual, expected = jax.tree.leaves(actual), jax.tree.leaves(expected)
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        assert type(one) is type(other)
        np.testing.assert_array_equal(one, other)
        assert jnp.result_type(one) == jnp.result_type(other)
        assert getattr(one, "weak_type", None) == getattr(other, "weak_type", None)
    return True


def plain(x):
    return x.value if isinstance(x, RandomVariable) else x


def test_the_comparison_can_fail():
    assert same(jnp.ones(2), jnp.ones(2))
    for other in (jnp.ones(3), jnp.zeros(2), jnp.ones(2, jnp.int32), np.ones(2, np.float32)):
        with pytest.raises(AssertionError):
            same(jnp.ones(2), other)
    with pytest.raises(AssertionError):
        same(jnp.asarray(1.0), jnp.float32(1.0))


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.__name__)
def test_binary_operators_on_both_sides(op, value, other):
    value, other = VALUES[value], OTHERS[other]
    x = variable(value)
    assert same(op(x, other), op(value, plain(other)))
    assert same(op(other, x), op(plain(other), value))


@pytest.mark.parametrize("op", BITWISE, ids=lambda op: op.__name__)
@pytest.mark.parametrize("other", [1, np.array([1, 2, 3], np.int32), jnp.array([1, 2, 3])], ids=str)
def test_bitwise_operators_on_both_sides(op, other):
    x = variable(VALUES["integer"])
    assert same(op(x, other), op(x.value, other))
    assert same(op(other, x), op(other, x.value))
    assert same(op(x, x), op(x.value, x.value))


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("op", UNARY, ids=str)
def test_unary_operators(op, value):
    value = VALUES[value]
    if op is list and not value.ndim:
        pytest.skip("a scalar has no entries")
    assert same(op(variable(value)), op(value))


def test_matrix_products():
    a, b = jnp.arange(6.0).reshape(2, 3), jnp.arange(12.0).reshape(3, 4)
    assert same(variable(a) @ b, a @ b)
    assert same(a @ variable(b), a @ b)
    assert same(variable(a) @ variable(b), a @ b)
    assert same(np.asarray(a) @ variable(b), np.asarray(a) @ b)


def test_inversion_of_integers_and_truth_values():
    assert same(~variable(VALUES["integer"]), ~VALUES["integer"])
    flags = jnp.array([True, False])
    assert same(~variable(flags), ~flags)


def test_python_scalars():
    x, n = variable(jnp.asarray(2.7)), variable(jnp.asarray(3))
    assert (float(x), int(x), complex(x)) == (float(x.value), 2, complex(x.value))
    assert list(range(5))[n] == 3
    assert bool(x)
    assert not variable(jnp.zeros(()))
    assert math.floor(x) == 2
    assert round(x, 1) == round(x.value, 1)
    assert f"{x:.3f}" == "2.700"
    assert f"{x}" == f"{x.value}"
    with pytest.raises(TypeError, match="scalar"):
        float(variable(jnp.ones(3)))
    with pytest.raises(ValueError, match="truth value"):
        bool(variable(jnp.ones(3)))


def test_indexing_iteration_and_containers():
    value = jnp.arange(6.0).reshape(2, 3)
    x = variable(value)
    index = variable(jnp.array([1, 0]))
    assert same(x[0], value[0])
    assert same(x[:, index], value[:, jnp.array([1, 0])])
    assert same(x[..., None], value[..., None])
    assert same([*x], [*value])
    assert same([*reversed(x)], [*reversed(value)])
    assert len(x) == 2
    assert 5.0 in variable(jnp.array([1.0, 5.0]))
    assert 7.0 not in variable(jnp.array([1.0, 5.0]))
    with pytest.raises(TypeError, match="does not support item assignment"):
        x[0] = 1.0
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)
    with pytest.raises(TypeError, match="unsized"):
        len(variable(1.0))


ATTRIBUTES = {
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "real": lambda x: x.real,
    "shape": lambda x: x.shape,
    "ndim": lambda x: x.ndim,
    "size": lambda x: x.size,
    "dtype": lambda x: x.dtype,
    "weak_type": lambda x: x.weak_type,
    "nbytes": lambda x: x.nbytes,
    "sum": lambda x: x.sum(axis=0),
    "mean": lambda x: x.mean(),
    "max": lambda x: x.max(),
    "argmin": lambda x: x.argmin(),
    "cumsum": lambda x: x.cumsum(),
    "reshape": lambda x: x.reshape(-1),
    "ravel": lambda x: x.ravel(),
    "astype": lambda x: x.astype(jnp.int32),
    "at": lambda x: x.at[0].set(3.0),
    "dot": lambda x: x.T.dot(x),
    "item": lambda x: x[0, 0].item(),
    "tolist": lambda x: x.tolist(),
    "transpose": lambda x: x.transpose(),
    "block_until_ready": lambda x: x.block_until_ready(),
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_and_methods_of_arrays(name):
    value = jnp.arange(6.0).reshape(2, 3)
    assert same(ATTRIBUTES[name](variable(value)), ATTRIBUTES[name](value))
    assert name in dir(variable(value))


MATRIX = jnp.array([[2.0, 0.5], [0.5, 1.0]])
SIMPLE = """abs arctan atleast_2d cos cumsum diag diff exp expm1 floor isfinite isnan log1p
    logical_not max mean median min negative ones_like prod ravel round sign sin sinh size shape
    sort sqrt square squeeze std sum tanh trace transpose tril unique var zeros_like"""
FUNCTIONS = {
    **{name: getattr(jnp, name) for name in SIMPLE.split()},
    "add": lambda x: jnp.add(x, 1),
    "array": jnp.array,
    "asarray": jnp.asarray,
    "broadcast_to": lambda x: jnp.broadcast_to(x, (3, 2, 2)),
    "clip": lambda x: jnp.clip(x, 0.6, 1.5),
    "concatenate": lambda x: jnp.concatenate([x, x]),
    "dot": lambda x: jnp.dot(x, x),
    "einsum": lambda x: jnp.einsum("ij,kj->ik", x, x),
    "full_like": lambda x: jnp.full_like(x, 2),
    "interp": lambda x: jnp.interp(x, jnp.arange(4.0), jnp.arange(4.0)),
    "list of two": lambda x: jnp.array([x, x]),
    "matmul": lambda x: jnp.matmul(x, x),
    "maximum": lambda x: jnp.maximum(x, 1.0),
    "moveaxis": lambda x: jnp.moveaxis(x, 0, 1),
    "outer": lambda x: jnp.outer(x, x),
    "pad": lambda x: jnp.pad(x, 1),
    "power": lambda x: jnp.power(x, 2),
    "result_type": jnp.result_type,
    "searchsorted": lambda x: jnp.searchsorted(jnp.arange(3.0), x),
    "stack": lambda x: jnp.stack([x, x.T]),
    "take": lambda x: jnp.take(x, jnp.array([1]), axis=0),
    "tensordot": lambda x: jnp.tensordot(x, x, 1),
    "where": lambda x: jnp.where(x > 0.7, x, 0),
    "linalg.cholesky": jnp.linalg.cholesky,
    "linalg.inv": jnp.linalg.inv,
    "linalg.norm": jnp.linalg.norm,
    "fft.fft": jnp.fft.fft,
    "scipy.special.gammaln": jax.scipy.special.gammaln,
    "scipy.special.logsumexp": jax.scipy.special.logsumexp,
    "scipy.stats.norm.logpdf": jax.scipy.stats.norm.logpdf,
    "nn.softmax": jax.nn.softmax,
    "nn.relu": jax.nn.relu,
    "random.categorical": lambda x: jax.random.categorical(jax.random.key(0), x),
    "random.gamma": lambda x: jax.random.gamma(jax.random.key(0), x),
    "lax.stop_gradient": lax.stop_gradient,
    "lax.convert_element_type": lambda x: lax.convert_element_type(x, jnp.int32),
    "lax.scan": lambda x: lax.scan(lambda c, row: (c + row, c), jnp.zeros(2), x),
    "lax.map": lambda x: lax.map(lambda row: row * 2, x),
    "lax.cond": lambda x: lax.cond(True, lambda x: x * 2, lambda x: x * 3, x),
    "lax.fori_loop": lambda x: lax.fori_loop(0, 3, lambda i, c: c + x, jnp.zeros((2, 2))),
    "lax.while_loop": lambda x: lax.while_loop(lambda c: c[0, 0] < x[0, 0], lambda c: c + x, 0 * x),
    "vmap": jax.vmap(lambda row: row + 1),
    "jit": jax.jit(lambda x: x * 2),
}


def test_there_are_more_than_forty_functions():
    assert len([name for name in FUNCTIONS if hasattr(jnp, name)]) > 40


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_jax(name):
    with jax.checking_leaks():
        assert same(plain(FUNCTIONS[name](variable(MATRIX))), FUNCTIONS[name](MATRIX))


@pytest.mark.parametrize("function", [jnp.sin, jnp.square, jnp.negative, jnp.sqrt])
@pytest.mark.parametrize("value", VALUES)
def test_functions_keep_weak_types(function, value):
    value = jnp.abs(VALUES[value])
    assert same(function(variable(value)), function(value))


NUMPY = {
    "asarray": np.asarray,
    "array of another type": lambda x: np.array(x, np.float64),
    "float64": lambda x: np.asarray(x, dtype=np.float64),
    "sin": np.sin,
    "add": lambda x: np.add(x, 1),
    "add.reduce": lambda x: np.add.reduce(x),
    "add into": lambda x: np.add(x, 1, out=np.zeros((2, 2), np.float32)),
    "greater": lambda x: np.greater(x, 0.7),
    "sum": np.sum,
    "stack": lambda x: np.stack([x, x]),
    "linalg.inv": np.linalg.inv,
    "from_dlpack": np.from_dlpack,
    "allclose": lambda x: np.allclose(x, MATRIX),
    "shape": np.shape,
}


@pytest.mark.parametrize("name", NUMPY)
def test_functions_of_numpy(name):
    assert same(NUMPY[name](variable(MATRIX)), NUMPY[name](MATRIX))


def test_universal_functions_of_numpy_under_jit_are_those_of_jax():
    """NumPyro calls them so on the parameters of a distribution."""
    actual = jax.jit(lambda value: np.greater(variable(value), 0.7))(MATRIX)
    assert same(actual, jnp.greater(MATRIX, 0.7))


def test_numpyro_validates_parameters_that_are_variables():
    def density(value):
        scale = variable(value)
        with numpyro.validation_enabled():
            return dist.Normal(scale, scale).log_prob(1.0)

    wanted = dist.Normal(2.0, 2.0).log_prob(1.0)
    np.testing.assert_allclose(jax.jit(density)(2.0), wanted, rtol=1e-6)
    np.testing.assert_allclose(density(2.0), wanted, rtol=1e-6)
    with pytest.raises(ValueError, match="invalid scale parameter"):
        density(-2.0)


PRIMITIVES = {
    "sin": lax.sin,
    "add": lambda x: lax.add(x, x),
    "dot": lambda x: lax.dot(x, MATRIX),
    "reshape": lambda x: lax.reshape(x, (4,)),
    "select": lambda x: lax.select(MATRIX > 1, x, MATRIX),
    "top_k": lambda x: lax.top_k(x, 1),
    "cumsum": lax.cumsum,
}


@pytest.mark.parametrize("name", PRIMITIVES)
def test_single_primitives_of_lax_refuse_or_agree(name):
    """JAX refuses any object but its arrays there, and says how to convert it; never silently."""
    expected = PRIMITIVES[name](MATRIX)
    assert same(PRIMITIVES[name](variable(MATRIX).value), expected)
    try:
        actual = PRIMITIVES[name](variable(MATRIX))
    except ValueError as error:
        assert "jax.numpy.array()" in str(error)  # noqa: PT017  (which of the two depends on JAX)
    else:
        assert same(actual, expected)


def test_as_the_index_of_an_array_it_is_refused_or_agrees():
    array, index = jnp.arange(4.0), variable(jnp.array([1, 0]))
    assert same(array[index.value], array[jnp.array([1, 0])])
    try:
        actual = array[index]
    except ValueError as error:
        assert "jax.numpy.array()" in str(error)  # noqa: PT017
    else:
        assert same(actual, array[index.value])


def test_both_precisions(precision):
    x = rv.Normal(jnp.zeros(3), 1.0, key=jax.random.key(0))
    assert x.dtype == precision
    assert same(x * 2 + np.ones(3, precision), x.value * 2 + np.ones(3, precision))
    assert same(jnp.exp(x), jnp.exp(x.value))


def test_under_jit_the_same_holds():
    @jax.jit
    def both(value):
        x = RandomVariable(dist.Normal(jnp.zeros(3)), value=value)
        results = [1 - x, x**2, x[1:], x @ x, jnp.sin(x), x.sum(), -x, x > 0, abs(x)]
        wanted = [1 - value, value**2, value[1:], value @ value, jnp.sin(value), value.sum()]
        return results, [*wanted, -value, value > 0, abs(value)]

    assert same(*both(VALUES["float"]))
