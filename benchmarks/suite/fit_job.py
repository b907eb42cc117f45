"""A fit ready to run, and the process that it runs in.

Every library fits in a process of its own, which is confined to so many cores before it starts, and
has its own precision. Fits are driven by lines of JSON over its pipes, so that those of all
libraries alternate; a process that waits uses no core.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from suite.fit_cases import EXACT, GMMX, LOOP, MAPPED, ONE_THREAD, OURS, POMEGRANATE, Work
from suite.job import UnableError

LIBRARIES = {
    OURS: ("suite.fit_pathmix", "Pathmix"),
    LOOP: ("suite.fit_sklearn", "ScikitLearn"),
    ONE_THREAD: ("suite.fit_sklearn", "ScikitLearn"),
    EXACT: ("suite.fit_sklearn", "Exact"),
    GMMX: ("suite.fit_gmmx", "Gmmx"),
    MAPPED: ("suite.fit_gmmx", "Mapped"),
    POMEGRANATE: ("suite.fit_pomegranate", "Pomegranate"),
}
LONGEST = 180
"""Seconds that a process may take for an answer."""
_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")


class Found(NamedTuple):
    """What a fit came to."""

    log_likelihood: float
    """Per row; of many fits, their mean."""
    steps: np.ndarray


class Fitting(NamedTuple):
    """A fit that can be repeated."""

    call: Callable[[], Any]
    """Does it, and waits for it."""
    answer: Callable[[Any], Found]


class Process:
    """A process with one library and one piece of work."""

    def __init__(self, name: str, work: Work) -> None:
        paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        env = {
            **os.environ,
            **{f"{pool}_NUM_THREADS": str(work.cores) for pool in _THREADS},
            **({"OPENBLAS_NUM_THREADS": "1"} if name == ONE_THREAD else {}),
            "JAX_ENABLE_X64": str(int(work.dtype == "float64")),
            "JAX_PLATFORMS": "cpu",
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        }
        with _confined(work.cores):
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "suite.fit_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=env,
            )
        self._name, self._work, self.pid = name, work, self._process.pid

    def prepare(self) -> dict[str, Any]:
        """Run the work once; `UnableError` says why that cannot be."""
        reply = self.ask(do="prepare", name=self._name, work=self._work.to_json())
        if "unable" in reply:
            raise UnableError(reply["unable"])
        return reply

    def ask(self, **question: Any) -> dict[str, Any]:
        """Send one line, and wait for the answer; a process that hangs is ended."""
        line, late = "", threading.Event()
        timer = threading.Timer(LONGEST, self._give_up, [late])
        timer.start()
        with suppress(BrokenPipeError):
            print(json.dumps(question), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        timer.cancel()
        if line:
            return json.loads(line)
        status = self._process.wait()
        why = f"no answer in {LONGEST} s" if late.is_set() else f"ended (status {status})"
        raise UnableError(f"the process: {why}")

    def _give_up(self, late: threading.Event) -> None:
        late.set()
        self._process.kill()

    def close(self) -> None:
        """Let it end."""
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()


@contextmanager
def _confined(cores: int) -> Iterator[None]:
    """Processes that start here have so many cores, where the system can say so."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    if len(before) < cores:
        raise UnableError(f"{cores} cores are not here")
    os.sched_setaffinity(0, sorted(before)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
