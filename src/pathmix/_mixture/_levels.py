"""Many quantiles at once: a few levels are bisected, the others interpolated and polished.

Bisection takes an evaluation of both tails for each bit of a float, which is dear. So of many
probabilities only some levels are bisected. They are equidistant in ``u = asinh(L/4)`` of the log
odds ``L = log q − log(1 − q)``: fine around the median, and ever coarser in the tails. Between them
the quantile is interpolated by a monotone cubic in ``u`` (Fritsch & Butland 1984), and polished by
Newton's method in log odds, kept in the bracket of the levels. What does not converge, because the
cdf is flat there or has steps, is bisected after all, in that bracket, as many at a time as there
are levels.
"""

from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from pathmix._layout import is_symbolic
from pathmix._mixture._inversion import (
    Brackets,
    Curve,
    Target,
    around,
    bisect,
    log_odds,
    middle,
    to_float,
    to_key,
)
from pathmix._special import log_sigmoids
from pathmix._tuning import LEVELS, MANY_QUANTILES, PER_LEVEL, POLISHED
from pathmix._typing import Flags, Reals
from pathmix._where import where

PerLevel: TypeAlias = Float[Array, "levels *#batch"]
PerInterval: TypeAlias = Float[Array, "intervals *#batch"]


def invert(curve: Curve, target: Target) -> Reals:
    """Return the least floats that reach targets, ``samples *batch``."""
    count = _number_of_levels(target.log_tail)
    if not count:
        return bisect(curve, target, around(curve, target))
    return _by_levels(curve, target, count)


