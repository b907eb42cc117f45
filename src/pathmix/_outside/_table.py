"""The table of families: a class of another library, and what it is in NumPyro.

One row says both directions. :func:`same` makes the rows of families that differ in names alone.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
from numpyro.distributions import Distribution

from pathmix._outside._libraries import DISTRAX, TFP, Library, all_given

Read: TypeAlias = Callable[[Any], Distribution | None]
"""From their object to NumPyro's; ``None`` where this one object has no counterpart."""
Write: TypeAlias = Callable[[Any, Any], Any]
"""From NumPyro's object, and the module of theirs, to theirs."""


class Row(NamedTuple):
    """A family of another library."""

    library: Library
    name: str
    """Of their class."""
    counterpart: str
    """What it is in NumPyro, in words or by the name of the class."""
    read: Read


_ROWS: dict[tuple[Library, str], list[Row]] = {}
_WRITERS: dict[type[Distribution], Write] = {}


def rows() -> list[Row]:
    """Return all rows."""
    return [row for some in _ROWS.values() for row in some]


def rows_of(library: Library, name: str | None) -> list[Row]:
    """Return the rows of a class, of which the first that reads an object counts."""
    return _ROWS.get((library, name or ""), [])


def writer_of(kind: type[Distribution]) -> Write | None:
    """Return how a class of NumPyro's is written; ``None`` if it has no counterpart."""
    return _WRITERS.get(kind)


def written() -> list[str]:
    """Return the names of NumPyro's classes that can be written."""
    return sorted({kind.__name__ for kind in _WRITERS})


def reads(library: Library, name: str, counterpart: str) -> Callable[[Read], Read]:
    """Make a function the reader of their class ``name``."""

    def add(read: Read) -> Read:
        _ROWS.setdefault((library, name), []).append(Row(library, name, counterpart, read))
        return read

    return add


def writes(*kinds: type[Distribution]) -> Callable[[Write], Write]:
    """Make a function the writer of these classes to TFP."""

    def add(write: Write) -> Write:
        _WRITERS.update(dict.fromkeys(kinds, write))
        return write

    return add


def same(
    kind: type[Distribution], names: str, tfp: str | None = None, distrax: str | None = None
) -> None:
    """Add a family whose arguments are the same arrays.

    ``names`` are NumPyro's; ``tfp`` and ``distrax`` are the name of their class, followed by those
    of its arguments in the same order where they differ.
    """
    ours = names.split()
    for library, text in ((TFP, tfp), (DISTRAX, distrax)):
        if text is not None:
            name, *theirs = text.split()
            reads(library, name, kind.__name__)(_reader(kind, ours, theirs or ours))
    if tfp is not None:
        name, *theirs = tfp.split()
        writes(kind)(_writer(name, ours, theirs or ours))


def _reader(kind: type[Distribution], ours: list[str], theirs: list[str]) -> Read:
    def read(d: Any) -> Distribution | None:
        values = all_given(d, theirs)
        if values is None:
            return None
        arrays = map(jnp.asarray, values)
        return kind(**dict(zip(ours, arrays, strict=True)), validate_args=False)

    return read


def _writer(name: str, ours: list[str], theirs: list[str]) -> Write:
    def write(d: Any, tfp: Any) -> Any:
        arrays = [jnp.asarray(getattr(d, each)) for each in ours]
        dtype = jnp.result_type(*arrays)  # TFP wants one, of total counts too
        arrays = [a.astype(dtype) for a in arrays]
        return getattr(tfp.distributions, name)(**dict(zip(theirs, arrays, strict=True)))

    return write
