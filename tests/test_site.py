"""The site: pages and navigation, names and reference, links, the gallery, and what is built."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import pathmix
from pages import built, constructors, docstrings, gallery, links, names, navigation, texts
from pathmix import infer, random_variables

ROOT = Path(__file__).parents[1]


def written(root, files):
    """A project of some files, by their paths."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


# ---- this project ----


def test_each_page_has_its_place_in_the_navigation():
    assert list(navigation.problems(ROOT)) == []


def test_each_public_name_has_an_example_and_one_page_of_the_reference():
    assert list(names.problems(ROOT)) == []


def test_each_link_of_a_page_leads_to_a_file():
    assert list(links.problems(ROOT)) == []


def test_public_names_are_those_that_python_sees():
    """The reference is made from the sources alone."""
    modules = {name for name in pathmix.__all__ if inspect.ismodule(getattr(pathmix, name))}
    seen = {f"pathmix.{name}" for name in set(pathmix.__all__) - modules}
    for module in (infer, random_variables):
        seen |= {f"{module.__name__}.{name}" for name in module.__all__}
    others = ("families", "plot", "sklearn", "interop", "torch")
    found = {name for name in names.public(ROOT) if name.split(".")[1] not in others}
    assert found == seen


def test_a_mixture_is_shown_with_all_its_methods():
    """Its page lists them by subject."""
    owners = [c for c in pathmix.MixtureSameFamily.__mro__ if c.__module__.startswith("pathmix")]
    own = {name for owner in owners for name in vars(owner) if not name.startswith("_")}
    hidden = {"allow_nan_stats", "name", "reparameterize"}  # arguments, which are described there
    hidden |= {name for name in own if name.startswith(("tree_", "pytree_"))}
    page = (ROOT / "docs" / "api" / "mixtures.md").read_text()
    listed = [line.split("- ")[1] for line in page.splitlines() if line.startswith("        - ")]
    assert sorted(listed) == sorted(own - hidden)


def tuples():
    """The public named tuples: what functions return, and what families are given."""
    for name in names.public(ROOT):
        if name.removeprefix(names.CONSTRUCTORS) not in constructors.arguments(ROOT):
            node = names.definition(ROOT, name)
            if "NamedTuple" in map(ast.unparse, getattr(node, "bases", [])):
                yield pytest.param(node, id=name)


@pytest.mark.parametrize("node", list(tuples()))
def test_each_field_of_a_result_is_described(node):
    """By a string below it."""
    for field, below in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign):
            described = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            assert described, field.target.id


def test_each_example_is_in_the_gallery_with_a_title_and_a_text():
    cards = {path.name: gallery.card(ROOT, path) for path in gallery.examples(ROOT)}
    scripts = {path.name for path in (ROOT / "examples").glob("[a-z]*.py")}
    assert scripts - cards.keys() == {"fitting.py"}  # which stands there in its parts
    for card in cards.values():
        assert card.title
        assert len(card.text) > 100, card.source
        assert card.picture.is_file() or card.source.name == "sharded.py", card.picture


def test_pictures_are_small():
    """All of a page is there in a moment."""
    for path in (ROOT / "docs" / "images").iterdir():
        assert path.stat().st_size < 120_000, path


