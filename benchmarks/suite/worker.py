"""The second process: answers lines of JSON on its standard input, one for each question."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from suite.cases import Case
from suite.entrants import REMOTE, attempt, load
from suite.job import Job, UnableError

JOBS: dict[str, Job] = {}
LIBRARIES: dict[str, Any] = {}


def reply(question: dict) -> dict:
    """Do what a question asks."""
    return {
        "prepare": prepare,
        "answers": answers,
        "seconds": lambda q: {"seconds": JOBS[q["name"]].seconds()},
        "peak": lambda q: {"peak": JOBS[q["name"]].peak()},
        "forget": lambda q: JOBS.clear() or {},
    }[question["do"]](question)


def prepare(question: dict) -> dict:
    """Make a job, or say why there is none."""
    name = question["name"]
    try:
        if name not in LIBRARIES:
            LIBRARIES[name] = load(*REMOTE[name])
        JOBS[name] = attempt(LIBRARIES[name], Case.from_json(question["case"]))
    except UnableError as error:
        return {"unable": str(error)}
    return {"first_call": JOBS[name].first_call}


def answers(question: dict) -> dict:
    """Leave the results in files."""
    for i, answer in enumerate(JOBS[question["name"]].answers(question["count"])):
        np.savez(Path(question["folder"]) / f"{i}.npz", **answer)
    return {}


def main() -> None:
    """Answer until the input ends. What libraries print must not get between the answers."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(reply(json.loads(line))), file=replies, flush=True)


if __name__ == "__main__":
    main()
