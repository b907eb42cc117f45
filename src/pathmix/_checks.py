"""Run-time checks of array values, eager and traced.

A concrete violation raises ``ValueError`` at once. A traced one is threaded through the returned
value with :func:`equinox.error_if` and raises when the compiled program runs: as
``equinox.EquinoxRuntimeError`` under ``equinox.filter_jit``, and as JAX's own runtime error with
the same text under ``jax.jit``.
"""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pathmix._typing import Flags

Tree = TypeVar("Tree")


def is_concrete(*arrays: Any) -> bool:
    """Whether the values of all ``arrays`` are known now, rather than traced."""
    return not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(arrays))


def require(tree: Tree, valid: Flags, message: str) -> Tree:
    """Return ``tree`` once every entry of ``valid`` holds; otherwise raise with ``message``."""
    if is_concrete(valid):
        if not np.all(valid):
            raise ValueError(message)
        return tree
    # Equinox is imported where it is needed: it costs a tenth of NumPyro's own import time.
    import equinox

    return equinox.error_if(tree, ~jnp.all(valid), message)


def require_counts(**numbers: Any) -> None:
    """Raise unless each is an integer, one or more."""
    for name, value in numbers.items():
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"expected {name} to be an integer ≥ 1, got {value!r}.")


def require_of_rows(rows: Array, valid: Flags, message: str) -> Array:
    """Do the same for numbers that may lie on many devices.

    A traced check is threaded through one number, which is added: an array that passes through the
    check itself is gathered on one device.
    """
    if is_concrete(valid):
        return require(rows, valid, message)
    return rows + require(jnp.zeros((), rows.dtype), valid, message)
