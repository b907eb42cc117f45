"""Docstrings as the site shows them: Sphinx's roles as links, examples as code."""

import re

ROLE = re.compile(r":(class|func|meth|attr|mod):`([^`]+)`")
EXAMPLE = re.compile(r"^Example:$", re.MULTILINE)
"""The style of Google has two names for the section, of which Griffe knows one."""
METHODS = {"pathmix._mixture": "pathmix.MixtureSameFamily"}
"""Classes that are made of several, whose methods are shown as its own."""


def shown(text: str, where: str, public: list[str]) -> str:
    """Return a docstring in the style of mkdocstrings.

    Args:
        text: The docstring.
        where: The full name of what it is of, as the sources have it.
        public: All public names.
    """

    def link(role: re.Match) -> str:
        find = _method if role[1] in ("meth", "attr") else _name
        name, goal = role[2], find(role[2], where, public)
        return f"[`{name}`][{goal}]" if goal else f"`{name}`"

    return EXAMPLE.sub("Examples:", ROLE.sub(link, text))


def _name(name: str, where: str, public: list[str]) -> str | None:
    """The public name that is meant: mixtures are distributions, or random variables."""
    found = [full for full in public if full == name or full.endswith(f".{name}")]
    near = "random_variable" in where
    return min(found, key=lambda full: ("random_variable" in full) != near, default=None)


def _method(name: str, where: str, public: list[str]) -> str | None:
    """The method or attribute of a public class, as far as the names tell."""
    for package, full in METHODS.items():
        if where.startswith(f"{package}."):
            return f"{full}.{name}"
    owner = where.rpartition(".")[0].rpartition(".")[2]
    classes = [full for full in public if full.endswith(f".{owner}")]
    return f"{classes[0]}.{name}" if classes else None
