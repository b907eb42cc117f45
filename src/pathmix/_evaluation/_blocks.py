"""Folding over components in blocks, and over points in stretches; points are rows (``_rows``)."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from pathmix._components import Canonical
from pathmix._evaluation._rows import Rows, density_rows
from pathmix._layout import (
    cut_up,
    from_rows,
    is_symbolic,
    largest_divisor,
    local_divisors,
    put_together,
    to_rows,
)
from pathmix._tuning import BLOCK, SCALARS, SMALL, STRETCH
from pathmix._typing import PointRows, Value

RowsOf = Callable[..., Any]


def by_stretches(
    fn: RowsOf, components: Canonical, x: Value, *more: Array, transposed: bool = False
) -> Any:
    """Return ``fn`` of the rows of arrays, one array or several, ``*points``, stretch by stretch.

    They are the points in full, ``*points *event``, and more like these, or a number for each.
    Linear functions that will be ``transposed`` to sums over points get rows for that, and each
    stretch is then worked out again, which is cheaper than to store it.
    """
    events, batch = components.event_dim, len(components.own_shape) - 1
    points = x.shape[: x.ndim - events]
    samples = math.prod(points[: len(points) - batch])
    # full covariances work too much on each value for the cache to matter
    count = _stretches(x.size, samples) if events and components.factors() else 1

    def stretch(arrays: tuple[Array, ...]) -> Any:
        sample = arrays[0].ndim - batch - events
        split_up = transposed and count > 1
        rows = (to_rows(t, t.ndim - batch - sample, batch, split_up=split_up) for t in arrays)
        shape = arrays[0].shape[: sample + batch]
        return jax.tree.map(lambda t: from_rows(t, shape), fn(*rows))

    if count == 1:
        return stretch((x, *more))

    def cut(t: Array) -> Array:
        return cut_up(t.reshape(samples, *t.shape[len(points) - batch :]), count)

    each = jax.checkpoint(stretch, prevent_cse=False) if transposed else stretch
    out = lax.map(each, tuple(map(cut, (x, *more))))
    return jax.tree.map(lambda t: put_together(t).reshape(points), out)


def over_blocks(step: Any, start: Any, components: Canonical, x: Value) -> Any:
    """Fold ``step(total, indices)`` over the indices of the components, block by block.

    The reverse pass works every block out again, which is cheaper than to store it.
    """
    blocks = _blocks(components, x)
    step = jax.checkpoint(step, prevent_cse=False)
    if len(blocks) == 1:
        return step(start, blocks[0])
    return lax.scan(lambda total, block: (step(total, block), None), start, blocks)[0]


def block_terms(components: Canonical, x: PointRows, block: Array) -> Rows:
    """Return the densities of the components of a block, ``k split rest *batch``."""
    return each_of_block(lambda one: density_rows(one, x), block, components)


def each_of_block(fn: Callable[..., Any], block: Array, *components: Canonical) -> Any:
    """Return ``fn`` of each component of a block, ``k ...``; of several mixtures side by side.

    What all components share is not mapped over, so that it is worked out once.
    """
    taken = [_of_block(c, block) for c in components]
    axes = [tuple(axis for _, axis in each) for each in taken]
    if not any(axis == 0 for axis in axes[0]):
        out = fn(*(c.of([p for p, _ in each]) for c, each in zip(components, taken, strict=True)))
        return jax.tree.map(lambda t: jnp.broadcast_to(t, (len(block), *t.shape)), out)

    def one(*parameters: tuple[Array, ...]) -> Any:
        return fn(*(c.of(mine) for c, mine in zip(components, parameters, strict=True)))

    return jax.vmap(one, in_axes=tuple(axes))(*(tuple(p for p, _ in each) for each in taken))


def _of_block(components: Canonical, block: Array) -> list[tuple[Array, int | None]]:
    """The parameters of a block, ``k *batch *event`` each; those that are shared without ``k``."""
    taken: list[tuple[Array, int | None]] = []
    for p, n in zip(components.parameters, components.event_dims, strict=True):
        p = jnp.moveaxis(p, p.ndim - n - 1, 0)
        taken.append((p[0], None) if len(p) == 1 else (of_block(p, block), 0))
    return taken


def of_block(t: Array, block: Array) -> Array:
    """Return the entries of ``t`` (``k ...``) for a block, which are neighbours."""
    if len(block) == len(t):
        return t
    start = [block[0], *[jnp.zeros_like(block[0])] * (t.ndim - 1)]
    # to allow for negative indices costs as much as what reads the entries
    return lax.dynamic_slice(t, start, (len(block), *t.shape[1:]), allow_negative_indices=False)


def all_terms(components: Canonical, x: PointRows) -> Rows:
    """Return the densities of all components, ``k split rest *batch``."""
    blocks = _blocks(components, x)
    if len(blocks) == 1:
        return block_terms(components, x, blocks[0])
    terms = jax.checkpoint(partial(block_terms, components, x), prevent_cse=False)
    return jax.tree.map(jnp.concatenate, lax.map(terms, blocks))


def component_terms(components: Canonical, x: Value) -> Rows:
    """Return the densities ``k *sample *batch`` of all components at ``x``."""
    events, batch = components.event_dim, len(components.own_shape) - 1
    shape = components.own_shape[-1:] + x.shape[: x.ndim - events]
    rows = all_terms(components, to_rows(x, events, batch))
    return jax.tree.map(lambda t: t.reshape(shape), rows)


def _stretches(size: Any, samples: Any) -> int:
    """How many stretches of equal length; one, if none is of a good length."""
    if is_symbolic(size):
        return 1
    least, most = STRETCH
    counts = local_divisors(samples, size // least)
    return next((c for c in counts if size // c <= most), 1) if size > most else 1


def _blocks(components: Canonical, x: Value) -> Array:
    """Indices of the components, ``blocks block``: as many in a block as its size allows.

    Of more than three vectors there are two blocks at least, so that there is a loop over them. A
    loop has its inputs stored before it starts. Without one, compilers merge the code that makes
    the points (which may be draws) into the code of each component, and run it once for each.
    """
    count = components.own_shape[-1]
    if not is_symbolic(x.size) and x.size * count <= SMALL:
        return jnp.arange(count)[None]
    most = 1 if is_symbolic(x.size) else BLOCK // max(x.size, 1)
    most = min(most, max(count // 2, 3)) if components.event_dim else SCALARS * most
    return jnp.arange(count).reshape(-1, largest_divisor(count, most))
