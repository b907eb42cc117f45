"""How busy the machine was with what is not ours.

Two threads of a small matrix product wait for each other: beside another program on two cores they
can take ten times as long as alone, and a ratio is then one of accidents. So rounds that others
have disturbed are known, and taken again.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_BUSY = (0, 1, 2, 5, 6)
"""User, nice, system and interrupts, of the first line of /proc/stat."""


class Others:
    """A stretch of time, and the cores that other programs took in it (Linux; elsewhere 0)."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._pids = [os.getpid(), *pids]
        self._begun, self._before = time.monotonic(), self._seconds()

    def cores(self) -> float:
        """Return how many cores others have had, on average, since the beginning."""
        spent = self._seconds() - self._before
        return max(spent, 0.0) / max(time.monotonic() - self._begun, 1e-9)

    def _seconds(self) -> float:
        """What the machine has worked, without what these processes have."""
        try:
            fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
            return (sum(int(fields[i]) for i in _BUSY) - sum(map(_ticks, self._pids))) / _TICK
        except OSError:
            return 0.0


def _ticks(pid: int) -> int:
    """User and system time of a process, which stand after its name in brackets."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
