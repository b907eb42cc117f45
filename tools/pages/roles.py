"""Docstrings as the site shows them: Sphinx's roles as links, examples as code."""

import re
from typing import Any

from griffe import Extension, Object

ROLE = re.compile(r":(class|func|meth|mod|data|obj):`([^`]+)`")
EXAMPLE = re.compile(r"^Example:$", re.MULTILINE)
"""Google's style has two names for the section, of which griffe knows one."""


class House(Extension):
    """Rewrites every docstring from the style of the house to that of mkdocstrings."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite one docstring."""
        if obj.docstring:
            text = EXAMPLE.sub("Examples:", obj.docstring.value)
            obj.docstring.value = ROLE.sub(lambda role: f"`{role[2]}`", text)
