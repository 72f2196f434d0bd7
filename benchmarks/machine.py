"""What the machine is, and what else it was doing: a figure is worth as much as that."""

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

LOOK = 3.0  # seconds
BUSY = 0.25  # share of the CPUs that others may use before a figure is provisional
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Machine:
    """As it was before the measurement began. `others` is the share of all CPUs in use."""

    load: float  # of the last minute
    others: float

    @property
    def is_busy(self) -> bool:
        return self.others > BUSY

    def told(self) -> str:
        state = (
            "**provisional: others were using the machine**; "
            if self.is_busy
            else "quiet machine; "
        )
        return (
            f"{state}{os.cpu_count()} CPUs, {self.others:.0%} of them in use and a load of "
            f"{self.load:.1f} before the run; {platform.system()}, "
            f"Python {platform.python_version()}"
        )


def look() -> Machine:
    """See for some seconds how much of the CPUs is in use."""
    busy, total = _ticks()
    time.sleep(LOOK)
    busy_then, total_then = _ticks()
    return Machine(os.getloadavg()[0], (busy_then - busy) / max(1, total_then - total))


def _ticks() -> tuple[int, int]:
    first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    ticks = [int(each) for each in first]
    idle = ticks[3] + ticks[4]  # with the wait for disks
    return sum(ticks) - idle, sum(ticks)


def cpu_seconds(pid: int) -> float:
    """What a process and its threads have used so far, children that live not included."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def peak_memory(pid: int) -> float:
    """The most memory that a process has held, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def children(pid: int) -> list[int]:
    """The processes that a process has started and that live."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(each) for each in text.split()]
