"""Quantiles of probabilities given by their logs, as far out as logs reach, against mpmath."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

from cases.mixtures import by_probs

PROBS = (0.25, 0.75)
LOGS = (-46.0, -500.0, -1e4)
ULPS = 64
"""Errors allowed to a log tail, in units of the precision and of its size (test_families.py)."""


class Row(NamedTuple):
    make: Callable[..., dist.Distribution]
    parameters: dict[str, tuple[float, float]]
    tails: Callable  # x, *parameters of one component -> cdf, survival, density
    lower: tuple[float, ...] = LOGS


def normal(x, loc, scale):
    z = (x - loc) / scale
    return mp.erfc(-z / mp.sqrt(2)) / 2, mp.erfc(z / mp.sqrt(2)) / 2, mp.npdf(x, loc, scale)


def gamma(x, a, rate):
    density = rate * mp.exp((a - 1) * mp.log(rate * x) - rate * x - mp.loggamma(a))
    lower = mp.gammainc(a, 0, rate * x, regularized=True)
    return lower, mp.gammainc(a, rate * x, mp.inf, regularized=True), density


def student_t(x, df, loc, scale):
    t = (x - loc) / scale
    tail = mp.betainc(df / 2, mp.mpf(1) / 2, 0, df / (df + t**2), regularized=True) / 2
    log_norm = mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(df * mp.pi) / 2
    density = mp.exp(log_norm - (df + 1) / 2 * mp.log1p(t**2 / df)) / scale
    return (1 - tail, tail, density) if t > 0 else (tail, 1 - tail, density)


TAILS = {
    "Normal": Row(dist.Normal, {"loc": (-1.0, 2.0), "scale": (0.5, 1.5)}, normal),
    "Gamma": Row(dist.Gamma, {"concentration": (150.0, 300.5), "rate": (2.0, 0.5)}, gamma),
    # so many degrees of freedom that quantiles do not overflow in float32
    "StudentT": Row(
        dist.StudentT,
        {"df": (200.0, 300.0), "loc": (0.0, 2.0), "scale": (1.0, 0.5)},
        student_t,
    ),
}
INVERSES = {"cdf": "inverse_log_cdf", "survival": "inverse_log_survival"}
every = pytest.mark.parametrize("name", TAILS)
sides = pytest.mark.parametrize("side", INVERSES)


def mixture_of(row, probs, *parameters):
    return by_probs(probs, row.make(*parameters))


def inverse(side, mixture, log_q):
    return getattr(mixture, INVERSES[side])(log_q)


def exact(row, side, x, probs, *parameters):
    """The mixture's log tail and log density at ``x``, by mpmath."""
    components = [row.tails(mp.mpf(x), *map(mp.mpf, theta)) for theta in zip(*parameters)]  # noqa: B905
    total = mp.fsum(map(mp.mpf, probs))
    weights = [mp.mpf(p) / total for p in probs]
    which = 0 if side == "cdf" else 1
    tail = mp.fsum(w * c[which] for w, c in zip(weights, components, strict=True))
    return mp.log(tail), mp.log(mp.fsum(w * c[2] for w, c in zip(weights, components, strict=True)))


def arrays(row, dtype):
    return [np.asarray(v, dtype) for v in (PROBS, *row.parameters.values())]


@every
@sides
def test_far_tails(name, side, precision):
    """The log tail at the quantile is the one asked for.

    Allowed is the error of the mixture's own log tail, and the rounding of the quantile to a
    float, which a slope f/F turns into one of the log tail.
    """
    row, log_q = TAILS[name], np.asarray(LOGS, precision)
    theta = arrays(row, precision)
    x = jax.jit(lambda q, *t: inverse(side, mixture_of(row, *t), q))(log_q, *theta)
    assert x.dtype == precision
    eps = float(np.finfo(precision).eps)
    with mp.workdps(40):
        for log_p, point in zip(log_q.astype(float), np.asarray(x, float), strict=True):
            log_tail, log_f = exact(row, side, point, *[t.astype(float) for t in theta])
            rounding = abs(point) * float(mp.exp(log_f - log_tail))
            assert abs(float(log_tail - log_p)) <= eps * (ULPS * abs(log_p) + 2 * rounding)


@pytest.mark.parametrize("name", ["Normal", "Gamma"])
@sides
@pytest.mark.parametrize("log_q", [-46.0, -1e4])
def test_derivatives_in_the_tails(name, side, log_q, x64):
    """``dx = ± F/f dℓ − F ∂_θ(log F)/f dθ``, by mpmath's differences of the log tail.

    Each is an exponential of differences of logs of the size of ℓ: so many units of rounding.
    """
    row = TAILS[name]
    theta = arrays(row, "float64")

    def quantile(log_q, *theta):
        return inverse(side, mixture_of(row, *theta), log_q)

    both = jax.jit(jax.value_and_grad(quantile, tuple(range(len(theta) + 1))))
    x, (slope, *gradients) = both(log_q, *theta)
    x = float(x)
    sign = 1 if side == "cdf" else -1
    tolerance = 4 * ULPS * np.finfo(float).eps * abs(log_q)
    with mp.workdps(40):
        log_tail, log_f = exact(row, side, x, *theta)
        ratio = mp.exp(log_tail - log_f)
        np.testing.assert_allclose(slope, sign * float(ratio), rtol=tolerance)
        for i, gradient in enumerate(gradients):
            for j in range(2):
                moved = mp.diff(lambda s, i=i, j=j: _moved(row, side, x, theta, i, j, s), 0)
                wanted = float(-sign * ratio * moved)
                scale = float(ratio) * abs(log_q) * 1e-6
                np.testing.assert_allclose(
                    gradient[j], wanted, rtol=tolerance, atol=tolerance * scale
                )


