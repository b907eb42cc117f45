"""The log cdf and log survival function of the von Mises distribution."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import special_oracles as oracles

from pathmix._special import log_von_mises_cdf, log_von_mises_survival

FUNCTIONS = {"cdf": log_von_mises_cdf, "survival": log_von_mises_survival}
ORACLES = {"cdf": oracles.log_von_mises_cdf, "survival": oracles.log_von_mises_survival}

# A sum of up to 72 positive terms, and an exponent of the size of the value: 64 units.
UNITS = 64


def _points(precision):
    grid = np.meshgrid([0, 0.5, -2.9, 3.1, 7.0], [1e-3, 1, 30, 1e4], [-3.14, -2.2, -0.3, 0.1, 3.0])
    loc, concentration, x = (v.ravel() for v in grid)
    centre = (loc + np.pi) % (2 * np.pi) - np.pi
    near = np.clip(centre + x / np.sqrt(np.maximum(concentration, 1)), -3.1, 3.1)
    x = np.where(np.arange(x.size) % 2, x, near)
    return tuple(v.astype(precision) for v in (x, loc, concentration))


def _floor(points):
    """Return the conditioning: what a unit of error in the angles, of size π, does to a log."""
    x, loc, concentration = (np.asarray(v, float) for v in points)
    cut, here = np.abs(np.sin(-np.pi - loc)), np.abs(np.sin(x - loc))
    return np.pi * (1 + concentration * np.minimum(cut, 1) + concentration * np.minimum(here, 1))


@pytest.mark.parametrize("side", FUNCTIONS)
def test_values(precision, side):
    points = _points(precision)
    expected = np.array([float(v) for v in oracles.on_points(ORACLES[side], points)])
    error = np.abs(np.asarray(FUNCTIONS[side](*points), float) - expected)
    unit = float(np.finfo(precision).eps) / 2
    scale = UNITS * np.maximum(np.abs(expected), np.minimum(1, np.abs(expected)) * _floor(points))
    assert (error <= np.maximum(unit * scale, 1e6 * np.finfo(precision).tiny)).all()


@pytest.mark.parametrize("index", [0, 1])
def test_slopes_in_x_and_location(x64, index):
    points = _points("float64")
    expected = [v[index] for v in oracles.on_points(oracles.log_von_mises_cdf_slopes, points)]
    found = jax.jit(jax.vmap(jax.grad(log_von_mises_cdf, argnums=index)))(*points)
    # The density over a mass near the cut is 1/(x + π). Without fused multiplications x + π is good
    # to 8e-15, some twenty roundings of numbers up to π.
    from_cut = points[0] + np.pi
    floor = np.maximum(1, 1 / from_cut)
    expected = np.array([float(v) for v in expected])
    error = np.abs(np.asarray(found) - expected)
    assert (error < 2e-15 * (UNITS * np.abs(expected) + floor * (UNITS + 4 * floor))).all()


def test_slope_in_the_concentration(x64):
    points = tuple(v[::5] for v in _points("float64"))

    def slope(x, loc, concentration):
        step = concentration * oracles.mp.mpf(10) ** -7
        up = oracles.log_von_mises_cdf(x, loc, concentration + step)
        return (up - oracles.log_von_mises_cdf(x, loc, concentration - step)) / (2 * step)

    # The oracle has 24 digits: differences over 1e-7 leave 1e-14 of its truncation.
    found = jax.jit(jax.vmap(jax.grad(log_von_mises_cdf, argnums=2)))(*points)
    assert oracles.errors(found, oracles.on_points(slope, points), 1e-4).max() < 1e-9


@pytest.mark.parametrize(
    ("first", "second"),
    [(0, 2), *(pytest.param(*p, marks=pytest.mark.slow) for p in [(2, 2), (1, 0)])],
)
def test_second_derivatives_by_both_modes(x64, first, second):
    points = tuple(jnp.array([[0.3, 0.5, 2], [-2, 0.5, 30], [2.5, 3, 5], [1, -3, 0.5]]).T)
    gradient = jax.grad(log_von_mises_cdf, first)
    reverse = jax.jit(jax.vmap(jax.grad(gradient, second)))(*points)
    forward = jax.jit(jax.vmap(jax.jacfwd(gradient, second)))(*points)
    np.testing.assert_allclose(reverse, forward, rtol=1e-9, atol=1e-12)
    # Central differences of the gradient: step² and eps/step balance near 1e-10.
    moved = [[*points[:second], points[second] + s, *points[second + 1 :]] for s in (1e-5, -1e-5)]
    up, down = (jax.jit(jax.vmap(gradient))(*v) for v in moved)
    np.testing.assert_allclose(reverse, (up - down) / 2e-5, rtol=1e-6, atol=1e-7)


def test_no_concentration_is_uniform(precision):
    x = jnp.asarray([-3.0, 0.0, 1.5], precision)
    uniform = np.log((np.asarray(x, float) + np.pi) / (2 * np.pi))
    np.testing.assert_allclose(log_von_mises_cdf(x, 1.0, 0.0), uniform, rtol=5e-6)


@pytest.mark.parametrize("side", FUNCTIONS)
def test_ends_of_the_domain(precision, side):
    x = jnp.asarray([-7.0, -np.pi, np.pi, 7.0], precision)
    limits = [-np.inf, -np.inf, 0, 0] if side == "cdf" else [0, 0, -np.inf, -np.inf]
    np.testing.assert_array_equal(FUNCTIONS[side](x, 0.3, 2.0), limits)


@pytest.mark.parametrize("side", FUNCTIONS)
def test_no_gradient_is_nan_at_the_ends_and_where_arcs_vanish(side):
    grid = np.meshgrid(
        [-7, -np.pi, -3.1415925, -1, 0, 1, 3.1415925, np.pi], [-np.pi, 0, 1, np.pi], [0, 9, 1e4]
    )
    x, loc, concentration = (jnp.asarray(v.ravel(), "float32") for v in grid)
    gradients = jax.jit(jax.vmap(jax.grad(FUNCTIONS[side], (0, 1, 2))))(x, loc, concentration)
    inside = np.abs(x) < np.float32(np.pi)
    assert np.isfinite(FUNCTIONS[side](x, loc, concentration)[inside]).all()
    assert np.isfinite(gradients).all()
    assert (np.asarray(gradients)[:, ~inside] == 0).all()


def test_dtype_and_compilation(x64):
    x = jnp.asarray([[0.5], [3.0]], jnp.float32)
    assert log_von_mises_cdf(x, 1, 2.0).dtype == jnp.float32
    mapped = jax.jit(jax.vmap(lambda x: log_von_mises_cdf(x, 1.0, 2.0)))(x)
    np.testing.assert_allclose(mapped, log_von_mises_cdf(x, 1.0, 2.0), rtol=1e-6)


SHARED_CONCENTRATION = """
import jax, jax.numpy as jnp, numpyro.distributions as dist
from pathmix import MixtureSameFamily

components = dist.VonMises(jnp.array([0.0, 1.0]), 2.0)
mixture = MixtureSameFamily(dist.Categorical(probs=jnp.array([0.3, 0.7])), components)
jax.jit(jax.value_and_grad(lambda x: mixture.log_prob(x).sum()))(jnp.linspace(-3.0, 3.0, 50))
jax.jit(mixture.log_prob)(jnp.linspace(-3.0, 3.0, 50))
"""


@pytest.mark.slow
def test_the_compiler_has_no_complaint_about_the_density():
    """A concentration known when it compiles had XLA simplify its Bessel function in circles."""
    run = subprocess.run(
        [sys.executable, "-c", SHARED_CONCENTRATION], capture_output=True, text=True, check=True
    )
    assert run.stderr == ""
