"""pathmix and its peers, side by side: see benchmarks/README.md.

`python benchmarks/run.py` is `make bench`, with `--all` `make bench-all`. Prints a Markdown table
and saves it, with the figures as JSON, in benchmarks/results/.
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from suite import plots, regression, report
from suite.cases import ALL, QUICK, Case
from suite.entrants import SecondProcess
from suite.race import Field, run
from suite.ratios import Row, row

RESULTS = Path(__file__).parent / "results"


def measure(cases: list[Case], done: Path | None = None) -> dict[str, Row]:
    """Run the cases one after the other; progress goes to standard error.

    Rows are kept in the file ``done`` as they come, and those already there are not run again.
    """
    rows = json.loads(done.read_text()) if done and done.exists() else {}
    start = time.monotonic()
    with SecondProcess() as second:
        everyone = Field(second)
        for i, case in enumerate(cases, 1):
            if case.key in rows:
                continue
            minutes = (time.monotonic() - start) / 60
            print(f"[{i}/{len(cases)}, {minutes:.1f} min] {case.key}", file=sys.stderr, flush=True)
            rows[case.key] = row(case, run(case, everyone))
            print(f"    {rows[case.key]['best_peer']}: {rows[case.key]['ratios']}", file=sys.stderr)
            if done:
                done.write_text(json.dumps(rows))
    return {case.key: rows[case.key] for case in cases}


def check(results: dict[str, Any], path: Path, cases: list[Case]) -> int:
    """Compare with the last commit. A loss counts if a second measurement shows it as well."""
    before = regression.committed(path)
    suspects = {loss.key for loss in regression.losses(before, results)}
    if suspects:
        print(f"again, to be sure: {', '.join(sorted(suspects))}", file=sys.stderr)
        again = measure([case for case in cases if case.key in suspects])
        results = {**results, "rows": again}
    lost = regression.losses(before, results) if suspects else []
    for loss in lost:
        print(loss)
    print(f"{len(lost)} of {len(cases)} rows have lost more than {regression.LOSS:.0%}.")
    return int(bool(lost))


def save(results: dict[str, Any]) -> None:
    """Write the table, the figures and the pictures."""
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / results["name"]
    stem.with_suffix(".md").write_text(report.markdown(results))
    stem.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
    plots.draw(results, RESULTS)


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="tasks:\n" + report.tasks_text(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--all", action="store_true", help="the sweeps as well")
    parser.add_argument("--check", action="store_true", help="compare with the last commit")
    parser.add_argument(
        "--resume", action="store_true", help="go on where the last run was cut off"
    )
    parser.add_argument("--only", default="", help="rows whose name contains this; saves nothing")
    parser.add_argument("--shrink", type=int, default=1, help="divide N by this; saves nothing")
    return parser.parse_args()


def main() -> int:
    """Measure, print, and save or compare; the exit status is that of the comparison."""
    options = arguments()
    warnings.filterwarnings("ignore")  # of the peers, about each other
    name = "all" if options.all else "quick"
    chosen = [case for case in (ALL if options.all else QUICK) if options.only in case.key]
    cases = [_shrunk(case, options.shrink) for case in chosen]
    whole = not options.only and options.shrink == 1
    where = report.machine()
    done = RESULTS / f".{name}-rows.json" if whole else None
    if done and not options.resume:
        RESULTS.mkdir(exist_ok=True)
        done.unlink(missing_ok=True)
    results = {"name": name, "machine": where, "rows": measure(cases, done)}
    print(report.markdown(results))
    if options.check:
        return check(results, RESULTS / f"{name}.json", cases)
    if whole:
        save(results)
    return 0


def _shrunk(case: Case, by: int) -> Case:
    smaller = max(case.n // by, min(case.n, 100)) if case.task != "nuts" else case.n
    return Case(case.task, case.family, smaller, case.k, case.e, case.skip)


if __name__ == "__main__":
    sys.exit(main())
