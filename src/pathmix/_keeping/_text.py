"""The description of a mixture: what JSON may say, checked entry by entry."""

import json
from collections.abc import Mapping
from typing import Any

VERSION = 1
"""Of the description; another number is for what this one cannot say."""
LONGEST = 2**24
"""Characters of a description: a hundred for each of a hundred thousand components."""
DEEPEST = 32
"""Distributions within each other."""

Node = dict[str, Any]


class FileError(ValueError):
    """What is wrong with a file."""


def entries(node: Any, kinds: Mapping[str, type | tuple[type, ...]]) -> list[Any]:
    """Return the entries of a node in the order of ``kinds``, which names them all, and no more.

    A truth value is no number.
    """
    if type(node) is not dict or set(node) != set(kinds):
        got = sorted(node) if type(node) is dict else type(node).__name__
        raise FileError(f"expected an object with {sorted(kinds)}, got {got}")
    for name, kind in kinds.items():
        allowed = kind if isinstance(kind, tuple) else (kind,)
        if type(node[name]) not in allowed:
            names = " or ".join(k.__name__ for k in allowed)
            raise FileError(f"expected `{name}` to be {names}, got {type(node[name]).__name__}")
    return [node[name] for name in kinds]


def sizes(given: list[Any]) -> tuple[int, ...]:
    """Return a shape."""
    if len(given) > DEEPEST or any(type(n) is not int or not 0 <= n < 2**31 for n in given):
        raise FileError(f"expected a shape of whole numbers from 0 to 2³¹ − 1, got {given!r:.80}")
    return tuple(given)


def written(distribution: Node, arrays: Node) -> str:
    """Return the text of a description."""
    whole = {"version": VERSION, "arrays": arrays, "distribution": distribution}
    return json.dumps(whole, separators=(",", ":"), allow_nan=False)


def parsed(text: str) -> tuple[Node, dict[str, tuple[str, tuple[int, ...]]]]:
    """Return the description of the distribution, and the dtype and shape of each array."""
    if len(text) > LONGEST:
        raise FileError(f"its description has {len(text)} characters, more than {LONGEST}")
    try:
        whole = json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    except FileError:
        raise
    except (ValueError, RecursionError) as error:
        raise FileError(f"its description is no JSON: {error!s:.80}") from error
    if type(whole) is dict and type(whole.get("version")) is int and whole["version"] != VERSION:
        raise FileError(
            f"it has version {whole['version']!r:.20}, and this release reads version {VERSION}. "
            "Upgrade pathmix"
        )
    kinds = {"version": int, "arrays": dict, "distribution": dict}
    _, arrays, distribution = entries(whole, kinds)
    return distribution, {name: _array(entry) for name, entry in arrays.items()}


def _array(entry: Any) -> tuple[str, tuple[int, ...]]:
    dtype, shape = entries(entry, {"dtype": str, "shape": list})
    return dtype, sizes(shape)


def _without_doubles(pairs: list[tuple[str, Any]]) -> Node:
    node = dict(pairs)
    if len(node) < len(pairs):
        raise FileError("its description names an entry twice")
    return node


def _no_constant(name: str) -> None:
    raise FileError(f"its description holds {name}")
