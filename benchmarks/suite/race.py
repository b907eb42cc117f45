"""A case from start to end: prepare every contestant, check it, then time all in turn."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from suite import agreement
from suite.cases import Case
from suite.entrants import REMOTE, SecondProcess, attempt, load
from suite.floors import Floor
from suite.jax_libraries import LIBRARIES
from suite.job import Contestant, Job, UnableError
from suite.nuts import prepare as prepare_nuts

OURS, FLOOR = "pathmix", "floor"
LEAST, MOST, SECONDS = 7, 31, 1.0
"""Rounds: at least, at most, and how long to go on between these."""


@dataclass
class Entry:
    """What became of one contestant."""

    first_call: float | None = None
    peak: float | None = None
    seconds: list[float] = field(default_factory=list)
    unable: str | None = None
    """Why there are no figures: it cannot do the work, or its result is wrong."""

    @property
    def median(self) -> float:
        """Median seconds of one run."""
        return statistics.median(self.seconds)

    def to_json(self) -> dict[str, Any]:
        """As plain data, without the single times."""
        if self.unable is not None:
            return {"unable": self.unable}
        return {"first_call": self.first_call, "median": self.median, "peak": self.peak}


class Field:
    """All contestants, each loaded once."""

    def __init__(self, second: SecondProcess) -> None:
        self._second = second
        self._local: dict[str, Contestant | str] = {FLOOR: Floor()}
        for name, kind in LIBRARIES.items():
            try:
                self._local[name] = load("suite.jax_libraries", kind.__name__)
            except UnableError as error:
                self._local[name] = str(error)

    names = (*LIBRARIES, *REMOTE, FLOOR)

    def prepare(self, name: str, case: Case) -> Any:
        """A job; `UnableError` says why not."""
        skipped = dict(case.skip)
        if name in skipped:
            raise UnableError(f"not run: {skipped[name]}")
        if case.task == "nuts" and name != FLOOR:
            return prepare_nuts(name, case)
        if name in REMOTE:
            return self._second.prepare(name, case)
        contestant = self._local[name]
        if isinstance(contestant, str):
            raise UnableError(contestant)
        return attempt(contestant, case)

    def clear(self) -> None:
        """Free what the last case held."""
        self._second.forget()


def run(case: Case, everyone: Field) -> dict[str, Entry]:
    """All entries of a case. Raises if our own result is wrong: then no time means anything."""
    entries, jobs = {name: Entry() for name in everyone.names}, {}
    for name, entry in entries.items():
        try:
            jobs[name] = everyone.prepare(name, case)
            entry.first_call = jobs[name].first_call
        except UnableError as error:
            entry.unable = str(error)
    if OURS not in jobs:
        raise RuntimeError(f"{case.key}: {entries[OURS].unable}")
    _check(case, entries, jobs)
    _time({name: (entries[name], job) for name, job in jobs.items() if not entries[name].unable})
    everyone.clear()
    return entries


def _check(case: Case, entries: dict[str, Entry], jobs: dict[str, Job]) -> None:
    reference = jobs[OURS].answers(1)[0]
    for name, job in jobs.items():
        if name == FLOOR:
            continue
        answers = job.answers(agreement.repeats_to_check(case, job))
        wrong = agreement.disagreement(case, answers, reference)
        if wrong and name == OURS:
            raise RuntimeError(f"{case.key}: pathmix is wrong: {wrong}")
        if wrong:
            entries[name].unable = f"wrong: {wrong}"


def _time(runners: dict[str, tuple[Entry, Job]]) -> None:
    """Rounds of all contestants, each in another order, so that a slow moment hits all alike."""
    for entry, job in runners.values():
        entry.peak = job.peak()
    order, spent = list(runners.values()), 0.0
    while (done := len(order[0][0].seconds)) < LEAST or (done < MOST and spent < SECONDS):
        for entry, job in _rotated(order, done):
            entry.seconds.append(job.seconds())
            spent += entry.seconds[-1]


def _rotated(order: list, by: int) -> Iterable:
    by %= len(order)
    return order[by:] + order[:by]
