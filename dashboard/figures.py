"""The public figures: their names, units and meaning, and the stored fields that each is made of. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

MIB, GIB = 2**20, 2**30


@dataclass(frozen=True)
class Figure:
    """`told` makes it of the values of these `fields`; it is None where one of them is not known.

    A counter of several samples in one step is told by its last. `has_peak`: its highest is told beside the mean.
    """

    says: str
    told: Callable[..., float | None]
    fields: tuple[str, ...] = ()
    is_whole: bool = False
    is_counter: bool = False
    has_peak: bool = False

    def of(self, *values: float | None) -> float | None:
        """Of its fields' values, in their order."""
        return None if None in values else self.told(*values)

    def column(self, kept: Mapping[str, Sequence[float | None]]) -> list[float | None]:
        """Step by step."""
        return [self.of(*values) for values in zip(*(kept[field] for field in self.fields), strict=True)]


Figures = Mapping[str, Figure]


def _named(figures: Figures) -> dict[str, Figure]:
    """A figure that names no field is made of the one of its own name."""
    return {name: replace(one, fields=one.fields or (name,)) for name, one in figures.items()}


def _tenths(says: str, *fields: str, has_peak: bool = False) -> Figure:
    return Figure(says, lambda value: round(value, 1), fields, has_peak=has_peak)


def _hundredths(says: str) -> Figure:
    return Figure(says, lambda value: round(value, 2))


def _share(says: str, part: str, whole: str) -> Figure:
    return Figure(f"{says}, percent", _percent_of, (part, whole))


def _share_of_room(says: str, used: str, available: str) -> Figure:
    """As df tells it: what is kept for root belongs to nobody."""
    return Figure(f"{says}, percent", lambda u, a: _percent_of(u, u + a), (used, available))


def _percent_of(part: float, whole: float) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _whole(says: str, *, unit: int = 1, of: str = "", is_counter: bool = False, has_peak: bool = False) -> Figure:
    fields = (of,) if of else ()
    return Figure(says, lambda value: int(value / unit), fields, True, is_counter, has_peak)


