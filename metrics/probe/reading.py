"""What one poll saw, as frozen values. Unknown is None: `{}` is "saw none", None is "did not see"."""

from dataclasses import dataclass, field
from typing import final


class BadAnswer(ValueError):
    """The server's answer is not one of the probe's. The only error that reading raises."""


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Clock ticks since boot; guest time is inside user and nice already."""

    user: int
    nice: int
    system: int
    idle: int
    iowait: int
    irq: int
    softirq: int
    steal: int


@final
@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. `used` is what cannot be given back; used + cache + free is about the total, for the kernel keeps a
    reserve that it calls free but not available."""

    total_bytes: int
    used_bytes: int
    cache_bytes: int
    free_bytes: int
    is_estimate: bool  # a kernel before 3.14 does not say what is available


@final
@dataclass(frozen=True, slots=True)
class Swap:
    total_bytes: int
    used_bytes: int


@dataclass(frozen=True, slots=True)
class Filesystem:
    """One real mount. Sizes are None where it did not answer in time."""

    mount: str
    device: str
    type: str
    is_read_only: bool
    total_bytes: int | None = None
    used_bytes: int | None = None
    available_bytes: int | None = None
    inodes_total: int | None = None
    inodes_used: int | None = None

    @property
    def used_percent(self) -> float | None:
        """used / (used + available), as df prints it: what is reserved for root counts as neither."""
        return share(self.used_bytes, self.available_bytes)


@dataclass(frozen=True, slots=True)
class DiskCounters:
    """One whole disk since boot."""

    read_bytes: int
    written_bytes: int
    busy_milliseconds: int


@dataclass(frozen=True, slots=True)
class InterfaceCounters:
    """One interface since boot. `is_counted`: part of the server's total."""

    receive_bytes: int
    transmit_bytes: int
    errors: int
    drops: int
    is_counted: bool


@dataclass(frozen=True, slots=True)
class Pressure:
    """Percent of time in which some task waited, as the kernel averages it (pressure stall information)."""

    avg10_percent: float
    avg60_percent: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What seldom changes; read once a connection."""

    os: str | None
    kernel: str | None
    architecture: str | None
    cpu_model: str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One poll's values, as the server's kernel counts them."""

    boot_id: str | None = None
    uptime_seconds: float | None = None
    booted_at: int | None = None  # epoch seconds, by the server's own clock
    cpu: CpuTimes | None = None
    cores: dict[int, CpuTimes] = field(default_factory=dict)
    memory: Memory | None = None
    swap: Swap | None = None
    filesystems: tuple[Filesystem, ...] | None = None
    disks: dict[str, DiskCounters] | None = None
    interfaces: dict[str, InterfaceCounters] | None = None
    load: tuple[float, float, float] | None = None
    temperatures: dict[str, float] | None = None  # degrees Celsius by chip and label
    pressure: dict[str, Pressure] | None = None  # by cpu, memory, io
    facts: Facts | None = None
    cut: tuple[str, ...] = ()  # what there was too much of


def share(part: int | None, rest: int | None) -> float | None:
    """part / (part + rest) in percent, or None."""
    if part is None or rest is None or part + rest <= 0:
        return None
    return 100 * part / (part + rest)
