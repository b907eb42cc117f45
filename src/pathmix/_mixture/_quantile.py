"""Quantiles of a scalar mixture, with implicit derivatives.

The quantile of ``q`` is the left inverse of the cdf, the smallest ``x`` with ``F(x) ≥ q``. The
smaller tail decides, in log space; so ``q`` may be given by its log, or by that of ``1 − q``, as
far out as logs reach.

The derivative is that of the implicit function: ``dq/f``, and the pathwise velocity of a draw at
``x``, which in one dimension is the same thing.
"""

from collections.abc import Callable
from functools import partial, reduce
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pathmix._components import (
    Canonical,
    by_family,
    component_bounds,
    has_atoms,
    has_counts,
    need,
    places_of,
    split,
)
from pathmix._evaluation import (
    log_tails,
    mean,
    owns,
    variance,
    velocity_at,
)
from pathmix._families import Family
from pathmix._layout import pad_left, with_points
from pathmix._log_sums import added, log_sum
from pathmix._mixture._inversion import Curve, Target
from pathmix._mixture._levels import invert
from pathmix._mixture._targets import Scale, reached_early, target_of
from pathmix._pathwise import mixture_velocity
from pathmix._rules import custom_jvp
from pathmix._special import bounded_exp, stored
from pathmix._typing import ComponentFirst, Flags, Reals
from pathmix._weights import Weights, average
from pathmix._where import where

Moving: TypeAlias = tuple[Any, Any]
"""What moves, and how."""


def quantile(weights: Weights, components: Canonical, q: Reals) -> Reals:
    """Return the smallest ``x`` with ``P(X ≤ x) ≥ q``, ``*points``; NaN unless 0 ≤ q ≤ 1."""
    return _bisect("q", weights, components, q)


def inverse_log_cdf(weights: Weights, components: Canonical, log_q: Reals) -> Reals:
    """Return the smallest ``x`` with ``log P(X ≤ x) ≥ log_q``; NaN unless ``log_q ≤ 0``."""
    return _bisect("log q", weights, components, log_q)


def inverse_log_survival(weights: Weights, components: Canonical, log_q: Reals) -> Reals:
    """Return the smallest ``x`` with ``log P(X > x) ≤ log_q``; NaN unless ``log_q ≤ 0``."""
    return _bisect("log 1 − q", weights, components, log_q)


def quantile_of_logs(
    weights: Weights, components: Canonical, log_q: Reals, log_1mq: Reals
) -> Reals:
    """Return the same of ``log q`` and ``log 1 − q`` as each is best known; without derivatives.

    The smaller one decides: of some, that may be the upper tail, of others the lower one.
    """
    target = reached_early(log_q, log_1mq, is_discrete=_has_steps(components))
    return _solved(_curve("log q", weights, components), weights, components, target)


@partial(custom_jvp, nondiff_argnums=(0,))
def _inverse(scale: Scale, weights: Weights, components: Canonical, value: Reals) -> Reals:
    """The quantile of a probability on one of three scales."""
    target = target_of(scale, value, is_discrete=_has_steps(components))
    return _solved(_curve(scale, weights, components), weights, components, target)


def _solved(curve: Curve, weights: Weights, components: Canonical, target: Target) -> Reals:
    """The values that reach targets ``*points``."""
    batch = components.own_shape[:-1]
    shape = jnp.broadcast_shapes(target.upper.shape, batch)
    flat = jax.tree.map(lambda t: jnp.broadcast_to(t, shape).reshape(-1, *batch), target)
    x = invert(curve, flat)
    low, high = (end.astype(x.dtype) for end in edges(weights, components))
    at_end = flat.log_tail == -jnp.inf
    x = where(at_end, where(flat.upper, high, low), x)
    return where(jnp.isnan(flat.log_tail), jnp.nan, x).reshape(shape)


# Compiled here, once for each kind and shape of mixture: an eager loop compiles at every call.
_bisect = jax.jit(_inverse, static_argnums=0)


@_inverse.defjvp
def _inverse_jvp(scale, primals, tangents):  # type: ignore[no-untyped-def]
    weights, components, value = primals
    d_weights, d_components, d_value = tangents
    x = _bisect(scale, weights, components, value)
    if components.is_discrete:
        return x, jnp.zeros_like(x)
    log_f = weights.mix(_log_densities(components, x)).value
    from_value = d_value * _slope(scale, value, log_f)
    pairs = (weights, d_weights), (components, d_components)
    inner = from_value + _velocity(*pairs, x, log_f)
    if has_atoms(components):
        inner = with_places(inner, weights, components, d_components, x)
    _, d_ends = jax.jvp(edges, (weights, components), (d_weights, d_components))
    target = target_of(scale, value, is_discrete=_has_steps(components))
    outer = where(target.upper, d_ends[1], d_ends[0])
    at_end = target.log_tail == -jnp.inf
    return x, where(at_end, from_value + outer, inner).astype(x.dtype)


