"""The last sweep in two tables and one picture, those of docs/speed.md.

Each row of a sweep is a piece of work at one size, with the ratio of the best peer's time to ours.
Here they are put together by kind of work: how many there are, on how many we are at least as fast,
and the least, the middle and the largest ratio; and how long first calls take.

Run: `python benchmarks/summary.py`
"""

import json
import statistics
from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
KINDS = {
    "sample": "draws",
    "log_prob": "log densities",
    "log_prob_grad": "gradients of these in the parameters",
    "log_prob_grad_x": "gradients of these in the values",
    "posterior": "memberships",
    "cdf": "cdfs",
    "pathwise": "gradients of draws",
    "members": "batches of mixtures",
}
VECTORS = ("independent", "full")
COLORS = {"vectors": "#D55E00", "scalars": "#0072B2"}
Ratios = list[tuple[str, float]]
"""What components are of, and the best peer's time over ours."""


def ratios(rows: Iterable[dict], kind: str) -> Ratios:
    """Return those of all rows of a kind of work that a peer can do."""
    found = [row for row in rows if row["case"]["task"] == kind and row["ratios"]["peer"]]
    return [(_of(row), row["ratios"]["peer"]) for row in found]


def _of(row: dict) -> str:
    return "vectors" if row["case"]["family"] in VECTORS else "scalars"


def table(rows: list[dict]) -> str:
    """Return the table, in Markdown."""
    lines = [
        "| work | components | rows | as fast or faster | least | median | largest |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for kind, name in KINDS.items():
        for of in COLORS:
            x = [ratio for which, ratio in ratios(rows, kind) if which == of]
            if x:
                figures = (f"{value:.2g}" for value in (min(x), statistics.median(x), max(x)))
                cells = [name, of, str(len(x)), str(sum(r >= 1 for r in x)), *figures]
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def first_calls(rows: list[dict]) -> str:
    """Return the table of first calls, in Markdown."""
    lines = [
        "| work | rows | first call, s: least | median | largest | / fastest peer's, median |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for kind, name in (KINDS | {"icdf": "quantiles"}).items():
        found = [row for row in rows if row["case"]["task"] == kind]
        x = [row["entries"]["pathmix"]["first_call"] for row in found]
        over = [row["ratios"]["compile"] for row in found if row["ratios"]["compile"]]
        figures = [f"{value:.2f}" for value in (min(x), statistics.median(x), max(x))]
        last = f"{statistics.median(over):.1f}" if over else "–"
        lines.append(f"| {' | '.join([name, str(len(x)), *figures, last])} |")
    return "\n".join(lines)


def picture(rows: list[dict]) -> Figure:
    """Return a dot for each row, by kind of work; those on the right are faster than all peers."""
    figure = Figure(figsize=(7.6, 3.8), dpi=100, layout="constrained")
    axes = figure.subplots()
    for y, kind in enumerate(KINDS):
        found = sorted(ratios(rows, kind), key=lambda pair: pair[1])
        for i, (of, ratio) in enumerate(found):
            height = y + 0.5 * ((i * 0.618) % 1 - 0.5)  # so that few dots hide others
            axes.plot(ratio, height, "o", ms=4, mew=0, alpha=0.7, color=COLORS[of])
    axes.axvline(1, color="#222222", lw=1)
    ticks = (0.01, 0.1, 0.5, 1, 2, 10, 50)
    axes.set(xscale="log", xlabel="time of the fastest peer, over ours (right of 1: we are faster)")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks(range(len(KINDS)), KINDS.values())
    axes.invert_yaxis()
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    for of, color in COLORS.items():
        axes.plot([], [], "o", color=color, label=f"components are {of}")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=2)
    return figure


def main() -> None:
    """Print the table and save the picture."""
    results = json.loads((ROOT / "benchmarks" / "results" / "all.json").read_text())
    rows = list(results["rows"].values())
    print(results["machine"]["date"], table(rows), first_calls(rows), sep="\n\n")
    picture(rows).savefig(ROOT / "docs" / "images" / "speed.png")


if __name__ == "__main__":
    main()
