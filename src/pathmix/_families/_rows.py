"""The log density of one component after the other, with the event first and the points last.

Sums over an event then run along the first axis, and everything else along the last, where loops
are fast. Points are ``split rest *batch``. The transpose of a parameter's broadcast, a sum over all
samples, is taken in two steps, over ``split`` and then over ``rest``: compilers for CPUs keep the
first in registers, which makes it several times as fast as one long sum.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from numpyro.distributions import Distribution

from pathmix._families._conditionals import elementwise
from pathmix._families._gather import pad_left
from pathmix._families._protocol import family
from pathmix._moving import is_zero
from pathmix._typing import Index, Reals, Value

_SPLIT = 8
"""More would make the loops too long for compilers to unroll, and then nothing is vectorised."""
_DEVICES = 192
"""Samples on a number of devices that divides this stay where they are."""


def to_rows(x: Value, event_dim: int, batch_dim: int) -> Value:
    """Turn ``*sample *batch *event`` into ``*event split rest *batch``."""
    tail = x.shape[x.ndim - event_dim - batch_dim :]
    samples = math.prod(x.shape[: x.ndim - len(tail)])
    split = _split(samples)
    x = jnp.swapaxes(x.reshape((samples // split, split, *tail)), 0, 1)
    return jnp.moveaxis(x, range(x.ndim - event_dim, x.ndim), range(event_dim))


def from_rows(rows: Reals, shape: tuple[int, ...]) -> Reals:
    """Turn ``split rest *batch`` into ``shape``, ``*sample *batch``."""
    return jnp.swapaxes(rows, 0, 1).reshape(shape)


def _split(samples: int) -> int:
    """The largest split that leaves ``rest`` to as many devices as the samples may lie on."""
    whole = math.gcd(samples, _DEVICES)
    fits = (s for s in range(1, _SPLIT + 1) if samples % s == 0)
    return max(s for s in fits if math.gcd(samples // s, _DEVICES) == whole)


def can_select(d: Distribution) -> bool:
    """Whether :func:`select` knows the parameters of ``d``."""
    try:
        family(d).rebuild(d, lambda p, _: p)
    except NotImplementedError:
        return False
    return True


def select(d: Distribution, k: Index) -> Distribution:
    """Return component ``k``, a number, of ``d``, batched ``*batch``."""
    axis = len(d.batch_shape) - 1

    def pick(p: Value, event_dim: int) -> Value:
        p = pad_left(p, len(d.batch_shape) + event_dim)
        p = jnp.broadcast_to(p, d.batch_shape + p.shape[p.ndim - event_dim :])
        return lax.dynamic_index_in_dim(p, k, axis, keepdims=False)

    return family(d).rebuild(d, pick)


def log_prob_rows(d: Distribution, x: Value) -> Reals:
    """Return the log density ``split rest *batch`` of ``d``, batched ``*batch``."""
    try:
        scalars = elementwise(d)
    except NotImplementedError:
        return family(d).log_prob_rows(d, x)

    vectors = set()

    def rows(p: Value, event_dim: int) -> Value:
        vectors.add(event_dim)
        p = jnp.broadcast_to(p, scalars.batch_shape + p.shape[p.ndim - event_dim :])
        p = jnp.moveaxis(p, range(batch, batch + d.event_dim), range(d.event_dim))
        return jnp.expand_dims(p, (d.event_dim, d.event_dim + 1))

    batch = len(d.batch_shape)
    scalars = family(scalars).rebuild(scalars, rows)
    of_rows = _sum_of_rows if vectors == {0} else _plain_sum
    total = of_rows(d.event_dim, scalars, x)
    # one coordinate outside its support stops the gradients of all
    return jnp.where(total == -jnp.inf, -jnp.inf, total)


def _plain_sum(event_dim: int, d: Distribution, x: Value) -> Reals:
    return family(d).total_log_prob(d, x, tuple(range(event_dim)))


_sum_of_rows = jax.custom_jvp(_plain_sum, nondiff_argnums=(0,))


@partial(_sum_of_rows.defjvp, symbolic_zeros=True)
def _sum_of_rows_jvp(event_dim: int, primals: Any, tangents: Any) -> tuple[Reals, Reals]:
    """Each term depends on its own parameters alone: ``Σ_i (∂_x t_i dx_i + Σ_θ ∂_θ t_i dθ_i)``."""
    d, x = primals
    leaves, tree = jax.tree.flatten((d, x))
    dots = jax.tree.leaves(tangents, is_leaf=is_zero)
    change: Any = 0.0
    for i, dot in enumerate(dots):
        if is_zero(dot):
            continue

        def along(leaf: Value, i: int = i) -> Reals:
            d, x = jax.tree.unflatten(tree, [*leaves[:i], leaf, *leaves[i + 1 :]])
            return family(d).log_prob(d, x)

        # ones: every entry of the result then holds its own derivative
        slope = jax.jvp(along, (leaves[i],), (jnp.ones_like(leaves[i]),))[1]
        # it may overflow where the density vanishes, and a zero weight times it must be zero
        largest = jnp.finfo(slope.dtype).max
        change += jnp.clip(slope, -largest, largest) * _spread(dot, x, event_dim)
    return _sum_of_rows(event_dim, d, x), jnp.sum(change, axis=tuple(range(event_dim)))


def _spread(dot: Value, x: Value, event_dim: int) -> Value:
    """Broadcast a parameter's change over ``rest``, in a step of its own."""
    if jnp.ndim(dot) < x.ndim or dot.shape[event_dim] == x.shape[event_dim]:
        return dot
    shape = dot.shape[: event_dim + 1] + x.shape[event_dim + 1 :]
    # without the barrier the two sums of the transpose would be made one
    return lax.optimization_barrier(jnp.broadcast_to(dot, shape))
