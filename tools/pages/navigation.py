"""The navigation of `mkdocs.yml`, held against the pages that there are."""

import re
from collections.abc import Iterator
from pathlib import Path

from pages import links

ENTRY = re.compile(r"^ +- (?:[^#:\n]+: )?(\S+\.md)$", re.MULTILINE)
"""A page in the navigation, with a title or without; not one that is commented out."""


def pages(root: Path) -> list[str]:
    """Return the pages in the navigation, as `mkdocs.yml` names them."""
    return ENTRY.findall((root / "mkdocs.yml").read_text())


def problems(root: Path) -> Iterator[str]:
    """Yield the pages that have not exactly one place, and the places without a page."""
    placed = pages(root)
    written = [links.address(root, path) for path in sorted((root / "docs").rglob("*.md"))]
    for uri in written:
        if placed.count(uri) != 1:
            yield f"docs/{uri}: expected one place in nav of mkdocs.yml, found {placed.count(uri)}"
    for uri in placed:
        if uri not in written and not links.source(root, uri).is_file():
            yield f"nav of mkdocs.yml has {uri}, which is no page"
