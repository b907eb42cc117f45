"""What a step costs against N, K and D, ours and the peers', on logarithmic axes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from suite.axes import Series, legend, panel
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
        fixed = ", ".join(f"{o.upper()} = {getattr(_USUAL, o)}" for o in AXES if o != axis)
        panel(axes, lines, OURS, STYLES)
        axes.set_xlabel(AXES[axis])
        axes.set_title(f"{KINDS[kind]}\n{fixed}", fontsize=9)
    for axes in grid[:, 0]:
        axes.set_ylabel("ms a step")
    legend(figure, grid.flat, STYLES)
    figure.savefig(path)
    return True
