"""The log density of a mixture, streamed over blocks of components.

``log f = log Σ_k w_k p_k`` is accumulated with a running maximum, so that no array over points and
components is ever formed. Its derivative has the closed form ``d log f = Σ_k r_k (d log w_k +
d log p_k)``, in which the responsibilities ``r_k = w_k p_k / f`` are worked out again: memory stays
that of a block, forwards and in reverse.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from numpyro.distributions import Distribution

from pathmix._families._gather import largest_divisor, pad_left
from pathmix._families._rows import from_rows, log_prob_rows, select, to_rows
from pathmix._moving import dense, jvp_of_moving
from pathmix._special import bounded_exp
from pathmix._typing import Reals, Value
from pathmix._weights import Weights, log_ratio, weighted

_BLOCK = 2**18
"""Values of one block, over points, event and components: about what a core's cache holds."""
_SCALARS = 4
"""How many times as many of scalars, which are worked out in place."""


def log_density(weights: Weights, components: Distribution, x: Value) -> Reals:
    """Return ``log Σ_k w_k p_k(x)``, ``*points``, of ``x``, ``*points *event``."""
    events, batch = components.event_dim, len(components.batch_shape) - 1
    rows = to_rows(x, events, batch)
    out = _log_density(weights, components, rows)
    return from_rows(out, x.shape[: x.ndim - events])


@jax.custom_jvp
@jax.jit
def _log_density(weights: Weights, components: Distribution, x: Value) -> Reals:
    """``log f`` of rows, ``split rest *batch``."""
    log_w = _component_first(weights.log(), components)

    def step(carry: tuple[Array, Array], block: Array) -> tuple[tuple[Array, Array], None]:
        top, total = carry
        terms = weighted(log_w[block], _terms(components, x, block))
        above = jnp.maximum(top, jnp.max(terms, axis=0))
        level = _finite(above)
        total = total * jnp.exp(top - level) + jnp.sum(jnp.exp(terms - level), axis=0)
        return (above, total), None

    start = jnp.full(x.shape[components.event_dim :], -jnp.inf, _dtype(components, x))
    top, total = _over_blocks(step, (start, jnp.zeros_like(start)), components, x)
    return jnp.log(total) + _finite(top)


@partial(_log_density.defjvp, symbolic_zeros=True)
def _log_density_jvp(primals: Any, tangents: Any) -> tuple[Reals, Reals]:
    out = _log_density(*primals)
    return out, _tangent(out, primals, tangents)


def _tangent(out: Reals, primals: Any, tangents: Any) -> Reals:
    weights, components, x = primals
    d_weights, *moving = tangents
    change = weights.change(dense(d_weights, weights))
    log_u, share, a = (_component_first(t, components) for t in change)

    def step(total: Array, block: Array) -> tuple[Array, None]:
        terms, change = jvp_of_moving(lambda d, x: _terms(d, x, block), (components, x), moving)
        r = bounded_exp(weighted(log_u[block], log_ratio(terms, out)))
        change = a[block] + share[block] * jnp.where(r > 0, change, 0.0)
        return total + jnp.sum(r * change, axis=0), None

    # the reverse pass works everything out again, which is cheaper than to store it
    return _over_blocks(jax.checkpoint(step, prevent_cse=False), jnp.zeros_like(out), components, x)


def _terms(components: Distribution, x: Value, block: Array) -> Reals:
    return jax.vmap(lambda k: log_prob_rows(select(components, k), x))(block)


def _over_blocks(step: Any, start: Any, components: Distribution, x: Value) -> Any:
    """Fold ``step`` over the indices of the components, block by block."""
    count = components.batch_shape[-1]
    values = _BLOCK if components.event_dim else _SCALARS * _BLOCK
    blocks = jnp.arange(count).reshape(-1, largest_divisor(count, values // max(x.size, 1)))
    if len(blocks) == 1:
        return step(start, blocks[0])[0]
    return lax.scan(step, start, blocks)[0]


def _component_first(t: Array, components: Distribution) -> Array:
    """Turn ``*batch k`` into ``k 1 1 *batch``."""
    t = jnp.moveaxis(pad_left(t, len(components.batch_shape)), -1, 0)
    return jnp.expand_dims(t, (1, 2))


def _finite(top: Array) -> Array:
    return jnp.where(jnp.isfinite(top), top, 0.0)


def _dtype(components: Distribution, x: Value) -> Any:
    shape = jax.eval_shape(lambda d, x: _terms(d, x, jnp.arange(1)), components, x)
    return shape.dtype
