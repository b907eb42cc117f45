"""Axes: choosing components along ``k``, moving, padding and summing the others."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from pathmix._tuning import RUN, WRITTEN_OUT
from pathmix._typing import ComponentFirstValue, Index, PerComponentValue, Shape, Value


def largest_divisor(count: int, most: int) -> int:
    """Return the largest divisor of ``count`` up to ``most``, and one at the least."""
    return max(b for b in range(1, count + 1) if count % b == 0 and b <= max(most, 1))


def is_symbolic(size: Any) -> bool:
    """Whether a size is not a number but a symbol of ``jax.export``."""
    return not isinstance(size, int)


def expand_to(x: Value, shape: Shape) -> Value:
    """Broadcast ``x`` against ``shape``."""
    return jnp.broadcast_to(x, lax.broadcast_shapes(x.shape, shape))


def sum_rows(terms: Array, event_dim: int) -> Array:
    """Sum over the first ``event_dim`` axes, in runs so short that compilers unroll them.

    Only then are the loops around them vectorised.
    """
    rows = terms.reshape((math.prod(terms.shape[:event_dim]), *terms.shape[event_dim:]))
    runs = (rows[i : i + RUN] for i in range(0, max(len(rows), 1), RUN))
    return functools.reduce(jnp.add, (jnp.sum(run, axis=0) for run in runs))


def spread(t: Array, axis: int, like: Value) -> Array:
    """Broadcast ``axis`` of ``t``, of the same rank as ``like``, from size one to its size there.

    Anything else comes back as it is.

    It is done by an outer product with ones. The transpose, a sum over a long axis, is then a
    product of a matrix and a vector, for which compilers for CPUs have faster code, which also does
    whatever precedes it.
    """
    size = like.shape[axis]
    if t.ndim < like.ndim or t.shape[axis] == size:
        return t
    ones = jnp.ones(size, t.dtype)
    none = ((), ()), ((), ())
    outer = lax.dot_general(jnp.squeeze(t, axis), ones, none, precision="highest")
    return jnp.moveaxis(outer, -1, axis)


def over_components(t: Array, coefficients: Array | None = None) -> Array:
    """Return ``Σ_k c_k t_k`` of ``t`` (``k *points``); coefficients are one by default.

    They may be shared by components, and by points: by all of these, it is a product with a vector,
    and so is its transpose, for which compilers for CPUs have faster code than for sums.
    """
    c = jnp.ones((len(t), *(1,) * (t.ndim - 1)), t.dtype) if coefficients is None else coefficients
    if len(c) < len(t):
        t, c = jnp.sum(t, axis=0, keepdims=True), c
    if math.prod(c.shape[1:]) > 1:
        return jnp.sum(c * t, axis=0)
    return jnp.tensordot(c.reshape(len(c)), t, axes=1, precision="highest")


def fold_components(
    op: Callable[[Array, Array], Array], rows: Any, fn: Callable[[Any], Array] = lambda row: row
) -> Array:
    """Reduce ``fn`` of the entries of arrays ``k *points`` over their first axis.

    Some are written out, of which compilers make one pass over the points; of many components, a
    loop runs over groups of these.
    """
    count = len(jax.tree.leaves(rows)[0])

    def written_out(start: Any, size: int) -> Array:
        group = jax.tree.map(lambda t: lax.dynamic_slice_in_dim(t, start, size), rows)
        entries = [jax.tree.map(lambda t, k=k: t[k], group) for k in range(size)]
        return functools.reduce(op, map(fn, entries))

    def add_group(i: Array, total: Array) -> Array:
        return op(total, written_out(first + i * WRITTEN_OUT, WRITTEN_OUT))

    first = (count - 1) % WRITTEN_OUT + 1
    groups = (count - first) // WRITTEN_OUT
    total = written_out(0, first)
    return lax.fori_loop(0, groups, add_group, total) if groups else total


def with_points(t: Array, points: int, event_dim: int = 0) -> ComponentFirstValue:
    """Turn ``*batch k *event`` into ``k *points *event``, with points of size one."""
    return jnp.moveaxis(pad_left(t, points + 1 + event_dim), -1 - event_dim, 0)


def pad_left(x: Any, ndim: int) -> Array:
    """Give ``x`` at least ``ndim`` axes by leading axes of size one."""
    x = jnp.asarray(x)
    return x.reshape((1,) * (ndim - x.ndim) + x.shape)


def component_first(t: Array, tail: int, points: int) -> Array:
    """Turn ``*batch k *tail`` into ``*tail k *points``: long axes last, where loops run fast."""
    batch = t.ndim - tail - 1
    t = jnp.transpose(t, (*range(batch + 1, t.ndim), batch, *range(batch)))
    return t.reshape(t.shape[: tail + 1] + (1,) * (points - batch) + t.shape[tail + 1 :])


def gather_components(parameter: Array, event_dim: int, index: Index) -> Array:
    """Gather ``parameter``, ``*batch k *event``, at ``index``, ``*sample *batch``.

    Returns ``*sample *batch *event``, or a broadcastable shape where all components share it.
    """
    axis = parameter.ndim - event_dim - 1
    if parameter.shape[axis] == 1:
        return jnp.squeeze(parameter, axis)
    batch = tuple(jnp.arange(size) for size in parameter.shape[:axis])
    grid = jnp.meshgrid(*batch, indexing="ij", sparse=True)
    return parameter.at[(*grid, index)].get(mode="promise_in_bounds")


def select_components(draws: PerComponentValue, event_dim: int, index: Index) -> Value:
    """Select from ``draws`` (``*sample *batch k *event``) the component at ``index``."""
    axis = draws.ndim - event_dim - 1
    index = index.reshape(index.shape + (1,) * (event_dim + 1))
    return jnp.squeeze(jnp.take_along_axis(draws, index, axis=axis), axis)
