"""Terms ``log p_k(x)`` of a mixture of scalars: arrays ``k *points`` over stretches of the points.

The terms of a stretch are worked out in one pass, and stored; what parameters alone decide, by
another over ``k``: few loops, quick to compile, over arrays that a cache holds.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from pathmix._components import Canonical
from pathmix._evaluation._rows import Rows, limit_at
from pathmix._families import factored
from pathmix._layout import in_stretches, is_symbolic
from pathmix._special import stored
from pathmix._tuning import DENSE, FEW, SHARED_BADLY
from pathmix._typing import Shape, Value


def terms_of_scalars(components: Canonical, x: Value) -> Rows:
    """Return the densities of all components, ``k *points``."""
    first, count = components.component_first(x.ndim), components.own_shape[-1]
    if are_shared_badly(count, x.shape):
        return _one_by_one(lambda one: density_of(one, x), first, x.shape)
    whole = lambda t: jnp.broadcast_to(t, (count, *x.shape))  # noqa: E731
    return jax.tree.map(whole, density_of(first, x))


def each(fn: Callable[[Canonical], Any], first: Canonical, points: Shape) -> Any:
    """Return ``fn`` of components, of which the first axis of the parameters is that of ``k``.

    Its first result, the terms, is stored: it has several readers.
    """
    if are_shared_badly(first.own_shape[0], points):
        return _one_by_one(fn, first, points)
    (terms, *rest), tree = jax.tree.flatten(fn(first))
    return jax.tree.unflatten(tree, [stored(terms), *rest])


def are_shared_badly(count: int, points: Shape) -> bool:
    """Whether a loop over few components is faster than one pass, which threads share badly."""
    size = count * math.prod(points)
    return count < FEW and not is_symbolic(size) and SHARED_BADLY[0] < size < SHARED_BADLY[1]


def _one_by_one(fn: Callable[[Canonical], Any], first: Canonical, points: Shape) -> Any:
    def one(k: Array) -> Any:
        mine = [p if len(p) == 1 else lax.dynamic_slice_in_dim(p, k, 1) for p in first.parameters]
        row = lambda t: jnp.broadcast_to(t, (1, *points))[0]  # noqa: E731
        return jax.tree.map(row, fn(first.of(mine)))

    return lax.map(one, jnp.arange(first.own_shape[0]))


def with_slopes(leaves: Sequence[int], components: Canonical, x: Value) -> tuple[Rows, list[Rows]]:
    """Return the densities and their slopes along parameters."""
    both = [along(leaf, components, x) for leaf in leaves]
    return both[0][0] if both else density_of(components, x), [slope for _, slope in both]


def along(
    leaf: int | None, components: Canonical, x: Value, tangent: Any = None
) -> tuple[Rows, Rows]:
    """Return the densities and their change along one parameter, or along ``x``.

    A tangent of ones, the default, gives slopes: each density depends on one entry of the leaf.
    """
    parameters = components.parameters
    at = x if leaf is None else parameters[leaf]

    def density(value: Array) -> Rows:
        if leaf is None:
            return density_of(components, value)
        return density_of(components.of([*parameters[:leaf], value, *parameters[leaf + 1 :]]), x)

    if tangent is not None:
        return jax.jvp(density, (at,), (tangent,))
    terms, slope = jax.jvp(density, (at,), (jnp.ones_like(at),))
    # it may overflow where the density vanishes, and a zero weight times it must be zero
    largest = jnp.finfo(slope.term.dtype).max
    return terms, Rows(jnp.clip(slope.term, -largest, largest), slope.factor)


def density_of(components: Canonical, x: Value) -> Rows:
    """Return the densities of components, the first axis of whose parameters is that of ``k``."""
    limit = limit_at(components, x)
    log_p = components.family.log_density(components.theta, x)
    return Rows(*factored(log_p, None if limit is None else limit.mass))


def by_stretches(
    fn: Callable[..., Any], components: Canonical, *arrays: Value, most: int = DENSE
) -> Any:
    *batch, k = components.own_shape
    return in_stretches(fn, k, most, len(batch), *arrays)
