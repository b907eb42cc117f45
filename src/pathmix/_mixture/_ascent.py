"""Maxima of smooth functions of points, all points at once, by damped Newton steps.

A step solves ``(−H + λM) s = g``, with the gradient ``g``, the Hessian ``H`` and the diagonal
``M = |H_jj| + g_j²``, which has their units. Where the matrix is not positive definite, or the
value would fall, the point stays and ``λ`` grows; where it rises ``λ`` falls, and in the end the
steps are Newton's own. So a value never falls but by rounding, and no point is tried more often
than ``STEPS`` times.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float

from pathmix._special import cholesky, solve_rows
from pathmix._where import where

STEPS = 300
_SMALL, _GROWTH = 1e-2, 8

Points = Float[Array, "*points d"]
Heights = Float[Array, "*points"]
Matrices = Float[Array, "*points d d"]
Objective = Callable[[Array], Array]
"""A function of ``*points d``, ``*points``, of each point by itself."""


class Climb(NamedTuple):
    """Where an ascent stands: points, what the objective is there, and how the next step is made.

    A point has ``arrived`` where a step of Newton's was below what rounding lets one see, and is
    ``over`` too where no step led up.
    """

    u: Points
    value: Heights
    slope: Points
    curvature: Matrices
    damping: Heights
    arrived: Bool[Array, "*points"]
    over: Bool[Array, "*points"]


def ascend(objective: Objective, start: Points) -> Climb:
    """Return where ascents end, all of them at once in one loop."""
    nowhere = jnp.full(start.shape[:-1], -jnp.inf, start.dtype)
    eye = jnp.eye(start.shape[-1], dtype=start.dtype)
    eye = jnp.broadcast_to(eye, (*start.shape, start.shape[-1]))
    never = jnp.zeros(start.shape[:-1], bool)
    first = Climb(start, nowhere, jnp.zeros_like(start), eye, jnp.zeros_like(nowhere), never, never)

    def go_on(state: tuple[Array, Climb]) -> Array:
        count, climb = state
        return (count < STEPS) & ~jnp.all(climb.over)

    def step(state: tuple[Array, Climb]) -> tuple[Array, Climb]:
        count, climb = state
        return count + 1, _step(objective, climb, count == 0)

    return lax.while_loop(go_on, step, (jnp.zeros((), int), first))[1]


def _step(objective: Objective, climb: Climb, is_first: Array) -> Climb:
    """Try a step; the first one goes nowhere, and takes stock of the start."""
    move = where(is_first, 0.0, _damped(climb.slope, climb.curvature, climb.damping))
    u = climb.u + move
    value, slope, curvature = expansion(objective, u)
    # by twice as much would a quadratic rise; below this the next step is exact to rounding
    gain = jnp.sum(climb.slope * move, axis=-1)
    last = (gain <= jnp.finfo(u.dtype).eps) & (climb.damping < _SMALL) & ~is_first
    noise = where(last, rounding(climb.value), 0.0)
    better = (is_first | (value > climb.value - noise)) & ~climb.over
    still = ~is_first & ~jnp.any(u != climb.u, axis=-1)
    still |= climb.damping > 1 / jnp.finfo(u.dtype).eps
    grown = jnp.maximum(climb.damping * _GROWTH, _SMALL)
    eased = where(climb.damping <= _SMALL, 0.0, climb.damping / _GROWTH)
    arrived = climb.arrived | (better & last)
    taken = Climb(u, value, slope, curvature, eased, arrived, climb.over)
    kept = climb._replace(damping=grown, arrived=arrived)
    out = Climb(*(_choose(better, *pair) for pair in zip(taken, kept, strict=True)))
    return out._replace(over=out.over | still | arrived | ~jnp.isfinite(out.value))


def _choose(which: Array, one: Array, other: Array) -> Array:
    return where(jnp.expand_dims(which, tuple(range(which.ndim, one.ndim))), one, other)


def expansion(objective: Objective, u: Points) -> tuple[Heights, Points, Matrices]:
    """Return values, gradients and Hessians."""

    def total(u: Array) -> tuple[Array, Array]:
        value = objective(u)
        return jnp.sum(value), value

    def slope_and_value(u: Array) -> tuple[Array, Array]:
        return jax.grad(total, has_aux=True)(u)

    def along(direction: Array) -> tuple[Array, Array, Array]:
        dot = jnp.broadcast_to(direction, u.shape)
        slope, column, value = jax.jvp(slope_and_value, (u,), (dot,), has_aux=True)
        return value, slope, column

    directions = jnp.eye(u.shape[-1], dtype=u.dtype)
    value, slope, columns = jax.vmap(along, out_axes=(None, None, -1))(directions)
    return value, slope, (columns + jnp.swapaxes(columns, -1, -2)) / 2


def rounding(value: Heights) -> Heights:
    """Return what a log density may be off by."""
    size = where(jnp.isfinite(value), jnp.abs(value), 0.0)
    return 8 * jnp.finfo(value.dtype).eps * (1 + size)


def solve(matrix: Matrices, right: Points) -> Points:
    """Return ``A⁻¹ b`` of positive definite matrices, NaN of others."""
    factor = cholesky(matrix)
    half = solve_rows(factor, jnp.moveaxis(right, -1, 0))
    return jnp.moveaxis(solve_rows(factor, half, transposed=True), 0, -1)


def _damped(slope: Points, curvature: Matrices, damping: Heights) -> Points:
    diagonal = jnp.abs(jnp.diagonal(curvature, axis1=-2, axis2=-1)) + slope * slope
    spread = diagonal[..., None] * jnp.eye(slope.shape[-1], dtype=slope.dtype)
    return solve(spread * damping[..., None, None] - curvature, slope)
