"""`pathmix.fit` beside scikit-learn, gmmx and pomegranate: see benchmarks/README.md.

Run with the `bench` extra installed, on an idle machine: `python benchmarks/fitting.py [--brief]`.
Prints a Markdown page, and saves it in benchmarks/results/ unless rows are chosen by `--only`.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from suite import fit_plot, fit_report, report
from suite.fit_cases import ALL, BRIEF, GROWTH, OURS, POMEGRANATE, QUICK, Work
from suite.fit_job import Process
from suite.fit_quiet import Others
from suite.fit_report import DISTURBED
from suite.job import UnableError

RESULTS = Path(__file__).parent / "results"
NAMES = {False: "fitting", True: "fitting-growth"}
"""Of the pages, that about growth alone among them."""
ROUNDS, FEW, PATIENCE = 7, 3, 40.0
"""Rounds, and how few do where they take longer than so many seconds in all."""
BRIEF_ROUNDS, BRIEF_PATIENCE = 3, 6.0
"""The same of a brief run: two rounds where they take longer."""
AGAIN = 3
"""How many times as many rounds are tried, and as long, where other programs disturb them."""
SAME = {"float32": 3e-3, "float64": 1e-5}
"""How far log likelihoods of a row may be apart after as many steps from the same start."""


class Care(NamedTuple):
    """How many rounds there are, how few do, after how many seconds, and how often it is tried."""

    rounds: int = ROUNDS
    few: int = FEW
    patience: float = PATIENCE
    again: int = AGAIN
    without: tuple[str, ...] = ()
    """Libraries that do not take part."""


def measure(work: Work, care: Care) -> fit_report.Row:
    """All libraries, each in a process of its own, in turns."""
    entries: dict[str, dict[str, Any]] = {}
    processes: dict[str, Process] = {}
    try:
        for name in (name for name in work.names if name not in care.without):
            entries[name] = attempt(name, work, processes)
        wrong(work, entries)
        able = [name for name in entries if "unable" not in entries[name]]
        if work.task == "steps":
            for name in able:
                entries[name] |= processes[name].ask(do="peak")
        times, others = rounds({name: processes[name] for name in able}, care)
    finally:
        for process in processes.values():
            process.close()
    for name, seconds in times.items():
        within = [s / ours for s, ours in zip(seconds, times[OURS], strict=True)]
        entries[name] |= {
            "median": statistics.median(seconds),
            "ratio": statistics.median(within),
        }
    return {"work": work.to_json(), "entries": entries, "others": others}


def attempt(name: str, work: Work, processes: dict[str, Process]) -> dict[str, Any]:
    """Start a process and run its work once; the entry says what came of it."""
    try:
        processes[name] = Process(name, work)
        return processes[name].prepare()
    except UnableError as error:
        if name == OURS:
            raise
        return {"unable": str(error)}


def wrong(work: Work, entries: dict[str, dict[str, Any]]) -> None:
    """After as many steps from one start all must be where we are."""
    if work.task not in ("steps", "many"):
        return
    ours = entries[OURS]["log_likelihood"]
    for entry in entries.values():
        if "unable" not in entry and not abs(entry["log_likelihood"] - ours) < SAME[work.dtype]:
            entry["unable"] = f"wrong: log likelihood {entry['log_likelihood']}, ours {ours}"


def rounds(processes: dict[str, Process], care: Care) -> tuple[dict[str, list[float]], float]:
    """Seconds of every library in rounds that nobody disturbed, and the cores that others had.

    Each takes a repeat in turn, each round in another order. If quiet rounds are too few, those
    that were disturbed least make up for them, and the page says so.
    """
    order, begun, taken = list(processes), time.monotonic(), []
    pids = [process.pid for process in processes.values()]
    for done in range(care.again * care.rounds):
        if enough([others for others, _ in taken], time.monotonic() - begun, care):
            break
        by, watch = done % len(order), Others(pids)
        names = order[by:] + order[:by]
        seconds = {name: processes[name].ask(do="seconds")["seconds"] for name in names}
        taken.append((watch.cores(), seconds))
    taken.sort(key=lambda pair: pair[0])
    count = max(care.few, sum(others <= DISTURBED for others, _ in taken))
    kept = [seconds for _, seconds in taken[:count]]
    return {name: [s[name] for s in kept] for name in order}, taken[:count][-1][0]


def enough(others: list[float], seconds: float, care: Care) -> bool:
    """Whether rounds are enough, of which others took so many cores, after so many seconds."""
    quiet = sum(cores <= DISTURBED for cores in others)
    if quiet >= care.rounds or (quiet >= care.few and seconds > care.patience):
        return True
    return len(others) >= care.few and seconds > care.again * care.patience


def calm(patience: float) -> float:
    """Wait until other programs rest, and return what is left of the patience, in seconds."""
    begun = time.monotonic()
    while (left := patience - (time.monotonic() - begun)) > 0:
        watch = Others([])
        time.sleep(2)
        if watch.cores() <= DISTURBED:
            break
    return max(left, 0.0)


def measure_all(
    works: list[Work], done: Path | None, patience: float, care: Care
) -> dict[str, Any]:
    """Every row; those that the file ``done`` has, and nobody disturbed, are not run again."""
    rows = json.loads(done.read_text()) if done and done.exists() else {}
    for i, work in enumerate(works, 1):
        if work.key in rows and rows[work.key]["others"] <= DISTURBED:
            continue
        patience = calm(patience)
        print(f"[{i}/{len(works)}] {work.key}", file=sys.stderr, flush=True)
        rows[work.key] = measure(work, care)
        print(f"    cores of others: {rows[work.key]['others']:.2f}", file=sys.stderr)
        for name, entry in rows[work.key]["entries"].items():
            print(f"    {name}: {entry}", file=sys.stderr, flush=True)
        if done:
            done.write_text(json.dumps(rows))
    return {work.key: rows[work.key] for work in works}


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few rows; saves nothing")
    text = f"the rows of the goals and the examples, {BRIEF_ROUNDS} rounds, in some ten minutes"
    parser.add_argument("--brief", action="store_true", help=text)
    text = "one size after the other alone: a page of its own, and a picture"
    parser.add_argument("--growth", action="store_true", help=text)
    text = "a library that does not take part; may be given again"
    parser.add_argument("--without", action="append", default=[], metavar="NAME", help=text)
    text = "no rows whose name has this; may be given again"
    parser.add_argument("--skip", action="append", default=[], metavar="TEXT", help=text)
    parser.add_argument("--only", default="", help="rows whose name has this; saves nothing")
    text = "go on where a run was cut off; rows that others disturbed are run again"
    parser.add_argument("--resume", action="store_true", help=text)
    text = "how long to wait, in all, for other programs to rest before a row"
    parser.add_argument("--wait", type=float, default=0.0, metavar="MINUTES", help=text)
    options = parser.parse_args()
    machine = report.machine() | {"versions": fit_report.versions()}
    chosen = QUICK if options.quick else GROWTH if options.growth else ALL
    chosen = BRIEF if options.brief and chosen is ALL else chosen
    works = [work for work in chosen if options.only in work.key]
    works = [work for work in works if not any(text in work.key for text in options.skip)]
    without = tuple(options.without)
    brief = Care(BRIEF_ROUNDS, 2, BRIEF_PATIENCE, 1, (POMEGRANATE, *without))
    care = brief if options.brief else Care(without=without)
    saved = not options.quick and not options.only
    done = RESULTS / f".{NAMES[options.growth]}-rows.json" if saved else None
    if done and not options.resume:
        done.unlink(missing_ok=True)
    rows = measure_all(works, done, 60 * options.wait, care)
    page = (fit_report.growth if options.growth else fit_report.markdown)(machine, rows)
    print(page)
    if saved:
        (RESULTS / f"{NAMES[options.growth]}.md").write_text(page)
        fit_plot.draw(rows, RESULTS / f"{NAMES[True]}.png")


if __name__ == "__main__":
    main()
