"""What the next maintainer relies on: workflows, templates, the citation, releases."""

import datetime
import importlib.util
import re
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

import pathmix

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
MAKEFILE = (ROOT / "Makefile").read_text()
WORKFLOWS = {path.stem: path.read_text() for path in sorted((GITHUB / "workflows").glob("*.yml"))}
STEPS = [
    (name, step)
    for name, text in WORKFLOWS.items()
    for job in yaml.safe_load(text)["jobs"].values()
    for step in job["steps"]
]


# ---- workflows ----


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_says_when_and_where_it_runs_and_for_how_long(name):
    workflow = yaml.safe_load(WORKFLOWS[name])
    assert workflow["name"] == name
    assert workflow[True]  # YAML 1.1 takes the key `on` for a truth value
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["runs-on"] == "ubuntu-latest"
        assert 0 < job["timeout-minutes"] <= 360  # GitHub's own limit


def test_a_step_uses_an_action_by_its_major_version_or_runs_a_command():
    for name, step in STEPS:
        assert ("uses" in step) != ("run" in step), (name, step)
        if "uses" in step:
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]), (name, step)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([\w-]+)", str(STEPS)))))
def test_what_a_workflow_makes_can_be_made(target):
    if target == "docs" and "\ndocs:" not in MAKEFILE:
        pytest.skip("the Makefile has no `docs` yet")
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


def test_changes_are_tested_on_every_python_and_with_the_oldest_dependencies():
    matrix = yaml.safe_load(WORKFLOWS["tests"])["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert matrix["include"] == [{"python": "3.11", "dependencies": "lowest"}]
    oldest = re.search(r'requires-python = ">=(.+)"', (ROOT / "pyproject.toml").read_text())[1]
    assert matrix["python"][0] == matrix["include"][0]["python"] == oldest


def test_the_weekly_parts_are_those_of_the_makefile():
    matrix = yaml.safe_load(WORKFLOWS["weekly"])["jobs"]["test-all"]["strategy"]["matrix"]
    assert matrix["part"] == re.search(r"^PART \?= (.+)$", MAKEFILE, re.MULTILINE)[1].split()


def test_torch_comes_without_cuda():
    environment = yaml.safe_load(WORKFLOWS["weekly"])["env"]
    assert environment == {"PIP_EXTRA_INDEX_URL": "https://download.pytorch.org/whl/cpu"}


# ---- templates ----


@pytest.mark.parametrize("name", ["bug", "feature"])
def test_an_issue_form_asks_questions_that_have_names(name):
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml").read_text())
    assert form.keys() == {"name", "description", "labels", "body"}
    ids = [question["id"] for question in form["body"]]
    assert len(ids) == len(set(ids)) >= 3
    for question in form["body"]:
        assert question["type"] == "textarea"
        assert question["attributes"]["label"]
        assert question["attributes"]["description"]


def test_pull_requests_ask_for_an_oracle():
    assert "oracle" in (GITHUB / "pull_request_template.md").read_text()


# ---- the citation, by the rules of the Citation File Format 1.2.0 ----


@pytest.fixture(scope="module")
def citation():
    return yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_the_citation_is_of_its_format(citation):
    required = {"cff-version", "message", "title", "authors"}
    optional = {"type", "version", "date-released", "license", "keywords", "abstract"}
    assert required <= citation.keys() <= required | optional
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert citation["license"] == "Apache-2.0"
    assert isinstance(citation["date-released"], datetime.date)
    assert len(citation["keywords"]) == len(set(citation["keywords"])) > 0
    for author in citation["authors"]:
        assert author.keys() <= {"name"} or author.keys() <= {"given-names", "family-names"}


def test_the_version_is_the_same_everywhere(citation):
    """In CHANGELOG.md the newest release; what comes after it stands above, as Unreleased."""
    text = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    newest = next(heading for heading in headings if heading != "Unreleased")
    assert citation["version"] == pathmix.__version__
    assert newest == f"{pathmix.__version__} ({citation['date-released']})"


# ---- releases ----


@pytest.fixture(scope="module")
def release():
    spec = importlib.util.spec_from_file_location("release", ROOT / ".ci" / "release_check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def archive(path, names):
    """An archive of empty files."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path, "w") as file:
            for name in names:
                file.writestr(name, "")
    else:
        with tarfile.open(path, "w:gz") as file:
            for name in names:
                file.addfile(tarfile.TarInfo(f"pathmix-1/{name}"))
    return path


@pytest.mark.parametrize("name", ["pathmix.whl", "pathmix.tar.gz"])
def test_archives_hold_what_they_should(release, tmp_path, name, capsys):
    path = tmp_path / name
    wanted = release.WANTED[path.suffix]
    release.check_names(archive(path, wanted))
    assert f"{name}: {len(wanted)} files" in capsys.readouterr().out
    typed = next(n for n in wanted if n.endswith("py.typed"))
    with pytest.raises(SystemExit, match=r"expected .*py\.typed"):
        release.check_names(archive(path, wanted - {typed}))


@pytest.mark.parametrize(
    "name",
    ["src/pathmix/__pycache__/a.pyc", "docs/images/a.png", "tests/test_a.py", ".ruff_cache/a"],
)
def test_archives_hold_nothing_else(release, tmp_path, name):
    names = release.WANTED[".gz"] | {name}
    with pytest.raises(SystemExit, match=rf"expected none of .*{re.escape(name)}"):
        release.check_names(archive(tmp_path / "pathmix.tar.gz", names))


CHANGELOG, CITATION = "# Changelog\n\n## {}\n", "version: {}\ndate-released: 2026-01-02\n"


@pytest.mark.parametrize(
    ("heading", "cited", "changed", "tags", "text"),
    [
        ("1.2 (2026-01-02)", "1.2", " M README.md\n", "", "clean tree, got\n M README.md"),
        ("1.2 (2026-01-02)", "1.2", "", "v1.2\n", "v1.2 is tagged already"),
        ("1.2 (2026-01-02)", "1.1", "", "", "version 1.2 in CITATION.cff, got 1.1"),
        ("Unreleased", "1.2", "", "", r"start with '## 1.2 \(2026-01-02\)', got 'Unreleased'"),
        ("1.2 (2026-01-03)", "1.2", "", "", "to start with"),
        ("1.2 (2026-01-02)", "1.2", "", "", None),
    ],
)
def test_a_tree_that_is_no_release(
    release, tmp_path, monkeypatch, heading, cited, changed, tags, text
):
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG.format(heading))
    (tmp_path / "CITATION.cff").write_text(CITATION.format(cited))
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setattr(release, "version", lambda: "1.2")
    monkeypatch.setattr(
        release, "run", lambda *command: {"status": changed, "tag": tags}[command[1]]
    )
    if text is None:
        release.check_tree()
    else:
        with pytest.raises(SystemExit, match=text):
            release.check_tree()


def test_the_version_is_read_without_importing(release):
    assert release.version() == pathmix.__version__


def test_every_command_is_described():
    """In the head of the Makefile, which `make help` prints, and in CONTRIBUTING.md."""
    targets = set(re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split()) - {"help"}
    page = (ROOT / "CONTRIBUTING.md").read_text()
    for target in targets:
        assert re.search(rf"^#  make {target} ", MAKEFILE, re.MULTILINE), target
        assert f"`make {target}`" in page, target
