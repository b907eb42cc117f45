"""Points as rows: the event first, the points last, where loops run fast.

Sums over an event then run along the first axis, and everything else along the last. Points are
``split rest *batch``. The transpose of a parameter's broadcast, a sum over all samples, is taken in
two steps, over ``split`` and then over ``rest``: compilers for CPUs keep the first in registers,
which makes it several times as fast as one long sum.
"""

import math
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp

from pathmix._layout._axes import is_symbolic
from pathmix._tuning import DEVICES, SPLIT
from pathmix._typing import PointRows, Shape, Value


def to_rows(x: Value, event_dim: int, batch_dim: int) -> PointRows:
    """Turn ``*sample *batch *event`` into ``*event split rest *batch``."""
    tail = x.shape[x.ndim - event_dim - batch_dim :]
    samples = math.prod(x.shape[: x.ndim - len(tail)])
    # of a scalar, the transpose costs more than it saves
    split = max(local_divisors(samples, SPLIT)) if event_dim else 1
    x = jnp.swapaxes(x.reshape((samples // split, split, *tail)), 0, 1)
    return jnp.moveaxis(x, range(x.ndim - event_dim, x.ndim), range(event_dim))


def from_rows(rows: PointRows, shape: Shape) -> Value:
    """Turn ``split rest *batch`` into ``shape``, ``*sample *batch``."""
    return jnp.swapaxes(rows, 0, 1).reshape(shape)


def local_divisors(samples: Any, most: int) -> Iterator[int]:
    """Divisors up to ``most`` of what lies on one device, if the samples lie on as many as can be.

    A quotient of the samples by one of them can lie on the same devices.
    """
    if is_symbolic(samples):
        return iter((1,))
    local = samples // math.gcd(samples, DEVICES)
    return (c for c in range(1, most + 1) if local % c == 0)
