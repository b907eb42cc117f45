"""Derivatives along those arguments alone that move, of custom rules with symbolic zeros."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero


def is_zero(tangent: Any) -> bool:
    """Whether a tangent is known to be zero when a rule is traced."""
    return isinstance(tangent, SymbolicZero)


def are_zero(tangents: Any) -> bool:
    """Return whether none of these tangents moves anything."""
    return all(map(is_zero, jax.tree.leaves(tangents, is_leaf=is_zero)))


def dense(tangents: Any, primals: Any) -> Any:
    """Return ``tangents`` with arrays of zeros for those known to be zero."""
    fill: Callable[[Any, Any], Array] = lambda t, p: jnp.zeros_like(p) if is_zero(t) else t  # noqa: E731
    return jax.tree.map(fill, tangents, primals, is_leaf=is_zero)


def jvp_of_moving(fn: Callable[..., Any], primals: Any, tangents: Any) -> tuple[Any, Any]:
    """``jax.jvp`` along the leaves that move; the tangent is 0.0 if none does."""
    leaves, tree = jax.tree.flatten(primals)
    dots = jax.tree.leaves(tangents, is_leaf=is_zero)
    moving = {i: dot for i, dot in enumerate(dots) if not is_zero(dot)}
    if not moving:
        return fn(*primals), 0.0

    def of_moving(*values: Any) -> Any:
        new = dict(zip(moving, values, strict=True))
        return fn(*jax.tree.unflatten(tree, [new.get(i, x) for i, x in enumerate(leaves)]))

    return jax.jvp(of_moving, tuple(leaves[i] for i in moving), tuple(moving.values()))
