"""Cost against N, K and E, ours and the peers', on logarithmic axes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from suite.axes import Series, legend, panel
from suite.race import FLOOR, OURS

AXES = {"n": "samples N", "k": "components K", "e": "event size E"}
TITLES = {
    "sample": "sampling",
    "log_prob": "log density",
    "log_prob_grad": "log density,\nvalue and gradient",
    "pathwise": "value and gradient\nthrough draws",
}
# Okabe and Ito's colours, told apart by all
STYLES = {
    OURS: {"color": "#D55E00", "lw": 2.4, "marker": "o", "zorder": 5},
    "NumPyro": {"color": "#0072B2", "marker": "s"},
    "TFP": {"color": "#E69F00", "marker": "^"},
    "Distrax": {"color": "#009E73", "marker": "v"},
    "torch": {"color": "#CC79A7", "marker": "D"},
    "Pyro": {"color": "#56B4E9", "marker": "P"},
    "scikit-learn": {"color": "#999999", "marker": "x"},
    FLOOR: {"color": "black", "ls": ":", "marker": ""},
}


def series(rows: Iterable[dict[str, Any]], task: str, axis: str) -> Series:
    """Median seconds by contestant along one size, the commonest others held fixed."""
    found = [row for row in rows if row["case"]["task"] == task]
    found = [row for row in found if row["case"]["family"] == "independent"]
    lines: dict[tuple, list[dict]] = {}
    for row in found:
        fixed = tuple(row["case"][other] for other in AXES if other != axis)
        lines.setdefault(fixed, []).append(row)
    sweep = max(lines.values(), key=len, default=[])
    result: Series = {}
    for row in sorted(sweep, key=lambda row: row["case"][axis]):
        for name, entry in row["entries"].items():
            if "median" in entry:
                result.setdefault(name, []).append((row["case"][axis], entry["median"]))
    return result


def draw(results: dict[str, Any], folder: Path) -> list[Path]:
    """Save one picture for each size that was swept; return their paths."""
    paths = []
    for axis in AXES:
        panels = {task: series(results["rows"].values(), task, axis) for task in TITLES}
        panels = {task: lines for task, lines in panels.items() if len(lines.get(OURS, ())) > 2}
        if panels:
            paths.append(folder / f"{results['name']}-{axis}.png")
            _figure(panels, axis, _fixed(results, panels, axis), paths[-1])
    return paths


def _fixed(results: dict[str, Any], panels: dict[str, Series], axis: str) -> dict[str, str]:
    """The sizes that a panel holds fixed, as its subtitle."""
    texts = {}
    for task, lines in panels.items():
        size, seconds = lines[OURS][0]
        for row in results["rows"].values():
            case, entry = row["case"], row["entries"][OURS]
            if case["task"] == task and case[axis] == size and entry["median"] == seconds:
                others = [f"{name.upper()} = {case[name]}" for name in AXES if name != axis]
                texts[task] = ", ".join(others)
    return texts


def _figure(panels: dict[str, Series], axis: str, fixed: dict[str, str], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.1 * len(panels) + 1.6, 3.8), dpi=150, layout="constrained")
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (task, lines) in zip(grid, panels.items(), strict=True):
        panel(axes, lines, OURS, STYLES)
        axes.set_xlabel(AXES[axis])
        axes.set_title(f"{TITLES[task]}\n{fixed[task]}", fontsize=9)
    grid[0].set_ylabel("median time, s")
    legend(figure, grid, STYLES)
    figure.savefig(path)
