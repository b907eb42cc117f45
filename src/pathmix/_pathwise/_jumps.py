"""What the weights' velocity needs where a density jumps inside the support of another.

Where coordinate i of a draw passes an end of one component, the conditional distributions of the
coordinates after it jump, and draws that follow these would have to jump as well (``_logits``). So
the mass that moves along coordinate i is shared out among the components in a way that does not
jump: not by their densities, ``r_k ∝ w_k p_k``, but by ``ω_k ∝ w_k p_k s_k`` with a taper ``s_k``
that is zero at such an end. With ``T_k = ω_k/r_k`` after coordinate i, ``R_k`` the posterior
weights given all coordinates, and ``dx_i`` and ``a`` as in ``_logits``, the coordinate moves by

    dx_i Σ_k R_k T_k,    and then    a_k ← a_k − T_k Σ_j r_j a_j + dx_i T_k (log ω_k)'

which is the recurrence there if no density is tapered. Both keep the continuity equation: what
flows along coordinate i is ``f_i dx_i Σ_k ω_k p_k(x_{i+1}, …)``, which does not jump along it, and
``r_k a_k`` is what of component k is left to be moved along the coordinates after it.

The taper is ``min(2F, 1)ⁿ``, with ``F`` the mass between the end and ``x``. Where a density grows
as ``dᵃ⁻¹`` as the distance ``d`` to the end falls, ``F/(p d)`` tends to ``1/a``, and
``n = 2F/(p d) − 1`` makes ``p s`` proportional to ``d``, of which the slope is finite. Elsewhere
``n`` is one.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.core import Tracer

from pathmix._components import Canonical, component_bounds, places_of, split
from pathmix._evaluation import all_terms
from pathmix._families import Terms
from pathmix._layout import component_first, pad_left
from pathmix._special import bounded_exp
from pathmix._typing import EventFirst, Reals, RowsOfK, Shape, Value
from pathmix._weights import Weights
from pathmix._where import where


class Depths(NamedTuple):
    """How far values are from ends at which components are tapered, ``event k *points``.

    Infinite where there is no such end.
    """

    above_low: Array
    below_high: Array


class Tilt(NamedTuple):
    """How another share of each component moves one coordinate, or some, each ``k *points``."""

    ratio: Array
    """``T = ω/r``."""
    slope: Array
    """``T (log ω)'``."""


class Jumps(NamedTuple):
    """Where densities jump, what the recurrence needs besides."""

    depths: Depths
    shares: Array
    """The posterior weights given all coordinates, ``k *points``."""

    def factor(self, tilt: Tilt) -> Reals:
        """Return by how much more a coordinate moves, ``*points``."""
        return jnp.sum(self.shares * tilt.ratio, axis=0)


def jumps_at(weights: Weights, components: Canonical, x: Value, points: Shape) -> Jumps | None:
    """Return what there is to know at rows ``x``; ``None`` where no density is tapered."""
    size = math.prod(components.event_shape)
    inside = None if size < 2 else _depths(components, x.reshape(size, *points), len(points))
    if inside is None:
        return None
    shares = weights.shares(all_terms(components, x).term)
    return Jumps(inside, shares.reshape(len(shares), *points))


def _depths(components: Canonical, x: EventFirst, points: int) -> Depths | None:
    """The depths; an end is one to taper at if others go beyond it."""
    families = split(components)
    scalars = [c.factors() for c in families]
    ends = [None if c is None else component_bounds(c.plain) for c in scalars]
    known = [pair for pair in ends if pair is not None]
    if len(known) < len(ends):
        return None
    shapes = [(c.batch_shape[-1], *components.event_shape) for c in families]
    with jax.ensure_compile_time_eval():
        lows, highs = (list(map(_full, each, shapes)) for each in zip(*known, strict=True))
        low, high = (_in_order(each, components) for each in (lows, highs))
        k = -components.event_dim - 1
        low = where(low > jnp.min(low, k, keepdims=True), low, -jnp.inf)
        high = where(high < jnp.max(high, k, keepdims=True), high, jnp.inf)
        if _are_infinite(low) and _are_infinite(high):
            return None
    low, high = (_event_first(end, components.event_dim, points) for end in (low, high))
    x = jnp.expand_dims(x, 1)
    return Depths(x - low, high - x)


def tilt(inside: Depths, at: Terms, share: Reals, u: RowsOfK) -> Tilt:
    """Return the tilt of coordinates ``rows k *points``, of weights ``share u`` after them."""
    log_s, slope = _taper(inside, at)
    log_mass = where(share * u > 0, jnp.log(where(u > 0, u, 1.0)) + log_s, -jnp.inf)
    top = lax.stop_gradient(jnp.max(log_mass, axis=1, keepdims=True))
    top = where(top > -jnp.inf, top, 0.0)
    total = jnp.sum(share * jnp.exp(log_mass - top), axis=1, keepdims=True)
    ratio = bounded_exp(log_s - top - jnp.log(where(total > 0, total, 1.0)))
    slope = at.score + slope
    mean = jnp.sum(share * u * ratio * slope, axis=1, keepdims=True)
    return Tilt(ratio, ratio * (slope - mean))


def _taper(inside: Depths, at: Terms) -> tuple[Reals, Reals]:
    """``log s`` and its slope, from the nearer end: zero on the far side of the median."""
    depth = where(at.lower, *inside)
    has_end, deep = jnp.isfinite(depth), (depth > 0) & (at.ratio > jnp.finfo(depth.dtype).tiny)
    felt = has_end & deep
    depth, ratio = where(felt, depth, 1.0), where(felt, at.ratio, 1.0)
    score = where(at.lower, at.score, -at.score)  # inwards, like all here
    spread = ratio / depth
    power = jnp.maximum(2 * spread - 1, 1.0)
    log_mass = jnp.minimum(jnp.log(2 * ratio) + where(felt, at.log_prob, 0.0), 0.0)
    change = where(spread > 1, 2 * ((1 - spread) / depth - spread * score), 0.0)
    slope = jnp.maximum(2 / depth - 1 / ratio, 1 / ratio) + change * log_mass
    slope = where(felt, slope, 0.0)
    log_s = where(felt, power * log_mass, where(has_end, -jnp.inf, 0.0))
    return log_s, where(at.lower, slope, -slope)


def _full(end: Any, shape: Shape) -> Array:
    """One family's ends, ``*batch k *event``."""
    end = pad_left(end, len(shape))
    return jnp.broadcast_to(end, end.shape[: end.ndim - len(shape)] + shape)


def _in_order(ends: Sequence[Array], components: Canonical) -> Array:
    """Join the families' ends along ``k``, in the order of the components."""
    cut = components.event_dim + 1
    batch = jnp.broadcast_shapes(*(end.shape[: end.ndim - cut] for end in ends))
    full = [jnp.broadcast_to(end, batch + end.shape[end.ndim - cut :]) for end in ends]
    places = np.argsort(np.concatenate(places_of(components)))
    return jnp.take(jnp.concatenate(full, axis=-cut), places, axis=-cut)


def _event_first(end: Array, events: int, points: int) -> Array:
    return component_first(end.reshape(*end.shape[: end.ndim - events], -1), 1, points)


def _are_infinite(end: Array) -> bool:
    return not isinstance(end, Tracer) and bool(np.all(np.isinf(end)))
