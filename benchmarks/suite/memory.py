"""The peak memory of one call, measured alike for every contestant.

Freed memory is first given back to the system, and the kernel's high-water mark of the process is
reset; what it rises by during the call is what the call needed, results included. It works for any
library that allocates by malloc; on Linux only.
"""

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

_MIB = 1024  # the kernel counts in KiB


def peak_mib(call: Callable[[], object]) -> float | None:
    """Peak memory of ``call`` beyond what was held before it, in MiB; None where unknown."""
    if sys.platform != "linux":
        return None
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    call()
    return max(_status("VmHWM") - before, 0) / _MIB


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0])
    raise LookupError(f"/proc/self/status has no {field}")
