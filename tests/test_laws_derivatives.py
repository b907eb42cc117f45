"""Laws of mixtures of every family: velocities of draws, and two derivatives of log densities.

Both against the exact mixture, differentiated by differences in extended precision. A draw x at
fixed noise keeps F(x; θ) constant, so that it moves by −∂_θF/f: no part of that is ours.
"""

import jax
import numpy as np
import pytest
from jax import numpy as jnp
from mpmath import mp

from cases import mixed, table
from cases.row import exact

TOLERANCE = 1e-7
"""That of gradients, see test_families.py."""
STEP = mp.mpf("1e-13")
"""Central differences then lose 26 digits of 40 or more to cancellation, and less to curvature."""


def scaled(values, seed):
    """A direction in which numbers move by about as much as they are, or by 1."""
    size = np.minimum(np.where(values == 0, 1, np.abs(values)), 1)
    return size * np.random.default_rng(seed).uniform(0.3, 1, np.shape(values))


def directions(row, theta):
    """Tangents of all parameters, those without a derivative fixed."""
    return [scaled(t, i) if i in row.free else np.zeros(np.shape(t)) for i, t in enumerate(theta)]


def moved(row, theta, tangent, t):
    """Components with their parameters in extended precision, `t` along a direction."""
    both = zip(row.columns(theta), row.columns(tangent), strict=True)
    return [
        (part, [a + t * u for a, u in zip(each, change, strict=True)])
        for (part, each), (_, change) in both
    ]


# ---- velocities ----


def velocities(row, w, dw, theta, tangent, x):
    """Along each free parameter by itself, then along the weights: `directions n`."""

    def draw(w, *theta):
        return row.mixture(theta, w, reparameterize=True).reparameterize_sample(x)

    def along(moves_w, moves):
        tangents = (moves_w * dw, *(m * u for m, u in zip(moves, tangent, strict=True)))
        return jax.jvp(draw, (w, *theta), tangents)[1]

    one = jnp.eye(len(theta))[jnp.array(row.free)]
    every = jnp.concatenate([one, jnp.zeros((1, len(theta)))])
    return jax.vmap(along)((jnp.arange(len(every)) == len(one)) * 1.0, every)


def exact_velocities(row, w, dw, theta, tangent, x):
    """−∂_θF/f of the mixture and the sum of the sizes of its terms, by direction and point."""
    dw = dw - w * dw.sum()
    wanted, size = [], []
    for i in [*row.free, None]:
        parts = [exact_terms(row, w, dw, theta, tangent, exact(float(t)), i) for t in x]
        wanted.append([-float(mp.fsum(each)) for each in parts])
        size.append([float(mp.fsum(map(abs, each))) for each in parts])
    return np.array(wanted), np.array(size)


def exact_terms(row, w, dw, theta, tangent, x, i):
    """The terms of ∂F/f along parameter `i` of each component, or along the weights."""
    each = row.columns(theta)
    f = mp.exp(mixed.log_prob(x, each, w))
    tails = [both_tails(x, one) for one in each]
    if i is None:
        return [d * below / f for d, (below, _) in zip(dw, tails, strict=True)]
    only = [t if n == i else 0 * t for n, t in enumerate(tangent)]
    up, down = (moved(row, theta, only, s * STEP) for s in (1, -1))
    changes = [smaller_change(x, *ends) for ends in zip(tails, up, down, strict=True)]
    return [p * change / (2 * STEP) / f for p, change in zip(w, changes, strict=True)]


def both_tails(x, component):
    part, theta = component
    return part.oracle.both_tails(x, *theta)


def smaller_change(x, tails, up, down):
    """F(up) − F(down) by the smaller of both tails, which loses no digits."""
    (below, above), (below_down, above_down) = both_tails(x, up), both_tails(x, down)
    return below - below_down if tails[0] < tails[1] else above_down - above


def check_velocities(row, actual, arguments):
    wanted, size = exact_velocities(row, *arguments)
    assert np.isfinite(actual).all()
    assert np.all(size.max(axis=1) > 0)
    error = np.abs(actual - wanted) / np.maximum(size, np.finfo(float).tiny)
    assert error.max() <= TOLERANCE, f"{error}\ngot {actual}\nexpected {wanted}"


