"""Attaching pathwise gradients to given values: the identity, with a custom JVP.

The rule calls the attached function again for its primal, so that in second and higher
derivatives the value moves as well.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from pathmix._components import Canonical, lean
from pathmix._evaluation import (
    all_terms,
    compiled,
    each_of_block,
    of_block,
    over_blocks,
    prepared,
    velocity_at,
    velocity_rows,
)
from pathmix._layout import component_first, from_rows, largest_divisor, to_rows
from pathmix._pathwise._logits import weight_velocity
from pathmix._rules import custom_jvp
from pathmix._typing import Value
from pathmix._weights import Weights
from pathmix._where import where


@custom_jvp
def attach(weights: Weights, components: Canonical, x: Value) -> Value:
    """Return ``x``, carrying the pathwise gradient of a draw from the mixture."""
    del weights, components
    return x


reparameterized = compiled()(attach)
"""The same, compiled once for each structure of its arguments."""


@attach.defjvp
def _attach_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    weights, components, x = primals
    d_weights, d_components, dx = tangents
    x = attach(weights, components, _worked_out(x, components.event_dim))
    velocity = mixture_velocity((weights, d_weights), (components, d_components), x)
    return x, (dx + velocity).astype(x.dtype)


def _worked_out(x: Value, events: int) -> Value:
    """Return ``x`` (``*points *event``) itself; vectors have been copied by a loop, for speed.

    Compilers merge the code that makes a draw into the code that reads it, and so repeat it for
    each reader; and there it runs along the event, where it is not vectorised. The result of a loop
    is stored once and read from there.
    """
    points, size = x.shape[: x.ndim - events], math.prod(x.shape[x.ndim - events :])
    if size < 2:  # nothing to loop over
        return x
    flat, length = x.reshape(*points, size), largest_divisor(size, size // 2)

    def block(start: Array) -> Array:
        return jnp.moveaxis(lax.dynamic_slice_in_dim(flat, start, length, axis=-1), -1, 0)

    blocks = lax.map(block, jnp.arange(0, size, length))
    return jnp.moveaxis(blocks.reshape(size, *points), 0, -1).reshape(x.shape)


@custom_jvp
def attach_to_components(components: Canonical, x: Value) -> Value:
    """Return ``x`` (``*sample *batch k *event``), each slot moving with its own component."""
    del components
    return x


@attach_to_components.defjvp
def _attach_to_components_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    (components, x), (d_components, dx) = primals, tangents
    x = attach_to_components(components, x)
    return x, (dx + velocity_at(components, d_components, x)).astype(x.dtype)


def mixture_velocity(
    weights: tuple[Weights, Weights], components: tuple[Canonical, Canonical], x: Value
) -> Value:
    """Return the velocity ``*points *event`` of ``x``; of both arguments, value and tangent."""
    (w, d), (w_dot, d_dot) = jax.jvp(lean, (weights[0], components[0]), (weights[1], components[1]))
    events, batch = d.event_dim, d.own_shape[:-1]
    points = jnp.broadcast_shapes(x.shape[: x.ndim - events], components[0].batch_shape[:-1])
    x = jnp.broadcast_to(x, points + d.event_shape)
    rows = to_rows(x, events, len(batch))
    with_shared = partial(prepared, samples=math.prod(rows.shape[events : events + 2]))
    d, d_dot = jax.jvp(with_shared, (d,), (d_dot,))
    velocity = component_velocity(w, d, d_dot, rows) + weight_velocity(w, w_dot, d, rows)
    return from_rows(jnp.moveaxis(velocity, range(events), range(-events, 0)), x.shape)


def component_velocity(
    weights: Weights, components: Canonical, tangent: Canonical, x: Value
) -> Value:
    """Return ``Σ_k r_k v_k`` of rows ``*event split rest *batch``."""
    terms = all_terms(components, x).term
    r, w = weights.shares(terms), component_first(weights.values(), 0, terms.ndim - 1)
    # where a component has no share, its velocity may be infinite; but a zero weight can grow
    felt = (r > 0) | ((w == 0) & jnp.isfinite(terms))
    axes = tuple(range(1, components.event_dim + 1))
    velocity = lambda one, its_tangent: velocity_rows(one, its_tangent, x)  # noqa: E731

    def step(total: Array, block: Array) -> Array:
        velocities = each_of_block(velocity, block, components, tangent)
        share, on = (jnp.expand_dims(of_block(t, block), axes) for t in (r, felt))
        return total + jnp.sum(share * where(on, velocities, 0.0), axis=0)

    return over_blocks(step, jnp.zeros_like(x), components, x)
