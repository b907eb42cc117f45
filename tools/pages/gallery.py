"""The gallery: a card for each example, from its docstring and its picture."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

COLLECTION = "fitting"
"""The example that is made of several, `_fitting_*.py`, each with a picture of its own."""


class Card(NamedTuple):
    """One example."""

    title: str
    text: str
    picture: Path
    source: Path
    table: Path
    """What it prints, if that is committed."""


def examples(root: Path) -> list[Path]:
    """Return the files that are examples: those to be run, and the parts of the collection."""
    folder = root / "examples"
    alone = [path for path in folder.glob("[a-z]*.py") if path.stem != COLLECTION]
    return sorted([*alone, *folder.glob(f"_{COLLECTION}_*.py")], key=lambda p: p.stem.strip("_"))


def card(path: Path) -> Card:
    """Return what the gallery shows of an example."""
    first, *others = re.split(r"\n{2,}", ast.get_docstring(ast.parse(path.read_text())) or "")
    root, stem = path.parents[1], path.stem.strip("_")
    return Card(
        first.partition("`: ")[2] or first,
        others[0] if others else "",
        root / "docs" / "images" / f"{stem}.png",
        path,
        root / "examples" / "results" / f"{stem}.md",
    )


def cards(root: Path) -> str:
    """Return the gallery in Markdown, with links as from docs/."""
    return "\n\n".join(_shown(card(path)) for path in examples(root))


def _shown(card: Card) -> str:
    title = card.title.rstrip(".").replace("\n", " ")
    where = f"[examples/{card.source.name}](../examples/{card.source.name})"
    parts = [f"## {title}", card.text, f"Source: {where}"]
    if card.picture.exists():
        parts.insert(1, f"![{title}](images/{card.picture.name})")
    return "\n\n".join(filter(None, parts))
