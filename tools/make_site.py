"""The site, in three steps: pages are made, built, and what was built is checked.

    python tools/make_site.py           # build/docs/, then site/
    python tools/make_site.py --serve   # the same, and again whenever a page changes

MkDocs builds what `pages/` makes beforehand, without hooks of its own, so that whatever else reads
`mkdocs.yml` can take its place.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from pages import built, links, names, navigation, texts

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "build" / "docs"
BUILDER = [sys.executable, "-m", "mkdocs"]
# where `pages.extension` is found; and no advertisement, which ARCHITECTURE.md has an answer to
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "tools"), "NO_MKDOCS_2_WARNING": "1"}


def make() -> None:
    """Write all pages into build/docs/, with links as the site has them."""
    stop_at([*links.problems(ROOT), *names.problems(ROOT), *navigation.problems(ROOT)])
    shutil.rmtree(PAGES, ignore_errors=True)
    _write()


def _write() -> None:
    """Write what is not there, or there as it was."""
    own = [path for path in (ROOT / "docs").rglob("*") if path.is_file()]
    for path in [*own, *links.reached(ROOT).values()]:
        target = PAGES / links.address(ROOT, path)
        content = _content(path)
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def _content(path: Path) -> bytes:
    as_it_is = path.is_relative_to(ROOT / "docs") and path.suffix != ".md"
    if as_it_is or path.suffix in links.PICTURES:
        return path.read_bytes()
    return links.rewritten(texts.text(ROOT, path), path, ROOT).encode()


def build() -> None:
    """Build the site of these pages, and check it."""
    make()
    if _builder("build", "--clean").wait():
        sys.exit("The site was not built: see the warnings above.")
    stop_at(built.problems(ROOT / "site"))


def serve() -> None:
    """Serve the site, and make its pages again when a source changes, until it is interrupted."""
    make()
    server, seen = _builder("serve", "--no-strict"), _changed()
    try:
        while server.poll() is None:
            time.sleep(1)
            if (now := _changed()) != seen:
                seen = now
                _write()
    except KeyboardInterrupt:
        server.wait()


def _builder(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen([*BUILDER, *arguments], cwd=ROOT, env=ENVIRONMENT)


def _changed() -> float:
    watched = [p for folder in ("docs", "examples") for p in (ROOT / folder).rglob("*")]
    return max(path.stat().st_mtime for path in [*watched, *ROOT.glob("*.md")])


def stop_at(problems: list[str]) -> None:
    """Stop with the list of what is wrong, if anything is."""
    if problems:
        sys.exit("\n".join([*problems, f"{len(problems)} problems: the site is not built."]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--serve", action="store_true", help="serve it on this machine")
    serve() if parser.parse_args().serve else build()
