"""Gradients of vector draws to the logits, against the Rosenblatt map, solved independently."""

from functools import cache, partial

import jax
import numpy as np
import pytest
from jax import numpy as jnp
from jax.scipy import special as jsp
from jax.scipy import stats as jstats

from cases import pathwise as cases
from cases.attached import (
    FIRST,
    SECOND,
    along,
    attach,
    close,
    no_softmax_jacobian,
    with_steps,
    zeroed,
)


def independent_normal_steps(p, x):
    z = (x - p["loc"]) / p["scale"]
    return jstats.norm.logpdf(z) - jnp.log(p["scale"]), jstats.norm.cdf(z)


def scatter(p):
    raw = p["raw"]
    factor = jnp.tril(raw, -1) + jnp.exp(jnp.diagonal(raw, 0, -2, -1))[..., None] * jnp.eye(
        raw.shape[-1]
    )
    return factor @ jnp.swapaxes(factor, -1, -2)


def conditional_moments(p, x, i):
    """Regression of coordinate i on those before it: mean, variance, and their distance."""
    S, delta = scatter(p), x[:i] - p["loc"][:, :i]
    solve = jax.vmap(jnp.linalg.solve)
    A, b = S[:, :i, :i], S[:, :i, i]
    gain = solve(A, b[..., None])[..., 0] if i else b
    distance = jnp.sum(delta * solve(A, delta[..., None])[..., 0], -1) if i else jnp.zeros(len(S))
    return p["loc"][:, i] + jnp.sum(gain * delta, -1), S[:, i, i] - jnp.sum(gain * b, -1), distance


def normal_steps(p, x):
    log_p, cdf = [], []
    for i in range(x.size):
        mean, variance, _ = conditional_moments(p, x, i)
        z = (x[i] - mean) / jnp.sqrt(variance)
        log_p.append(jstats.norm.logpdf(z) - 0.5 * jnp.log(variance))
        cdf.append(jstats.norm.cdf(z))
    return jnp.stack(log_p, -1), jnp.stack(cdf, -1)


def student_t_steps(p, x):
    log_p, cdf = [], []
    for i in range(x.size):
        mean, variance, distance = conditional_moments(p, x, i)
        df = p["df"] + i
        variance = variance * (p["df"] + distance) / df
        z = (x[i] - mean) / jnp.sqrt(variance)
        log_p.append(jstats.t.logpdf(z, df) - 0.5 * jnp.log(variance))
        tail = 0.5 * jsp.betainc(df / 2, 0.5, df / (df + z**2))
        cdf.append(jnp.where(z < 0, tail, 1 - tail))
    return jnp.stack(log_p, -1), jnp.stack(cdf, -1)


def dirichlet_steps(p, x):
    alpha, log_p, cdf, rest = p["concentration"], [], [], 1.0
    for i in range(x.size - 1):
        a, b, share = alpha[:, i], jnp.sum(alpha[:, i + 1 :], -1), x[i] / rest
        log_p.append(jstats.beta.logpdf(share, a, b) - jnp.log(rest))
        cdf.append(jsp.betainc(a, b, share))
        rest = rest - x[i]
    return jnp.stack(log_p, -1), jnp.stack(cdf, -1)


def rosenblatt(steps, p, logits, x):
    """``F_i(x_i | x_<i)`` of the mixture for every i."""
    log_p, cdf = steps(p, x)
    before = jnp.cumsum(log_p, -1) - log_p
    return jnp.sum(jax.nn.softmax(logits[:, None] + before, axis=0) * cdf, axis=0)


class Implicit:
    """``x(logits)`` at fixed noise: its derivative, and its solution by Newton's method."""

    def __init__(self, steps, parameters, size):
        self.noise = partial(rosenblatt, steps, parameters)
        self.size = size  # free coordinates; on the simplex the last follows from the others

    def complete(self, y, x):
        return y if y.size == x.size else jnp.append(y, 1 - jnp.sum(y))

    def derivative(self, logits, u, x):
        y = x[: self.size]
        J = jax.jacfwd(lambda y: self.noise(logits, self.complete(y, x)))(y)
        change = jax.jvp(lambda logits: self.noise(logits, x), (logits,), (u,))[1]
        dy = -jnp.linalg.solve(J, change)
        return dy if self.size == x.size else jnp.append(dy, -jnp.sum(dy))

    def solve(self, logits, noise, x):
        def newton(_, y):
            fn = lambda y: self.noise(logits, self.complete(y, x)) - noise  # noqa: E731
            return y - jnp.linalg.solve(jax.jacfwd(fn)(y), fn(y))

        return self.complete(jax.lax.fori_loop(0, 6, newton, x[: self.size]), x)

    def both(self, logits, u, x, step=1e-3):
        """The first derivative, and its difference of fourth order along the solved path."""
        noise = self.noise(logits, x)

        def at(n):
            there = logits + n * step * u
            return self.derivative(there, u, self.solve(there, noise, x))

        slopes = jax.vmap(at)(jnp.array([-2.0, -1.0, 1.0, 2.0]))
        second = jnp.tensordot(jnp.array([1.0, -8.0, 8.0, -1.0]), slopes, 1) / (12 * step)
        return self.derivative(logits, u, x), second


def table(steps, *rows):
    return [(row, steps) for row in rows]


ROSENBLATT = [
    *table(
        independent_normal_steps,
        cases.independent_normal(2, quick=True),
        cases.independent_normal(5),
    ),
    *table(
        normal_steps,
        cases.multivariate_normal(2),
        cases.multivariate_normal(3, quick=True),
        cases.multivariate_normal(6),
    ),
    *table(student_t_steps, cases.student_t(3)),
    *table(dirichlet_steps, cases.DIRICHLET),
]


def logits_only(row, count=2):
    """Tangents that move the logits alone."""
    return {"weights": np.random.default_rng(7).normal(size=(count, row.num_components))}


@cache
def solved_rosenblatt(row, steps):
    """First and second derivatives in the logits, compiled once for the check and its mutants."""
    size = row.points.shape[-1] - (row is cases.DIRICHLET)
    implicit = Implicit(steps, row.parameters, size)
    every = jax.vmap(jax.vmap(implicit.both, (None, None, 0)), (None, 0, None))
    wanted = jax.jit(every)(row.logits, logits_only(row)["weights"], row.points)
    return jax.tree.map(np.asarray, wanted)


def check_rosenblatt(row, steps, attach=attach, *, second=True):
    actual = along(row, attach, logits_only(row), second=second)
    wanted = solved_rosenblatt(row, steps)
    close(actual[0] if second else actual, wanted[0], FIRST, "d/dlogits")
    if second:
        close(actual[1], wanted[1], SECOND, "second d/dlogits")


@pytest.mark.parametrize(("row", "steps"), with_steps(ROSENBLATT))
def test_logits_move_a_draw_as_the_solved_rosenblatt_map(row, steps, x64):
    check_rosenblatt(row, steps)


@pytest.mark.parametrize("mutant", [zeroed, no_softmax_jacobian])
def test_the_rosenblatt_check_fails_for_a_wrong_logits_gradient(mutant, x64):
    with pytest.raises(AssertionError, match="d/dlogits"):
        check_rosenblatt(*ROSENBLATT[0], mutant, second=False)
