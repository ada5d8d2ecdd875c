"""What processes cost: CPU time and memory, as the kernel counts them."""

import os
import re
import resource
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes and of their children that have ended."""
    spent = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            spent += sum(map(int, fields[11:15]))
    return spent / TICKS_PER_SECOND


def own_cpu_seconds() -> float:
    """Of this process and its children that have ended, by a finer clock."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def pss_bytes(pids: Iterable[int]) -> int:
    """Memory, what several processes share being split among them."""
    kibibytes = 0
    for pid in pids:
        with suppress(OSError):
            kibibytes += int(re.findall(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[0])
    return kibibytes * 1024


def family(pid: int) -> list[int]:
    """A process with all its descendants."""
    found = [pid]
    for one in found:
        with suppress(OSError):
            for children in Path(f"/proc/{one}/task").glob("*/children"):
                found += map(int, children.read_text().split())
    return found
