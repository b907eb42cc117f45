"""The logarithm of the incomplete beta function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import special_oracles as oracles

from pathmix._special import log_betainc

# The fraction has positive terms on the short side; its first one, a y - b x, is a difference,
# whose rounding is divided by the fraction's own size, the root of n: √n times a unit of error at
# n = 2e4, near the mode: 100 units for all. The power series cancels up to six-fold. In float64
# XLA's log1p is itself only good to 1.5e-14 on [-0.9, 0]: 256 units, 2.8e-14.
UNITS = {"float32": 100, "float64": 256}


def _points(precision):
    shapes = [1e-2, 0.7, 3.5, 1e4]
    a, b, t = (v.ravel() for v in np.meshgrid(shapes, shapes, [-20, -3, 0.3, 3, 20]))
    odds = np.log(a / b) + t * np.minimum(1, np.sqrt((a + b) / (a * b)))
    ends = 1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(odds))
    return tuple(v.astype(precision) for v in (a, b, *ends))


def _check(points, found, expected, units):
    """Compare up to `units`, magnified by |v| where the value is log(1 - e^v)."""
    precision = points[0].dtype
    a, b, x, y = points
    other = oracles.on_points(oracles.log_betainc, (b, a, y, x))
    expected, other = (np.array([float(v) for v in values]) for values in (expected, other))
    scale = np.abs(expected) * np.maximum(1, np.abs(other)) * units * np.finfo(precision).eps / 2
    error = np.abs(np.asarray(found, float) - expected)
    assert (error <= np.maximum(scale, 1e6 * float(np.finfo(precision).tiny))).all()


def test_values(precision):
    points = _points(precision)
    expected = oracles.on_points(oracles.log_betainc, points)
    _check(points, log_betainc(*points), expected, UNITS[precision])


@pytest.mark.parametrize("index", [0, 1])
def test_slopes_in_the_shapes(precision, index):
    points = tuple(v[::4] for v in _points(precision))
    expected = oracles.slopes(oracles.log_betainc, points, index)
    found = jax.jit(jax.vmap(jax.grad(log_betainc, argnums=index)))(*points)
    # The logarithms in these derivatives are up to 30 times what is left of their difference.
    _check(points, found, expected, 30 * UNITS[precision])


def test_slope_in_x_is_the_density_over_the_cdf(precision):
    points = _points(precision)

    def slope(a, b, x, y):
        x, y = (x, 1 - x) if x <= y else (1 - y, y)
        density = oracles.log_beta_kernel(a, b, x, y) - oracles.mp.log(x * y)
        return oracles.mp.exp(density - oracles.log_betainc(a, b, x, y))

    expected = oracles.on_points(slope, points)
    found = jax.jit(jax.vmap(jax.grad(log_betainc, argnums=2)))(*points)
    _check(points, found, expected, 4 * UNITS[precision])
    assert (jax.jit(jax.vmap(jax.grad(log_betainc, argnums=3)))(*points) == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 1), (2, 1)])
def test_second_derivatives_by_both_modes(x64, first, second):
    at = lambda a, b, x: log_betainc(a, b, x, 1 - x)  # noqa: E731
    points = tuple(
        jnp.array([[0.3, 0.6, 0.2], [2.5, 4.0, 0.2], [2.5, 4.0, 0.8], [0.4, 30, 0.01]]).T
    )
    gradient = jax.grad(at, first)
    reverse = jax.jit(jax.vmap(jax.grad(gradient, second)))(*points)
    forward = jax.jit(jax.vmap(jax.jacfwd(gradient, second)))(*points)
    np.testing.assert_allclose(reverse, forward, rtol=1e-9, atol=1e-12)
    # Central differences of the gradient: step² and eps/step balance near 1e-10.
    step = 1e-5 * points[second]
    moved = [[*points[:second], points[second] + s, *points[second + 1 :]] for s in (step, -step)]
    up, down = (jax.jit(jax.vmap(gradient))(*v) for v in moved)
    np.testing.assert_allclose(reverse, (up - down) / (2 * step), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("x", "value"), [(0.0, -np.inf), (1.0, 0.0)])
def test_ends_of_the_domain(precision, x, value):
    a, b = (jnp.asarray(v, precision) for v in ([1e-2, 0.5, 3.0], [1e4, 0.5, 2.0]))
    assert (log_betainc(a, b, x, 1 - x) == value).all()


def test_nothing_is_nan():
    shapes, x = [1e-2, 0.99, 1.0, 40.0], [0, 1e-37, 1e-10, 0.3, 0.5, 1 - 1e-6, 1.0]
    a, b, x = (jnp.asarray(v.ravel(), "float32") for v in np.meshgrid(shapes, shapes, x))
    gradients = jax.jit(jax.vmap(jax.grad(log_betainc, (0, 1, 2))))(a, b, x, 1 - x)
    assert not np.isnan(log_betainc(a, b, x, 1 - x)).any()
    assert not np.isnan(gradients).any()
    assert (np.asarray(gradients)[:, (x == 0) | (x == 1)] == 0).all()


def test_dtype_and_compilation(x64):
    a, x = jnp.asarray([0.5, 3.0], jnp.float32), jnp.asarray([[0.2], [0.7]], jnp.float32)
    assert log_betainc(a, 2, x, 1 - x).dtype == jnp.float32
    mapped = jax.jit(jax.vmap(lambda x: log_betainc(a, 2.0, x, 1 - x)))(x)
    np.testing.assert_allclose(mapped, log_betainc(a, 2.0, x, 1 - x), rtol=1e-6)
