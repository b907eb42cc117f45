"""Sines and cosines within half a turn, against mpmath, also where they vanish."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
import special_oracles as oracles

from pathmix._special._sine import cosine, sine

UNITS = 4
"""Roundings of half a unit each: of the square, the series and their product."""
FUNCTIONS = {"sine": (sine, mp.sin), "cosine": (cosine, mp.cos)}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(precision, name):
    fn, exact = FUNCTIONS[name]
    t = np.linspace(-np.pi, np.pi, 201)
    near = np.concatenate(
        [s * np.pi / 2 + np.array([-1e-3, -1e-6, 0, 1e-6, 1e-3]) for s in (1, -1)]
    )
    t = np.clip(np.concatenate([t, near, [1e-9, -1e-30]]), -3.1415925, 3.1415925).astype(precision)
    tolerance = UNITS * np.finfo(precision).eps
    assert oracles.errors(fn(t), oracles.on_points(exact, [t]), 0).max() < tolerance
    for order in (1, 2):
        fn = jax.grad(fn)
        slopes = oracles.on_points(lambda v, n=order: mp.diff(exact, v, n), [t])
        assert oracles.errors(jax.vmap(fn)(t), slopes, 1e-12).max() < 2 * tolerance


def test_at_half_a_turn(precision):
    turn = jnp.asarray(np.pi, precision)
    exact = mp.sin(mp.mpf(float(turn)))
    assert abs(float(sine(turn)) - float(exact)) < 1e-6 * abs(float(exact))
    assert np.isnan(sine(jnp.asarray(np.nan, precision)))
