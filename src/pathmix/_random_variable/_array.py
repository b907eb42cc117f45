"""What makes an object an array to Python, NumPy and JAX: it passes every question to its value."""

from collections.abc import Iterator
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from pathmix._random_variable._ufuncs import apply_ufunc


def plain(x: Any) -> Any:
    """``x`` itself, or its value if it is a random variable."""
    return x.value if isinstance(x, ActsAsArray) else x


def plain_tree(tree: Any) -> Any:
    """``tree`` with the values of the random variables in it, a distribution's included."""
    leaves = jax.tree.leaves(tree, is_leaf=_acts_as_array)
    if not any(map(_acts_as_array, leaves)):
        return tree
    return jax.tree.map(plain, tree, is_leaf=_acts_as_array)


def _acts_as_array(x: Any) -> bool:
    return isinstance(x, ActsAsArray)


class ActsAsArray:
    """Behaves as the JAX array ``self.value``; operators return what they return for the value.

    The methods are written out because Python looks operators up on the type, past
    ``__getattr__``, and so that type checkers see them. Everything else is forwarded by name.
    """

    value: jax.Array

    # Equality is elementwise, as for arrays; hence, as for arrays, there is no hash.
    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        # Protocols, such as copying and pickling, ask for private names before there is a value.
        if name.startswith("_") or name == "value":
            raise AttributeError(name)
        return getattr(self.value, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(n for n in dir(self.value) if n[0] != "_")})

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value, ``*sample *batch *event``."""
        return jnp.shape(self.value)

    @property
    def dtype(self) -> jnp.dtype:
        """The dtype of the value."""
        return self.value.dtype

    @property
    def ndim(self) -> int:
        """The number of axes of the value."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries of the value."""
        return self.value.size

    def __jax_array__(self) -> jax.Array:
        return self.value

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self.value, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return apply_ufunc(ufunc, method, [plain(x) for x in inputs], options)

    def __dlpack__(self, **options: Any) -> Any:
        return self.value.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.value.__dlpack_device__()  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[jax.Array]:
        return iter(self.value)

    def __reversed__(self) -> Iterator[jax.Array]:
        return reversed(self.value)

    def __contains__(self, item: Any) -> bool:
        return plain(item) in self.value

    def __getitem__(self, index: Any) -> jax.Array:
        return self.value[plain_tree(index)]

    def __bool__(self) -> bool:
        return bool(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __complex__(self) -> complex:
        return complex(self.value)

    def __index__(self) -> int:
        return self.value.__index__()

    def __round__(self, ndigits: int | None = None) -> Any:
        return round(self.value, ndigits)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    def __neg__(self) -> jax.Array:
        return -self.value

    def __pos__(self) -> jax.Array:
        return +self.value

    def __abs__(self) -> jax.Array:
        return abs(self.value)

    def __invert__(self) -> jax.Array:
        return ~self.value

    def __eq__(self, other: object) -> Any:
        return self.value == plain(other)

    def __ne__(self, other: object) -> Any:
        return self.value != plain(other)

    def __lt__(self, other: Any) -> Any:
        return self.value < plain(other)

    def __le__(self, other: Any) -> Any:
        return self.value <= plain(other)

    def __gt__(self, other: Any) -> Any:
        return self.value > plain(other)

    def __ge__(self, other: Any) -> Any:
        return self.value >= plain(other)

    def __add__(self, other: Any) -> Any:
        return self.value + plain(other)

    def __radd__(self, other: Any) -> Any:
        return plain(other) + self.value

    def __sub__(self, other: Any) -> Any:
        return self.value - plain(other)

    def __rsub__(self, other: Any) -> Any:
        return plain(other) - self.value

    def __mul__(self, other: Any) -> Any:
        return self.value * plain(other)

    def __rmul__(self, other: Any) -> Any:
        return plain(other) * self.value

    def __matmul__(self, other: Any) -> Any:
        return self.value @ plain(other)

    def __rmatmul__(self, other: Any) -> Any:
        return plain(other) @ self.value

    def __truediv__(self, other: Any) -> Any:
        return self.value / plain(other)

    def __rtruediv__(self, other: Any) -> Any:
        return plain(other) / self.value

    def __floordiv__(self, other: Any) -> Any:
        return self.value // plain(other)

    def __rfloordiv__(self, other: Any) -> Any:
        return plain(other) // self.value

    def __mod__(self, other: Any) -> Any:
        return self.value % plain(other)

    def __rmod__(self, other: Any) -> Any:
        return plain(other) % self.value

    def __divmod__(self, other: Any) -> Any:
        return divmod(self.value, plain(other))

    def __rdivmod__(self, other: Any) -> Any:
        return divmod(plain(other), self.value)

    def __pow__(self, other: Any) -> Any:
        return self.value ** plain(other)

    def __rpow__(self, other: Any) -> Any:
        return plain(other) ** self.value

    def __and__(self, other: Any) -> Any:
        return self.value & plain(other)

    def __rand__(self, other: Any) -> Any:
        return plain(other) & self.value

    def __or__(self, other: Any) -> Any:
        return self.value | plain(other)

    def __ror__(self, other: Any) -> Any:
        return plain(other) | self.value

    def __xor__(self, other: Any) -> Any:
        return self.value ^ plain(other)

    def __rxor__(self, other: Any) -> Any:
        return plain(other) ^ self.value

    def __lshift__(self, other: Any) -> Any:
        return self.value << plain(other)

    def __rlshift__(self, other: Any) -> Any:
        return plain(other) << self.value

    def __rshift__(self, other: Any) -> Any:
        return self.value >> plain(other)

    def __rrshift__(self, other: Any) -> Any:
        return plain(other) >> self.value
