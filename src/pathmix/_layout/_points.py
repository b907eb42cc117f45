"""Points as rows: the event first, the points last, where loops run fast.

Sums over an event then run along the first axis, and everything else along the last. Points are
``split rest *batch``. The transpose of a parameter's broadcast, a sum over all samples, is taken in
two steps, over ``split`` and then over ``rest``: compilers for CPUs keep the first in registers,
which makes it up to twice as fast as one long sum. Few points, and those that are not summed over,
are not split: their programs are then simpler, and compiled sooner.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Num, Shaped

from pathmix._layout._axes import is_symbolic
from pathmix._tuning import DEVICES, SPLIT
from pathmix._typing import PointRows, Shape, Value


def to_rows(x: Value, event_dim: int, batch_dim: int, *, split_up: bool = False) -> PointRows:
    """Turn ``*sample *batch *event`` into ``*event split rest *batch``."""
    tail = x.shape[x.ndim - event_dim - batch_dim :]
    samples = math.prod(x.shape[: x.ndim - len(tail)])
    split = max(local_divisors(samples, SPLIT)) if split_up else 1
    x = cut_up(x.reshape((samples, *tail)), split)
    return jnp.moveaxis(x, range(x.ndim - event_dim, x.ndim), range(event_dim))


def from_rows(rows: PointRows, shape: Shape) -> Value:
    """Turn ``split rest *batch`` into ``shape``, ``*sample *batch``."""
    return put_together(rows).reshape(shape)


def cut_up(t: Shaped[Array, "samples *#rest"], count: int) -> Shaped[Array, "count part *rest"]:
    """Cut ``samples *rest`` into ``count`` parts along a new first axis.

    On one device they are neighbours, which costs nothing. On several, every part has samples of
    each device, for none to move.
    """
    size, rest = t.shape[0] // count, t.shape[1:]
    if jax.device_count() == 1:
        return t.reshape(count, size, *rest)
    return jnp.swapaxes(t.reshape(size, count, *rest), 0, 1)


def put_together(parts: Num[Array, "count part *rest"]) -> Num[Array, "first second *rest"]:
    """Undo :func:`cut_up`, of ``count part *rest``; the two first axes stay apart."""
    return parts if jax.device_count() == 1 else jnp.swapaxes(parts, 0, 1)


def in_stretches(
    fn: Callable[..., Any],
    per_entry: int,
    most: int,
    batch_dim: int,
    *arrays: Value,
    event_dim: int = 0,
) -> Any:
    """Return ``fn`` of arrays ``*sample *batch *event``, by parts with ``most`` values at a time.

    It makes as many values ``per_entry``, and returns one array or several, ``*sample *batch``
    with whatever axes follow.
    """
    shape = arrays[0].shape
    points = shape[: len(shape) - event_dim]
    first = len(points) - batch_dim
    samples, rest = math.prod(shape[:first]), points[first:]
    least = -(-samples * per_entry * math.prod(rest) // most)
    if samples < 2 or least < 2:
        return fn(*arrays)
    count = next((c for c in local_divisors(samples, 4 * least) if c >= least), least)
    more = -samples % count

    def cut(t: Array) -> Array:
        t = t.reshape(samples, *shape[first:])
        t = jnp.pad(t, ((0, more), *((0, 0),) * (t.ndim - 1)), mode="edge") if more else t
        return cut_up(t, count)

    def join(out: Array) -> Array:
        out = put_together(out)
        out = out.reshape(samples + more, *out.shape[2:])[:samples]
        return out.reshape(*points[:first], *out.shape[1:])

    return jax.tree.map(join, lax.map(lambda ts: fn(*ts), tuple(map(cut, arrays))))


def local_divisors(samples: Any, most: int) -> Iterator[int]:
    """Divisors up to ``most`` of what lies on one device, if the samples lie on as many as can be.

    A quotient of the samples by one of them can lie on the same devices.
    """
    if is_symbolic(samples):
        return iter((1,))
    local = samples if jax.device_count() == 1 else samples // math.gcd(samples, DEVICES)
    return (c for c in range(1, most + 1) if local % c == 0)
