"""Folding over components in blocks, and over points in stretches; points are rows (``_rows``)."""

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from numpyro.distributions import Distribution

from pathmix._families._conditionals import is_factorised
from pathmix._families._gather import largest_divisor, pad_left
from pathmix._families._protocol import family
from pathmix._families._rows import from_rows, local_divisors, log_prob_rows, to_rows
from pathmix._typing import PerComponent, Reals, Value

RowsOf = Callable[[Value], Reals]

_BLOCK = 2**19
"""Values of one block, over points, event and components: small terms, long loops."""
_STRETCH = 2**14, 2**17
"""Values of a stretch of points, about: those that a core's cache holds while blocks read them."""
_SCALARS = 2
"""How many times as many of scalars, which are worked out in place."""


def by_stretches(fn: RowsOf, components: Distribution, x: Value) -> Reals:
    """Return ``fn`` of the rows of ``x`` (``*points *event``), ``*points``, stretch by stretch."""
    events, batch = components.event_dim, len(components.batch_shape) - 1
    points = x.shape[: x.ndim - events]
    samples = math.prod(points[: len(points) - batch])
    # full covariances work too much on each value for the cache to matter
    count = _stretches(x.size, samples) if events and is_factorised(components) else 1

    def stretch(x: Value) -> Reals:
        return from_rows(fn(to_rows(x, events, batch)), x.shape[: x.ndim - events])

    if count == 1:
        return stretch(x)
    x = x.reshape(samples // count, count, *x.shape[len(points) - batch :])
    out = lax.map(stretch, jnp.swapaxes(x, 0, 1))
    return jnp.swapaxes(out, 0, 1).reshape(points)


def over_blocks(step: Any, start: Any, components: Distribution, x: Value) -> Any:
    """Fold ``step(total, indices)`` over the indices of the components, block by block.

    The reverse pass works every block out again, which is cheaper than to store it.
    """
    blocks = _blocks(components, x)
    step = jax.checkpoint(step, prevent_cse=False)
    if len(blocks) == 1:
        return step(start, blocks[0])
    return lax.scan(lambda total, block: (step(total, block), None), start, blocks)[0]


def block_terms(components: Distribution, x: Value, block: Array) -> Reals:
    """Return the log densities of the components of a block, ``k split rest *batch``."""

    def one(parameters: list[Value]) -> Reals:
        return log_prob_rows(component_of(components, parameters), x)

    return jax.vmap(one)(block_parameters(components, block))


def block_parameters(components: Distribution, block: Array) -> list[Value]:
    """Return the parameters of the components of a block, ``k *batch *event`` each."""
    axis, found = len(components.batch_shape) - 1, []

    def note(p: Value, event_dim: int) -> Value:
        p = pad_left(p, axis + 1 + event_dim)
        p = jnp.broadcast_to(p, components.batch_shape + p.shape[p.ndim - event_dim :])
        found.append(of_block(jnp.moveaxis(p, axis, 0), block))
        return found[-1]

    family(components).rebuild(components, note)
    return found


def component_of(components: Distribution, parameters: Iterable[Value]) -> Distribution:
    """Return one of the components, batched ``*batch``, from its parameters."""
    values = iter(parameters)
    return family(components).rebuild(components, lambda *_: next(values))


def of_block(t: Array, block: Array) -> Array:
    """Return the entries of ``t`` (``k ...``) for a block, which are neighbours."""
    if len(block) == len(t):
        return t
    start = [block[0], *[jnp.zeros_like(block[0])] * (t.ndim - 1)]
    # to allow for negative indices costs as much as what reads the entries
    return lax.dynamic_slice(t, start, (len(block), *t.shape[1:]), allow_negative_indices=False)


def all_terms(components: Distribution, x: Value) -> Reals:
    """Return the log densities of all components, ``k split rest *batch``."""
    blocks = _blocks(components, x)
    terms = jax.checkpoint(partial(block_terms, components, x), prevent_cse=False)
    return terms(blocks[0]) if len(blocks) == 1 else jnp.concatenate(lax.map(terms, blocks))


def component_terms(components: Distribution, x: Value) -> PerComponent:
    """Return the log densities ``*sample *batch k`` of all components at ``x``."""
    events, batch = components.event_dim, len(components.batch_shape) - 1
    terms = all_terms(components, to_rows(x, events, batch))
    return from_rows(
        jnp.moveaxis(terms, 0, -1), x.shape[: x.ndim - events] + components.batch_shape[-1:]
    )


def _stretches(size: int, samples: int) -> int:
    """How many stretches of equal length; one, if none is of a good length."""
    least, most = _STRETCH
    counts = local_divisors(samples, size // least)
    return next((c for c in counts if size // c <= most), 1) if size > most else 1


def _blocks(components: Distribution, x: Value) -> Array:
    """Indices of the components, block by block; of more than three vectors two blocks at least.

    What a loop reads is worked out once; outside of one, compilers would work a point that is a
    draw out again for every component.
    """
    count = components.batch_shape[-1]
    most = _BLOCK // max(x.size, 1)
    most = min(most, max(count // 2, 3)) if components.event_dim else _SCALARS * most
    return jnp.arange(count).reshape(-1, largest_divisor(count, most))
