"""Leaves in an order of our own: NumPyro's depends on the seed of Python's hashes."""

from typing import Any, TypeVar

from numpyro.distributions import Distribution

from pathmix._numpyro import BATCH_SHAPE, array_fields, static_fields

Self = TypeVar("Self", bound="FixedLeaves")


class FixedLeaves(Distribution):
    """A distribution whose fields are those of the class, in order, and then those of subclasses.

    The batch shape is no part of the tree, being that of the arrays.
    """

    @classmethod
    def _data_fields(cls) -> tuple[str, ...]:
        """The fields that hold arrays."""
        ours = next(c for c in cls.__mro__[::-1] if c.__dict__.get("pytree_data_fields"))
        first = tuple(ours.__dict__["pytree_data_fields"])
        return (*first, *sorted(set(array_fields(cls)) - set(first)))

    @classmethod
    def _static_fields(cls) -> tuple[str, ...]:
        return tuple(sorted(set(static_fields(cls)) - {BATCH_SHAPE}))

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return the fields that hold arrays, and what is static."""
        fields = (self.__dict__.get(name) for name in self._data_fields())
        static = (self.__dict__.get(name) for name in self._static_fields())
        return tuple(fields), tuple(static)

    @classmethod
    def tree_unflatten(cls: type[Self], aux_data: tuple[Any, ...], params: tuple[Any, ...]) -> Self:
        """Restore from what :meth:`tree_flatten` gave."""
        new = object.__new__(cls)
        values = dict(zip(cls._data_fields(), params, strict=True))
        values |= dict(zip(cls._static_fields(), aux_data, strict=True))
        new.__dict__.update((name, value) for name, value in values.items() if value is not None)
        return new
