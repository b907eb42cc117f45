"""Leaves of a mixture have the same order in every process, whatever the seed of Python's hashes.

Files of leaves, compilation caches and the hosts of one program rely on it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "cases" / "leaves.py"


def run(seed, *files):
    """What a fresh process finds."""
    environment = os.environ | {"PYTHONHASHSEED": str(seed), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, str(SCRIPT), *map(str, files)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """Two processes with different seeds; the second loads what the first has saved."""
    first, second = (tmp_path_factory.mktemp("leaves") / f"{seed}.npz" for seed in (0, 1))
    return run(0, first), run(1, second, first)


@pytest.mark.parametrize("what", ["tree", "program"])
@pytest.mark.slow
def test_trees_and_programs_are_the_same(what, processes):
    first, second = processes
    different = [name for name in first if first[name][what] != second[name][what]]
    assert len(first) >= 10
    assert different == []


@pytest.mark.slow
def test_leaves_saved_by_one_process_are_loaded_by_another(processes):
    """Log densities are below 20 in size here, and the processes run the same program."""
    first, second = processes
    for name in first:
        assert second[name]["loaded"] == pytest.approx(first[name]["value"], abs=20 * 2**-22), name
