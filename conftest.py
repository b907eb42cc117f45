"""How every run of pytest compiles, and which documented examples it collects."""

import gc
import os
from importlib.util import find_spec

import jax

QUICK_COMPILER = [
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_enable_concurrency_optimized_scheduler=false",
]
"""Most of the time of tests and documented examples is that of the compiler: half of it without
what makes fast code. A run with `XLA_FLAGS=`, or with flags of its own, has the users' compiler."""
if jax.__version_info__ < (0, 12):
    # jaxlib 0.12.0 makes wrong code without optimisation (test_laws_values.py, Gamma, reciprocal)
    QUICK_COMPILER += [
        "--xla_backend_optimization_level=0",
        "--xla_cpu_use_fusion_emitters=false",
    ]

collect_ignore_glob = []
if find_spec("torch") is None:  # make .venv/.has-torch
    collect_ignore_glob += ["src/pathmix/torch.py", "src/pathmix/_torch/*", "docs/torch.md"]


def pytest_configure():
    """Choose the compiler, before JAX is used for the first time.

    Python's collector looks at all of JAX's traces again and again, a tenth of the time; it does so
    less often here.
    """
    os.environ.setdefault("XLA_FLAGS", " ".join(QUICK_COMPILER))
    gc.set_threshold(200_000, 20, 100)


def pytest_collection_finish():
    """Have the collector leave alone what there is now: imported modules and tests."""
    gc.collect()
    gc.freeze()
