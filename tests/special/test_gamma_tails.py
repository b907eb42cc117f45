"""The logarithms of the incomplete gamma functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import special_oracles as oracles

from pathmix._special import log_gammainc, log_gammaincc

FUNCTIONS = {"lower": log_gammainc, "upper": log_gammaincc}
ORACLES = {"lower": oracles.log_gammainc, "upper": oracles.log_gammaincc}

# The recurrences contract the errors of their steps, but for the series at x near a, whose steps
# add up to the root of a, 300 at most, at random: 20 units. With 16 for the kernel, and a
# cancellation of up to six in the alternating series: 64 units, 4e-6. In float64 the library's log
# gamma (Lanczos) adds some 30 units at small a: 128 units, 1.4e-14.
UNITS = {"float32": 64, "float64": 128}


def _points(precision):
    shapes = [1e-3, 0.03, 0.5, 0.99, 1, 1.5, 3, 10, 100, 1e3, 1e5]
    a, t = (v.ravel() for v in np.meshgrid(shapes, [-20, -3, -0.5, 0, 0.5, 3, 6]))
    small = np.maximum(a, 0.1) * np.exp(t / np.sqrt(np.maximum(a, 1)))
    x = np.where(a > 500, a + t * np.sqrt(a), small)
    return a.astype(precision), x.astype(precision)


def _check(side, points, found, expected, units):
    """Compare up to `units`; a result below the exponent range, or near it, has lost digits."""
    precision = points[0].dtype
    # The side computed as log(1 - e^v) magnifies the error of v by |v|.
    other = oracles.on_points(ORACLES["upper" if side == "lower" else "lower"], points)
    expected, other = (np.array([float(v) for v in values]) for values in (expected, other))
    scale = np.abs(expected) * np.maximum(1, np.abs(other)) * units * np.finfo(precision).eps / 2
    error = np.abs(np.asarray(found, float) - expected)
    assert (error <= np.maximum(scale, 1e6 * float(np.finfo(precision).tiny))).all()


@pytest.mark.parametrize("side", FUNCTIONS)
def test_values(precision, side):
    points = _points(precision)
    expected = oracles.on_points(ORACLES[side], points)
    _check(side, points, FUNCTIONS[side](*points), expected, UNITS[precision])


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("side", FUNCTIONS)
def test_slopes(precision, side, index):
    points = tuple(v[::2] for v in _points(precision))
    expected = oracles.slopes(ORACLES[side], points, index)
    found = jax.jit(jax.vmap(jax.grad(FUNCTIONS[side], argnums=index)))(*points)
    _check(side, points, found, expected, 2 * UNITS[precision])


@pytest.mark.parametrize(
    ("first", "second"),
    [(0, 1), *(pytest.param(*p, marks=pytest.mark.slow) for p in [(0, 0), (1, 1)])],
)
@pytest.mark.parametrize("side", FUNCTIONS)
def test_second_derivatives_by_both_modes(x64, side, first, second):
    points = tuple(jnp.array([[0.3, 0.2], [0.4, 1.5], [2.5, 1.2], [2.5, 4.0], [300, 280]]).T)
    gradient = jax.grad(FUNCTIONS[side], first)
    reverse = jax.jit(jax.vmap(jax.grad(gradient, second)))(*points)
    forward = jax.jit(jax.vmap(jax.jacfwd(gradient, second)))(*points)
    np.testing.assert_allclose(reverse, forward, rtol=1e-9, atol=1e-13)
    # Central differences of the gradient: step² and eps/step balance near 1e-10.
    step = 1e-5 * points[second]
    moved = [[*points[:second], points[second] + s, *points[second + 1 :]] for s in (step, -step)]
    up, down = (jax.jit(jax.vmap(gradient))(*v) for v in moved)
    np.testing.assert_allclose(reverse, (up - down) / (2 * step), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("side", FUNCTIONS)
def test_ends_of_the_domain(precision, side):
    a = jnp.repeat(jnp.asarray([1e-3, 1.0, 1e5], precision), 2)
    x = jnp.tile(jnp.asarray([0, np.inf], precision), 3)
    limits = [-np.inf, 0] if side == "lower" else [0, -np.inf]
    np.testing.assert_array_equal(FUNCTIONS[side](a, x), np.tile(limits, 3))


@pytest.mark.parametrize("side", FUNCTIONS)
def test_nothing_is_nan(side):
    a, x = np.meshgrid([1e-3, 0.5, 1.0, 50.0], [0, 1e-37, 1e-3, 1.0, 50.0, 1e3, 1e30, np.inf])
    a, x = (jnp.asarray(v.ravel(), "float32") for v in (a, x))
    gradients = np.asarray(jax.jit(jax.vmap(jax.grad(FUNCTIONS[side], (0, 1))))(a, x))
    assert not np.isnan(FUNCTIONS[side](a, x)).any()
    assert not np.isnan(gradients).any()
    assert (gradients[:, (x == 0) | (x == np.inf)] == 0).all()


def test_dtype_and_compilation(x64):
    a, x = jnp.asarray([0.5, 3.0], jnp.float32), jnp.asarray([[1.0], [2.0]], jnp.float32)
    assert log_gammainc(a, x).dtype == jnp.float32
    np.testing.assert_allclose(jax.jit(log_gammainc)(a, x), log_gammainc(a, x), rtol=1e-6)
    mapped = jax.vmap(log_gammaincc, (None, 0))(a, x)
    np.testing.assert_allclose(mapped, log_gammaincc(a, x), rtol=1e-6)
