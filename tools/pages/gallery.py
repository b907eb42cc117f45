"""The gallery: a card for each example, from its docstring, its picture and what it prints."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

COLLECTION = "fitting"
"""The example that is made of several, `_fitting_*.py`, each with a picture of its own."""
FIRST = ("galaxies", "regression", "fitting_iris", "multimodal_vi")
"""The cards that come first; the others follow by name, those without a picture last."""
RAN_BY = re.compile(r"^`\w+\.py`: ")
"""What the docstring of such a part begins with."""


class Card(NamedTuple):
    """One example."""

    title: str
    text: str
    """The first paragraph."""
    picture: Path
    source: Path
    printed: Path


def examples(root: Path) -> list[Path]:
    """Return the files that are examples: those to be run, and the parts of the collection."""
    folder = root / "examples"
    alone = [path for path in folder.glob("[a-z]*.py") if path.stem != COLLECTION]
    return sorted([*alone, *folder.glob(f"_{COLLECTION}_*.py")], key=_rank)


def _rank(path: Path) -> tuple[int, str]:
    stem = path.stem.strip("_")
    return FIRST.index(stem) if stem in FIRST else len(FIRST), stem


def card(root: Path, source: Path) -> Card:
    """Return what the gallery shows of an example."""
    docstring = ast.get_docstring(ast.parse(source.read_text())) or ""
    title, _, rest = docstring.partition("\n\n")
    text = rest.partition("\n\n")[0]
    stem = source.stem.strip("_")
    return Card(
        RAN_BY.sub("", title).rstrip("."),
        "" if "Run: " in text else text.replace("\n", " "),
        root / "docs" / "images" / f"{stem}.png",
        source,
        root / "examples" / "results" / f"{stem}.md",
    )


def cards(root: Path) -> str:
    """Return all cards in Markdown, with links as from docs/."""
    shown = sorted((card(root, p) for p in examples(root)), key=lambda c: not c.picture.exists())
    inside = "\n\n".join(f"<div markdown>\n\n{_text(one)}\n\n</div>" for one in shown)
    return f'<div class="gallery" markdown>\n\n{inside}\n\n</div>'


def _text(one: Card) -> str:
    picture, links = f"images/{one.picture.name}", [f"[source](../examples/{one.source.name})"]
    if one.printed.exists():
        links.append(f"[what it prints](../examples/results/{one.printed.name})")
    parts = [f"## {one.title}", f"[![{one.title}]({picture})]({picture})", one.text]
    if not one.picture.exists():
        del parts[1]
    return "\n\n".join(filter(None, [*parts, " · ".join(links)]))
