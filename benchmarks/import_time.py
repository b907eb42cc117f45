"""How much longer does importing pathmix take than importing NumPyro?

Whole processes are timed, in pairs that alternate which comes first, so that a slow moment of the
machine hits both alike. Byte code is kept, as it is where a package is installed. Run it on an idle
machine: ``python benchmarks/import_time.py [pairs]``.
"""

import os
import statistics
import subprocess
import sys
import time

GOAL = 1.20
BASE, OURS = "import numpyro", "import pathmix"


def seconds(statement: str) -> float:
    """Wall time of a fresh interpreter that runs one statement."""
    cached = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, env=cached)
    return time.perf_counter() - start


def timed_pair(*, ours_first: bool) -> tuple[float, float]:
    """Time both statements, one right after the other; (base, ours)."""
    if ours_first:
        ours = seconds(OURS)
        return seconds(BASE), ours
    return seconds(BASE), seconds(OURS)


def main(pairs: int = 12) -> int:
    """Print the medians; the exit status says whether the goal is met."""
    timed_pair(ours_first=False)  # warm-up: byte code and file cache
    base, ours = zip(*(timed_pair(ours_first=i % 2 == 1) for i in range(pairs)), strict=True)
    ratio = statistics.median(o / b for b, o in zip(base, ours, strict=True))
    print(f"{BASE:<16} {statistics.median(base):.3f} s, median of {pairs}")
    print(f"{OURS:<16} {statistics.median(ours):.3f} s")
    print(f"ratio, median of pairs: {ratio:.3f} (goal: at most {GOAL:.2f})")
    return int(ratio > GOAL)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
