"""Choices, as one operation each."""

from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike


def where(condition: ArrayLike, x: ArrayLike, y: ArrayLike) -> Array:
    """Return ``jnp.where(condition, x, y)``.

    JAX's own is a compiled function, which every transformation of a program takes apart anew:
    hundreds of them were up to a half of what tracing took.

    >>> print(where(jnp.array([True, False]), 1.0, jnp.zeros(2)))
    [1. 0.]
    """
    dtype = jnp.result_type(x, y)
    if all(_is_weak(t) or jnp.result_type(t) != dtype for t in (x, y)):
        return jnp.where(condition, x, y)
    shape = lax.broadcast_shapes(jnp.shape(condition), jnp.shape(x), jnp.shape(y))
    chosen = (jnp.broadcast_to(jnp.asarray(t, dtype), shape) for t in (x, y))
    return lax.select(jnp.broadcast_to(condition, shape), *chosen)


def _is_weak(t: Any) -> bool:
    """Whether a number takes the type of what it meets."""
    return bool(getattr(t, "weak_type", isinstance(t, bool | int | float)))
