"""What lies between two readings of one container's counters. Pure."""

from dataclasses import dataclass
from typing import final

from metrics.probe.reading import ContainerUsage

MICROSECONDS = 1_000_000


@final
@dataclass(frozen=True, slots=True)
class ContainerCounters:
    """What the next reading of a container is compared with, as long as its cgroup is the same."""

    cgroup: int | None
    cpu_microseconds: int | None
    read_bytes: int | None
    written_bytes: int | None
    receive_bytes: int | None
    transmit_bytes: int | None
    out_of_memory_kills: int | None


@final
@dataclass(frozen=True, slots=True)
class ContainerFigures:
    """One container's figures in one poll: gauges as read, counters since its start, rates since the poll before.

    `cpu_percent` is of one core, as docker stats has it: two busy cores are 200.
    """

    cpu_percent: float | None
    cpu_limit_cores: float | None
    memory_bytes: int | None
    memory_limit_bytes: int | None
    pids: int | None
    receive_bytes: int | None
    transmit_bytes: int | None
    receive_bytes_per_second: float | None
    transmit_bytes_per_second: float | None
    read_bytes_per_second: float | None
    written_bytes_per_second: float | None
    out_of_memory_kills: int | None  # since the poll before


def counters(usage: ContainerUsage) -> ContainerCounters:
    return ContainerCounters(
        usage.cgroup,
        usage.cpu_microseconds,
        usage.read_bytes,
        usage.written_bytes,
        usage.receive_bytes,
        usage.transmit_bytes,
        usage.out_of_memory_kills,
    )


def figures(now: ContainerUsage, before: ContainerCounters | None, seconds: float | None) -> ContainerFigures:
    """The figures of a usage; without rates if there is nothing to compare with: a container started since, too."""
    known = before if before and before.cgroup == now.cgroup else None
    cpu = _rate(known and known.cpu_microseconds, now.cpu_microseconds, seconds)
    return ContainerFigures(
        cpu_percent=None if cpu is None else 100 * cpu / MICROSECONDS,
        cpu_limit_cores=now.cpu_limit_cores,
        memory_bytes=now.memory_bytes,
        memory_limit_bytes=now.memory_limit_bytes,
        pids=now.pids,
        receive_bytes=now.receive_bytes,
        transmit_bytes=now.transmit_bytes,
        receive_bytes_per_second=_rate(known and known.receive_bytes, now.receive_bytes, seconds),
        transmit_bytes_per_second=_rate(known and known.transmit_bytes, now.transmit_bytes, seconds),
        read_bytes_per_second=_rate(known and known.read_bytes, now.read_bytes, seconds),
        written_bytes_per_second=_rate(known and known.written_bytes, now.written_bytes, seconds),
        out_of_memory_kills=_increase(known and known.out_of_memory_kills, now.out_of_memory_kills),
    )


def _increase(before: int | None, now: int | None) -> int | None:
    """How far a 64-bit counter went; None where it was reset."""
    return None if before is None or now is None or now < before else now - before


def _rate(before: int | None, now: int | None, seconds: float | None) -> float | None:
    increase = _increase(before, now)
    return None if increase is None or not seconds else increase / seconds
