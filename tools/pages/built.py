"""The built site, checked: each link leads somewhere, and nothing comes from other hosts."""

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROLE = re.compile(r":(?:math|class|func|meth|mod|attr|ref):(?=<code>)|\.\. [a-z]+::")
"""Markup of Sphinx that was not turned into Markdown."""
LOADED = {"href": ("link",), "src": ("script", "img", "iframe", "source", "video", "audio")}
"""The tags of which an attribute is loaded when the page is viewed."""


class Page(HTMLParser):
    """What a page links to, what it loads, and what can be linked to on it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.raw: list[str] = ROLE.findall(html)
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one tag."""
        named = {name: value for name, value in attrs if value}
        self.anchors |= {named[name] for name in ("id", "name") if name in named}
        if tag == "a" and "href" in named:
            self.links.append(named["href"])
        if named.get("rel") != "canonical":  # which is an address, and not loaded
            self.loads += [v for name, v in named.items() if tag in LOADED.get(name, ())]


def problems(site: Path) -> list[str]:
    """Return what is wrong with a built site, a line each."""
    read = cache(lambda path: Page(path.read_text()))
    found = []
    for path in sorted(site.rglob("*.html")):
        if path.name == "404.html":
            continue  # its addresses hold from the root of a host
        page, where = read(path), path.relative_to(site)
        found += [f"{where} loads {u} from another host" for u in page.loads if _is_outside(u)]
        found += [f"{where} shows `{raw}` as it stands in a docstring" for raw in page.raw]
        for url in [*page.links, *page.loads]:
            if not _is_outside(url) and not _leads_somewhere(url, path, read):
                found.append(f"{where} links to {url}, which is not there")
    return list(dict.fromkeys(found))


def _is_outside(url: str) -> bool:
    return bool(urlsplit(url).netloc or urlsplit(url).scheme)


def _leads_somewhere(url: str, path: Path, read) -> bool:
    target, anchor = unquote(urlsplit(url).path), unquote(urlsplit(url).fragment)
    goal = (path.parent / target).resolve() if target else path
    goal = goal / "index.html" if goal.is_dir() else goal
    if not goal.is_file():
        return False
    return not anchor or goal.suffix != ".html" or anchor in read(goal).anchors
