"""Those who take part, wherever they run, and the second process with those that are not on JAX.

An entrant has a job, or a reason why it has none. Jobs of the second process are driven by lines of
JSON over its pipes, one repeat at a time, so that all contestants' repeats alternate.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from suite.cases import Case
from suite.job import Answer, Contestant, Job, UnableError

REMOTE = {
    "torch": ("suite.torch_libraries", "Torch"),
    "Pyro": ("suite.torch_libraries", "Pyro"),
    "scikit-learn": ("suite.sklearn_library", "ScikitLearn"),
}


class RemoteJob:
    """A job of the second process."""

    def __init__(self, process: "SecondProcess", name: str, first_call: float) -> None:
        self._process, self._name, self.first_call = process, name, first_call

    def answers(self, count: int) -> list[Answer]:
        """As of `Job`; arrays come by file."""
        with tempfile.TemporaryDirectory() as folder:
            self._process.ask(do="answers", name=self._name, count=count, folder=folder)
            return [dict(np.load(Path(folder) / f"{i}.npz")) for i in range(count)]

    def seconds(self) -> float:
        """As of `Job`."""
        return self._process.ask(do="seconds", name=self._name)["seconds"]

    def peak(self) -> float | None:
        """As of `Job`."""
        return self._process.ask(do="peak", name=self._name)["peak"]


class SecondProcess:
    """The process of the libraries that are not on JAX."""

    def __enter__(self) -> "SecondProcess":
        """Start it."""
        paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "suite.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        return self

    def __exit__(self, *error: object) -> None:
        """Let it end."""
        self._process.stdin.close()
        self._process.wait()

    def ask(self, **question: Any) -> dict:
        """Send one line, and wait for the answer."""
        print(json.dumps(question), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the second process ended at {question}; its error is above.")
        return json.loads(line)

    def prepare(self, name: str, case: Case) -> RemoteJob:
        """As of `Contestant`."""
        reply = self.ask(do="prepare", name=name, case=case.to_json())
        if "unable" in reply:
            raise UnableError(reply["unable"])
        return RemoteJob(self, name, reply["first_call"])

    def forget(self) -> None:
        """Free the jobs of the last case."""
        self.ask(do="forget")


def load(module: str, name: str) -> Contestant:
    """A contestant; `UnableError` if its library is not here."""
    try:
        return getattr(importlib.import_module(module), name)()
    except Exception as error:  # an incompatible library can fail in any way
        raise UnableError(f"cannot be imported here: {_first_line(error)}") from error


def attempt(contestant: Contestant, case: Case) -> Job:
    """Prepare a job; whatever a library raises is a reason why it cannot, and goes to the table."""
    try:
        return contestant.prepare(case)
    except UnableError:
        raise
    except Exception as error:
        raise UnableError(f"fails: {type(error).__name__}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
