"""Logarithms of quotients without branches, against mpmath, over all scales."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mpmath import log, mp, mpf
from mpmath import log1p as exact_log1p

from pathmix._special._quotients import (
    deviance_of,
    log1p,
    log1p_square,
    log_quotient,
    short_log1p,
)
from pathmix._special._stirling import lgamma1p_shifted

UNITS = 4
"""A few roundings of half a unit each: of the fraction, the polynomial, and their sums."""


def pairs(precision):
    """Numbers of many sizes, and others that are near, some binades off, and far from them."""
    rng = np.random.default_rng(0)
    x = np.exp(rng.uniform(-20, 12, 600))
    ratio = np.concatenate(
        [
            1 + 1e-3 * rng.normal(size=200),
            np.exp(rng.uniform(-1.2, 1.2, 200)),
            np.exp(5 * rng.normal(size=200)),
        ]
    )
    return jnp.asarray(x, precision), jnp.asarray(x * ratio, precision)


def hold(found, exact, precision):
    wanted = np.array([float(value) for value in exact])
    allowed = UNITS * np.finfo(precision).eps * np.abs(wanted) + np.finfo(precision).tiny
    assert found.dtype == precision
    assert np.max(np.abs(np.asarray(found, float) - wanted) / allowed) < 1


def test_quotients(precision):
    x, m = pairs(precision)
    exact = [(mpf(float(a)), mpf(float(b))) for a, b in zip(x, m, strict=True)]
    with mp.workdps(40):
        logs = [log(b / a) for a, b in exact]
        deviances = [a * log(a / b) + b - a for a, b in exact]
    hold(log_quotient(m, x), logs, precision)
    hold(deviance_of(x, m), deviances, precision)


def test_quotients_over_the_whole_range(precision):
    rng = np.random.default_rng(2)
    end = {"float32": 85, "float64": 700}[precision]
    x, y = (jnp.asarray(np.exp(rng.uniform(-end, end, 500)), precision) for _ in "xy")
    with mp.workdps(40):
        exact = [log(mpf(float(a)) / mpf(float(b))) for a, b in zip(x, y, strict=True)]
    hold(log_quotient(x, y), exact, precision)
    for fn, slope in ((log_quotient, 1 / x), (lambda x, y: log_quotient(y, x), -1 / x)):
        np.testing.assert_allclose(jax.vmap(jax.grad(fn))(x, y), slope, rtol=1e-6)


RANGES = {"whole": (-0.999, 3.0, log1p), "short": (-0.5, 1.0, short_log1p)}


@pytest.mark.parametrize("name", RANGES)
def test_log1p(precision, name):
    low, high, fn = RANGES[name]
    q = np.linspace(low, high, 900)
    q = np.concatenate([q, 1e-3 * q, 1e-12 * q] + [1e5 * q[q > 0]] * (name == "whole"))
    q = jnp.asarray(q, precision)
    with mp.workdps(40):
        exact = [exact_log1p(mpf(float(t))) for t in q]
    hold(fn(q), exact, precision)
    np.testing.assert_allclose(jax.vmap(jax.grad(fn))(q), 1 / (1 + q), rtol=1e-5)
    curvature = jax.vmap(jax.grad(jax.grad(fn)))(q)
    np.testing.assert_allclose(curvature, -1 / (1 + q) ** 2, rtol=1e-5)


def test_log1p_square(precision):
    rng = np.random.default_rng(1)
    z = np.concatenate([np.exp(rng.uniform(-15, 40, 400)), np.exp(rng.uniform(-2, 2, 400))])
    z = jnp.asarray(z, precision)
    with mp.workdps(40):
        exact = [exact_log1p(mpf(float(t)) ** 2) for t in z]
    hold(log1p_square(z), exact, precision)


def test_the_slope_of_log1p_square(x64):
    z = jnp.array([-3.0, 0.0, 1e-8, 2.0, 1e30])
    for fn, wanted in (
        (jax.grad(log1p_square), 2 * z / (1 + z * z)),
        (jax.grad(jax.grad(log1p_square)), 2 * (1 - z * z) / (1 + z * z) ** 2),
    ):
        np.testing.assert_allclose(jax.vmap(fn)(z), wanted, rtol=1e-14, atol=1e-300)


def test_small_log_gammas(precision):
    """The error is absolute, of numbers up to 50 (10 in single precision)."""
    n = np.linspace(0, 10 if precision == "float64" else 3, 50).astype(precision)
    with mp.workdps(40):
        exact = np.array([float(mp.loggamma(1 + mpf(float(t)))) for t in n])
    size = 50 if precision == "float64" else 10
    error = np.abs(np.asarray(lgamma1p_shifted(jnp.asarray(n)), float) - exact)
    assert error.max() < 2 * size * np.finfo(precision).eps


@pytest.mark.parametrize("argnum", [0, 1])
def test_derivatives_of_the_deviance(argnum, x64):
    x, m = (jnp.asarray(t[:50]) for t in pairs("float64"))
    exact = (jnp.log(x / m), 1 - x / m)[argnum]
    slope = jax.vmap(jax.grad(deviance_of, argnum))(x, m)
    np.testing.assert_allclose(slope, exact, atol=1e-13)
    curvature = jax.vmap(jax.grad(jax.grad(deviance_of, argnum), argnum))(x, m)
    np.testing.assert_allclose(curvature, (1 / x, x / m**2)[argnum], rtol=1e-12)
