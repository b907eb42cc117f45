"""Whether a release can be made of this tree: what it says of itself, what is built, what runs.

Builds the archives in dist/, installs each into an environment of its own, and uses it from a
directory outside of the repository. `--build-only` leaves out what holds only at a release: that
nothing is uncommitted, that the version has no tag, and that CHANGELOG.md starts with it.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SMOKE = ROOT / ".ci" / "smoke.py"
WANTED = {
    ".whl": {"pathmix/__init__.py", "pathmix/py.typed", "pathmix/random_variables.pyi"},
    ".gz": {"pyproject.toml", "LICENSE", "README.md", "src/pathmix/py.typed"},
}
UNWANTED = re.compile(
    r"(^|/)(__pycache__|docs/images|examples/output|\.(?!gitignore)\w+)(/|$)|^tests/"
)


def version() -> str:
    """As the package says, without importing it."""
    text = (ROOT / "src" / "pathmix" / "__init__.py").read_text()
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)[1]


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a command, which must succeed; return what it prints."""
    done = subprocess.run([str(c) for c in command], cwd=cwd, text=True, stdout=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"{done.stdout}\nrelease-check: failed: {' '.join(map(str, command))}")
    return done.stdout


def require(holds: object, message: str) -> None:
    """Stop unless something holds."""
    if not holds:
        sys.exit(f"release-check: {message}")


def check_tree() -> None:
    """Nothing is uncommitted, and the version is new and described."""
    now = version()
    changed = run("git", "status", "--porcelain")
    require(not changed, f"expected a clean tree, got\n{changed}Commit or remove these.")
    require(
        not run("git", "tag", "--list", f"v{now}"), f"v{now} is tagged already: raise the version."
    )
    first = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
    cited = dict(re.findall(r"^([\w-]+): (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE))
    expected = f"{now} ({cited['date-released']})"
    require(
        cited["version"] == now, f"expected version {now} in CITATION.cff, got {cited['version']}."
    )
    require(
        first == expected, f"expected CHANGELOG.md to start with '## {expected}', got '{first}'."
    )


def build() -> list[Path]:
    """Make the archives anew; check what they say of themselves, and what they hold."""
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", ROOT / "dist", ROOT)
    archives = sorted((ROOT / "dist").iterdir())
    print(run(sys.executable, "-m", "twine", "check", "--strict", *archives).strip())
    require(
        {a.suffix for a in archives} == WANTED.keys(), f"expected two archives, got {archives}."
    )
    for archive in archives:
        check_names(archive)
    return archives


def check_names(archive: Path) -> None:
    """It holds what it should, and nothing that only the repository needs."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as file:
            held = set(file.namelist())
    else:
        with tarfile.open(archive) as file:
            held = {name.partition("/")[2] for name in file.getnames()}
    missing = WANTED[archive.suffix] - held
    require(not missing, f"expected {sorted(missing)} in {archive.name}.")
    extra = sorted(name for name in held if UNWANTED.search(name))
    require(not extra, f"expected none of {extra[:5]} in {archive.name}.")
    print(f"{archive.name}: {len(held)} files, {archive.stat().st_size / 1e3:.0f} kB")


def check_installed(archive: Path) -> None:
    """It installs into an empty environment and works outside of the repository."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        venv.create(place / "env", with_pip=True)
        python = place / "env" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", archive)
        shutil.copy(SMOKE, place)
        said = run(python, "-I", place / "smoke.py", version(), place / "env", cwd=place)
        print(f"{archive.name}: {said.strip()}")


def main() -> None:
    """Check all, and say what comes next."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build-only", action="store_true", help="not whether it may be released")
    options = parser.parse_args()
    if not options.build_only:
        check_tree()
    for archive in build():
        check_installed(archive)
    if not options.build_only:
        print(f"Ready. Next: git tag --annotate v{version()} --message 'pathmix {version()}'")


if __name__ == "__main__":
    main()
