"""What mkdocstrings loads: every docstring is rewritten as `docstrings.py` says."""

from functools import cached_property
from pathlib import Path
from typing import Any

from griffe import Extension, Object

from pages import docstrings, names


class House(Extension):
    """The style of the house, turned into that of mkdocstrings."""

    @cached_property
    def public(self) -> list[str]:
        """All public names."""
        return names.public(Path(__file__).parents[2])

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite one docstring."""
        if obj.docstring:
            text = docstrings.shown(obj.docstring.value, obj.path, self.public)
            obj.docstring.value = text
