"""The results as one Markdown table, with what is needed to judge it."""

import datetime
import os
import platform
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from suite.cases import FAMILIES, TASKS, Case
from suite.floors import FLOOR_OF, KINDS
from suite.jax_libraries import versions
from suite.race import FLOOR, LEAST, OURS
from suite.ratios import COMPILE_BOUND, GOALS, Goal, Row, against_peers, compile_goals, work_goals


def machine() -> dict[str, Any]:
    """Where and when, and with which versions."""
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "versions": versions(),
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def markdown(results: dict[str, Any]) -> str:
    """The whole page."""
    rows = results["rows"]
    parts = [
        f"# Benchmarks: {results['name']}",
        _summary(rows),
        _machine_text(results["machine"]),
        _legend(),
        "\n".join(_table(rows.values())),
        "## Goals",
        "\n".join(_goals(rows)),
        *_unable(rows.values()),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(rows: dict[str, Row]) -> str:
    """The least ratio to the best peer, the mean, and the rows that come last."""
    ratios = against_peers(rows)
    if not ratios:
        return "No row has a peer."
    first_calls = [row["ratios"]["compile"] for row in rows.values() if row["ratios"]["compile"]]
    worst = sorted(ratios, key=ratios.__getitem__)[:10]
    lines = [f"| {key} | {rows[key]['best_peer']} | {_number(ratios[key])} |" for key in worst]
    late = sum(ratio > COMPILE_BOUND for ratio in first_calls)
    return (
        f"**Least × best peer: {_number(min(ratios.values()))}**; geometric mean over "
        f"{len(ratios)} rows {_number(statistics.geometric_mean(ratios.values()))}; "
        f"{sum(ratio < 1 for ratio in ratios.values())} rows below 1. First calls: at most "
        f"{_number(max(first_calls, default=None))} × the fastest peer's, {late} of "
        f"{len(first_calls)} above {COMPILE_BOUND}.\n\nThe last ten:\n\n"
        "| work | best peer | × |\n|---|---|---:|\n" + "\n".join(lines)
    )


def _machine_text(found: dict[str, Any]) -> str:
    software = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"{found['date']}; {found['processor']}, {found['cores']} cores, {found['system']}; load "
        f"average {found['load']} at the start; Python {found['python']}, {software}. float32."
    )


def _legend() -> str:
    floors = "; ".join(
        f"{', '.join(task for task, kind in FLOOR_OF.items() if kind == name)}: {text}"
        for name, text in KINDS.items()
    )
    return (
        f"Medians of {LEAST} or more rounds in which all contestants take turns, after their "
        "results were checked against each other and an oracle. *First call* includes tracing and "
        "compilation, from cold caches. *Peak* is what the resident memory of the process rises by "
        "during a call, result included. *× peer*: time of the best peer over ours; *× floor*: "
        f"time over that of the floor. Floors: {floors}. Pyro's mixture of factorised normals is "
        "its MixtureOfDiagNormals; torch and Pyro run eagerly; scikit-learn computes in its own "
        "precision and does not count as a peer (no gradients). Ratios in bold are medians of the "
        "ratios within rounds."
    )


_COLUMNS = ("work", "family", "N", "K", "E", "who", "first call, s", "median, ms", "peak, MiB")
_HEADER = (
    f"| {' | '.join((*_COLUMNS, '× peer', '× floor'))} |",
    "|---|---|---:|---:|---:|---|---:|---:|---:|---:|---:|",
)


def _table(rows: Iterable[Row]) -> Iterable[str]:
    yield from _HEADER
    for figures in rows:
        case = Case.from_json(figures["case"])
        head = f"{case.task} | {FAMILIES[case.family]} | {case.n} | {case.k} | {case.e}"
        for name, entry in _by_time(figures["entries"]):
            yield f"| {head} | {_line(name, entry, figures)} |"
            head = " | " * 4


def _by_time(entries: dict[str, dict]) -> list[tuple[str, dict]]:
    able = [(name, entry) for name, entry in entries.items() if "median" in entry]
    return sorted(able, key=lambda item: (item[0] == FLOOR, item[0] != OURS, item[1]["median"]))


def _line(name: str, entry: dict, figures: Row) -> str:
    ratio, floor = figures["ratios"]["peer"], figures["entries"][FLOOR].get("median")
    label = f"**{name}**" if name in (OURS, figures["best_peer"]) else name
    peer = f"**{_number(ratio)}**" if name == OURS and ratio is not None else ""
    over = _number(entry["median"] / floor) if floor and name != FLOOR else ""
    if name == OURS and floor:
        over = _number(figures["ratios"]["floor"])
    first, peak = f"{entry['first_call']:.2f}", entry["peak"]
    cells = (label, first, _number(1000 * entry["median"]), _number(peak), peer, over)
    return " | ".join(cells)


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _goals(rows: dict[str, Row]) -> Iterable[str]:
    yield from ("| goal | bound | measured | |", "|---|---:|---:|---|")
    for goal in (*GOALS, *work_goals(rows), *compile_goals(rows)):
        value = goal.measured(rows)
        if value is not None:
            bound = f"{'≥' if goal.at_least else '≤'} {goal.bound:g}"
            yield f"| {goal.text} | {bound} | {_number(value)} | {_verdict(goal, value)} |"


def _verdict(goal: Goal, value: float) -> str:
    return "met" if goal.met(value) else "**not met**"


def _unable(rows: Iterable[Row]) -> list[str]:
    """Who could not take part, by reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for figures in rows:
        key = "/".join(Case.from_json(figures["case"]).key.split("/")[:2])
        for name, entry in figures["entries"].items():
            if "unable" in entry and name != FLOOR:
                reasons.setdefault((name, entry["unable"]), []).append(key)
    lines = ["| who | why not | work |", "|---|---|---|"]
    for (name, why), keys in sorted(reasons.items()):
        lines.append(f"| {name} | {why.replace('|', '/')} | {', '.join(dict.fromkeys(keys))} |")
    return ["## Cannot", "\n".join(lines)] if reasons else []


def tasks_text() -> str:
    """The tasks and what they are, for `--help`."""
    return "\n".join(f"  {task:<24}{text}" for task, text in TASKS.items())