def imported_by_examples():
    """What examples import from each other."""
    for path in sorted((ROOT / "examples").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and re.match("_[a-z]", node.module):
                yield path.name, node.module, [alias.name for alias in node.names]


def test_examples_import_what_there_is():
    """They are run by `make test-all` only."""
    for importer, module, wanted in imported_by_examples():
        there = ast.parse((ROOT / "examples" / f"{module}.py").read_text())
        names = {node.id for node in ast.walk(there) if isinstance(node, ast.Name)}
        names |= {getattr(node, "name", None) for node in there.body}
        names |= {
            a.asname or a.name
            for n in ast.walk(there)
            if isinstance(n, ast.ImportFrom)
            for a in n.names
        }
        assert set(wanted) <= names, f"{importer} imports from {module}.py what is not there"


# ---- links ----


def test_links_within_docs_stay_and_those_out_of_it_lead_to_pages_of_the_site(tmp_path):
    root = written(
        tmp_path,
        {
            "ARCHITECTURE.md": "",
            "CONTRIBUTING.md": "",
            "docs/a.md": "[b](b.md#x) [c](../e/c.py) [m](../m.md) ![p](images/p.png) [w](http://w.org)",
            "docs/b.md": "`[no](../link.py)`\n\n```\n[no](../link.py)\n```\n",
            "docs/images/p.png": "",
            "e/c.py": "x = 1",
            "m.md": "[b](docs/b.md) [d](e/d.csv)",
            "e/d.csv": "1",
        },
    )
    reached = links.reached(root)
    assert sorted(reached) == [
        "project/ARCHITECTURE.md",
        "project/CONTRIBUTING.md",
        "project/e/c.py.md",
        "project/e/d.csv.md",
        "project/m.md",
    ]
    assert all(links.source(root, uri) == path for uri, path in reached.items())
    assert list(links.problems(root)) == []
    a, m = root / "docs" / "a.md", root / "m.md"
    assert links.rewritten(a.read_text(), a, root) == (
        "[b](b.md#x) [c](project/e/c.py.md) [m](project/m.md) ![p](images/p.png) [w](http://w.org)"
    )
    assert links.rewritten(m.read_text(), m, root) == "[b](../b.md) [d](e/d.csv.md)"
    b = root / "docs" / "b.md"
    assert links.rewritten(b.read_text(), b, root) == b.read_text()


def test_a_link_to_nothing_is_named(tmp_path):
    files = {"ARCHITECTURE.md": "[x](gone.py)", "CONTRIBUTING.md": "", "docs/a.md": "[y](z.md)"}
    found = list(links.problems(written(tmp_path, files)))
    assert [line.split(" links to ")[0] for line in found] == ["docs/a.md", "ARCHITECTURE.md"]


# ---- texts ----


def test_a_source_becomes_a_page_of_code(tmp_path):
    root = written(tmp_path, {"e/c.py": 'x = "````"\n'})
    assert texts.text(root, root / "e" / "c.py").endswith(
        '# e/c.py\n\n`````python\nx = "````"\n`````\n'
    )


def test_blocks_of_python_say_nothing_to_the_tests(tmp_path):
    blocks = "```python continuation\nx\n```\n\n```python notest\ny\n```\n"
    root = written(tmp_path, {"docs/a.md": blocks})
    wanted = "```python\nx\n```\n\n```python\ny\n```\n"
    assert texts.text(root, root / "docs" / "a.md") == wanted


def test_changes_are_filled_in_with_links_as_from_docs(tmp_path):
    changelog = "# Changelog\n\n## Unreleased\n\n- [a](docs/a.md), [b](https://b.org)\n"
    root = written(tmp_path, {"CHANGELOG.md": changelog, "docs/changelog.md": texts.PLACE})
    wanted = "## Unreleased\n\n- [a](../docs/a.md), [b](https://b.org)"
    assert texts.text(root, root / "docs" / "changelog.md") == wanted


@pytest.mark.parametrize(("name", "text"), [("changelog", ""), ("other", texts.PLACE)])
def test_a_page_is_filled_where_it_says_so(tmp_path, name, text):
    root = written(tmp_path, {f"docs/{name}.md": text, "CHANGELOG.md": "# C\n"})
    with pytest.raises(ValueError, match=r"expected [01] lines `<!-- filled .* found [01]"):
        texts.text(root, root / "docs" / f"{name}.md")


def test_a_page_without_a_place_in_the_navigation_is_named(tmp_path):
    nav = "nav:\n  - A: a.md\n  # - b.md\n  - gone.md\n"
    root = written(tmp_path, {"mkdocs.yml": nav, "docs/a.md": "", "docs/b.md": ""})
    first, second = navigation.problems(root)
    assert first == "docs/b.md: expected one place in nav of mkdocs.yml, found 0"
    assert second == "nav of mkdocs.yml has gone.md, which is no page"


# ---- names ----

STUB = "def Normal(loc: Any = ..., *, name: str | None = ...) -> RandomVariable: ...\n"
PACKAGE = {
    "src/pathmix/__init__.py": "from pathmix._a import f as f\nfrom pathmix._a import g as g\n",
    "src/pathmix/_a/__init__.py": "from pathmix._a._b import f\nfrom pathmix._a._b import h as g\n",
    "src/pathmix/_a/_b.py": 'def f():\n    """F.\n\n    >>> 1\n    1\n    """\ndef h():\n    ""\n',
    "src/pathmix/random_variables.py": "from pathmix._a import f as Mixture\n__all__ = [*X]\n",
    "src/pathmix/random_variables.pyi": STUB,
}


def test_names_without_page_or_example_are_named(tmp_path):
    pages = {"docs/api/a.md": "::: pathmix.f\n", "docs/api/b.md": "::: pathmix.f\n::: pathmix.x\n"}
    doors = {
        "src/pathmix/doors.py": "from pathmix._a import f as f\n",
        "docs/api/doors.md": "::: pathmix.doors\n",
    }
    assert list(names.problems(written(tmp_path, PACKAGE | pages | doors))) == [
        "pathmix.f: expected one line `::: pathmix.f` in docs/api/, found 2",
        "pathmix.g: expected one line `::: pathmix.g` in docs/api/, found 0",
        "pathmix.g: expected an example in its docstring (a line with >>>), found none",
        "docs/api/b.md: expected public names, found pathmix.x",
    ]


def test_constructors_stand_in_a_table_that_can_be_linked_to(tmp_path):
    table = constructors.table(written(tmp_path, PACKAGE))
    assert table.splitlines()[2:] == [
        '| <span id="pathmix.random_variables.Normal">`Normal`</span> | `loc` |'
    ]


# ---- docstrings ----

PUBLIC = ["pathmix.fit", "pathmix.Mixture", "pathmix.infer.AutoMixture"]
PUBLIC += ["pathmix.random_variables.Mixture"]


@pytest.mark.parametrize(
    ("text", "where", "wanted"),
    [
        (":func:`fit`", "pathmix._estimation._em.EM", "[`fit`][pathmix.fit]"),
        (":func:`pathmix.fit`", "pathmix.sklearn", "[`pathmix.fit`][pathmix.fit]"),
        (":func:`update`", "pathmix._estimation._em.EM", "`update`"),
        (
            ":class:`Mixture`",
            "pathmix._mixture._parts.Parts.marginal",
            "[`Mixture`][pathmix.Mixture]",
        ),
        (
            ":class:`Mixture`",
            "pathmix._random_variable._mixture.MixtureSameFamily",
            "[`Mixture`][pathmix.random_variables.Mixture]",
        ),
        (
            ":meth:`mode`",
            "pathmix._mixture._modes.HighestPoints.modes",
            "[`mode`][pathmix.MixtureSameFamily.mode]",
        ),
        (
            ":meth:`quantiles`",
            "pathmix._infer._auto_mixture.AutoMixture.median",
            "[`quantiles`][pathmix.infer.AutoMixture.quantiles]",
        ),
        (
            ":attr:`mean`",
            "pathmix._mixture._derived.Bounded.f",
            "[`mean`][pathmix.MixtureSameFamily.mean]",
        ),
        (":meth:`posterior`", "pathmix._weights.Logits.shares", "`posterior`"),
        ("Fits.\n\nExample:\n    >>> 1", "pathmix.fit", "Fits.\n\nExamples:\n    >>> 1"),
    ],
)
def test_docstrings_in_the_style_of_the_site(text, where, wanted):
    assert docstrings.shown(text, where, PUBLIC) == wanted


# ---- the built site ----


def test_what_is_wrong_with_a_built_site_is_named(tmp_path):
    page = """<link rel="canonical" href="https://a.org"><a id="here"></a>
    <a href="https://b.org">fine</a> <a href="../b/#there">fine</a> <a href="#here">fine</a>
    <a href="#gone">x</a> <a href="../b/#gone">x</a> <a href="../gone/">x</a>
    <img src="gone.png"> <script src="https://c.org/x.js"></script> :math:<code>x</code>"""
    site = written(tmp_path, {"a/index.html": page, "b/index.html": '<p id="there">'})
    assert built.problems(site) == [
        "a/index.html loads https://c.org/x.js from another host",
        "a/index.html shows `:math:` as it stands in a docstring",
        "a/index.html links to #gone, which is not there",
        "a/index.html links to ../b/#gone, which is not there",
        "a/index.html links to ../gone/, which is not there",
        "a/index.html links to gone.png, which is not there",
    ]
