"""The log density of a mixture of scalars, ``log f = log Σ_k w_k p_k``, and its derivative.

The sum over components is written out, of the terms of a stretch of points (:mod:`._scalars`).

The derivative is ``Σ_k r_k (d log w_k + d log p_k)``. Along ``x`` it is one slope for each point.
Along parameters, sums over components, like the sums over points that reverse mode makes of them,
are products with vectors. The slopes of few points and components are kept for that
(:mod:`._kept_slopes`); of many, reverse mode works them out again, stretch by stretch.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from pathmix._components import Canonical
from pathmix._evaluation._kept_slopes import is_kept, kept_change
from pathmix._evaluation._rows import moved, times
from pathmix._evaluation._scalars import along, by_stretches, each, with_slopes
from pathmix._evaluation._turns import in_turns
from pathmix._evaluation._written_out import (
    is_in_place,
    is_slope_written_out,
    is_written_out,
    slope_written_out,
    work_of_density,
    work_of_slope,
    written_out,
)
from pathmix._layout import fold_components, over_components, with_points
from pathmix._log_sums import LogSum, as_log_sum, highest, log_sum, over_highest, relative, shares
from pathmix._moving import are_zero, dense, is_zero
from pathmix._rules import custom_jvp
from pathmix._special import stored
from pathmix._tuning import DENSE_CHANGE
from pathmix._typing import Reals, Value
from pathmix._weights import Own, Weights
from pathmix._where import where


def log_density_of_scalars(weights: Weights, components: Canonical, x: Value) -> Reals:
    """Return ``log Σ_k w_k p_k(x)``, ``*points``, of ``x`` in full."""
    if is_written_out(components, x):
        return _written_out(weights, components, x)
    return _value(weights, components, x)


@custom_jvp
def log_sum_of_scalars(weights: Weights | Own, components: Canonical, x: Value) -> LogSum:
    first, log_w = components.component_first(x.ndim), with_points(weights.log(), x.ndim)
    of_each = _plan(components, x)

    def stretch(x: Value) -> LogSum:
        # at a limit of the parameters the logarithm is right; its derivative alone is not
        terms = of_each(lambda one: one.family.log_density(one.theta, x), first, x.shape)
        return log_sum(log_w, terms)

    return by_stretches(stretch, components, x)


def _plan(components: Canonical, x: Value) -> Callable[..., Any]:
    """``each``, or all in one go where terms are worked out as they are read."""
    return (lambda fn, first, _: fn(first)) if is_in_place(components, x) else each


def _value(weights: Weights, components: Canonical, x: Value) -> Reals:
    return log_sum_of_scalars(weights, components, x).value


@custom_jvp
def _written_out(weights: Weights, components: Canonical, x: Value) -> Reals:
    value = lambda *args: written_out(*args).value  # noqa: E731
    work, batch = work_of_density(components, x), len(components.own_shape) - 1
    return in_turns(value, (weights, components), x, work, batch)


@partial(_written_out.defjvp, symbolic_zeros=True)
def _written_out_jvp(primals: Any, tangents: Any) -> tuple[Reals, Reals]:
    """As of what is stored, which is not traced for it if it is not read."""
    out, change = _log_density_jvp(primals, tangents)
    return out.value, jnp.broadcast_to(change.value, out.value.shape)


@partial(log_sum_of_scalars.defjvp, symbolic_zeros=True)
def _log_density_jvp(primals: Any, tangents: Any) -> tuple[LogSum, LogSum]:
    *d_parts, dx = tangents
    still, flat = are_zero(d_parts), is_zero(dx) or primals[1].family.flat
    if flat and not still and is_kept(primals, d_parts):
        out, total = kept_change(_log_sum_of_one, *_as_several(primals, d_parts))
    elif flat:
        out = log_sum_of_scalars(*primals)
        total = change_of_scalars(out, primals, tangents)
    else:
        out, slope = _with_slope(*primals)
        total = slope * dx
        if not still:
            total += _change(out, primals, d_parts)
    return out, LogSum(jnp.zeros_like(total), total)


def _log_sum_of_one(weights: Any, families: Any, x: Value) -> LogSum:
    (w,), (components,) = weights, families
    return log_sum_of_scalars(w, components, x)


def _as_several(primals: Any, tangents: Any) -> tuple[Any, Any]:
    *parts, x = primals
    return (*[(part,) for part in parts], x), [(d,) for d in tangents]


def change_of_scalars(out: LogSum, primals: Any, tangents: Any) -> Reals:
    """How these components change ``out``, the sum of them all or of others as well."""
    *d_parts, dx = tangents
    total = jnp.zeros_like(out.rest)
    if not (is_zero(dx) or primals[1].family.flat):
        total += _slope(out, *primals) * dx
    return total if are_zero(d_parts) else total + _change(out, primals, d_parts)


@custom_jvp
def _with_slope(weights: Weights | Own, components: Canonical, x: Value) -> tuple[LogSum, Reals]:
    """``log f`` and its slope in ``x``, by the same loops."""
    if is_slope_written_out(components, x):
        work, batch = work_of_slope(components, x), len(components.own_shape) - 1
        return in_turns(slope_written_out, (weights, components), x, work, batch)
    first, log_w = components.component_first(x.ndim), with_points(weights.log(), x.ndim)
    of_each = _plan(components, x)

    def stretch(x: Value) -> tuple[LogSum, Reals]:
        terms, change = of_each(lambda c: along(None, c, x), first, x.shape)
        top = stored(highest(log_w, terms.term))
        total = over_highest(log_w, terms.term, terms.factor, top)[1]

        def felt(one: tuple[Reals, Reals, Reals]) -> Reals:
            part = jnp.exp(one[0] + relative(one[1], top))
            return where(part > 0, part * one[2], 0.0)

        slope = fold_components(jnp.add, (log_w, terms.term, moved(terms, change)), felt)
        slope = where(total > 0, slope * (1 / where(total > 0, total, 1.0)), 0.0)
        return as_log_sum(top, total), slope

    return by_stretches(stretch, components, x)


@_with_slope.defjvp
def _with_slope_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    """Of the two apart, which is exact for weights of zero."""

    def apart(*primals: Any) -> tuple[LogSum, Reals]:
        out = log_sum_of_scalars(*primals)
        return out, _slope(out, *primals)

    return _with_slope(*primals), jax.jvp(apart, primals, tangents)[1]


def _slope(out: LogSum, weights: Weights | Own, components: Canonical, x: Value) -> Reals:
    """``Σ_k r_k ∂_x log p_k``."""
    first = components.component_first(x.ndim)
    # of the change of weights, what does not depend on the tangent, which is any here
    log_u, share, _ = (with_points(t, x.ndim) for t in weights.change(weights))  # type: ignore[arg-type]

    def stretch(x: Value, level: Reals) -> Reals:
        terms, change = each(lambda c: along(None, c, x), first, x.shape)
        r = shares(log_u, terms.term, level)
        slopes = moved(terms, change)
        # a weight of zero has a share of zero, which has a derivative
        return over_components(share * where(r > 0, r * slopes, 0.0))

    level, inverse = out.parts()
    return inverse * by_stretches(stretch, components, x, level)


def _change(out: LogSum, primals: Any, tangents: Any) -> Reals:
    """``Σ_k r_k (d log w_k + ∂_θ log p_k dθ_k)``."""
    (weights, components, x), (d_weights, d_components) = primals, tangents
    first, dims = components.component_first(x.ndim), components.event_dims
    leaves = zip(d_components.parameters, dims, strict=True)
    change = [None if is_zero(d) else with_points(d, x.ndim, n) for d, n in leaves]
    log_u, share, a = (with_points(t, x.ndim) for t in weights.change(dense(d_weights, weights)))

    def stretch(x: Value, level: Reals) -> Reals:
        moving = [
            i for i, (d, n) in enumerate(zip(change, dims, strict=True)) if d is not None and not n
        ]
        terms, slopes = each(lambda c: with_slopes(moving, c, x), first, x.shape)
        total, slope_of = jnp.zeros_like(level), dict(zip(moving, slopes, strict=True))
        r = shares(log_u, terms.term, level)
        felt = lambda change: r * share * where(r > 0, moved(terms, change), 0.0)  # noqa: E731
        if not are_zero(d_weights):
            total += over_components(times(terms.factor, r), a)
        for i, (d, n) in enumerate(zip(change, dims, strict=True)):
            if d is not None and n:  # a table, of which a value chooses the entry
                total += over_components(felt(along(i, first, x, d)[1]))
            elif d is not None:
                total += over_components(felt(slope_of[i]), d)
        return total

    again = jax.checkpoint(stretch, prevent_cse=False)
    level, inverse = out.parts()
    return inverse * by_stretches(again, components, x, level, most=DENSE_CHANGE)