SCALAR = [row for row in table.ROWS if table.is_scalar(row) and table.is_pathwise(row)]


def arguments_of(row):
    theta = [np.asarray(t, float) for t in row.arrays("float64")]
    w = mixed.weights(row.size)
    dw = np.random.default_rng(9).normal(size=row.size)
    return w, dw, theta, directions(row, theta), mixed.body(row, "float64")


@table.law("velocity", table=SCALAR)
def test_draws_move_as_the_exact_quantile(row, x64):
    arguments = arguments_of(row)
    run = jax.jit(lambda *each: velocities(row, *each))
    check_velocities(row, np.asarray(run(*arguments)), arguments)


def test_the_check_fails_for_components_that_move_alone(x64):
    row = table.ROWS[0]
    arguments = arguments_of(row)
    w, dw, theta, tangent, x = arguments
    actual = np.array(velocities(row, *arguments))
    with pytest.raises(AssertionError):
        check_velocities(row, actual * [[1], [1], [0]], (w, dw, theta, tangent, x))


# ---- second derivatives ----


def two_derivatives(row, w, dw, theta, tangent, x, u):
    """d/dt and d²/dt² of the log density along weights, parameters and points at once."""

    def log_prob(t):
        there = [
            a + t * b if i in row.free else a
            for i, (a, b) in enumerate(zip(theta, tangent, strict=True))
        ]
        return row.mixture(there, w + t * dw).log_prob(x + t * u)

    first = lambda t: jax.jvp(log_prob, (t,), (1.0,))[1]  # noqa: E731
    return jax.jvp(first, (0.0,), (1.0,))


def line(row, w, dw, theta, tangent, x, u):
    """The exact log density along the line, a function of t in extended precision."""

    def at(t):
        weights = [exact_point(a, b, t) for a, b in zip(w, dw, strict=True)]
        return mixed.log_prob(exact_point(x, u, t), moved(row, theta, tangent, t), weights)

    return at


def exact_point(x, u, t):
    if np.ndim(x) == 0:
        return mp.mpf(float(x)) + t * mp.mpf(float(u))
    return [exact_point(a, b, t) for a, b in zip(x, u, strict=True)]


def exact_derivatives(row, w, dw, theta, tangent, x, u):
    """First and second derivatives at every point."""
    result = []
    for a, b in zip(x, u, strict=True):
        at = line(row, w, dw, theta, tangent, a, b)
        with mp.workdps(70):  # of which a difference of powers and two of steps leave enough
            low, middle, high = at(-STEP), at(0), at(STEP)
        result.append(
            (float((high - low) / (2 * STEP)), float((high - 2 * middle + low) / STEP**2))
        )
    return np.array(result).T


def point_directions(row, x):
    """How points move: not at all for counts and off masses, within the simplex for vectors."""
    if row.counts or any(part.oracle.atomic for part in row.parts):
        return np.zeros_like(x)
    u = scaled(x, 7)
    return u - u.mean(axis=-1, keepdims=True) if row.event_shape else u


@table.law("second derivative")
def test_second_derivatives(row, x64):
    """Up to cancellation between the squares of slopes of which the curvature is made."""
    theta = row.arrays("float64")
    w, x = mixed.weights(row.size), mixed.body(row, "float64")
    dw = w * np.random.default_rng(9).normal(size=row.size)
    arguments = w, dw - w * dw.sum(), theta, directions(row, theta), x, point_directions(row, x)
    actual = jax.jit(lambda *each: two_derivatives(row, *each))(*arguments)
    first, second = exact_derivatives(row, *arguments)
    assert np.any(second)
    check_derivative(actual[0], first, np.abs(first))
    check_derivative(actual[1], second, np.abs(second) + first**2)


def check_derivative(actual, wanted, size):
    right = np.abs(actual - wanted) <= TOLERANCE * (size + 1)
    assert np.all(right), f"got {actual}\nexpected {wanted}"
