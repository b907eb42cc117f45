"""The text of a page: as it is written, filled with what is made at build time, or of a source."""

import re
from collections.abc import Callable
from pathlib import Path

from pages import constructors, gallery

PLACE = "<!-- filled when the site is built -->"
FOR_TESTS = re.compile(r"^(```python) \w+$", re.MULTILINE)
"""What tells the tests how to run a block, and would end it for MkDocs."""
UNSEARCHED = "---\nsearch:\n  exclude: true\n---\n\n"
"""Sources would drown the pages about them."""
LANGUAGES = {".py": "python", ".pyi": "python", ".toml": "toml", ".csv": "text", ".json": "json"}


def text(root: Path, path: Path) -> str:
    """Return the Markdown of a file: its own, with all that is filled in, or its source."""
    written = path.read_text()
    if path.suffix == ".md":
        return FOR_TESTS.sub(r"\1", filled(root, path, written))
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", written)), default=0))
    language = LANGUAGES.get(path.suffix, "text")
    where = path.relative_to(root).as_posix()
    return f"{UNSEARCHED}# {where}\n\n{fence}{language}\n{written.rstrip()}\n{fence}\n"


def filled(root: Path, path: Path, written: str) -> str:
    """Return the text of a page in which its one place, if it has one, is filled.

    Raises:
        ValueError: If there is no place on a page that is filled, or one on a page that is not.
    """
    fill = FILLS.get(path.relative_to(root).as_posix())
    if written.count(PLACE) != (fill is not None):
        raise ValueError(
            f"{path}: expected {int(fill is not None)} lines `{PLACE}`, found "
            f"{written.count(PLACE)}. What is filled stands in FILLS of tools/pages/texts.py."
        )
    return written.replace(PLACE, fill(root)) if fill else written


def changes(root: Path) -> str:
    """Return CHANGELOG.md without its title, with links as from docs/."""
    _, _, body = (root / "CHANGELOG.md").read_text().partition("\n")
    return re.sub(r"\]\((?!https?://|#)", "](../", body.strip())


FILLS: dict[str, Callable[[Path], str]] = {
    "docs/api/random_variables.md": constructors.table,
    "docs/changelog.md": changes,
    "docs/gallery.md": gallery.cards,
}
