"""The type stub of ``random_variables``, written from the real signatures.

The constructors are made on first use, so type checkers cannot see them in the code. After a change
of the table: ``python tests/cases/stubs.py``.
"""

import inspect
from pathlib import Path

from pathmix import random_variables as rv

PATH = Path(__file__).parents[2] / "src" / "pathmix" / "random_variables.pyi"
HEADER = '''\
"""Type stub, written by tests/cases/stubs.py: the signatures of the constructors."""

from collections.abc import Sequence
from typing import Any

import jax

from pathmix._random_variable import Mixture as Mixture
from pathmix._random_variable import MixtureSameFamily as MixtureSameFamily
from pathmix._random_variable import RandomVariable
'''
OURS = {
    "sample_shape": "int | Sequence[int]",
    "value": "Any",
    "key": "jax.Array | None",
    "name": "str | None",
}


def stub() -> str:
    """The text of the stub."""
    families = [name for name in rv.__all__ if not name.startswith("Mixture")]
    return "\n".join([HEADER, *map(definition, families)])


def definition(name: str) -> str:
    """The signature of one constructor. The family's own arguments are anything array-like."""
    lines, keyword_only = [], False
    for parameter in inspect.signature(getattr(rv, name)).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            lines.append("    *,")
            keyword_only = True
        default = "" if parameter.default is parameter.empty else " = ..."
        lines.append(f"    {parameter.name}: {OURS.get(parameter.name, 'Any')}{default},")
    return "\n".join([f"def {name}(", *lines, ") -> RandomVariable: ..."])


if __name__ == "__main__":
    PATH.write_text(stub() + "\n")
