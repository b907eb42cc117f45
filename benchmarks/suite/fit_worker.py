"""The process of one library: answers lines of JSON on its standard input, one a question."""

import json
import os
import sys
import time
from typing import Any

from suite.entrants import load
from suite.fit_cases import Work
from suite.fit_job import LIBRARIES
from suite.job import Job, UnableError, as_answer


def prepare(name: str, work: Work) -> tuple[Job | None, dict[str, Any]]:
    """A job, what its first call took, and what it came to; or why there is none."""
    try:
        fitting = load(*LIBRARIES[name]).prepare(work)
        start = time.perf_counter()
        result = fitting.call()
        first_call = time.perf_counter() - start
        found = fitting.answer(result)
    except UnableError as error:
        return None, {"unable": str(error)}
    except Exception as error:  # whatever a library raises is a reason why it cannot
        line = (str(error).strip().splitlines() or [""])[0][:160]
        return None, {"unable": f"fails: {type(error).__name__}: {line}"}
    # of many fits in one call some may rest before: the call takes as long as if they did not
    if work.task in ("steps", "many") and found.steps.max() != work.steps:
        return None, {"unable": f"took {found.steps.max()} steps, not {work.steps}"}
    job = Job(lambda _: fitting.call(), as_answer, first_call, work.units)
    return job, {
        "first_call": first_call,
        "log_likelihood": found.log_likelihood,
        "most_steps": int(found.steps.max()),
    }


def main() -> None:
    """Answer until the input ends. What libraries print must not get between the answers."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    job = None
    for line in sys.stdin:
        question = json.loads(line)
        if question["do"] == "prepare":
            job, reply = prepare(question["name"], Work(**question["work"]))
        elif question["do"] == "seconds":
            reply = {"seconds": job.seconds()}
        else:
            reply = {"peak": job.peak()}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
