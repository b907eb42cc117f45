"""Which names are public, and on which page of the reference each stands."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from pages import constructors

DIRECTIVE = re.compile(r"^::: (pathmix[\w.]*)$", re.MULTILINE)


def public(root: Path) -> list[str]:
    """Return the full names of all that is public: `pathmix.fit`, `pathmix.infer.relabel`.

    A module's public names are those of its `__all__`, or else what it imports as itself and what
    it defines. Modules that are public in turn are no names of the package.
    """
    folder = root / "src" / "pathmix"
    modules = sorted(p for p in folder.glob("*.py") if not p.stem.startswith("_"))
    stems = {path.stem for path in modules}
    found = [f"pathmix.{name}" for name in _names(folder / "__init__.py") if name not in stems]
    for path in modules:
        found += [f"pathmix.{path.stem}.{name}" for name in _names(path)]
    return found + [f"pathmix.random_variables.{name}" for name in constructors.arguments(root)]


def _names(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    defined: list[str] = []
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=listed)):
                return [name.value for name in listed if isinstance(name, ast.Constant)]
            case ast.ImportFrom(names=aliases):
                defined += [a.name for a in aliases if a.asname == a.name]
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                defined.append(name)
    return [name for name in defined if not name.startswith("_")]


def documented(root: Path) -> dict[str, list[str]]:
    """Return the pages of the reference on which each name stands."""
    found: dict[str, list[str]] = {}
    for path in sorted((root / "docs" / "api").glob("*.md")):
        for name in DIRECTIVE.findall(path.read_text()):
            found.setdefault(name, []).append(path.name)
    for name in constructors.arguments(root):
        found.setdefault(f"pathmix.random_variables.{name}", []).append("random_variables.md")
    return found


def problems(root: Path) -> Iterator[str]:
    """Yield the names that are not on exactly one page, and what stands there without being one."""
    pages, names = documented(root), public(root)
    for name in names:
        if len(pages.get(name, [])) != 1:
            yield (
                f"{name} is public: expected one line `::: {name}` on the pages of docs/api/, "
                f"found {len(pages.get(name, []))}"
            )
    modules = {name.rpartition(".")[0] for name in names}
    for name in sorted(set(pages) - set(names) - modules):
        yield f"docs/api/{pages[name][0]} shows {name}, which is not public"
