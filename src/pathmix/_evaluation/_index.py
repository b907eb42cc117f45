"""Drawing component indices by inversion of the cumulative weights."""

import jax
import jax.numpy as jnp
import numpy as np

from pathmix._tuning import COMPARED
from pathmix._typing import Index, Reals
from pathmix._weights import Weights
from pathmix._where import where


def draw_index(key: jax.Array, weights: Weights, shape: tuple[int, ...]) -> Index:
    """Draw component indices of ``shape``, ``*sample *batch``, one random word for each.

    The cumulative weights are integers, a share of 2³¹ (2⁶³ in float64): a running sum of floats
    would lose weights below its rounding error, and a float32 uniform cannot hit them.
    """
    ends = _cumulative_counts(jax.lax.stop_gradient(weights.values()))
    while ends.ndim > 1 and ends.shape[0] == 1:  # the weights of all mixtures of a batch
        ends = ends[0]
    word = jax.random.bits(key, shape, ends.dtype) >> 1
    if ends.ndim == 1:
        return _search(ends, word)
    batch = shape[len(shape) - ends.ndim + 1 :]
    ends = jnp.broadcast_to(ends, batch + ends.shape[-1:])
    search = _search
    for _ in batch:
        search = jax.vmap(search, in_axes=(0, -1), out_axes=-1)
    # the batch axes stand last: mapped from the first of `ends` and the last of `word`
    order = tuple(range(len(shape) - len(batch))) + tuple(range(len(shape)))[::-1][: len(batch)]
    return jnp.transpose(search(ends, jnp.transpose(word, order)), order)


def _cumulative_counts(w: Reals) -> jax.Array:
    """Upper ends of the components' shares, but for the last: ``*batch k-1`` unsigned integers.

    What rounding leaves over goes to the largest weight, so that a zero weight has no share.
    """
    w = w.astype(jnp.promote_types(w.dtype, jnp.float32))
    bits = jnp.finfo(w.dtype).bits
    total = np.array(1 << (bits - 1), f"uint{bits}")
    counts = jnp.round(w * float(total)).astype(total.dtype)
    rest = total - jnp.sum(counts, axis=-1, keepdims=True, dtype=total.dtype)
    largest = jnp.arange(w.shape[-1]) == jnp.argmax(w, axis=-1, keepdims=True)
    counts = counts + where(largest, rest, jnp.zeros_like(rest))
    return jnp.cumsum(counts, axis=-1, dtype=total.dtype)[..., :-1]


def _search(ends: jax.Array, word: jax.Array) -> Index:
    method = "compare_all" if ends.shape[0] < COMPARED else "scan"
    return jnp.searchsorted(ends, word, side="right", method=method)
