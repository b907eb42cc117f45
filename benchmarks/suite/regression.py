"""Has a ratio become worse than in the last committed result?

Ratios are compared, never times, so that a slower machine is no regression. Of each row that both
results have: our speed relative to the best peer, and relative to the floor.
"""

import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from suite.ratios import against_peers

LOSS = 0.25
"""The share of a relative speed that may be lost before the check fails."""


class Loss(NamedTuple):
    """A relative speed that fell."""

    key: str
    what: str
    before: float
    after: float

    def __str__(self) -> str:
        share = 1 - self.after / self.before
        speeds = f"{self.before:.3g} → {self.after:.3g}"
        return f"{self.key}: speed relative to the {self.what} {speeds}, a loss of {share:.0%}"


def losses(before: dict[str, Any], after: dict[str, Any], loss: float = LOSS) -> list[Loss]:
    """The relative speeds of ``after`` that are lower than in ``before`` by more than ``loss``.

    Both are results as `run.py` saves them. A row of one result only is not compared; a row whose
    ratio has become unknown is not either, since it says that a peer or its version has changed.
    """
    found = []
    for key in before["rows"].keys() & after["rows"].keys():
        old, new = _speeds(before["rows"][key]), _speeds(after["rows"][key])
        for what in old.keys() & new.keys():
            if new[what] < (1 - loss) * old[what]:
                found.append(Loss(key, what, old[what], new[what]))
    return sorted(found + _least(before, after, loss))


def _least(before: dict[str, Any], after: dict[str, Any], loss: float) -> list[Loss]:
    """Whether the row that comes last against its best peer came last by less before."""
    old, new = (against_peers(results["rows"]) for results in (before, after))
    if not old or not new:
        return []
    worst = min(new, key=new.__getitem__)
    fell = new[worst] < (1 - loss) * min(old.values())
    return [Loss(worst, "least of all rows", min(old.values()), new[worst])] if fell else []


def _speeds(row: dict[str, Any]) -> dict[str, float]:
    ratios = row["ratios"]
    speeds = {}
    if ratios["peer"] is not None:
        speeds["best peer"] = ratios["peer"]
    if ratios["floor"] is not None:
        speeds["floor"] = 1 / ratios["floor"]
    return speeds


def committed(path: Path) -> dict[str, Any]:
    """The result at ``path`` in the last commit; raises if there is none."""
    show = subprocess.run(
        ["git", "show", f"HEAD:./{path.name}"], cwd=path.parent, capture_output=True, text=True
    )
    if show.returncode:
        raise FileNotFoundError(
            f"expected {path.name} in the last commit, to compare with: {show.stderr.strip()}. "
            "Commit a result of the same suite first."
        )
    return json.loads(show.stdout)
