"""The velocity that a change of the weights gives a draw.

In one dimension it is ``−Σ_k dw_k F_k / f``. In several, coordinates move in turn, each by the
velocity of its conditional distribution given the coordinates before it (Graves 2016). With

- ``w_{k,i}`` the posterior weight of component k given the first i−1 coordinates,
- ``a_{k,i}`` the derivative of its log (up to a shift common to all k), and
- ``F_{k,i}, p_{k,i}`` the conditional cdf and density, ``f_i = Σ_k w_{k,i} p_{k,i}``,

coordinate i moves by

    dx_i = −Σ_k w_{k,i} F_{k,i} (a_{k,i} − Σ_j w_{j,i} a_{j,i}) / f_i + Σ_k ρ_{k,i} m_{k,i}

where ``ρ_{k,i} = w_{k,i} p_{k,i} / f_i`` and ``m_{k,i}`` is how far the conditional quantile of
component k at ``x_i`` moves with the coordinates before it; then ``a_{k,i+1} = a_{k,i} + d log
p_{k,i}``. Everything but ``a`` and ``dx`` is known from ``x``, so that this is a linear recurrence
in ``k`` numbers, which costs O(K·E) per draw, forwards and transposed.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from pathmix._components import Canonical
from pathmix._evaluation import conditionals_of
from pathmix._families import Conditionals, Terms
from pathmix._layout import component_first, largest_divisor
from pathmix._pathwise._jumps import Depths, Jumps, Tilt, jumps_at, tilt
from pathmix._special import bounded_exp
from pathmix._tuning import RECURRENCE
from pathmix._typing import ComponentFirst, Flags, KPoints, OneMoreOfK, Reals, RowsOfK, Shape, Value
from pathmix._weights import Change, Weights
from pathmix._where import where

_LARGE = 1e4
"""Stands for an infinite log density, of which differences would be NaN."""


def weight_velocity(weights: Weights, tangent: Weights, components: Canonical, x: Value) -> Value:
    """Return the velocity of rows ``*event split rest *batch`` under the weights' ``tangent``."""
    events = components.event_dim
    points = x.shape[events:]
    if jax.device_count() == 1:  # on several, one axis would gather what lies on all of them
        points = (math.prod(points[:2]), *points[2:])
    x_k = jnp.moveaxis(x.reshape(components.event_shape + points), range(events), range(-events, 0))
    conditionals = conditionals_of(components, jnp.expand_dims(x_k, len(points)))
    jumps = jumps_at(weights, components, x, points)
    dx = _recurrence(weights.change(tangent), conditionals, jumps, points, x.dtype)
    return conditionals.complete(dx).reshape(x.shape)