SERVER = _named(
    {
        "cpu_percent": _tenths("Busy share of all cores together, percent", has_peak=True),
        "cpu_user_percent": _tenths("Share in user space, nice included, percent"),
        "cpu_system_percent": _tenths("Share in the kernel, percent"),
        "cpu_iowait_percent": _tenths("Share idle while waiting for a disk, percent"),
        "cpu_steal_percent": _tenths("Share that the hypervisor gave to others, percent"),
        "memory_percent": _share("Used share of memory", "memory_used_bytes", "memory_total_bytes"),
        "memory_used_mb": _whole("Memory used (total − available), MiB", unit=MIB, of="memory_used_bytes"),
        "memory_total_mb": _whole("Memory, MiB", unit=MIB, of="memory_total_bytes"),
        "memory_used_bytes": _whole("Memory used (total − available), bytes"),
        "memory_total_bytes": _whole("Memory, bytes"),
        "memory_cache_bytes": _whole("Memory that caches hold and give back, bytes"),
        "swap_percent": _share("Used share of swap", "swap_used_bytes", "swap_total_bytes"),
        "swap_used_bytes": _whole("Swap used, bytes"),
        "swap_total_bytes": _whole("Swap, bytes"),
        "disk_percent": _share_of_room("Used share of the root filesystem", "disk_used_bytes", "disk_available_bytes"),
        "disk_used_gb": _whole("Used on the root filesystem, GiB", unit=GIB, of="disk_used_bytes"),
        "disk_total_gb": _whole("Size of the root filesystem, GiB", unit=GIB, of="disk_total_bytes"),
        "disk_used_bytes": _whole("Used on the root filesystem, bytes"),
        "disk_total_bytes": _whole("Size of the root filesystem, bytes"),
        "disk_available_bytes": _whole("Left to ordinary users on the root filesystem, bytes"),
        "disk_busy_percent": _tenths("Time in which the busiest disk had work, percent"),
        "disk_read_bytes_per_second": _whole("Read from all disks, bytes per second"),
        "disk_written_bytes_per_second": _whole("Written to all disks, bytes per second"),
        "network_rx_bytes": _whole("Received since boot, bytes", is_counter=True),
        "network_tx_bytes": _whole("Sent since boot, bytes", is_counter=True),
        "network_rx_bytes_per_second": _whole("Received, bytes per second"),
        "network_tx_bytes_per_second": _whole("Sent, bytes per second"),
        "load_average_1m": _hundredths("Load over 1 minute"),
        "load_average_5m": _hundredths("Load over 5 minutes"),
        "load_average_15m": _hundredths("Load over 15 minutes"),
        "uptime_seconds": _whole("Since boot, seconds", is_counter=True),
        "pressure_cpu_avg10_percent": _tenths("Time in which something waited for CPU, over 10 s, percent"),
        "pressure_cpu_avg60_percent": _tenths("Time in which something waited for CPU, over 60 s, percent"),
        "pressure_memory_avg10_percent": _tenths("Time in which something waited for memory, over 10 s, percent"),
        "pressure_memory_avg60_percent": _tenths("Time in which something waited for memory, over 60 s, percent"),
        "pressure_io_avg10_percent": _tenths("Time in which something waited for a disk, over 10 s, percent"),
        "pressure_io_avg60_percent": _tenths("Time in which something waited for a disk, over 60 s, percent"),
        "measured_seconds": _hundredths("What the rates are averaged over, by the server's own clock, seconds"),
    }
)
APP = _named(
    {
        "cpu_percent": _tenths("CPU, percent of one core", has_peak=True),
        "cpu_limit_cores": _hundredths("CPU limit, cores; null is no limit"),
        "memory_usage_mb": _whole("Memory used without inactive file cache, MiB", unit=MIB, of="memory_used_bytes"),
        "memory_limit_mb": _whole("Memory limit, MiB; null is no limit", unit=MIB, of="memory_limit_bytes"),
        "memory_used_bytes": _whole("Memory used without inactive file cache, bytes", has_peak=True),
        "memory_limit_bytes": _whole("Memory limit, bytes; null is no limit"),
        "pids": _whole("Processes and threads"),
        "network_rx_bytes": _whole("Received since the container's start, bytes", is_counter=True),
        "network_tx_bytes": _whole("Sent since the container's start, bytes", is_counter=True),
        "network_rx_bytes_per_second": _whole("Received, bytes per second"),
        "network_tx_bytes_per_second": _whole("Sent, bytes per second"),
        "disk_read_bytes_per_second": _whole("Read from disks, bytes per second"),
        "disk_written_bytes_per_second": _whole("Written to disks, bytes per second"),
        "restart_count": _whole("Restarts by its engine's restart policy", is_counter=True),
    }
)
FILESYSTEM = _named(
    {
        "used_percent": _share_of_room("Used share, as df tells it", "used_bytes", "available_bytes"),
        "total_bytes": _whole("Size, bytes"),
        "used_bytes": _whole("Used, bytes"),
        "available_bytes": _whole("Left to ordinary users, bytes"),
        "inodes_percent": _share("Used share of inodes", "inodes_used", "inodes_total"),
        "inodes_total": _whole("Inodes"),
        "inodes_used": _whole("Inodes used"),
    }
)
INTERFACE = _named(
    {
        "rx_bytes_per_second": _whole("Received, bytes per second", of="receive_bytes_per_second"),
        "tx_bytes_per_second": _whole("Sent, bytes per second", of="transmit_bytes_per_second"),
        "rx_bytes": _whole("Received since boot, bytes", of="receive_bytes", is_counter=True),
        "tx_bytes": _whole("Sent since boot, bytes", of="transmit_bytes", is_counter=True),
        "errors": _whole("Errors since boot, in both directions", is_counter=True),
        "drops": _whole("Packets dropped since boot, in both directions", is_counter=True),
    }
)


def fields_of(figures: Figures, names: Collection[str]) -> list[str]:
    """The fields that these of the figures are made of."""
    return sorted({field for name in names for field in figures[name].fields})


def peaks_of(figures: Figures, names: Collection[str]) -> list[str]:
    """The fields whose highest value is told beside the mean."""
    return fields_of(figures, [name for name in names if figures[name].has_peak])