def with_places(
    velocity: Reals, weights: Weights, components: Canonical, tangent: Canonical, x: Reals
) -> Reals:
    """Return the velocity; at a point mass that of its place, for many levels have that quantile.

    A count stays where it is.
    """
    groups, changes = jax.jvp(split, (components,), (tangent,))
    moved, count = jnp.zeros_like(x), jnp.zeros(x.shape, int)
    present = weights.present()
    for places, group, change in zip(places_of(components), groups, changes, strict=True):
        if not (group.family.atomic or group.is_discrete):
            continue
        there = _log_densities(group, x) > -jnp.inf
        there &= with_points(present[..., np.array(places)], x.ndim)
        count += jnp.sum(there, axis=0)
        if group.family.atomic:
            moves = jnp.moveaxis(velocity_at(group, change, x[..., None]), -1, 0)
            moved += jnp.sum(where(there, moves, 0.0), axis=0)
    return where(count > 0, moved / jnp.maximum(count, 1), velocity)


def _velocity(weights: Moving, components: Moving, x: Reals, log_f: Reals) -> Reals:
    """How a quantile moves with the parameters, each given with its tangent."""
    if not has_counts(components[0]):
        return mixture_velocity(weights, components, x)

    def tails(weights: Weights, components: Canonical) -> tuple[Reals, Reals]:
        return log_tails(weights, components, x)

    # the masses of counts change where they are: no velocity of theirs, but their tails tell
    primals, tangents = zip(weights, components, strict=True)
    (lower, upper), changes = jax.jvp(tails, primals, tangents)
    log_p, change = (
        where(lower < upper, lower, upper),
        where(lower < upper, -changes[0], changes[1]),
    )
    known = log_p > -jnp.inf
    return bounded_exp(where(known, log_p - log_f, -jnp.inf)) * where(known, change, 0.0)


def _slope(scale: Scale, value: Reals, log_f: Reals) -> Reals:
    """``dx`` over the change of the value: ``1/f``, ``q/f`` or ``−(1 − q)/f``, as one exponential.

    An infinite log moves nothing.
    """
    if scale == "q":
        return bounded_exp(-log_f)
    known = value > -jnp.inf
    ratio = bounded_exp(where(known, value, 0.0) - where(known, log_f, jnp.inf))
    return ratio if scale == "log q" else -ratio


def _curve(scale: Scale, weights: Weights, components: Canonical) -> Curve:
    """The distribution function, by numbers where these do not leave the range of floats."""
    for tail in ("log_cdf", "log_survival"):
        need(components, tail)
    ends, own = partial(_ends, weights, components), owns(weights, components)

    def mixed(fn: Callable[[Family, Any], Array], x: Reals) -> Reals:
        pairs = zip(own, by_family(fn, components, x.ndim), strict=True)
        return added([log_sum(with_points(w.log(), x.ndim), t) for w, t in pairs]).value

    def by_logs(x: Reals, upper: Flags) -> Reals:
        return mixed(lambda family, theta: stored(family.log_tail_at(theta, x, upper)), x)

    def by_numbers(x: Reals, upper: Flags) -> Reals:
        of = lambda family, theta: family.tail_at(theta, x, upper)  # noqa: E731
        pairs = zip(own, by_family(of, components, x.ndim), strict=True)
        return jnp.log(reduce(jnp.add, [average(w.values(), t) for w, t in pairs]))

    def log_density(x: Reals) -> Reals:
        return mixed(lambda family, theta: family.log_density(theta, x), x)

    if components.is_discrete:
        return Curve(by_logs, ends, None)
    return Curve(by_numbers if scale == "q" else by_logs, ends, log_density)


def edges(weights: Weights, components: Canonical) -> tuple[Reals, Reals]:
    """Return the lower and upper end of the mixture's support, ``*batch``."""
    shape = components.own_shape
    low, high = (jnp.broadcast_to(pad_left(b, len(shape)), shape) for b in _bounds(components))
    present = weights.present()
    return (
        jnp.min(where(present, low, jnp.inf), axis=-1),
        jnp.max(where(present, high, -jnp.inf), axis=-1),
    )


def _has_steps(components: Canonical) -> bool:
    return components.is_discrete or has_counts(components)


def _bounds(components: Canonical) -> tuple[Any, Any]:
    return component_bounds(components.plain) or (-jnp.inf, jnp.inf)


def _ends(weights: Weights, components: Canonical, target: Target) -> tuple[Reals, Reals]:
    """The ends of the support, of counts no farther out than Cantelli's inequality allows.

    Their cdfs are sums whose length grows with the count: none is evaluated farther out than the
    mean and the variance allow.
    """
    like = target.log_tail
    low, high = (
        jnp.broadcast_to(end, like.shape).astype(like.dtype) for end in edges(weights, components)
    )
    if not _has_steps(components):
        return low, high
    centre, spread = mean(weights, components), jnp.sqrt(variance(weights, components))
    half_logit = target.log_odds() / 2
    half_logit = where(jnp.isfinite(half_logit), half_logit, 0.0)  # the ends are known
    below = jnp.floor(centre - spread * jnp.exp(-half_logit)) - 1
    above = jnp.ceil(centre + spread * jnp.exp(half_logit)) + 1
    return (
        where(below > low, below, low).astype(low.dtype),
        where(above < high, above, high).astype(high.dtype),
    )


def _log_densities(components: Canonical, x: Reals) -> ComponentFirst:
    return need(components, "log_density")(components.component_first(x.ndim).theta, x)
