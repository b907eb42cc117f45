"""What a step costs against N, K and D, ours and the peers', on logarithmic axes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from suite.fit_cases import GMMX, GOALS, GROWTH, LOOP, ONE_THREAD, OURS, POMEGRANATE, Work

AXES = {"n": "rows N", "k": "components K", "d": "coordinates D"}
KINDS = {"full": "full covariances", "diag": "diagonal ones"}
# Okabe and Ito's colours, told apart by all
STYLES = {
    OURS: {"color": "#D55E00", "lw": 2.4, "marker": "o", "zorder": 5},
    LOOP: {"color": "#999999", "marker": "x"},
    ONE_THREAD: {"color": "#999999", "marker": "x", "ls": ":"},
    GMMX: {"color": "#0072B2", "marker": "s"},
    POMEGRANATE: {"color": "#009E73", "marker": "v"},
}
Series = dict[str, list[tuple[int, float]]]
_USUAL = GOALS[0]
"""The sizes that are held fixed."""


def series(rows: dict[str, dict[str, Any]], kind: str, axis: str) -> Series:
    """Milliseconds a step by library along one size, the others held fixed."""
    lines: Series = {}
    for work in sorted(_along(kind, axis), key=lambda work: getattr(work, axis)):
        for name, entry in rows.get(work.key, {"entries": {}})["entries"].items():
            if "median" in entry:
                point = getattr(work, axis), 1000 * entry["median"]
                lines.setdefault(name, []).append(point)
    return lines


def _along(kind: str, axis: str) -> Iterable[Work]:
    others = [other for other in AXES if other != axis]
    same = (w for w in GROWTH if all(getattr(w, o) == getattr(_USUAL, o) for o in others))
    return [work for work in same if work.kind == kind]


def draw(rows: dict[str, dict[str, Any]], path: Path) -> bool:
    """Save the picture, if each size was swept; return whether there is one."""
    panels = {(kind, axis): series(rows, kind, axis) for kind in KINDS for axis in AXES}
    if any(len(lines.get(OURS, ())) < 3 for lines in panels.values()):
        return False
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 6), dpi=110, layout="constrained")
    grid = figure.subplots(len(KINDS), len(AXES), sharey=True)
    for axes, ((kind, axis), lines) in zip(grid.flat, panels.items(), strict=True):
        _panel(axes, lines, axis, KINDS[kind])
    for axes in grid[:, 0]:
        axes.set_ylabel("ms a step")
    handles = {name: line for axes in grid.flat for line, name in _labelled(axes)}
    order = [name for name in STYLES if name in handles]
    figure.legend([handles[n] for n in order], order, loc="outside right center", frameon=False)
    figure.savefig(path)
    return True


def _panel(axes: Any, lines: Series, axis: str, kind: str) -> None:
    for name, points in lines.items():
        axes.plot(*zip(*points, strict=True), label=name, ms=5, **STYLES[name])
    fixed = ", ".join(f"{o.upper()} = {getattr(_USUAL, o)}" for o in AXES if o != axis)
    axes.set(xscale="log", yscale="log", xlabel=AXES[axis])
    axes.set_title(f"{kind}\n{fixed}", fontsize=9)
    axes.set_xticks([x for x, _ in lines[OURS]], [f"{x:g}" for x, _ in lines[OURS]])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#eeeeee")


def _labelled(axes: Any) -> Iterable[tuple[Any, str]]:
    return zip(*axes.get_legend_handles_labels(), strict=True)
