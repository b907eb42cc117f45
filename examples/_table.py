"""Tables that read well as plain text and are Markdown."""

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, right-aligned, whose columns also line up as plain text."""
    widths = [max(2, *map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * (width - 1) + ":" for width in widths]
    padded = [[c.rjust(w) for c, w in zip(r, widths, strict=True)] for r in (header, rule, *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in padded)
