"""A sample's figures in the order of their fields. Pure."""

from typing import Any

from metrics.probe.container_rates import ContainerFigures
from metrics.probe.deltas import Sample
from metrics.probe.reading import Container


def server(sample: Sample) -> tuple[Any, ...]:
    """ServerFigures."""
    cpu, memory, swap, disk = sample.cpu, sample.memory, sample.swap, sample.disk
    root = next((one for one in sample.filesystems or () if one.mount == "/"), None)
    rates, pressure = sample.network_rates, sample.pressure or {}
    averages = [pressure.get(name) for name in ("cpu", "memory", "io")]
    return (
        *((cpu.busy, cpu.user, cpu.system, cpu.iowait, cpu.steal) if cpu else [None] * 5),
        core_bytes(sample.cores),
        *((memory.total_bytes, memory.used_bytes, memory.cache_bytes) if memory else [None] * 3),
        *((swap.total_bytes, swap.used_bytes) if swap else [None] * 2),
        *((root.total_bytes, root.used_bytes, root.available_bytes) if root else [None] * 3),
        *((disk.read_bytes_per_second, disk.written_bytes_per_second, disk.busy_percent) if disk else [None] * 3),
        *((sample.network.receive_bytes, sample.network.transmit_bytes) if sample.network else [None] * 2),
        *((rates.receive_bytes_per_second, rates.transmit_bytes_per_second) if rates else [None] * 2),
        *(sample.load or [None] * 3),
        sample.uptime_seconds,
        sample.measured_seconds,
        *(value for one in averages for value in ((one.avg10_percent, one.avg60_percent) if one else (None, None))),
    )


def core_bytes(cores: dict[int, float]) -> bytes | None:
    """A byte per core, in half percents; 255 where it is not known."""
    if not cores:
        return None
    return bytes(round(cores[n] * 2) if n in cores else 255 for n in range(min(max(cores) + 1, 1024)))


def container(seen: Container, figures: ContainerFigures | None) -> tuple[Any, ...]:
    """models.app.ContainerFigures."""
    if figures is None:
        return (seen.state, *[None] * 11, seen.restart_count)
    return (
        seen.state,
        figures.cpu_percent,
        figures.cpu_limit_cores,
        figures.memory_bytes,
        figures.memory_limit_bytes,
        figures.pids,
        figures.receive_bytes,
        figures.transmit_bytes,
        figures.receive_bytes_per_second,
        figures.transmit_bytes_per_second,
        figures.read_bytes_per_second,
        figures.written_bytes_per_second,
        seen.restart_count,
    )
