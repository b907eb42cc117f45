"""Laws of mixtures of every family: velocities of draws, and second derivatives of log densities.

Both against the exact mixture, differentiated by differences in extended precision. A draw x at
fixed noise keeps F(x; θ) constant, so that it moves by −∂_θF/f: no part of that is ours.
"""

import jax
import numpy as np
import numpyro.distributions as dist
import pytest
from jax import numpy as jnp
from mpmath import mp

from cases import mixed, table
from cases.row import exact
from pathmix import MixtureSameFamily

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


def moved(theta, tangent, t):
    """Extended-precision parameters of every component, `t` along a direction."""
    both = zip(mixed.columns(theta), mixed.columns(tangent), strict=True)
    return [[a + t * u for a, u in zip(*each, strict=True)] for each in both]


def build(row, theta, w, **options):
    return MixtureSameFamily(dist.Categorical(probs=w), row.make(*theta), **options)


# ---- velocities ----


def velocities(row, w, dw, theta, tangent, x):
    """Along each free parameter by itself, then along the weights: `directions n`."""

    def draw(w, *theta):
        return build(row, theta, w, reparameterize=True).reparameterize_sample(x)

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
    each = mixed.columns(theta)
    f = mp.fsum(p * mp.exp(row.oracle.density(x, *t)) for p, t in zip(w, each, strict=True))
    if i is None:
        return [d * row.oracle.both_tails(x, *t)[0] / f for d, t in zip(dw, each, strict=True)]
    only = [t if n == i else 0 * t for n, t in enumerate(tangent)]
    up, down = (moved(theta, only, s * STEP) for s in (1, -1))
    cdf = lambda t: row.oracle.both_tails(x, *t)[0]  # noqa: E731
    return [p * (cdf(a) - cdf(b)) / (2 * STEP) / f for p, a, b in zip(w, up, down, strict=True)]


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


def second_derivatives(row, w, theta, tangent, x, u):
    """d²/dt² of the log density along parameters and points at once."""

    def log_prob(t):
        there = [
            a + t * b if i in row.free else a
            for i, (a, b) in enumerate(zip(theta, tangent, strict=True))
        ]
        return build(row, there, w).log_prob(x + t * u)

    first = lambda t: jax.jvp(log_prob, (t,), (1.0,))[1]  # noqa: E731
    return jax.jvp(first, (0.0,), (1.0,))[1]


def line(row, w, theta, tangent, x, u):
    """The exact log density along the line, a function of t in extended precision."""

    def at(t):
        there = exact_point(x, u, t)
        return mixed.log_prob(row, there, moved(theta, tangent, t), list(map(mp.mpf, w)))

    return at


def exact_point(x, u, t):
    if np.ndim(x) == 0:
        return mp.mpf(float(x)) + t * mp.mpf(float(u))
    return [exact_point(a, b, t) for a, b in zip(x, u, strict=True)]


def exact_derivatives(row, w, theta, tangent, x, u):
    """First and second derivatives at every point."""
    result = []
    for a, b in zip(x, u, strict=True):
        at = line(row, w, theta, tangent, a, b)
        with mp.workdps(70):  # of which a difference of powers and two of steps leave enough
            low, middle, high = at(-STEP), at(0), at(STEP)
        result.append(
            (float((high - low) / (2 * STEP)), float((high - 2 * middle + low) / STEP**2))
        )
    return np.array(result).T


def point_directions(row, x):
    """How points move: not at all for counts, within the simplex for vectors."""
    if row.oracle.discrete:
        return np.zeros_like(x)
    u = scaled(x, 7)
    return u - u.mean(axis=-1, keepdims=True) if row.event_shape else u


@table.law("second derivative")
def test_second_derivatives(row, x64):
    """Up to cancellation between the squares of slopes of which the curvature is made."""
    theta = row.arrays("float64")
    w, x = mixed.weights(row.size), mixed.body(row, "float64")
    tangent, u = directions(row, theta), point_directions(row, x)
    run = jax.jit(lambda *each: second_derivatives(row, *each))
    actual = np.asarray(run(w, theta, tangent, x, u))
    first, wanted = exact_derivatives(row, w, theta, tangent, x, u)
    allowed = TOLERANCE * (np.abs(wanted) + first**2 + 1)
    assert np.any(wanted)
    assert np.all(np.abs(actual - wanted) <= allowed), f"got {actual}\nexpected {wanted}"
