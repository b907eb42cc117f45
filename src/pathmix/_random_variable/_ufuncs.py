"""NumPy's universal functions on random variables.

Needed because NumPyro checks parameters by ``np.greater(x, 0)`` unless they are ``jax.Array``, also
while it traces, when a value cannot become a NumPy array.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from pathmix._checks import is_concrete

# NumPy calls these for `array + x` as well. There JAX's arrays make the result one of theirs.
_OPERATORS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: operator.add,
    np.bitwise_and: operator.and_,
    np.bitwise_or: operator.or_,
    np.bitwise_xor: operator.xor,
    np.divide: operator.truediv,
    np.divmod: divmod,
    np.equal: operator.eq,
    np.floor_divide: operator.floordiv,
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
    np.left_shift: operator.lshift,
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.matmul: operator.matmul,
    np.multiply: operator.mul,
    np.not_equal: operator.ne,
    np.power: operator.pow,
    np.remainder: operator.mod,
    np.right_shift: operator.rshift,
    np.subtract: operator.sub,
}


def apply_ufunc(
    ufunc: np.ufunc, method: str, values: Sequence[Any], options: dict[str, Any]
) -> Any:
    """What the function gives for the values: as an operator, by JAX if traced, or by NumPy."""
    direct = method == "__call__" and not options
    if direct and ufunc in _OPERATORS and any(map(_is_numpy, values)):
        return _OPERATORS[ufunc](*values)
    if direct and not is_concrete(*values) and hasattr(jnp, ufunc.__name__):
        return getattr(jnp, ufunc.__name__)(*values)
    return getattr(ufunc, method)(*values, **options)


def _is_numpy(x: Any) -> bool:
    return isinstance(x, np.ndarray | np.generic)
