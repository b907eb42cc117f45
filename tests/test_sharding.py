"""The same code on many devices: same numbers, same draws, and the data stay where they are.

Devices are forced on the host, which must happen before JAX starts: each run is a process of its
own, `cases/sharded.py`.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "cases" / "sharded.py"
FITS = r"full: fit$|factorised: fit, cut up"
QUICK = (
    r"(factorised|full): (gradient|sample)$|low rank: gradient$"
    r"|factorised: (log_prob|expectation over data)"
)
TWO = r"factorised: (gradient$|sample|expectation over data|fit)"
N = 1600  # of the script
SECONDS = 600


def start(devices, *arguments, x64="0"):
    compiler = os.environ.get("XLA_FLAGS", "")
    flags = f"{compiler} --xla_force_host_platform_device_count={devices}"
    return subprocess.Popen(
        [sys.executable, SCRIPT, *arguments],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": x64},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    try:
        out, err = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def check(results, tolerance=1e-6):
    for name, found in results["work"].items():
        assert found["error"] <= tolerance, name
        assert set(found["kinds"]) <= {"all-reduce"}, name  # sums of gradients; never a gather
        assert found["moved"] < N / 8, name  # less than one device holds of the data
        if name.endswith(": sample"):
            assert found["error"] == 0, name
    # a program that has to gather the data shows that a gather would be seen
    assert "all-gather" in results["control"]["kinds"]
    assert results["control"]["moved"] >= N


@pytest.mark.slow
def test_on_eight_devices():
    results = finish(start(8, QUICK))
    assert results["devices"] == 8
    assert len(results["work"]) == 7
    check(results)


def test_fits_on_eight_devices():
    """In float64: ten steps, each of which rounds, differ by more than one in float32."""
    results = finish(start(8, FITS, x64="1"))
    assert len(results["work"]) == 2
    check(results, 1e-12)


@pytest.mark.slow
def test_everything_on_eight_devices():
    results = finish(start(8, "", x64="1"))
    assert len(results["work"]) == 27
    check(results, 1e-12)  # what differs in float32 is rounding


@pytest.mark.slow
def test_on_two_processes():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    processes = [start(2, TWO, address, "2", str(rank), x64="1") for rank in range(2)]
    for results in [finish(process) for process in processes]:
        assert (results["devices"], results["processes"]) == (4, 2)
        assert len(results["work"]) == 5
        check(results)
