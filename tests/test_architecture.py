"""The structure that ARCHITECTURE.md describes is the structure that there is."""

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pathmix

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "pathmix"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEPENDENCIES = sorted(re.match(r"[\w.-]+", line)[0] for line in PROJECT["dependencies"])
# The type checker's import hook leaves the module `jaxtyping` in every namespace.
PUBLIC = sorted({name for name in vars(pathmix) if not name.startswith("_")} - {"jaxtyping"})


def module_names():
    """File name of each module, directory name of each package: ``_typing.py``, ``_special/``."""
    for path in SOURCES:
        if path.name != "__init__.py":
            yield path.name
        elif path.parent != PACKAGE:
            yield f"{path.parent.name}/"


@pytest.fixture(scope="module")
def page():
    return (ROOT / "ARCHITECTURE.md").read_text()


@pytest.mark.parametrize("name", sorted(set(module_names())))
def test_every_module_is_on_the_page(page, name):
    described = re.search(rf"(?<!\w){re.escape(name.rstrip('/'))}(?!\w)[^\w\n]*[ \t].*\w", page)
    assert described, f"ARCHITECTURE.md lacks a line `{name}  what it is for`"


def test_every_file_on_the_page_exists(page):
    folders = ("src", "tests", "examples", "benchmarks", "tools")
    files = {path.name for folder in folders for path in (ROOT / folder).rglob("*.py")}
    named = set(re.findall(r"(?<![\w<])(\w+\.py)\b", page))
    assert named <= files, f"ARCHITECTURE.md names files that are gone: {sorted(named - files)}"


@pytest.mark.parametrize("name", DEPENDENCIES)
def test_every_dependency_is_on_the_page(page, name):
    line = re.search(rf"^\s*[-*|]\s*[`*\[]*{re.escape(name)}\b.*\w", page, re.MULTILINE | re.I)
    assert line, f"ARCHITECTURE.md lacks a list item or table row `{name}`: why it is needed"


def imported_roots():
    """Top-level packages that any module of the library imports, anywhere in it."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield node.module.partition(".")[0]


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    """What `pathmix.plot`, `sklearn` and `torch` need are extras, and no one imports them."""
    third_party = set(imported_roots()) - sys.stdlib_module_names - {"pathmix"}
    assert third_party == set(DEPENDENCIES) | {"matplotlib", "sklearn", "torch"}


def entered_by_a_back_door():
    """Imports of a package's private modules from outside of it."""
    for path in SOURCES:
        here = path.relative_to(PACKAGE).parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            module = getattr(node, "module", None) or ""
            parts = module.split(".")
            if parts[0] == "pathmix" and len(parts) > 2 and parts[1] != here:
                yield f"{path.relative_to(PACKAGE)} imports {module}"


def test_packages_are_entered_by_their_doors():
    assert list(entered_by_a_back_door()) == []


IMPORT_PROBE = """
import sys
import jax.scipy, numpyro.distributions
before = set(sys.modules)
import pathmix
roots = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(roots - sys.stdlib_module_names))
print(*sorted(sys.modules))
"""


def test_importing_is_light():
    # JAX itself imports SciPy, so what counts for it is that no more of it is loaded.
    probe = [sys.executable, "-c", IMPORT_PROBE]
    run = subprocess.run(probe, capture_output=True, text=True, check=True)
    ours, everything = (set(line.split()) for line in run.stdout.splitlines())
    assert ours <= {"pathmix", "equinox", "jaxtyping", "jax", "numpyro", "wadler_lindig"}
    assert everything.isdisjoint(
        {"arviz", "distrax", "matplotlib", "optax", "pandas", "tensorflow_probability", "torch"}
    )


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_an_example(name):
    text = inspect.getdoc(getattr(pathmix, name)) or ""
    assert ">>>" in text, f"the docstring of pathmix.{name} shows no example (a line with >>>)"
