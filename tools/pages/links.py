"""Links of pages to files outside of docs/, which the site has as pages of its own.

A page is written with links that hold where the sources are read: `../examples/galaxies.py`. The
site has that file as the page `project/examples/galaxies.py.md`.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pages import texts

PICTURES = (".png", ".svg")
LINK = re.compile(r"(?<=\]\()(?!https?://|mailto:|#)([^)\s#]+)(?=[)#])")
"""The target of a link of Markdown, without its anchor."""
CODE = re.compile(r"^ *(`{3,}).*?^ *\1`*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
"""Code, in which nothing is a link."""


def reached(root: Path) -> dict[str, Path]:
    """Return the files outside of docs/ that pages link to, by their address on the site.

    What these link to themselves is among them.
    """
    found: dict[str, Path] = {}
    waiting = [*_written(root), root / "ARCHITECTURE.md", root / "CONTRIBUTING.md"]
    while waiting:
        path = waiting.pop()
        uri = address(root, path)
        if uri in found:
            continue
        found[uri] = path
        if path.suffix == ".md":
            waiting += [target for target in _targets(root, path) if target.is_file()]
    return {uri: path for uri, path in found.items() if uri.startswith("project/")}


def problems(root: Path) -> Iterator[str]:
    """Yield the links to what is no file of the project."""
    for path in [*_written(root), *reached(root).values()]:
        if path.suffix == ".md":
            for target in _targets(root, path):
                if not target.is_file():
                    yield f"{path.relative_to(root)} links to {target}, which is no file"


def rewritten(markdown: str, path: Path, root: Path) -> str:
    """Return the text of the page that is made of ``path``, with links as the site has them."""
    here = Path(address(root, path)).parent

    def on_the_site(target: re.Match) -> str:
        goal = address(root, _resolved(path, target[0]))
        return os.path.relpath(goal, here)

    def outside_of_code(piece: str) -> str:
        return LINK.sub(on_the_site, piece)

    return _apart_from_code(markdown, outside_of_code)


def address(root: Path, path: Path) -> str:
    """Return where the site has a file of the project."""
    if path.is_relative_to(root / "docs"):
        return path.relative_to(root / "docs").as_posix()
    made = "" if path.suffix in (".md", *PICTURES) else ".md"
    return f"project/{os.path.relpath(path, root)}{made}"


def source(root: Path, uri: str) -> Path:
    """Return the file that a page is made of."""
    if not uri.startswith("project/"):
        return root / "docs" / uri
    path = root / uri.removeprefix("project/")
    return path if path.is_file() else path.with_suffix("")


def _written(root: Path) -> list[Path]:
    return sorted((root / "docs").rglob("*.md"))


def _targets(root: Path, path: Path) -> list[Path]:
    prose = _apart_from_code(texts.text(root, path), str, code="")
    return [_resolved(path, target) for target in LINK.findall(prose)]


def _resolved(path: Path, target: str) -> Path:
    return Path(os.path.normpath(path.parent / target))


def _apart_from_code(markdown, change, code=None):
    """Return the text with its prose changed, and code as it is or replaced."""
    pieces, end = [], 0
    for match in CODE.finditer(markdown):
        pieces += [change(markdown[end : match.start()]), match[0] if code is None else code]
        end = match.end()
    return "".join([*pieces, change(markdown[end:])])
