"""Stirling's error, the deviance, and the kernels made of them."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
import special_oracles as oracles
from jax.scipy.special import gammaln

from pathmix._special import (
    deviance,
    log_beta_kernel,
    log_poisson_kernel,
    log_poisson_peak,
    stirling_error,
)


def _units(precision, count):
    return count * float(np.finfo(precision).eps) / 2


def _poisson_points(precision):
    a = np.repeat([1e-3, 0.5, 1, 2.9, 3.1, 9.9, 10.1, 100, 1e4, 1e5], 7)
    t = np.tile([-8, -3, -0.5, 0.1, 0.5, 3, 8], 10)
    x = np.where(a > 70, a + t * np.sqrt(a), np.exp(t) * a)
    return a.astype(precision), x.astype(precision)


def _beta_points(precision):
    shapes = [1e-2, 0.7, 3.5, 50, 1e4]
    a, b, t = (v.ravel() for v in np.meshgrid(shapes, shapes, [-20, -3, -0.5, 0.1, 0.5, 3, 20]))
    spread = np.minimum(1, np.sqrt((a + b) / (a * b)))
    odds = np.log(a / b) + t * spread
    return tuple(
        v.astype(precision) for v in (a, b, 1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(odds)))
    )


def test_stirling_error(precision):
    n = np.array([3.1, 5, 10.5, 30, 1e3, 1e5], precision)
    values = oracles.on_points(oracles.stirling_error, [n])
    # Below the threshold the definition subtracts terms of up to 25; above it 10 operations.
    floor = np.where(n < (3 if precision == "float32" else 10), 25, 0)
    found = np.abs(np.asarray(stirling_error(n)) - np.array(values, float))
    assert (found <= _units(precision, 16) * np.maximum(floor, np.array(values, float))).all()
    assert stirling_error(0.0) == np.inf


COUNTS = [1e-6, 0.3, 1, 2.9, 3.1, 7, 9.9, 10.1, 100, 1e5]


@pytest.mark.parametrize("name", ["stirling_error", "log_poisson_peak"])
def test_slopes_of_functions_of_counts(precision, name):
    """Of sums of terms up to 1/(2n) or 3, in the range of the definition, by the series beyond.

    What that leaves out is below its next term, 1.4 n⁻¹⁹.
    """
    fn, oracle = {
        "stirling_error": (stirling_error, oracles.stirling_error),
        "log_poisson_peak": (
            log_poisson_peak,
            lambda n: n * mp.log(n) - n - mp.loggamma(n + 1),
        ),
    }[name]
    n = np.array(COUNTS, precision)
    small = n < (3 if precision == "float32" else 10)
    for order in (1, 2):
        fn = jax.grad(fn)
        exact = np.array([mp.diff(oracle, mp.mpf(float(t)), order) for t in n], float)
        floor = np.where(small, 3 / np.minimum(n, 1) ** order, np.abs(exact))
        error = np.abs(np.asarray(jax.vmap(fn)(n), float) - exact)
        left_out = np.where(small, 0, 1.4 * (19, 380)[order - 1] * n.astype(float) ** (-19 - order))
        assert (error <= _units(precision, 32) * np.maximum(floor, np.abs(exact)) + left_out).all()
    if name == "stirling_error":
        assert jax.grad(stirling_error)(jnp.asarray(0.0, precision)) == 0


def test_deviance_is_relatively_accurate(precision):
    x = np.repeat(np.array([1e-3, 2.0, 1e5]), 9)
    x = x.astype(precision)
    ratios = np.tile([1e-6, 0.1, 0.5, 0.6, 1 - 1e-3, 1 + 1e-6, 1.8, 1.9, 1e6], 3)
    m = (x * ratios).astype(precision)
    values = oracles.on_points(oracles.deviance, [x, m])
    # At the switch to the logarithms these are four times the result: 4 x 8 units.
    assert oracles.errors(deviance(x, m), values, 1e-30).max() < _units(precision, 40)


@pytest.mark.parametrize(
    ("x", "m", "value"), [(0.0, 2.0, 2.0), (0.0, 0.0, 0.0), (2.0, 0.0, np.inf)]
)
def test_deviance_at_the_ends(precision, x, m, value):
    assert deviance(x, m) == value
    assert np.isfinite(jax.grad(deviance, argnums=(0, 1))(x, m)).all()


def test_log_poisson_kernel(precision):
    points = _poisson_points(precision)
    values = oracles.on_points(oracles.log_poisson_kernel, points)
    # The direct form, below a = 3 or 10, adds terms of up to 25 (log gamma to a few units).
    floor = 16 if precision == "float64" else 4
    assert oracles.errors(log_poisson_kernel(*points), values, floor).max() < _units(precision, 16)


@pytest.mark.parametrize("index", [0, 1])
def test_slopes_of_log_poisson_kernel(precision, index):
    points = _poisson_points(precision)
    slopes = oracles.slopes(oracles.log_poisson_kernel, points, index)
    found = jax.jit(jax.vmap(jax.grad(log_poisson_kernel, argnums=index)))(*points)
    # a/x - 1, and log(x) - digamma: differences of numbers of order one and log(a).
    assert oracles.errors(found, slopes, 1).max() < _units(precision, 32)


def test_the_slope_of_log_poisson_kernel_at_zero(precision):
    """``log x + γ``, by the logarithm of the smallest number, of which rounding leaves a share."""
    x = np.asarray(2.5, precision)
    found = jax.grad(log_poisson_kernel)(np.zeros((), precision), x)
    rounding = -np.log(float(np.finfo(precision).tiny)) * _units(precision, 8)
    assert abs(float(found) - (np.log(2.5) + np.euler_gamma)) < rounding


def test_log_beta_kernel(precision):
    points = _beta_points(precision)
    values = oracles.on_points(oracles.log_beta_kernel, points)
    # About ten terms, none greater than the value and log(ab) by more than the direct form's 25.
    assert oracles.errors(log_beta_kernel(*points), values, 4).max() < _units(precision, 32)


def test_slopes_of_log_beta_kernel(x64):
    a, b, x, y = (jnp.asarray(v) for v in (2.5, 40.0, 0.06, 0.94))

    def direct(a, b, x, y):
        return a * jnp.log(x) + b * jnp.log(y) + gammaln(a + b) - gammaln(a) - gammaln(b)

    # The gradient, and its derivative in one direction, which mixes every second derivative.
    direction = tuple(jnp.asarray(v) for v in (0.3, -2.0, 0.01, 0.04))
    for function in (log_beta_kernel, direct):
        gradient = jax.grad(function, (0, 1, 2, 3))
        along = jax.jit(lambda *p, g=gradient: jax.jvp(g, p, direction))(a, b, x, y)
        if function is log_beta_kernel:
            found = along
    np.testing.assert_allclose(found, along, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize(
    ("function", "point", "value"),
    [
        (log_poisson_kernel, (2.0, 0.0), -np.inf),
        (log_poisson_kernel, (0.0, 0.0), 0.0),
        (log_poisson_kernel, (0.0, 3.0), -3.0),
        (log_poisson_kernel, (100.0, np.inf), -np.inf),
        (log_beta_kernel, (2.0, 3.0, 0.0, 1.0), -np.inf),
        (log_beta_kernel, (2.0, 3.0, 1.0, 0.0), -np.inf),
        (log_beta_kernel, (0.5, 0.5, 1e-38, 1.0), None),
    ],
)
def test_ends_of_the_domain(precision, function, point, value):
    if value is not None:
        np.testing.assert_allclose(function(*point), value, rtol=1e-6)
    every = tuple(range(len(point)))
    assert np.isfinite(jax.jit(jax.grad(function, every))(*point)).all()


def test_kernels_keep_float32_under_x64(x64):
    point = jnp.asarray([0.5, 20.0], jnp.float32)
    assert log_poisson_kernel(point, 3.0).dtype == jnp.float32
    assert log_beta_kernel(point, 3, 0.25, 0.75).dtype == jnp.float32
