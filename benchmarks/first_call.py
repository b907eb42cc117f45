"""Where do first calls spend their time: tracing, lowering, compiling or running?

For every library on JAX and each log density of the quick benchmark, the least of three first calls
from cold caches: ``python benchmarks/first_call.py [part of a row's name]``, on an idle machine.
"""

import re
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp

from suite import inputs
from suite.cases import QUICK, Case
from suite.jax_libraries import LIBRARIES
from suite.jax_tasks import function_of
from suite.job import UnableError

STAGES = ("trace", "lower", "compile", "run")
REPEATS = 3
KERNEL = re.compile(r" = \S+ (?:fusion|custom-call)\(")


def stages(name: str, case: Case) -> tuple[list[float], int]:
    """Seconds of each stage, and the number of kernels of the compiled program."""
    fn, data = function_of(LIBRARIES[name](), case)
    args = jax.tree.map(jnp.asarray, inputs.parameters(case)), data[0]
    jax.clear_caches()
    traced, tracing = timed(lambda: jax.jit(lambda *args: fn(*args)).trace(*args))
    lowered, lowering = timed(traced.lower)
    compiled, compiling = timed(lowered.compile)
    _, running = timed(lambda: jax.block_until_ready(compiled(*args)))
    kernels = len(KERNEL.findall(compiled.as_text()))
    return [tracing, lowering, compiling, running], kernels


def timed(fn: Callable[[], Any]) -> tuple[Any, float]:
    """The result of a call, and its seconds."""
    start = time.perf_counter()
    result = fn()
    return result, time.perf_counter() - start


def rows(part: str) -> Iterable[str]:
    """Lines of a Markdown table."""
    yield "| work | who | " + " | ".join(f"{stage}, s" for stage in STAGES) + " | sum | kernels |"
    yield "|---|---|" + "---:|" * (len(STAGES) + 2)
    tasks = ("log_prob", "log_prob_grad", "log_prob_grad_x", "cdf", "posterior")
    for case in (case for case in QUICK if case.task in tasks and part in case.key):
        for name in LIBRARIES:
            try:
                found = [stages(name, case) for _ in range(REPEATS)]
            except UnableError:
                continue
            seconds, kernels = min(found, key=lambda pair: sum(pair[0]))
            cells = (f"{s:.3f}" for s in (*seconds, sum(seconds)))
            yield f"| {case.key} | {name} | {' | '.join(cells)} | {kernels} |"


if __name__ == "__main__":
    for line in rows(*sys.argv[1:] or [""]):
        print(line, flush=True)
