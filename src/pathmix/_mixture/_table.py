"""A mixture as a table of its components: weights, families, parameters."""

from collections.abc import Sequence
from html import escape
from typing import Any

import jax
import numpy as np
from numpyro.distributions import CategoricalLogits, CategoricalProbs

from pathmix._checks import is_concrete
from pathmix._components import (
    Borrowed,
    Canonical,
    Constructed,
    Factorised,
    Several,
    Transformed,
    Wrapped,
)

MANY, ENDS = 12, 3
"""Of more components, the first and the last few are shown, as NumPy does it."""
SHORT = 8
"""Up to this many entries of a parameter are shown."""

Row = tuple[str, ...]


def table_of(mixture: Any) -> list[Row] | None:
    """Return a heading and a row for each component; ``None`` unless all is known, of one mixture.

    NumPy does all of it: what JAX computes while a program is traced has no value.
    """
    components = mixture._components
    if mixture.batch_shape or not components.selectable or not is_concrete(mixture):
        return None
    weights = _weights(mixture._mixture)
    if weights is None:
        return None
    shown = _shown(len(weights))
    heading, cells = _cells(components, [i for i in shown if i is not None])
    columns = iter(cells)
    rows = [
        ("…",) * (len(heading) + 2) if i is None else (str(i), f"{weights[i]:.4g}", *next(columns))
        for i in shown
    ]
    return [("", "weight", *heading), *rows]


def _shown(count: int) -> list[int | None]:
    """The components that are shown; ``None`` for those between."""
    if count <= MANY:
        return list(range(count))
    return [*range(ENDS), None, *range(count - ENDS, count)]


def _weights(weights: Canonical) -> np.ndarray | None:
    kind = getattr(weights.recipe, "kind", None)
    if kind not in (CategoricalProbs, CategoricalLogits):
        return None
    t = np.asarray(weights.parameters[0], np.float64).ravel()
    t = np.exp(t - np.max(t)) if kind is CategoricalLogits else t
    with np.errstate(invalid="ignore"):  # weights that are all zero
        return np.asarray(t / np.sum(t))


def _cells(components: Canonical, at: Sequence[int]) -> tuple[Row, list[Row]]:
    recipe = components.recipe
    inner = recipe.base if isinstance(recipe, Factorised) else recipe
    pairs = list(zip(components.parameters, components.event_dims, strict=True))
    if not isinstance(inner, Several):
        own = [[_of(p, n, i) for p, n in pairs] for i in at]
        return tuple(_names(recipe)), [tuple(map(short, row)) for row in own]
    assert inner.which is not None
    rows: list[Row] = []
    for i in at:
        one, places = _part(inner, inner.which[i])
        names = _names(one)
        values = [short(_of(*pairs[place], i)) for place in places]
        text = ", ".join(f"{n}={v}" for n, v in zip(names, values, strict=True))
        rows.append((f"{name_of(one)}({text})",))
    return ("component",), rows


def _part(several: Several, which: int) -> tuple[Any, range]:
    """The recipe of one of several families, and where its parameters stand."""
    counts = [len(recipe.event_dims) for recipe in several.each]
    start = 1 + sum(counts[:which])
    return several.each[which], range(start, start + counts[which])


def _of(p: Any, event_dim: int, i: int) -> np.ndarray:
    """What a component has of a parameter ``*ones k *event``."""
    array = np.asarray(p)
    array = array.reshape(array.shape[array.ndim - event_dim - 1 :])
    return np.asarray(array[0 if len(array) == 1 else i])


def _names(recipe: Any) -> list[str]:
    """The parameters of a recipe, in their order."""
    if isinstance(recipe, Borrowed):
        return [f"array {i}" for i in range(len(recipe.event_dims))]
    if isinstance(recipe, Constructed):
        return list(recipe.names)
    if isinstance(recipe, Wrapped):
        return [*_names(recipe.base), *recipe.names]
    names = _names(recipe.base)
    if isinstance(recipe, Transformed):
        more = len(recipe.event_dims) - len(names)
        names += [f"transform {i}" for i in range(more)]
    return names


def name_of(recipe: Any) -> str:
    """Return the classes of a recipe, within each other."""
    base = getattr(recipe, "base", None)
    if isinstance(recipe, Borrowed):
        return recipe.structure.name
    return recipe.kind.__name__ + ("" if base is None else f"({name_of(base)})")


def holds_arrays(mixture: Any) -> bool:
    """Whether the leaves are arrays: those of a tree that JAX has mapped over may be anything."""
    leaves = jax.tree.leaves(mixture)
    return bool(leaves) and all(isinstance(leaf, jax.Array | np.ndarray) for leaf in leaves)


def short(value: Any) -> str:
    """Return a number or a small array; of others the dtype and shape."""
    array = np.asarray(value)
    if array.size > SHORT:
        return f"{array.dtype}{list(array.shape)}"
    if array.dtype == bool or np.issubdtype(array.dtype, np.integer):
        text = np.array2string(array, separator=", ")
    else:
        text = np.array2string(
            array.astype(np.float64), separator=", ", formatter={"float_kind": _number}
        )
    return " ".join(text.split())


def _number(x: Any) -> str:
    return f"{x:.4g}"


def as_text(table: Sequence[Row]) -> str:
    """Return a table with columns of even width, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = [cell.rjust(n) for cell, n in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def as_html(title: str, table: Sequence[Row]) -> str:
    """Return the table for notebooks."""
    lines = [f"<table><caption>{escape(title)}</caption>"]
    for i, row in enumerate(table):
        tag = "td" if i else "th"
        cells = "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    return "\n".join([*lines, "</table>"])
