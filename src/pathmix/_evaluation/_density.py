"""The log density of a mixture, streamed over blocks of components.

``log f = log Σ_k w_k p_k`` is accumulated with a running maximum, so that no array over points and
components is formed, unless it is small. Its derivative has the closed form
``d log f = Σ_k r_k (d log w_k + d log p_k)``, in which the responsibilities ``r_k = w_k p_k / f``
are worked out again: memory stays that of a block, forwards and in reverse.
"""

import math
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from pathmix._components import Canonical, lean
from pathmix._evaluation._blocks import (
    block_terms,
    by_stretches,
    component_terms,
    of_block,
    over_blocks,
)
from pathmix._evaluation._rows import moved, prepared, times
from pathmix._evaluation._scalar_density import log_density_of_scalars
from pathmix._layout import is_symbolic, pad_left
from pathmix._log_sums import LogSum, finite, relative, shares, weighted
from pathmix._moving import dense, is_zero, jvp_of_moving
from pathmix._rules import custom_jvp
from pathmix._tuning import ADDED_UP, SMALL
from pathmix._typing import PointRows, Reals, Value
from pathmix._weights import Change, Own, Weights
from pathmix._where import where


def log_density(weights: Weights, components: Canonical, x: Value) -> Reals:
    """Return ``log Σ_k w_k p_k(x)``, ``*points``, of ``x``, ``*points *event``."""
    events = components.event_dim
    weights, components = lean(weights, components)
    alone = as_scalars(components)
    if alone is not None and not is_symbolic(x.size):
        return log_density_of_scalars(weights, alone, x.reshape(x.shape[: x.ndim - events]))
    components = prepared_for(x, components)
    if not is_symbolic(x.size) and components.own_shape[-1] * x.size <= SMALL:
        # one pass, which reverse mode keeps
        return weights.mix(*component_terms(components, x)).value
    return log_sum_of_rows(weights, components, x).value


def prepared_for(x: Value, components: Canonical) -> Canonical:
    """Return components with what the points ``*points *event`` share."""
    points = x.shape[: x.ndim - components.event_dim]
    return prepared(components, math.prod(points[: len(points) + 1 - len(components.own_shape)]))


def as_scalars(components: Canonical) -> Canonical | None:
    """The components without the axes of an event of one number."""
    events, scalars = components.event_dim, components.factors()
    if not events:
        return components
    if scalars is None or math.prod(components.event_shape) != 1:
        return None

    def without_event(p: Array, n: int) -> Array:
        return p.reshape(p.shape[: p.ndim - n - events] + p.shape[p.ndim - n :])

    return scalars.map(without_event)


@custom_jvp
def log_sum_of_rows(weights: Weights | Own, components: Canonical, x: Value) -> LogSum:
    return _traced_once(weights, components, x)


@partial(log_sum_of_rows.defjvp, symbolic_zeros=True)
def _log_density_jvp(primals: Any, tangents: Any) -> tuple[LogSum, LogSum]:
    out = log_sum_of_rows(*primals)
    return out, LogSum(jnp.zeros_like(out.level), change_of_rows(out, primals, tangents))


@jax.jit
def _traced_once(weights: Weights | Own, components: Canonical, x: Value) -> LogSum:
    """The rule for derivatives calls the function again: compiled, it is not traced again."""
    log_w = _component_first(weights.log(), components)
    return by_stretches(partial(_of_rows, log_w, components), components, x)


def _of_rows(log_w: Array, components: Canonical, x: PointRows) -> LogSum:
    """``log f`` of rows, ``split rest *batch``."""
    fold = partial(_fold, unrolled=components.family.light)

    def step(carry: tuple[Array, Array], block: Array) -> tuple[Array, Array]:
        top, total = carry
        terms, factors = block_terms(components, x, block)
        mine = of_block(log_w, block)
        above = fold(jnp.maximum, weighted(mine, terms), top)
        level = finite(above)
        parts = times(factors, jnp.exp(mine + relative(terms, level)))
        return above, fold(jnp.add, parts, total * jnp.exp(top - level))

    dtype = jnp.result_type(x, log_w, components.dtype)
    start = jnp.full(x.shape[components.event_dim :], -jnp.inf, dtype)
    top, total = over_blocks(step, (start, jnp.zeros_like(start)), components, x)
    return LogSum(finite(top), jnp.log(total))


def change_of_rows(out: LogSum, primals: Any, tangents: Any) -> Reals:
    """How these components change ``out``, the sum of them all or of others as well."""
    (weights, components, x), (d_weights, d_components, dx) = primals, tangents
    change = weights.change(dense(d_weights, weights))
    change = Change(*(_component_first(t, components) for t in change))

    def rows(x: PointRows, level: Reals, *moving: PointRows) -> Reals:
        tangents = d_components, moving[0] if moving else dx
        return _tangent_of_rows(level, change, (components, x), tangents)

    moving = () if is_zero(dx) else (dx,)
    level, inverse = out.parts()
    return inverse * by_stretches(rows, components, x, level, *moving, transposed=True)


def _tangent_of_rows(level: Reals, weights: Change, primals: Any, tangents: Any) -> Reals:
    components, x = primals

    def step(total: Array, block: Array) -> Array:
        log_u, share, a = (of_block(t, block) for t in weights)
        of = lambda d, x: block_terms(d, x, block)  # noqa: E731
        terms, change = jvp_of_moving(of, primals, tangents)
        r = shares(log_u, terms.term, level)
        felt = where(r > 0, moved(terms, change), 0.0)
        return total + jnp.sum(r * (times(terms.factor, a) + share * felt), axis=0)

    return over_blocks(step, jnp.zeros_like(level), components, x)


def _fold(op: Any, terms: Array, start: Array, *, unrolled: bool) -> Array:
    """Reduce the first axis; one by one, compilers make one pass of it and of what made it."""
    if unrolled and len(terms) <= ADDED_UP:
        return reduce(op, terms, start)
    return op(start, op.reduce(terms, axis=0))


def _component_first(t: Array, components: Canonical) -> Array:
    """Turn ``*batch k`` into ``k 1 1 *batch``."""
    t = jnp.moveaxis(pad_left(t, len(components.own_shape)), -1, 0)
    return jnp.expand_dims(t, (1, 2))
