"""Closed maxima that are no functions of sums: medians, and ends of supports.

They look at all rows at once, with the memberships of every component in memory, ``k n``.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpyro.distributions as dist
from jax import Array
from jaxtyping import Shaped

from pathmix._components import Canonical
from pathmix._estimation._closed import pooled
from pathmix._estimation._parameters import of_leaf
from pathmix._estimation._sweep import Model, Task, log_likelihood, memberships
from pathmix._typing import Reals
from pathmix._where import where

Parameters: TypeAlias = tuple[Array, ...]
Hold: TypeAlias = Callable[[int, Array], Array]


OfRows: TypeAlias = Shaped[Array, "k n *event"]
OfCells: TypeAlias = Shaped[Array, "cells *events"]  # noqa: F821


class Rows(NamedTuple):
    """Values and how much components have of each."""

    x: Shaped[Array, "1 n *event"]
    share: OfRows


def _over_rows(t: OfRows, like: Array) -> OfCells:
    """Sums over rows, ``k *event``, as ``like`` is shared."""
    return pooled(jnp.sum(t, axis=1), like)


def _least(rows: Rows, like: Array) -> OfCells:
    """The least value that a component has a share in, as ``like`` is shared."""
    least = jnp.min(where(rows.share > 0, rows.x, jnp.inf), axis=1)
    axes = tuple(i for i, (a, b) in enumerate(zip(least.shape, like.shape, strict=True)) if b < a)
    return jnp.min(least, axis=axes, keepdims=True)


def _quantile(rows: Rows, like: Array, level: OfCells) -> OfCells:
    """The weighted quantile of what each component has, or all that share it together.

    It is the least value with a share of ``level`` not above it.
    """
    share, x = rows.share, jnp.broadcast_to(rows.x, rows.share.shape)
    for axis, size in enumerate(like.shape):  # those that share it become rows
        place = axis if axis == 0 else axis + 1
        if size < share.shape[place]:
            share, x = (_as_rows(t, place) for t in (share, x))
    order = jnp.argsort(x, axis=1)
    x, share = (jnp.take_along_axis(t, order, axis=1) for t in (x, share))
    total = jnp.sum(share, axis=1, keepdims=True)
    reached = jnp.cumsum(share, axis=1) >= jnp.expand_dims(level, 1) * total
    first = jnp.argmax(reached, axis=1, keepdims=True)
    return jnp.squeeze(jnp.take_along_axis(x, first, axis=1), 1)


def _as_rows(t: Array, axis: int) -> Array:
    """Turn the entries of an axis, of which one is left, into more rows."""
    entries = [jnp.take(t, i, axis=axis) for i in range(t.shape[axis])]
    return jnp.expand_dims(jnp.concatenate(entries, axis=1 if axis else 0), axis)


def _uniform(rows: Rows, old: Parameters, hold: Hold) -> Parameters:
    low, high = old
    mirrored = Rows(-rows.x, rows.share)
    return hold(0, _least(rows, low)), hold(1, -_least(mirrored, high))


def _log_uniform(rows: Rows, old: Parameters, hold: Hold) -> Parameters:
    low, high = old
    inverse = Rows(1 / rows.x, rows.share)
    return hold(0, _just_below(rows, low)), hold(1, 1 / _just_below(inverse, high))


def _pareto(rows: Rows, old: Parameters, hold: Hold) -> Parameters:
    scale, alpha = old
    scale = hold(0, _just_below(rows, scale))
    return scale, hold(1, 1 / _mean_log_excess(rows, scale, alpha))


def _power_law(rows: Rows, old: Parameters, hold: Hold) -> Parameters:
    """A Pareto distribution by its power, ``−1 − alpha``."""
    power, low = old
    low = hold(1, _just_below(rows, low))
    return hold(0, -1 - 1 / _mean_log_excess(rows, low, power)), low


def _just_below(rows: Rows, like: Array) -> OfCells:
    """The least positive value, but for the rounding of a quotient by it."""
    return _least(rows, like) * (1 - 4 * jnp.finfo(like.dtype).eps)


def _mean_log_excess(rows: Rows, low: Array, like: Array) -> OfCells:
    excess = jnp.log(rows.x) - jnp.log(jnp.expand_dims(low, 1))
    excess = where(rows.share > 0, rows.share * excess, 0.0)
    return _over_rows(excess, like) / _over_rows(rows.share, like)


def _laplace(rows: Rows, old: Parameters, hold: Hold) -> Parameters:
    """Rows that share a location count by the scales in use: a conditional maximum."""
    loc, scale = old
    count = Rows(rows.x, rows.share * jnp.expand_dims(jnp.min(scale) / scale, 1))
    loc = hold(0, _quantile(count, loc, jnp.full_like(loc, 0.5)))
    away = rows.share * jnp.abs(rows.x - jnp.expand_dims(loc, 1))
    return loc, hold(1, _over_rows(away, scale) / _over_rows(rows.share, scale))


def _asymmetric(rows: Rows, old: Parameters, hold: Hold, *, by_quantile: bool) -> Parameters:
    """The location is a quantile, at the mass below it that is in use: a conditional maximum.

    With mean distances ``a`` above and ``b`` below, a mass of ``√b/(√a + √b)`` lies below (Kotz,
    Kozubowski & Podgórski 2001, "The Laplace Distribution and Generalizations").
    """
    loc, scale, shape = old
    level = shape if by_quantile else shape**2 / (1 + shape**2)
    loc = hold(0, _quantile(rows, loc, jnp.broadcast_to(level, loc.shape)))
    away = rows.x - jnp.expand_dims(loc, 1)
    above, below = (
        _over_rows(rows.share * jnp.maximum(side, 0.0), scale) / _over_rows(rows.share, scale)
        for side in (away, -away)
    )
    if by_quantile:
        shape = hold(2, jnp.sqrt(below) / (jnp.sqrt(above) + jnp.sqrt(below)))
        return loc, hold(1, shape * above + (1 - shape) * below), shape
    shape = hold(2, (below / above) ** 0.25)
    return loc, hold(1, shape * above + below / shape), shape


ORDERED: dict[Any, Callable[[Rows, Parameters, Hold], Parameters]] = {
    dist.Uniform: _uniform,
    dist.DiscreteUniform: _uniform,
    dist.LogUniform: _log_uniform,
    dist.Pareto: _pareto,
    dist.LowerTruncatedPowerLaw: _power_law,
    dist.Laplace: _laplace,
    dist.AsymmetricLaplace: partial(_asymmetric, by_quantile=False),
    dist.AsymmetricLaplaceQuantile: partial(_asymmetric, by_quantile=True),
}
"""By the class of the distribution, or of the coordinates of Independent ones."""


def has_order(kind: Any, scalars: Canonical) -> bool:
    """Whether there is a rule for a class, with what its components share."""
    asymmetric = kind in (dist.AsymmetricLaplace, dist.AsymmetricLaplaceQuantile)
    alone = all(p.shape == scalars.own_shape for p in scalars.parameters)
    return kind in ORDERED and (alone or not asymmetric)


def ordered_step(model: Model, task: Task, scalars: Canonical) -> tuple[Parameters, Array, Reals]:
    """Return the parameters, the counts of the components, and the likelihood before."""
    data = task.data
    share, total = memberships(model, data)
    share = share * data.weights
    counts = jnp.sum(share, axis=1)
    share = jnp.broadcast_to(
        share.reshape(share.shape + (1,) * (data.x.ndim - 1)), (len(share), *data.x.shape)
    )
    if data.observed is not None:
        share = where(data.observed, share, 0.0)
    old = scalars.parameters
    seen = jnp.sum(share, axis=1)

    def hold(i: int, new: Array) -> Array:
        keep = of_leaf(task.held.parameters[i], old[i]) | (pooled(seen, old[i]) == 0)
        return where(keep | ~jnp.isfinite(new), old[i], new)

    rule = ORDERED[scalars.recipe.kind]  # type: ignore[union-attr]
    return (
        rule(Rows(data.x[None], share), old, hold),
        counts,
        log_likelihood(data, total, task.level),
    )
