"""From times to ratios, and from ratios to the goals of the project."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from suite.cases import Case
from suite.race import FLOOR, OURS, Entry

PEERS = ("NumPyro", "TFP", "Distrax", "torch", "Pyro")
"""Those that count. scikit-learn is shown only: no gradients, no batches, no accelerators."""
COMPILED = ("NumPyro", "TFP", "Distrax")
"""Those whose first call compiles, as ours does."""
Row = dict[str, Any]


def row(case: Case, entries: dict[str, Entry]) -> Row:
    """One row of the results, as plain data."""
    able = {name: entry for name, entry in entries.items() if entry.unable is None}
    ours, peers = able[OURS], {name: able[name] for name in PEERS if name in able}
    ratios: dict[str, float | None] = dict.fromkeys(("peer", "floor", "compile"))
    best = min(peers, key=lambda name: peers[name].median, default=None)
    if best is not None:
        ratios["peer"] = _within_rounds(peers[best], ours)
    if FLOOR in able:
        ratios["floor"] = _within_rounds(ours, able[FLOOR])
    compilers = [peers[name].first_call for name in COMPILED if name in peers]
    if compilers:
        ratios["compile"] = ours.first_call / min(compilers)
    figures = {name: entry.to_json() for name, entry in entries.items()}
    return {"case": case.to_json(), "best_peer": best, "ratios": ratios, "entries": figures}


def _within_rounds(above: Entry, below: Entry) -> float:
    return statistics.median(a / b for a, b in zip(above.seconds, below.seconds, strict=True))


def against_peers(rows: dict[str, Row]) -> dict[str, float]:
    """The ratio to the best peer of every row that has one."""
    found = {key: row["ratios"]["peer"] for key, row in rows.items()}
    return {key: ratio for key, ratio in found.items() if ratio is not None}


@dataclass(frozen=True)
class Goal:
    """A bound on a figure: of one row, or between our times of two rows."""

    text: str
    key: str
    figure: str
    """``peer``, ``floor``, ``compile``, ``over`` (our time over that of ``other``) or a peer."""
    bound: float
    at_least: bool = True
    other: str = ""

    def measured(self, rows: dict[str, Row]) -> float | None:
        """The figure, or None if its rows were not run."""
        if self.key not in rows or (self.other and self.other not in rows):
            return None
        if self.figure == "over":
            return _ours(rows[self.key]) / _ours(rows[self.other])
        if self.figure in rows[self.key]["ratios"]:
            return rows[self.key]["ratios"][self.figure]
        peer = rows[self.key]["entries"][self.figure]
        return None if "unable" in peer else peer["median"] / _ours(rows[self.key])

    def met(self, value: float) -> bool:
        """Whether the figure is within the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


def _ours(figures: Row) -> float:
    return figures["entries"][OURS]["median"]


_WIDE = "independent/N100000/K64/E16"
_FULL = "full/N20000/K16/E16"
_PATH = "independent/N1000/K8/E64"
_PATH_FULL = "full/N1000/K8/E16"
GOALS = (
    Goal("sample, K=64, E=16: × best peer", f"sample/{_WIDE}", "peer", 10),
    Goal("sample, K=64, E=16: × floor", f"sample/{_WIDE}", "floor", 1.3, at_least=False),
    Goal("sample, K=16, E=8: × best peer", "sample/independent/N100000/K16/E8", "peer", 10),
    Goal(
        "sample, K=16, E=8: × floor",
        "sample/independent/N100000/K16/E8",
        "floor",
        1.3,
        at_least=False,
    ),
    Goal("sample, K=4, E=1: × best peer", "sample/normal/N100000/K4/E1", "peer", 2),
    Goal("log_prob, factorised: × best peer", f"log_prob/{_WIDE}", "peer", 2.5),
    Goal("log_prob gradient, factorised: × best peer", f"log_prob_grad/{_WIDE}", "peer", 8),
    Goal("log_prob, full covariance: × best peer", f"log_prob/{_FULL}", "peer", 8),
    Goal("log_prob gradient, full covariance: × best peer", f"log_prob_grad/{_FULL}", "peer", 8),
    Goal("log_prob, scalar, K=5: × best peer", "log_prob/normal/N10000/K5/E1", "peer", 1.2),
    Goal("pathwise, E=64: × TFP", f"pathwise/{_PATH}", "TFP", 50),
    Goal(
        "pathwise, E=64: over log_prob gradient",
        f"pathwise/{_PATH}",
        "over",
        6,
        at_least=False,
        other=f"log_prob_grad/{_PATH}",
    ),
    Goal(
        "pathwise, full covariance: over log_prob gradient",
        f"pathwise/{_PATH_FULL}",
        "over",
        10,
        at_least=False,
        other=f"log_prob_grad/{_PATH_FULL}",
    ),
    Goal(
        "pathwise, time at E=256 over E=64",
        "pathwise/independent/N1000/K8/E256",
        "over",
        4.5,
        at_least=False,
        other=f"pathwise/{_PATH}",
    ),
)
COMPILE_BOUND = 1.5


def compile_goals(rows: dict[str, Row]) -> list[Goal]:
    """The first call of every row against the quickest of the peers that compile."""
    timed = [key for key, figures in rows.items() if figures["ratios"]["compile"] is not None]
    return [
        Goal(f"first call, {key}: over best peer", key, "compile", COMPILE_BOUND, at_least=False)
        for key in timed
    ]


_MAIN = ("normal", "gamma", "student_t", "beta", "poisson")
"""Families of scalars that most mixtures are of."""
_SCALAR_BOUNDS = {"log_prob": 1.5, "log_prob_grad_x": 1.5, "posterior": 1.5, "log_prob_grad": 1.3}
ICDF_BOUND, NETWORK_BOUND = 12, 1.05


def work_goals(rows: dict[str, Row]) -> list[Goal]:
    """Goals of a kind of work, for each of its rows."""
    return [goal for key in rows for goal in _goals_of(key, *key.split("/")[:2])]


def _goals_of(key: str, task: str, family: str) -> Iterable[Goal]:
    if family in _MAIN and task in _SCALAR_BOUNDS:
        yield Goal(f"{key}: × best peer", key, "peer", _SCALAR_BOUNDS[task])
    if task == "cdf":
        yield Goal(f"{key}: × best peer", key, "peer", 1)
    if task == "pathwise" and family in _MAIN:
        yield Goal(f"{key}: × TFP", key, "TFP", 2)
    if task == "icdf":
        one = key.replace("icdf", "cdf")
        yield Goal(f"{key}: over one cdf", key, "over", ICDF_BOUND, at_least=False, other=one)
    if task == "network":
        yield Goal(f"{key}: the formula by hand, over ours", key, "by hand", 1 / NETWORK_BOUND)
