"""The pages of the site: each in the navigation, each public name on one, each link to a file."""

import importlib
import inspect
from pathlib import Path

from pages import links, names, navigation

ROOT = Path(__file__).parents[1]


def test_each_page_has_its_place_in_the_navigation():
    assert list(navigation.problems(ROOT)) == []


def test_each_public_name_is_on_one_page_of_the_reference():
    assert list(names.problems(ROOT)) == []


def test_each_link_of_a_page_leads_to_a_file():
    assert list(links.problems(ROOT)) == []


def test_public_names_are_those_that_python_sees():
    """The reference is made without importing the library, of the same names."""
    seen = set()
    for name in names.public(ROOT):
        module, _, own = name.rpartition(".")
        assert hasattr(importlib.import_module(module), own), name
        seen.add(name)
    import pathmix

    wanted = {f"pathmix.{n}" for n in pathmix.__all__ if not inspect.ismodule(getattr(pathmix, n))}
    for module in (pathmix.infer, pathmix.random_variables):
        wanted |= {f"{module.__name__}.{name}" for name in module.__all__}
    assert wanted <= seen
