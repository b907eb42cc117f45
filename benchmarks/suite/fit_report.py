"""The page about fits: goals, ratios with the worst first, memory, and who could not take part."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from suite.fit_cases import (
    FEWER,
    GMMX,
    GOALS,
    GROWTH,
    LARGE,
    LOOP,
    MANY,
    MAPPED,
    ONE_THREAD,
    OURS,
    POMEGRANATE,
    STARTS,
    STEPS,
    Work,
)

Row = dict[str, Any]
DISTURBED = 0.1
"""Cores that other programs may take during a round that counts."""
PACKAGES = ("pathmix", "jax", "scikit-learn", "gmmx", "pomegranate", "torch", "numpy", "scipy")
SKLEARN = (LOOP, ONE_THREAD)
_GOALS = {row.key for row in GOALS}


def versions() -> dict[str, str]:
    """Of what takes part; what is missing is said to be."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def markdown(machine: dict[str, Any], rows: dict[str, Row]) -> str:
    """The whole page."""
    steps, tops = _of_task(rows, "steps"), _of_task(rows, "top")
    parts = [
        "# Benchmarks: fitting",
        "\n".join(_goals(rows)),
        _where(machine),
        _LEGEND,
        f"## {STEPS} steps of EM from one start",
        f"Per step; the worst row first. From N = {LARGE} on, of {FEWER} steps.",
        "\n".join(_equal(steps, (*SKLEARN, GMMX, POMEGRANATE), "ms a step")),
        f"## {MANY} fits of {STEPS} steps",
        "Per 1000 fits; ours are one call, the others' a loop, but for gmmx, vmap.",
        "\n".join(_equal(_of_task(rows, "many"), (*SKLEARN, GMMX, MAPPED, POMEGRANATE), "ms")),
        "## Peak memory of a call beyond the data, MiB",
        "\n".join(_memory(steps)),
        *_growth(rows),
        "## To the end, starts included",
        f"Of one data set {STARTS} starts (scikit-learn's `n_init`; a loop for gmmx and "
        f"pomegranate), of {MANY} small ones one each. Everyone stops by its own rule; log "
        "likelihoods are worked out by NumPy in float64.",
        "\n".join(_ends([*tops, *_of_task(rows, "many_tops")])),
        *_unable(rows.values()),
        *_disturbed(rows),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def growth(machine: dict[str, Any], rows: dict[str, Row]) -> str:
    """A page about growth alone."""
    parts = ["# Benchmarks: growth of a step of EM", _where(machine), *_growth(rows)[1:]]
    return "\n\n".join([*parts, *_unable(rows.values()), *_disturbed(rows)]) + "\n"


def _where(machine: dict[str, Any]) -> str:
    software = ", ".join(f"{name} {found}" for name, found in machine["versions"].items())
    return (
        f"{machine['date']}; {machine['processor']}, {machine['cores']} cores, "
        f"{machine['system']}; load average {machine['load']} at the start; Python "
        f"{machine['python']}, {software}."
    )


_LEGEND = (
    "Every library has a process of its own, confined to the cores of the row. All take turns, and "
    "a ratio, the library's time over ours, is the median of those within rounds. Times are of "
    "calls after the first, which compiles; of pathmix it is the call of `fit` as a user makes it, "
    "checks and the `Fit` included. *First call* is that in a new process, imports apart. Where "
    "all take as many steps, their log likelihoods are checked to be the same. Peaks are what the "
    "resident memory of the process rises by during a call; the data are in memory before."
)


def _of_task(rows: dict[str, Row], task: str) -> list[Row]:
    """The rows of a task, the worst first."""
    chosen = [row for row in rows.values() if row["work"]["task"] == task]
    return sorted(chosen, key=lambda row: _least(row) or float("inf"))


def _least(row: Row, names: Iterable[str] = (*SKLEARN, GMMX)) -> float | None:
    ratios = [_figure(row, name, "ratio") for name in names]
    return min((ratio for ratio in ratios if ratio is not None), default=None)


def _figure(row: Row, name: str, figure: str) -> Any:
    return row["entries"].get(name, {}).get(figure)


# ---- goals ----


def _goals(rows: dict[str, Row]) -> Iterable[str]:
    equal = [row for key, row in rows.items() if key in _GOALS]
    many = _of_task(rows, "many")
    yield from ("| goal | bound | measured | |", "|---|---:|---:|---|")
    for text, chosen, names, bound in (
        ("a step, N = 2·10⁴ and 2·10⁵, K = 32, D = 16: least × scikit-learn", equal, SKLEARN, 5),
        ("the same: least × gmmx", equal, (GMMX,), 5),
        (f"{MANY} fits of N = 200, K = 3 in one call: least × scikit-learn", many, SKLEARN, 20),
    ):
        found = [ratio for row in chosen if (ratio := _least(row, names)) is not None]
        if found:
            yield _goal(text, f"≥ {bound}", min(found), met=min(found) >= bound)
    copies = [(kind, c) for kind in ("full", "diag") if (c := _copies(rows, kind, OURS))]
    for kind, c in copies:
        text = f"peak memory, {kind}: growth with N beyond the data, in copies of it"
        yield _goal(text, "≤ 1", c, met=c <= 1)


def _goal(text: str, bound: str, value: float, *, met: bool) -> str:
    return f"| {text} | {bound} | {_number(value)} | {'met' if met else '**not met**'} |"


def _copies(rows: dict[str, Row], kind: str, name: str) -> float | None:
    """What the peak grows by, over what the data grow by."""
    sizes = {}
    for work in (work for work in GROWTH if work.kind == kind):
        peak = _figure(rows.get(work.key, {"entries": {}}), name, "peak")
        if peak is not None and (work.k, work.d) == (32, 16):
            sizes[work.n] = peak * 2**20
    if len(sizes) < 2:
        return None
    small, large = min(sizes), max(sizes)
    return (sizes[large] - sizes[small]) / ((large - small) * 16 * 4)


# ---- tables ----

_SIZES = "| covariances | precision | cores | N | K | D |"


def _head(work: dict[str, Any]) -> str:
    names = ("kind", "dtype", "cores", "n", "k", "d")
    return "| " + " | ".join(str(work[name]) for name in names) + " |"


def _table(columns: Iterable[str], lines: Iterable[tuple[str, Iterable[Any]]]) -> Iterable[str]:
    columns = list(columns)
    yield f"{_SIZES} {' | '.join(columns)} |"
    yield "|---|---|---:|---:|---:|---:|" + "---:|" * len(columns)
    for head, cells in lines:
        yield f"{head} {' | '.join(_number(cell) for cell in cells)} |"


def _equal(rows: list[Row], names: tuple[str, ...], unit: str) -> Iterable[str]:
    columns = (f"ours, {unit}", "first call, s", *(f"× {name}" for name in names))

    def cells(row: Row) -> list[Any]:
        median = _figure(row, OURS, "median")
        ours = [median and 1000 * median, _figure(row, OURS, "first_call")]
        return [*ours, *(_figure(row, name, "ratio") for name in names)]

    return _table(columns, ((_head(row["work"]), cells(row)) for row in rows)) if rows else ()


def _memory(rows: list[Row]) -> Iterable[str]:
    names = (OURS, LOOP, GMMX, POMEGRANATE)
    by_size = sorted(rows, key=lambda row: (row["work"]["kind"], row["work"]["n"]))
    chosen = [row for row in by_size if row["work"]["cores"] == 2]

    def cells(row: Row) -> list[Any]:
        data = row["work"]["n"] * row["work"]["d"] * int(row["work"]["dtype"][5:]) / 8 / 2**20
        return [data, *(_figure(row, name, "peak") for name in names)]

    return _table(("data", *names), ((_head(row["work"]), cells(row)) for row in chosen))


def _growth(rows: dict[str, Row]) -> list[str]:
    works = [work for work in GROWTH if work.key in rows]
    if len(works) < len(GROWTH):
        return []
    text = "Milliseconds a step, and MiB; float32, 2 cores, the rest N = 20000, K = 32, D = 16."
    picture = "![A step against N, K and D](fitting-growth.png)"
    return ["## Growth", text, picture, "\n".join(_grown(works, rows))]


def _grown(works: list[Work], rows: dict[str, Row]) -> Iterable[str]:
    columns = (OURS, *SKLEARN, GMMX, "peak of ours", f"of {LOOP}")

    def cells(row: Row) -> list[Any]:
        times = [_figure(row, name, "median") for name in (OURS, *SKLEARN, GMMX)]
        peaks = [_figure(row, name, "peak") for name in (OURS, LOOP)]
        return [*(t and 1000 * t for t in times), *peaks]

    return _table(columns, ((_head(work.to_json()), cells(rows[work.key])) for work in works))


def _ends(rows: list[Row]) -> Iterable[str]:
    columns = ("data", "precision", "cores", "who", "ms", "× ours", "first call, s", "steps")
    yield f"| {' | '.join(columns)} | log likelihood |"
    yield "|---|---|---:|---|---:|---:|---:|---:|---:|"
    for row in rows:
        work = Work(**row["work"])
        data = f"{MANY} of N = {work.n}" if work.is_many else f"{work.data}, K = {work.k}"
        head = f"{data} | {work.dtype} | {work.cores}"
        for name, entry in row["entries"].items():
            if "median" in entry:
                steps = entry["most_steps"] or "–"
                value = entry["log_likelihood"] * work.n  # of all rows; of many sets, their mean
                times = _number(1000 * entry["median"]), _number(entry["ratio"])
                cells = (head, name, *times, f"{entry['first_call']:.2f}", steps, f"{value:.4f}")
                yield f"| {' | '.join(map(str, cells))} |"
                head = " | | "


def _unable(rows: Iterable[Row]) -> list[str]:
    """Who could not take part, and why."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for name, entry in row["entries"].items():
            if "unable" in entry:
                reasons.setdefault((name, entry["unable"]), []).append(Work(**row["work"]).key)
    lines = ["| who | why not | rows |", "|---|---|---|"]
    for (name, why), keys in sorted(reasons.items()):
        lines.append(f"| {name} | {why.replace('|', '/')} | {_common(keys)} |")
    return ["## Cannot", "\n".join(lines)] if reasons else []


def _disturbed(rows: dict[str, Row]) -> list[str]:
    """Rows that count for little: other programs ran beside them."""
    cores = {key: row["others"] for key, row in rows.items() if row["others"] > DISTURBED}
    lines = [f"- {key}: {_number(cores[key])}" for key in sorted(cores, key=cores.get)]
    return ["## Disturbed: cores that other programs took meanwhile", "\n".join(lines)] * bool(
        lines
    )


def _common(keys: list[str]) -> str:
    shown = ", ".join(keys[:2])
    return shown if len(keys) <= 2 else f"{shown}, and {len(keys) - 2} more"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