def _number_of_levels(q: Reals) -> int:
    """None, where the probabilities are few, or lie on several devices, where none is to move."""
    if is_symbolic(q.size) or jax.device_count() > 1 or len(q) < MANY_QUANTILES:
        return 0
    return min(len(q) // PER_LEVEL, LEVELS)


class Search(NamedTuple):
    """Where a search stands, ``samples *batch``: values, brackets, and which are found."""

    x: Reals
    brackets: Brackets
    found: Flags


def _by_levels(curve: Curve, target: Target, count: int) -> Reals:
    """Bisect levels, polish what they say of all targets, and bisect what is left.

    One loop does all bisections, for evaluations of the tails are long to compile: its first pass
    has the levels, every other one as many targets.
    """
    grid = _grid(target, count)
    levels = _targets_of(grid)
    start = Search(target.log_tail, around(curve, target), jnp.isnan(target.log_tail))

    def step(state: tuple[Array, Search]) -> tuple[Array, Search]:
        passes, search = state
        first = passes == 0
        which = _next(search.found, count)
        mine = jax.tree.map(partial(_take, which), (target, search.brackets))
        mine = jax.tree.map(partial(where, first), (levels, around(curve, levels)), mine)
        x = bisect(curve, *mine)
        search = lax.cond(
            first,
            lambda: _polished(curve, target, _between(curve, target, grid, x)),
            lambda: search._replace(x=_put(search.x, which, x), found=_put(search.found, which, 1)),
        )
        return passes + 1, search

    def go_on(state: tuple[Array, Search]) -> Flags:
        passes, search = state
        most = 1 + -(-len(search.x) // count)
        return (passes < most) & ((passes == 0) | ~jnp.all(search.found))

    return lax.while_loop(go_on, step, (jnp.zeros((), int), start))[1].x


def _next(found: Flags, count: int) -> Array:
    """The next samples that are not found, ``count *batch``; beyond the last where none is left."""
    place = where(found, count, jnp.cumsum(~found, axis=0) - 1)
    samples = jnp.broadcast_to(_along(jnp.arange(len(found)), found), found.shape)
    return _put(jnp.full((count, *found.shape[1:]), len(found)), place, samples)


def _take(which: Array, t: Array) -> Array:
    return jnp.take_along_axis(t, which, axis=0, mode="clip")


def _put(t: Array, which: Array, values: Any) -> Array:
    """Put values where they belong; what lies beyond the last is left out."""
    batch = jnp.indices(t.shape[1:], sparse=True)
    return t.at[(which, *batch)].set(jnp.asarray(values, t.dtype), mode="drop")


def _along(t: Array, like: Array) -> Array:
    return t.reshape(-1, *(1,) * (like.ndim - 1))


# ---- levels ----


def _grid(target: Target, count: int) -> PerLevel:
    """Levels that enclose the finite log odds, as ``asinh(L/4)``, ``count *batch``."""
    u = jnp.arcsinh(target.log_odds() / 4)
    known = jnp.isfinite(u)
    low, high = (op(where(known, u, end), axis=0) for op, end in ((jnp.min, 9.0), (jnp.max, -9.0)))
    margin = 1e-3 * jnp.maximum(1.0, high - low)
    return jnp.linspace(low - margin, high + margin, count, axis=0)


def _targets_of(grid: PerLevel) -> Target:
    odds = 4 * jnp.sinh(grid)
    return Target(log_sigmoids(jnp.abs(odds))[1], odds > 0)


def _between(curve: Curve, target: Target, grid: PerLevel, values: PerLevel) -> Search:
    """What the ``values`` of the levels say of targets."""
    u, step = jnp.arcsinh(target.log_odds() / 4), (grid[-1] - grid[0]) / (len(grid) - 1)
    place = (u - grid[0]) / step
    index = jnp.clip(jnp.nan_to_num(jnp.floor(place)).astype(int), 0, len(grid) - 2)
    below, above = _take(index, values), _take(index, values[1:])
    slopes = (_take(index, slope) for slope in _slopes(values))
    x = _cubic(place - index, below, above, *slopes)
    brackets = around(curve._replace(ends=lambda _: (below, above)), target)
    x = where((x >= below) & (x <= above), x, to_float(middle(brackets, x.dtype), x.dtype))
    found = (below == above) | ~jnp.isfinite(u)
    return Search(where(found, below, x), brackets, found)


def _slopes(values: PerLevel) -> tuple[PerInterval, PerInterval]:
    """Slopes at both ends of each interval: harmonic means of those of the chords beside it."""
    chord = jnp.diff(values, axis=0)
    before, after = chord[:-1], chord[1:]
    both = before + after
    inner = where((before > 0) & (after > 0), 2 * before * (after / both), 0.0)
    return jnp.concatenate([chord[:1], inner]), jnp.concatenate([inner, chord[-1:]])


def _cubic(t: Reals, a: Reals, b: Reals, slope_a: Reals, slope_b: Reals) -> Reals:
    """Hermite's cubic between two values."""
    chord = b - a
    c, d = slope_a - chord, slope_b - chord
    return a + t * (chord + (1 - t) * ((1 - t) * c - t * d))


# ---- polishing ----


def _polished(curve: Curve, target: Target, search: Search) -> Search:
    """Polish values by Newton's method until few are left, if the distribution is continuous."""
    log_density = curve.log_density
    if log_density is None:
        return search
    wanted = log_odds(target.log_tail)
    few, dtype = _number_of_levels(search.x), search.x.dtype
    ends = [to_float(key, dtype) for key in search.brackets]
    noise = 64 * jnp.finfo(dtype).eps * jnp.maximum(1, -target.log_tail)
    resolution = (ends[1] - ends[0]) / 256

    def step(state: tuple[Array, Search]) -> tuple[Array, Search]:
        count, (x, brackets, found) = state
        tail = curve.log_tail(x, target.upper)
        excess, odds = target.excess(tail), log_odds(tail)
        # p(1 − p) over the density: the inverse slope of the log odds, which are log p − log(1 − p)
        log_width = 2 * tail - odds - log_density(x)
        reached = excess >= 0
        brackets = Brackets(
            where(reached, brackets.below, to_key(x)),
            where(reached, to_key(x), brackets.reached),
        )
        error = target.signed(odds - wanted)
        better = (x - error * jnp.exp(log_width)).astype(dtype)
        low, high = (to_float(key, dtype) for key in brackets)
        # where the cdf is flat, values at either end are as good, and the least one is looked for
        known = (jnp.abs(excess) <= noise) & (noise * jnp.exp(log_width) <= resolution)
        other = where(known, x, to_float(middle(brackets, dtype), dtype))
        better = where((better > low) & (better < high), better, other)
        x = where(found, x, better)
        return count + 1, Search(x, brackets, found | known)

    def go_on(state: tuple[Array, Search]) -> Flags:
        count, search = state
        return (count < POLISHED) & jnp.any(jnp.sum(~search.found, axis=0) > few)

    return lax.while_loop(go_on, step, (jnp.array(0), search))[1]
