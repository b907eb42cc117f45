"""The log density of a mixture of scalars: arrays ``k *points`` over stretches of the points.

The terms ``log p_k(x)`` of a stretch are worked out by one loop, what parameters alone decide by
another over ``k``, and ``log f = log Σ_k w_k p_k`` by a third, in which the sum over components is
written out: few loops, quick to compile, over arrays that a cache holds.

The derivative is ``Σ_k r_k (d log w_k + d log p_k)``. Along ``x`` it is one slope for each point.
Along parameters, sums over components, like the sums over points that reverse mode makes of them,
are products with vectors; reverse mode works their terms out again, which is cheaper than to store
them.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from pathmix._components import Canonical
from pathmix._evaluation._rows import Rows, finite, limit_at, moved, times
from pathmix._families import factored
from pathmix._layout import (
    fold_components,
    in_stretches,
    is_symbolic,
    over_components,
    with_points,
)
from pathmix._moving import dense, is_zero
from pathmix._rules import custom_jvp
from pathmix._special import bounded_exp, stored
from pathmix._tuning import DENSE, DENSE_CHANGE, KEPT, SHARED_BADLY, STORED
from pathmix._typing import Reals, Shape, Value
from pathmix._weights import Weights, log_ratio, weighted
from pathmix._where import where


@custom_jvp
def log_density_of_scalars(weights: Weights, components: Canonical, x: Value) -> Reals:
    """Return ``log Σ_k w_k p_k(x)``, ``*points``, of ``x`` in full."""
    first, log_w = components.component_first(x.ndim), with_points(weights.log(), x.ndim)

    def stretch(x: Value) -> Reals:
        # at a limit of the parameters the logarithm is right; its derivative alone is not
        terms = _each(lambda one: one.family.log_density(one.theta, x), first, x.shape)
        terms = weighted(log_w, terms)
        level = finite(fold_components(jnp.maximum, terms))
        total = fold_components(jnp.add, terms, lambda term: jnp.exp(term - level))
        return jnp.log(total) + level

    return _in_stretches(stretch, components, x)


@partial(log_density_of_scalars.defjvp, symbolic_zeros=True)
def _log_density_jvp(primals: Any, tangents: Any) -> tuple[Reals, Reals]:
    *d_parts, dx = tangents
    still = all(map(is_zero, jax.tree.leaves(d_parts, is_leaf=is_zero)))
    if is_zero(dx) and not still and _is_kept(primals, d_parts):
        return _kept_change(primals, d_parts)
    if is_zero(dx):
        out = log_density_of_scalars(*primals)
        total = jnp.zeros_like(out)
    else:
        out, slope = _with_slope(*primals)
        total = slope * dx
    if not still:
        total += _change(stored(out), primals, d_parts)
    return out, total


def terms_of_scalars(components: Canonical, x: Value) -> Rows:
    """Return the densities of all components, ``k *points``.

    They come out of a loop over the components, so that they are stored: compilers would work them
    out again for each of their readers. Not if many share the work on a point.
    """
    first, count = components.component_first(x.ndim), components.own_shape[-1]
    if count < STORED or not components.family.by_points:
        return _one_by_one(lambda one: _density(one, x), first, x.shape)
    whole = lambda t: jnp.broadcast_to(t, (count, *x.shape))  # noqa: E731
    return jax.tree.map(whole, _density(first, x))


def _each(fn: Callable[[Canonical], Any], first: Canonical, points: Shape) -> Any:
    """Return ``fn`` of components, of which the first axis of the parameters is that of ``k``.

    Of few components it comes out of a loop, so that it is stored, unless the family is so light
    that it is faster to work it out twice; of many, compilers store it anyway.
    """
    count = first.own_shape[0]
    if count >= STORED or (first.family.light and not _is_shared_badly(count, points)):
        return fn(first)
    return _one_by_one(fn, first, points)


def _is_shared_badly(count: int, points: Shape) -> bool:
    """Whether two threads share one pass over so few values that it takes longer than by parts."""
    size = math.prod(points)
    return not is_symbolic(size) and SHARED_BADLY[0] < count * size < SHARED_BADLY[1]


def _one_by_one(fn: Callable[[Canonical], Any], first: Canonical, points: Shape) -> Any:
    def one(k: Array) -> Any:
        mine = [p if len(p) == 1 else lax.dynamic_slice_in_dim(p, k, 1) for p in first.parameters]
        row = lambda t: jnp.broadcast_to(t, (1, *points))[0]  # noqa: E731
        return jax.tree.map(row, fn(first.of(mine)))

    return lax.map(one, jnp.arange(first.own_shape[0]))


@custom_jvp
def _with_slope(weights: Weights, components: Canonical, x: Value) -> tuple[Reals, Reals]:
    """``log f`` and its slope in ``x``, by the same loops."""
    first, log_w = components.component_first(x.ndim), with_points(weights.log(), x.ndim)

    def stretch(x: Value) -> tuple[Reals, Reals]:
        terms, change = _each(lambda c: (_density(c, x), _along(None, c, x)), first, x.shape)
        joint, slopes = weighted(log_w, terms.term), moved(terms, change)
        top = fold_components(jnp.maximum, joint)
        share = lambda one: times(one[1], jnp.exp(log_ratio(one[0], top)))  # noqa: E731
        total = fold_components(jnp.add, (joint, terms.factor), share)
        out = where(jnp.isinf(top), top, jnp.log(total) + top)

        def felt(one: tuple[Reals, Reals]) -> Reals:
            part = jnp.exp(log_ratio(one[0], top))
            return where(part > 0, part * one[1], 0.0)

        slope = fold_components(jnp.add, (joint, slopes), felt)
        return out, where(total > 0, slope * (1 / where(total > 0, total, 1.0)), 0.0)

    return _in_stretches(stretch, components, x)


@_with_slope.defjvp
def _with_slope_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    """Of the two apart, which is exact for weights of zero."""

    def apart(*primals: Any) -> tuple[Reals, Reals]:
        out = log_density_of_scalars(*primals)
        return out, _slope(out, *primals)

    return _with_slope(*primals), jax.jvp(apart, primals, tangents)[1]


def _slope(out: Reals, weights: Weights, components: Canonical, x: Value) -> Reals:
    """``Σ_k r_k ∂_x log p_k``."""
    first = components.component_first(x.ndim)
    # of the change of weights, what does not depend on the tangent, which is any here
    log_u, share, _ = (with_points(t, x.ndim) for t in weights.change(weights))

    def stretch(x: Value, out: Reals) -> Reals:
        terms, change = _each(lambda c: (_density(c, x), _along(None, c, x)), first, x.shape)
        r = bounded_exp(weighted(log_u, log_ratio(terms.term, out)))
        slopes = moved(terms, change)
        # a weight of zero has a share of zero, which has a derivative
        return over_components(share * where(r > 0, r * slopes, 0.0))

    return _in_stretches(stretch, components, x, out)


def _change(out: Reals, primals: Any, tangents: Any) -> Reals:
    """``Σ_k r_k (d log w_k + ∂_θ log p_k dθ_k)``."""
    (weights, components, x), (d_weights, d_components) = primals, tangents
    first, dims = components.component_first(x.ndim), components.event_dims
    leaves = zip(d_components.parameters, dims, strict=True)
    change = [None if is_zero(d) else with_points(d, x.ndim, n) for d, n in leaves]
    log_u, share, a = (with_points(t, x.ndim) for t in weights.change(dense(d_weights, weights)))

    def stretch(x: Value, out: Reals) -> Reals:
        moving = [
            i for i, (d, n) in enumerate(zip(change, dims, strict=True)) if d is not None and not n
        ]
        terms, slopes = _each(
            lambda c: (_density(c, x), [_along(i, c, x) for i in moving]), first, x.shape
        )
        total, slope_of = jnp.zeros_like(out), dict(zip(moving, slopes, strict=True))
        r = bounded_exp(weighted(log_u, log_ratio(terms.term, out)))
        felt = lambda change: r * share * where(r > 0, moved(terms, change), 0.0)  # noqa: E731
        if not all(map(is_zero, d_weights)):
            total += over_components(times(terms.factor, r), a)
        for i, (d, n) in enumerate(zip(change, dims, strict=True)):
            if d is not None and n:  # a table, of which a value chooses the entry
                total += over_components(felt(_along(i, first, x, d)))
            elif d is not None:
                total += over_components(felt(slope_of[i]), d)
        return total

    again = jax.checkpoint(stretch, prevent_cse=False)
    return _in_stretches(again, components, x, out, most=DENSE_CHANGE)


# ---- the same of few points and components, whose slopes are kept ----


def _is_kept(primals: Any, tangents: Any) -> bool:
    """Whether slopes are worked out together with the densities and kept, not worked out again."""
    (_, components, x), (_, change) = primals, tangents
    leaves = zip(change.parameters, components.event_dims, strict=True)
    moving = [n for d, n in leaves if not is_zero(d)]
    size = components.own_shape[-1] * math.prod(x.shape) * (1 + len(moving))
    most = SHARED_BADLY[1] if components.family.light else KEPT
    return not any(moving) and not is_symbolic(size) and size <= most


def _kept_change(primals: Any, tangents: Any) -> tuple[Reals, Reals]:
    (weights, _, x), (d_weights, d_components) = primals, tangents
    leaves = d_components.parameters
    moving = tuple(i for i, d in enumerate(leaves) if not is_zero(d))
    out, shares, slopes = _with_slopes(moving, *primals)
    total = jnp.zeros_like(out)
    if not all(map(is_zero, d_weights)):
        a = weights.change(dense(d_weights, weights)).a
        total += over_components(shares, with_points(a, x.ndim))
    for i, slope in zip(moving, slopes, strict=True):
        total += over_components(slope, with_points(leaves[i], x.ndim))
    return out, total


@partial(custom_jvp, nondiff_argnums=(0,))
def _with_slopes(
    moving: tuple[int, ...], weights: Weights, components: Canonical, x: Value
) -> tuple[Reals, Reals, list[Reals]]:
    """``log f``, and how it moves with each weight and with each parameter, ``k *points``."""
    return _slopes(None, moving, weights, components, x)


@_with_slopes.defjvp
def _with_slopes_jvp(moving, primals, tangents):  # type: ignore[no-untyped-def]
    """Of the density by itself, which is exact for weights of zero."""

    def apart(*primals: Any) -> Any:
        return _slopes(log_density_of_scalars(*primals), moving, *primals)

    return _with_slopes(moving, *primals), jax.jvp(apart, primals, tangents)[1]


def _slopes(
    out: Reals | None, moving: tuple[int, ...], weights: Weights, components: Canonical, x: Value
) -> tuple[Reals, Reals, list[Reals]]:
    first = components.component_first(x.ndim)
    terms, slopes = _each(
        lambda c: (_density(c, x), [_along(i, c, x) for i in moving]), first, x.shape
    )
    if out is None:
        out = stored(
            _log_sum(weighted(with_points(weights.log(), x.ndim), terms.term), terms.factor)
        )
    log_u, share, _ = (with_points(t, x.ndim) for t in weights.change(weights))
    r = bounded_exp(weighted(log_u, log_ratio(terms.term, out)))
    felt = [r * share * where(r > 0, moved(terms, slope), 0.0) for slope in slopes]
    return out, times(terms.factor, r), felt


def _log_sum(joint: Reals, factor: Reals | None) -> Reals:
    """``log Σ_k factor_k exp(joint_k)``."""
    top = fold_components(jnp.maximum, joint)
    share = lambda one: times(one[1], jnp.exp(log_ratio(one[0], top)))  # noqa: E731
    total = fold_components(jnp.add, (joint, factor), share)
    return where(jnp.isinf(top), top, jnp.log(total) + top)


def _along(leaf: int | None, components: Canonical, x: Value, tangent: Any = None) -> Rows:
    """The change of the densities along one parameter, or along ``x``.

    A tangent of ones, the default, gives slopes: each density depends on one entry of the leaf.
    """
    parameters = components.parameters
    at = x if leaf is None else parameters[leaf]

    def density(value: Array) -> Rows:
        if leaf is None:
            return _density(components, value)
        return _density(components.of([*parameters[:leaf], value, *parameters[leaf + 1 :]]), x)

    if tangent is not None:
        return jax.jvp(density, (at,), (tangent,))[1]
    slope = jax.jvp(density, (at,), (jnp.ones_like(at),))[1]
    # it may overflow where the density vanishes, and a zero weight times it must be zero
    largest = jnp.finfo(slope.term.dtype).max
    return Rows(jnp.clip(slope.term, -largest, largest), slope.factor)


def _density(components: Canonical, x: Value) -> Rows:
    """The densities of components, of which the first axis of the parameters is that of ``k``."""
    limit = limit_at(components, x)
    log_p = components.family.log_density(components.theta, x)
    return Rows(*factored(log_p, None if limit is None else limit.mass))


def _in_stretches(
    fn: Callable[..., Any], components: Canonical, *arrays: Value, most: int = DENSE
) -> Any:
    *batch, k = components.own_shape
    return in_stretches(fn, k, most, len(batch), *arrays)
