"""Half precision: computed in float32, returned in the type that came in."""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp

Tree = TypeVar("Tree")


def working(tree: Tree) -> Tree:
    """Return ``tree`` with float32 arrays for those of float16 or bfloat16."""
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float32) if _is_half(leaf) else leaf, tree)


def in_own_precision(result: Tree, *sources: Any) -> Tree:
    """Return ``result`` in the floating type of the ``sources``, if that is a half."""
    leaves = jax.tree.leaves(sources)
    floats = [leaf for leaf in leaves if jnp.issubdtype(jnp.result_type(leaf), jnp.floating)]
    dtype = jnp.result_type(*floats) if floats else jnp.result_type(float)
    if jnp.finfo(dtype).bits > 16:
        return result

    def half(leaf: Any) -> Any:
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return jax.tree.map(half, result)


def _is_half(leaf: Any) -> bool:
    dtype = jnp.result_type(leaf)
    return bool(jnp.issubdtype(dtype, jnp.floating)) and jnp.finfo(dtype).bits < 32
