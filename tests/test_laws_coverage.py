"""Every family that the library knows stands in the table, under every law that applies."""

import pytest
from numpyro.distributions import Delta

from cases import coverage, documented, table
from conftest import CELLS
from pathmix._components import kinds


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_registered_family_has_a_row(kind):
    """Point masses among those of several families: by themselves they have no density."""
    assert table.rows_of(Delta if issubclass(kind, Delta) else kind)  # that of counts is made of it


def test_every_law_that_applies_has_a_quick_test(request):
    files = {item.path for item in request.session.items}
    if not files.issuperset(coverage.FILES):
        pytest.skip("only part of the suite was collected; `make laws` looks at all of it")
    assert table.missing(request.config.stash[CELLS]) == []


def test_a_missing_test_would_be_noticed():
    cells = dict.fromkeys(
        ((family, law) for family in table.first_rows() for law in table.APPLIES), 1
    )
    assert table.missing(cells) == []
    cells["Gumbel", "quantile"] = 0
    assert table.missing(cells) == [("Gumbel", "quantile")]


@pytest.mark.parametrize("family", list(table.first_of(table.FAMILIES)))
def test_the_readme_says_what_works_for_a_family(family):
    row = table.first_rows()[family]
    cells = documented.cells(family)
    assert cells is not None, "the README's table does not name it"
    wanted = ("✓", *documented.abilities(row))
    assert [cell.split(" (")[0] for cell in cells] == [cell.split(" (")[0] for cell in wanted]
