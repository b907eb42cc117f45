"""Minima by L-BFGS, of one function from many points at once.

A step is one evaluation of the function and its slope: either the point it was tried at is taken,
or the way there is cut short. All points so take their steps in one compiled loop, whose body
holds the function once.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from pathmix._where import where

_MEMORY = 10
"""How many steps back the curvature is known from."""
_ENOUGH = 1e-4
"""Which part of the decrease that the slope promises is enough (Armijo)."""
_CUT = 0.25
"""What is left of a way that led up."""
_SHORTEST = 1e-5
"""Ways cut further than this show that the curvature is wrong: it is forgotten."""


class _Memory(NamedTuple):
    """The last steps, the latest last."""

    steps: Float[Array, "memory x"]
    turns: Float[Array, "memory x"]
    """What each step changed of the slope."""
    weights: Float[Array, " memory"]
    """One over the product of the two; 0 where there is no step yet."""
    scale: Float[Array, ""]
    """Of the inverse Hessian, where nothing is known of it."""


class _Point(NamedTuple):
    """A point and the way on from there."""

    x: Float[Array, " x"]
    value: Float[Array, ""]
    slope: Float[Array, " x"]
    memory: _Memory
    way: Float[Array, " x"]
    length: Float[Array, ""]
    """The part of the way that is tried next."""


def minimise(
    fn: Callable[[Array], Array],
    starts: Float[Array, "start x"],
    *,
    num_steps: int,
    longest: float,
) -> tuple[Float[Array, "start x"], Float[Array, " start"]]:
    """Return the lowest point found from each start, and the value there.

    Limited-memory BFGS (Liu & Nocedal 1989) whose line search only ever shortens. A point where
    the value or the slope is not finite is never taken; a start where they are not stays where it
    is, with the value ∞.

    Args:
        fn: A function of a vector ``x``.
        starts: Where to start from.
        num_steps: How often the function is evaluated from each start.
        longest: The furthest that a coordinate moves in one step.
    """
    with_slope = jax.value_and_grad(fn)
    step = jax.vmap(partial(_step, longest=longest))

    def body(_: Array, points: _Point) -> _Point:
        tried = points.x + points.length[:, None] * points.way
        return step(points, tried, *jax.vmap(with_slope)(tried))

    points = lax.fori_loop(0, num_steps, body, jax.vmap(_begin)(starts))
    return points.x, points.value


def _begin(x: Float[Array, " x"]) -> _Point:
    """A point whose value is not known yet: the first step goes nowhere, and is taken."""
    none = jnp.zeros((_MEMORY, *x.shape), x.dtype)
    one, unknown = jnp.ones((), x.dtype), jnp.array(jnp.inf, x.dtype)
    memory = _Memory(none, none, none[:, 0], one)
    return _Point(x, unknown, jnp.zeros_like(x), memory, jnp.zeros_like(x), one)


def _step(
    point: _Point,
    tried: Float[Array, " x"],
    value: Float[Array, ""],
    slope: Float[Array, " x"],
    *,
    longest: float,
) -> _Point:
    """Take the point that was tried, or cut the way to it."""
    promised = _ENOUGH * point.length * (point.slope @ point.way)
    finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(slope))
    good = finite & (value <= point.value + promised)
    taken = _taken(point, tried, value, slope, longest)
    cut = _cut(point, longest)
    return jax.tree.map(partial(where, good), taken, cut)


def _taken(
    point: _Point,
    x: Float[Array, " x"],
    value: Float[Array, ""],
    slope: Float[Array, " x"],
    longest: float,
) -> _Point:
    first = ~jnp.isfinite(point.value)
    memory = _remember(point.memory, x - point.x, slope - point.slope)
    new = memory._replace(scale=1 / _positive(jnp.linalg.norm(slope)))
    memory = jax.tree.map(partial(where, first), new, memory)
    return _Point(x, value, slope, memory, *_onwards(memory, slope, longest))


def _cut(point: _Point, longest: float) -> _Point:
    """A shorter way; the steepest, with nothing remembered, once that is too short."""
    length = _CUT * point.length
    memory = point.memory
    forgetful = memory._replace(
        weights=jnp.zeros_like(memory.weights), scale=memory.scale * _SHORTEST
    )
    shorter = point._replace(length=length)
    steepest = point._replace(
        memory=forgetful,
        way=-forgetful.scale * point.slope,
        length=jnp.minimum(
            1.0, longest / _positive(forgetful.scale * jnp.max(jnp.abs(point.slope)))
        ),
    )
    return jax.tree.map(partial(where, length < _SHORTEST), steepest, shorter)


def _remember(memory: _Memory, step: Float[Array, " x"], turn: Float[Array, " x"]) -> _Memory:
    """The memory with one more step, if the function curves upwards along it."""
    product, turned = step @ turn, turn @ turn
    curved = product > 1e-8 * jnp.sqrt((step @ step) * turned)
    push = lambda rows, row: jnp.concatenate([rows[1:], row[None]])  # noqa: E731
    more = _Memory(
        push(memory.steps, step),
        push(memory.turns, turn),
        push(memory.weights, 1 / _positive(where(curved, product, 1.0))),
        product / _positive(turned),
    )
    # without curvature the next step may be longer
    longer = memory._replace(scale=2 * memory.scale)
    return jax.tree.map(partial(where, curved), more, longer)


def _onwards(
    memory: _Memory, slope: Float[Array, " x"], longest: float
) -> tuple[Float[Array, " x"], Float[Array, ""]]:
    """The way on, and how much of it is tried first."""
    newton = _newton(memory, slope)
    descends = _is_descent(newton, slope)
    way = where(descends, newton, -memory.scale * slope)
    return way, jnp.minimum(1.0, longest / _positive(jnp.max(jnp.abs(way))))


def _is_descent(way: Float[Array, " x"], slope: Float[Array, " x"]) -> Bool[Array, ""]:
    return jnp.all(jnp.isfinite(way)) & (way @ slope < 0)


def _newton(memory: _Memory, slope: Float[Array, " x"]) -> Float[Array, " x"]:
    """Minus the inverse Hessian times the slope, by the two loops over the memory."""
    pairs = memory.steps, memory.turns, memory.weights

    def back(q: Array, pair: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        step, turn, weight = pair
        a = weight * (step @ q)
        return q - a * turn, a

    q, a = lax.scan(back, slope, pairs, reverse=True)

    def forth(r: Array, pair: tuple[Array, ...]) -> tuple[Array, None]:
        step, turn, weight, a = pair
        return r + (a - weight * (turn @ r)) * step, None

    return -lax.scan(forth, memory.scale * q, (*pairs, a))[0]


def _positive(x: Float[Array, ""]) -> Float[Array, ""]:
    """A number to divide by."""
    return jnp.maximum(x, jnp.finfo(x.dtype).tiny)
