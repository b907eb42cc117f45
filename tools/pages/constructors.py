"""The table of constructors of random variables, from the stub that has their signatures."""

import ast
from pathlib import Path

STUB = "src/pathmix/random_variables.pyi"
SHARED = ("sample_shape", "value", "key", "name")
"""Arguments that every constructor has."""


def arguments(root: Path) -> dict[str, list[str]]:
    """Return the arguments of each constructor of NumPyro's families, without the shared ones."""
    tree = ast.parse((root / STUB).read_text())
    return {
        node.name: [a.arg for a in node.args.args]
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }


def table(root: Path) -> str:
    """Return a table of all of them, in Markdown; each name can be linked to."""
    rows = [
        f'| <span id="pathmix.random_variables.{name}">`{name}`</span> '
        f"| {', '.join(f'`{a}`' for a in own)} |"
        for name, own in arguments(root).items()
    ]
    return "\n".join(["| constructor | the family's own arguments |", "|---|---|", *rows])
