"""Which laws the quick tests hold of each family: ``python tests/cases/coverage.py``.

Collects the tests and runs none. A number is that of tests; a dot says that the law is not about
such a family; `MISSING` that no quick test holds it.
"""

import contextlib
import io
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = [
    TESTS / "test_families.py",
    *TESTS.glob("test_laws_*.py"),
    *TESTS.glob("test_pathwise_*.py"),
]


class Collector:
    """A plugin that keeps what was collected."""

    def pytest_collection_modifyitems(self, items):
        self.items = list(items)


def collected():
    """The tests, slow ones included."""
    collector = Collector()
    with contextlib.redirect_stdout(io.StringIO()):
        status = pytest.main(["--collect-only", "-qq", "-n", "0", *map(str, FILES)], [collector])
    if status:
        raise SystemExit("the tests cannot be collected; run pytest --collect-only to see why")
    return collector.items


def cell(count, applies):
    """What stands in the table."""
    return str(count or "MISSING") if applies else "·"


def text(table, cells):
    """The table of families and laws."""
    families = table.first_rows()
    width = max(map(len, families))
    laws = list(table.APPLIES)
    lines = [" " * width + "".join(f"  {law}" for law in laws)]
    for family, row in families.items():
        counts = [cell(cells[family, law], table.APPLIES[law](row)) for law in laws]
        values = [n.rjust(len(law) + 2) for n, law in zip(counts, laws, strict=True)]
        lines.append(family.ljust(width) + "".join(values))
    return "\n".join(lines)


def main():
    """Print the table; fail if a cell that applies is empty."""
    items = collected()
    from cases import table  # after pytest has put its import hooks in place

    cells = table.covered(items)
    print(text(table, cells))
    return bool(table.missing(cells))


if __name__ == "__main__":
    sys.exit(main())