def _recurrence(
    change: Change,
    conditionals: Conditionals,
    jumps: Jumps | None,
    points: Shape,
    dtype: jnp.dtype,
) -> Reals:
    """Run along the event, block by block; return ``event *points``."""

    def per_component(t: Reals) -> ComponentFirst:
        t = component_first(t, 0, len(points))
        return jnp.broadcast_to(t, (t.shape[0], *points)).astype(dtype)

    share = component_first(change.share, 0, len(points)).astype(dtype)
    log_u, a = per_component(change.log_u), per_component(change.a)

    def block(carry, rows):  # type: ignore[no-untyped-def]
        log_u, *moving = carry
        here, inside = rows
        log_u, known = _coefficients(share, log_u, _map(conditionals.terms, here), inside)
        moving, dx = _scan(step, tuple(moving), (known, here))
        return (log_u, *moving), dx

    def step(carry, known_row):  # type: ignore[no-untyped-def]
        (a, state), (now, row) = carry, known_row
        drift, log_scale = conditionals.drift(state, row)
        dx = jnp.sum(now.pull * a, axis=0)
        if conditionals.drifts:
            dx += jnp.sum(share * now.u * drift, axis=0)
        relative = dx - drift
        if jumps is not None:  # of coordinates that do not drift
            a = a + share * (now.tilt.slope * dx - now.tilt.ratio * jnp.sum(now.u * a, axis=0))
            return (a, state), dx * jumps.factor(now.tilt)
        a = a + share * (now.score * relative - log_scale)
        return (a, conditionals.advance(state, row, relative, dx)), dx

    rows = conditionals.rows, None if jumps is None else jumps.depths
    size = jax.tree.leaves(rows)[0].shape[0]
    # two blocks at least: a single one, outside of any loop, takes a third longer on CPU
    length = largest_divisor(size, min(RECURRENCE // max(a.size, 1), size // 2))
    count = size // length
    rows = jax.tree.map(lambda t: t.reshape(count, length, *t.shape[1:]), rows)
    # the reverse pass works the coefficients out again, which is cheaper than to store them
    one = jax.checkpoint(block, prevent_cse=False)
    dx = _scan(one, (log_u, a, conditionals.start(a)), rows)[1]
    return dx.reshape(size, *points)


def _map(fn, xs):  # type: ignore[no-untyped-def]
    """``jax.vmap``, without the batching of a single row, which doubles the time to compile."""
    if len(jax.tree.leaves(xs)[0]) > 1:
        return jax.vmap(fn)(xs)
    return jax.tree.map(lambda t: t[None], fn(jax.tree.map(lambda t: t[0], xs)))


def _scan(step, start, xs):  # type: ignore[no-untyped-def]
    """``lax.scan``, without a loop around a single step."""
    if len(jax.tree.leaves(xs)[0]) > 1:
        return lax.scan(step, start, xs)
    end, y = step(start, jax.tree.map(lambda t: t[0], xs))
    return end, y[None]


class _Coefficients(NamedTuple):
    """What the recurrence needs at one coordinate, each ``k *points``."""

    pull: Array
    """How far a rise of the log weight moves it: ``−u (F − Σ_j w_j F_j)/f``."""
    u: Array
    """The posterior weight after it, but for ``share``."""
    score: Array
    tilt: Tilt | None


def _coefficients(
    share: Reals, log_u: ComponentFirst, at: Terms, inside: Depths | None
) -> tuple[ComponentFirst, _Coefficients]:
    """The coefficients of the coordinates ``at``, ``rows k *points``, and ``log u`` after them.

    With ``F`` the smaller tail of a component, ``u F/f`` is its responsibility times ``F/p``, and
    ``u (1 − F)/f`` loses nothing by the subtraction. As ``Σ_k dw_k = 0``, ``F`` may be replaced by
    ``−S`` for all components: it is, where the mixture's survival is smaller than its cdf, so that
    both tails are exact.
    """
    over_k = lambda t: jnp.sum(share * t, axis=1, keepdims=True)  # noqa: E731
    # what is undefined must not be felt without weight
    felt = (share > 0) | (jnp.isfinite(at.log_prob) & jnp.isfinite(at.score))
    felt &= log_u > -jnp.inf
    log_p = where(felt, jnp.minimum(at.log_prob, _LARGE), -jnp.inf)
    ratio, score = where(felt, at.ratio, 0.0), where(felt, at.score, 0.0)
    # differences of logs of densities stay small enough to be added up, row after row
    level = _highest(share > 0, log_p)
    steps = log_p - level
    sums = _sums(log_u, steps)
    # the last of `sums`, by a sum of its own: what carries on then does not wait for all of them
    after = log_u + jnp.sum(steps, axis=0)
    top = _highest(share > 0, sums)
    parts = bounded_exp(sums - top)
    total = over_k(parts)
    total = where(total > 0, total, 1.0)
    u, log_sum = parts / total, top + jnp.log(total)
    near = u[1:] * ratio
    far = bounded_exp(sums[:-1] - (log_sum[1:] + level)) - near
    cdf, survival = where(at.lower, near, far), where(at.lower, far, near)
    below, above = over_k(cdf), over_k(survival)
    use_cdf = below < above
    pull = where(use_cdf, -cdf, survival) - u[:-1] * where(use_cdf, -below, above)
    after -= _highest(share > 0, after[None])[0]
    at = Terms(at.lower, ratio, where(felt, log_p, 0.0), score)
    leaning = None if inside is None else tilt(inside, at, share, u[1:])
    return after, _Coefficients(pull, u[1:], score, leaning)


def _sums(start: KPoints, terms: RowsOfK) -> OneMoreOfK:
    """``start`` and its sums with the ``terms`` so far, one row more than these."""
    rest = _scan(lambda total, t: (total + t, total + t), start, terms)[1]
    return jnp.concatenate([start[None], rest])


def _highest(positive: Flags, t: Reals) -> Reals:
    top = jnp.max(where(positive, t, -jnp.inf), axis=1, keepdims=True)
    return lax.stop_gradient(where(top > -jnp.inf, top, 0.0))