def _moved(row, side, x, theta, i, j, step):
    changed = [[mp.mpf(v) for v in t] for t in theta]
    changed[i][j] += step
    return exact(row, side, x, *changed)[0]


def test_the_upper_tail_where_a_probability_rounds_to_one(x64):
    """Beyond ``icdf(1 − 1e-20)``, which is infinite: SciPy's inverse survival function."""
    mixture = by_probs([0.5, 0.5], dist.Normal(jnp.zeros(2), 1.0))
    x = inverse("survival", mixture, jnp.log(jnp.array([1e-20, 1e-300])))
    np.testing.assert_allclose(x, stats.norm.isf([1e-20, 1e-300]), rtol=1e-14)
    assert mixture.icdf(1 - 1e-20) == jnp.inf


@sides
def test_ends_and_what_is_no_log_probability(side, precision):
    mixture = by_probs([0.5, 0.5], dist.Uniform(jnp.array([-1.0, 2.0]), jnp.array([1.0, 4.0])))
    x = inverse(side, mixture, jnp.array([-jnp.inf, 0.0, 1e-6, jnp.inf, jnp.nan]))
    np.testing.assert_array_equal(x[:2], [-1, 4] if side == "cdf" else [4, -1])
    assert np.isnan(x[2:]).all()


@sides
def test_gradients_at_the_ends_are_those_of_the_support(side, x64):
    """A log of −inf is the end at which nothing is left; moving it moves nothing."""

    def end(log_q, low, high):
        mixture = by_probs([0.5, 0.5], dist.Uniform(low, high))
        return inverse(side, mixture, log_q)

    arguments = -jnp.inf, jnp.array([-1.0, 2.0]), jnp.array([1.0, 4.0])
    gradients = jax.jit(jax.grad(end, (0, 1, 2)))(*arguments)
    wanted = ([1, 0], [0, 0]) if side == "cdf" else ([0, 0], [0, 1])
    assert gradients[0] == 0
    np.testing.assert_array_equal(gradients[1:], wanted)


@sides
def test_second_derivatives(side, x64):
    """By central differences of the first: 1e-5 squared and eps over 1e-5 are below 1e-9."""

    def slope(log_q):
        mixture = by_probs(PROBS, dist.Normal(jnp.array([-1.0, 2.0]), jnp.array([0.5, 1.5])))
        return jax.grad(lambda v: inverse(side, mixture, v))(log_q)

    actual = jax.jit(jax.grad(slope))(-30.0)
    up, down = (jax.jit(slope)(-30.0 + s) for s in (1e-4, -1e-4))
    np.testing.assert_allclose(actual, (up - down) / 2e-4, rtol=1e-6)


@sides
def test_counts(side, precision):
    """The smallest count whose tail is low, or high, enough; far out as well, by exact sums."""
    rates, counts = (2.0, 9.0), np.array([0, 3, 12, 60, 250])
    with mp.workdps(40):
        upper = [_poisson(rates, range(n + 1, n + 400)) for n in counts]
        logs = [mp.log1p(-v) if side == "cdf" else mp.log(v) for v in upper]
        exact_logs = np.array(list(map(float, logs)))
    mixture = by_probs(PROBS, dist.Poisson(jnp.asarray(rates, precision)))
    # the nearer tail decides, with an error and a slack that grow with its log
    size = np.maximum(np.abs(exact_logs), np.finfo(float).tiny)
    away = 256 * np.finfo(precision).eps * size * np.maximum(1, -np.log(size))
    # beyond what a log can tell from zero the cdf is one
    inner = np.abs(exact_logs) > np.finfo(precision).tiny
    log_q = np.concatenate([exact_logs - away, exact_logs + away]).astype(precision)
    below, above = np.split(inverse(side, mixture, jnp.asarray(log_q)), 2)
    at, after = (below, above) if side == "cdf" else (above, below)
    np.testing.assert_array_equal(at[inner], counts[inner])
    np.testing.assert_array_equal(after[inner], counts[inner] + 1)


def _poisson(rates, counts):
    return mp.fsum(
        p * mp.exp(n * mp.log(mp.mpf(rate)) - rate - mp.loggamma(n + 1))
        for p, rate in zip(PROBS, rates, strict=True)
        for n in counts
    )
