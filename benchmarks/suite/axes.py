"""Panels of times against a size, on logarithmic axes, with one legend for all."""

from collections.abc import Iterable, Mapping
from typing import Any

Series = dict[str, list[tuple[int, float]]]
"""Sizes and times by name."""
Styles = Mapping[str, dict[str, Any]]


def panel(axes: Any, lines: Series, ours: str, styles: Styles) -> None:
    """Draw the lines, with ticks at the sizes that we were measured at."""
    for name, points in lines.items():
        axes.plot(*zip(*points, strict=True), label=name, ms=5, **styles[name])
    axes.set(xscale="log", yscale="log")
    axes.set_xticks([x for x, _ in lines[ours]], [f"{x:g}" for x, _ in lines[ours]])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#eeeeee")


def legend(figure: Any, all_axes: Iterable[Any], styles: Styles) -> None:
    """One legend beside the panels, in the order of the styles."""
    handles = {}
    for axes in all_axes:
        lines, names = axes.get_legend_handles_labels()
        handles |= dict(zip(names, lines, strict=True))
    order = [name for name in styles if name in handles]
    figure.legend([handles[n] for n in order], order, loc="outside right center", frameon=False)
