"""Which names are public, what they say of themselves, and where in the reference each stands.

All of it is read from the sources: what a module needs in order to be imported need not be there.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pages import constructors

DIRECTIVE = re.compile(r"^::: (pathmix[\w.]*)$", re.MULTILINE)
CONSTRUCTORS = "pathmix.random_variables."


def public(root: Path) -> list[str]:
    """Return the full names of all that is public: `pathmix.fit`, `pathmix.infer.relabel`.

    A module's public names are those of its `__all__`, or else what it imports as itself and what
    it defines. Modules that are public in turn are no names of the package.
    """
    folder = root / "src" / "pathmix"
    modules = sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_"))
    found = [f"pathmix.{name}" for name in _names(folder / "__init__.py") if name not in modules]
    for module in modules:
        found += [f"pathmix.{module}.{name}" for name in _names(folder / f"{module}.py")]
    return found + [CONSTRUCTORS + name for name in constructors.arguments(root)]


def definition(root: Path, name: str) -> ast.ClassDef | ast.FunctionDef:
    """Return where a name is defined, through all modules that only pass it on.

    Raises:
        LookupError: If it is neither defined nor imported in its module.
    """
    module, _, own = name.rpartition(".")
    for node in _tree(_source(root, module)).body:
        match node:
            case ast.FunctionDef(name=found) | ast.ClassDef(name=found) if found == own:
                return node
            case ast.ImportFrom(module=str(other), names=aliases):
                for alias in aliases:
                    if (alias.asname or alias.name) == own:
                        return definition(root, f"{other}.{alias.name}")
    raise LookupError(f"expected {module} to define or import {own}, found nothing of that name")


def docstring(root: Path, name: str) -> str:
    """Return the docstring of a public name, empty if there is none."""
    return ast.get_docstring(definition(root, name)) or ""


def documented(root: Path) -> dict[str, list[str]]:
    """Return the pages on which each name stands. A module that is shown stands for its names."""
    found: dict[str, list[str]] = {}
    for path in sorted((root / "docs" / "api").glob("*.md")):
        for shown in DIRECTIVE.findall(path.read_text()):
            inside = [name for name in public(root) if name.rpartition(".")[0] == shown]
            for name in inside or [shown]:
                found.setdefault(name, []).append(path.name)
    for name in constructors.arguments(root):
        found.setdefault(CONSTRUCTORS + name, []).append("random_variables.md")
    return found


def problems(root: Path) -> Iterator[str]:
    """Yield names without a page of the reference, with two, or without an example."""
    pages, names = documented(root), public(root)
    for name in names:
        places = pages.get(name, [])
        if len(places) != 1:
            yield f"{name}: expected one line `::: {name}` in docs/api/, found {len(places)}"
        if not _is_of_the_table(root, name) and ">>>" not in docstring(root, name):
            yield f"{name}: expected an example in its docstring (a line with >>>), found none"
    for name in sorted(set(pages) - set(names)):
        yield f"docs/api/{pages[name][0]}: expected public names, found {name}"


def _is_of_the_table(root: Path, name: str) -> bool:
    """Whether it is made from a class of NumPyro, whose docstring it has."""
    return name.removeprefix(CONSTRUCTORS) in constructors.arguments(root)


def _names(path: Path) -> list[str]:
    defined: list[str] = []
    for node in _tree(path).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=listed)):
                return [name.value for name in listed if isinstance(name, ast.Constant)]
            case ast.ImportFrom(names=aliases):
                defined += [a.name for a in aliases if a.asname == a.name]
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                defined.append(name)
    return [name for name in defined if not name.startswith("_")]


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _source(root: Path, module: str) -> Path:
    path = root.joinpath("src", *module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
