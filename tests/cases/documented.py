"""The README's table of families, held to the table of the tests.

``python tests/cases/documented.py`` prints one to begin from.
"""

import re
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from cases import table

README = Path(__file__).parents[2] / "README.md"
HEAD = "| components | densities, posteriors | cdf, quantiles | pathwise gradients |"
WORDS = {
    "Independent": "Independent",
    "ExpandedDistribution": "`expand`ed",
    "TransformedDistribution": "elementwise transformed",
}
TRUNCATED = "TruncatedDistribution"
SCORE = "discrete: `expectation` with `Score()`"


def public(family):
    """The name under which NumPyro's users know a family, and whether it is made of others."""
    outer, _, inner = family.partition("[")
    if outer.endswith(TRUNCATED):
        return f"truncated {inner.rstrip(']')}", False
    if outer in WORDS:
        return WORDS[outer], True
    return outer.removesuffix("Probs").removesuffix("Logits"), False


def abilities(row):
    """The cells of cdf with quantiles, and of pathwise gradients."""
    tails = "✓" if table.has_tails(row) else "–"
    pathwise = "✓" if table.is_pathwise(row) else "–"
    if row.event_shape and table.has_tails(row):
        tails = "✓ (joint cdf)"
    return tails, SCORE if row.discrete else pathwise


def groups():
    """Names by their abilities; those made of other families have a line of their own."""
    found, wrappers = {}, []
    for family, row in table.first_of(table.FAMILIES).items():
        name, made = public(family)
        if made:
            wrappers.append(name)
        else:
            found.setdefault(abilities(row), []).append(name)
    return found, list(dict.fromkeys(wrappers))


def markdown():
    """The table."""
    found, wrappers = groups()
    lines = [HEAD, "|---|---|---|---|"]
    for cells, names in found.items():
        ordered = sorted(dict.fromkeys(names), key=lambda n: (n.startswith("truncated"), n))
        lines.append(f"| {', '.join(ordered)} | ✓ | {' | '.join(cells)} |")
    lines.append(f"| {', '.join(wrappers)} versions of these | ✓ | ✓ (joint cdf) | ✓ |")
    other = "`NotImplementedError`; [make it known](docs/families.md)"
    lines.append(f"| any other NumPyro distribution | ✓ | if it has a cdf | {other} |")
    return "\n".join(lines)


def lines():
    """The README's lines of families: names, and the cells after them."""
    text = README.read_text()
    _, found, rest = text.partition(HEAD)
    assert found, f"the README has no table that begins with {HEAD}"
    rows = [line for line in rest.splitlines()[2:] if line.startswith("|") or not line]
    rows = rows[: rows.index("")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def cells(family):
    """The cells of a family in the README: of its own name, or of what it truncates."""
    outer, _, inner = family.partition("[")
    base = inner.rstrip("]").split("[")[0]
    for names, *rest in lines():
        if outer.endswith(TRUNCATED):
            found = names.startswith("truncated") and re.search(rf"\b{base}\b", names)
        else:
            short = re.sub("^(Left|Right|TwoSided)Truncated", "Truncated", outer)
            found = re.search(rf"\b{short}\b", names)
        if found:
            return rest
    return None


if __name__ == "__main__":
    print(markdown())
