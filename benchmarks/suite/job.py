"""One contestant's piece of work, ready to run, and what it is to say that it cannot be done."""

import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from suite.cases import Case
from suite.memory import peak_mib

Answer = dict[str, np.ndarray]
LEAST_SECONDS, MOST_CALLS = 0.03, 100
"""How long to time, and at most how many calls for it."""


class UnableError(Exception):
    """A contestant cannot do this work; the message says why, as it appears in the table."""


class Contestant(Protocol):
    """A library, or the floor: it prepares jobs."""

    name: str

    def prepare(self, case: Case) -> "Job":
        """Return the work of ``case``, compiled and run once; raise `UnableError` if it cannot."""


class Job:
    """A piece of work that can be repeated.

    Args:
        call: Does the work with the i-th random key (if it has one), and waits for the result.
        to_answer: Turns the result into NumPy arrays.
        first_call: Seconds of the first call, compilation included.
        units: How many units of work a call is; times are per unit.
    """

    def __init__(
        self,
        call: Callable[[int], Any],
        to_answer: Callable[[Any], Answer],
        first_call: float,
        units: int = 1,
    ) -> None:
        self._call, self._to_answer = call, to_answer
        self.first_call, self._units = first_call, units
        self._calls = 0

    def answers(self, count: int) -> list[Answer]:
        """The results for the first ``count`` random keys."""
        return [self._to_answer(self._call(i)) for i in range(count)]

    def seconds(self) -> float:
        """Time one run: the mean of as many in a row as fill some milliseconds, after one more.

        One alone would be lost in the time that idle threads take to wake up, and in reading again
        what the others drove out of the cache.
        """
        if not self._calls:
            once = self._time(1)
            self._calls = max(1, min(MOST_CALLS, round(LEAST_SECONDS / once)))
            if self._calls == 1:
                return once / self._units
        if self._calls > 1:
            self._call(0)
        return self._time(self._calls) / (self._calls * self._units)

    def _time(self, calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            self._call(0)
        return time.perf_counter() - start

    def peak(self) -> float | None:
        """Peak memory of one run, in MiB."""
        return peak_mib(lambda: self._call(0))


def as_answer(tree: Any) -> Answer:
    """Arrays by name: a lone array is the value, a pair a value and its gradients."""
    if isinstance(tree, dict):
        named = tree
    elif isinstance(tree, tuple):
        named = {"value": tree[0], **tree[1]}
    else:
        named = {"value": tree}
    arrays = {name: np.asarray(value) for name, value in named.items()}
    if "scale_tril" in arrays:  # whatever is above the diagonal is no parameter
        arrays["scale_tril"] = np.tril(arrays["scale_tril"])
    return arrays
