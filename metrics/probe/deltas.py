"""From counters to rates: what lies between two readings of one server. Pure."""

import json
from dataclasses import dataclass, field
from typing import Any, final

from metrics.probe import container_rates
from metrics.probe.container_rates import ContainerCounters, ContainerFigures
from metrics.probe.reading import CpuTimes, DiskCounters, Filesystem, InterfaceCounters, Memory, Pressure, Reading, Swap

TICKS_PER_SECOND = 100  # USER_HZ; the kernel shows every architecture's times in it
WRAP_32_BITS = 2**32
CLOSE_TO_WRAP = 2**32 - 2**30
HIGHEST = 2**63 - 1
SECTOR_BYTES = 512


@dataclass(frozen=True, slots=True)
class Counters:
    """What of a reading the next one is compared with."""

    boot_id: str | None = None
    uptime_seconds: float | None = None
    cpu: CpuTimes | None = None
    cores: dict[int, CpuTimes] = field(default_factory=dict)
    disks: dict[str, DiskCounters] = field(default_factory=dict)
    interfaces: dict[str, InterfaceCounters] = field(default_factory=dict)
    containers: dict[str, ContainerCounters] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True)
class CpuShares:
    """Percent of the time between two readings. busy = all but idle and iowait."""

    busy: float
    user: float  # with nice
    system: float  # with irq and softirq
    iowait: float
    steal: float


@final
@dataclass(frozen=True, slots=True)
class DiskRates:
    """All whole disks together; `busy_percent` is the busiest one's."""

    read_bytes_per_second: float
    written_bytes_per_second: float
    busy_percent: float


@final
@dataclass(frozen=True, slots=True)
class InterfaceRates:
    receive_bytes_per_second: float
    transmit_bytes_per_second: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One poll's figures: gauges as read, counters turned into rates over `measured_seconds`.

    `measured_seconds` is the time between the two readings on the server's own clock; None for a first reading and
    after a reboot, and then there are no rates either.
    """

    uptime_seconds: float | None
    measured_seconds: float | None
    cpu: CpuShares | None
    cores: dict[int, float]
    memory: Memory | None
    swap: Swap | None
    filesystems: tuple[Filesystem, ...] | None
    disk: DiskRates | None
    network: InterfaceCounters | None
    network_rates: InterfaceRates | None
    interfaces: dict[str, InterfaceCounters]
    interface_rates: dict[str, InterfaceRates]
    load: tuple[float, float, float] | None
    temperatures: dict[str, float] | None
    pressure: dict[str, Pressure] | None
    containers: dict[str, ContainerFigures]


def counters(reading: Reading) -> Counters:
    return Counters(
        boot_id=reading.boot_id,
        uptime_seconds=reading.uptime_seconds,
        cpu=reading.cpu,
        cores=reading.cores,
        disks=reading.disks or {},
        interfaces=reading.interfaces or {},
        containers={name: container_rates.counters(usage) for name, usage in (reading.usages or {}).items()},
    )


def sample(reading: Reading, before: Counters) -> Sample:
    """The figures of a reading, with the rates since `before`; `Counters()` stands for "nothing before"."""
    same_boot = has_same_boot(before, reading)
    seconds = _elapsed(before, reading) if same_boot else None
    compared = before if seconds else Counters()
    rates = {
        name: rate
        for name, now in (reading.interfaces or {}).items()
        if (rate := _interface_rates(compared.interfaces.get(name), now, seconds))
    }
    return Sample(
        uptime_seconds=reading.uptime_seconds,
        measured_seconds=seconds,
        cpu=_cpu_shares(compared.cpu, reading.cpu),
        cores={
            number: shares.busy
            for number, times in reading.cores.items()
            if (shares := _cpu_shares(compared.cores.get(number), times))
        },
        memory=reading.memory,
        swap=reading.swap,
        filesystems=reading.filesystems,
        disk=_disk_rates(compared.disks, reading.disks or {}, seconds),
        network=_network_total(reading.interfaces),
        network_rates=_network_rates(reading.interfaces, rates),
        interfaces=reading.interfaces or {},
        interface_rates=rates,
        load=reading.load,
        temperatures=reading.temperatures,
        pressure=reading.pressure,
        containers={
            name: container_rates.figures(usage, compared.containers.get(name), seconds)
            for name, usage in (reading.usages or {}).items()
        },
    )


def has_same_boot(before: Counters, reading: Reading) -> bool:
    """A reboot is a changed boot id; where there is none to be read, an uptime that went back."""
    if before.boot_id and reading.boot_id:
        return before.boot_id == reading.boot_id
    return (reading.uptime_seconds or 0) >= (before.uptime_seconds or 0)


def increase(before: int, now: int, unit: int = 1) -> int | None:
    """How far a counter went. None after a reset, which is a new baseline; one that the kernel keeps in 32 bits,
    counting `unit`s, may wrap."""
    if now >= before:
        return now - before
    if CLOSE_TO_WRAP * unit < before < WRAP_32_BITS * unit and now < (WRAP_32_BITS - CLOSE_TO_WRAP) * unit:
        return now + WRAP_32_BITS * unit - before
    return None


def _elapsed(before: Counters, reading: Reading) -> float | None:
    if before.uptime_seconds is None or reading.uptime_seconds is None:
        return None
    seconds = reading.uptime_seconds - before.uptime_seconds
    return seconds if seconds > 0 else None


def _cpu_shares(before: CpuTimes | None, now: CpuTimes | None) -> CpuShares | None:
    if before is None or now is None:
        return None
    spent = [new - old for old, new in zip(_values(before), _values(now), strict=True)]
    # idle and iowait may step back a little, which the kernel's documentation allows; by seconds is a new baseline.
    if min(spent) < 0 and (min(spent[:3] + spent[5:]) < 0 or min(spent) < -TICKS_PER_SECOND):
        return None
    user, nice, system, idle, iowait, irq, softirq, steal = (max(ticks, 0) for ticks in spent)
    total = user + nice + system + idle + iowait + irq + softirq + steal
    if not total:
        return None
    return CpuShares(
        busy=100 * (total - idle - iowait) / total,
        user=100 * (user + nice) / total,
        system=100 * (system + irq + softirq) / total,
        iowait=100 * iowait / total,
        steal=100 * steal / total,
    )


def _disk_rates(
    before: dict[str, DiskCounters], now: dict[str, DiskCounters], seconds: float | None
) -> DiskRates | None:
    """Over the disks that both readings saw."""
    if not seconds:
        return None
    pairs = [(before[name], disk) for name, disk in now.items() if name in before]
    read = [increase(old.read_bytes, new.read_bytes, SECTOR_BYTES) for old, new in pairs]
    written = [increase(old.written_bytes, new.written_bytes, SECTOR_BYTES) for old, new in pairs]
    busy = [increase(old.busy_milliseconds, new.busy_milliseconds) for old, new in pairs]
    whole = [(r, w, b) for r, w, b in zip(read, written, busy, strict=True) if None not in (r, w, b)]
    if not whole:
        return None
    return DiskRates(
        read_bytes_per_second=sum(r or 0 for r, _, _ in whole) / seconds,
        written_bytes_per_second=sum(w or 0 for _, w, _ in whole) / seconds,
        busy_percent=min(max(b or 0 for _, _, b in whole) / seconds / 10, 100.0),
    )


def _interface_rates(
    before: InterfaceCounters | None, now: InterfaceCounters, seconds: float | None
) -> InterfaceRates | None:
    if before is None or not seconds:
        return None
    received = increase(before.receive_bytes, now.receive_bytes)
    sent = increase(before.transmit_bytes, now.transmit_bytes)
    if received is None or sent is None:
        return None
    return InterfaceRates(received / seconds, sent / seconds)


def _network_total(interfaces: dict[str, InterfaceCounters] | None) -> InterfaceCounters | None:
    """The counters of all counted interfaces together; None if there are none or a sum is beyond 64 bits."""
    counted = [interface for interface in (interfaces or {}).values() if interface.is_counted]
    if not counted:
        return None
    total = InterfaceCounters(
        receive_bytes=sum(one.receive_bytes for one in counted),
        transmit_bytes=sum(one.transmit_bytes for one in counted),
        errors=sum(one.errors for one in counted),
        drops=sum(one.drops for one in counted),
        is_counted=True,
    )
    return total if max(total.receive_bytes, total.transmit_bytes, total.errors, total.drops) <= HIGHEST else None


def _network_rates(
    interfaces: dict[str, InterfaceCounters] | None, rates: dict[str, InterfaceRates]
) -> InterfaceRates | None:
    """The sum over the counted interfaces whose rate is known."""
    known = [rates[name] for name, one in (interfaces or {}).items() if one.is_counted and name in rates]
    if not known:
        return None
    return InterfaceRates(
        sum(rate.receive_bytes_per_second for rate in known), sum(rate.transmit_bytes_per_second for rate in known)
    )


def dumped(kept: Counters) -> str:
    """Counters as compact JSON, for keeping between two polls."""
    return json.dumps(
        {
            "boot_id": kept.boot_id,
            "uptime_seconds": kept.uptime_seconds,
            "cpu": kept.cpu and _values(kept.cpu),
            "cores": {str(number): _values(times) for number, times in kept.cores.items()},
            "disks": {name: _values(disk) for name, disk in kept.disks.items()},
            "interfaces": {name: _values(interface) for name, interface in kept.interfaces.items()},
            "containers": {name: _values(container) for name, container in kept.containers.items()},
        },
        separators=(",", ":"),
    )


def _values(record: Any) -> tuple[int, ...]:
    """The values of a frozen record of numbers, in the order of its fields; astuple() costs ten times as much."""
    return tuple(getattr(record, name) for name in record.__slots__)


def loaded(text: str) -> Counters:
    """What `dumped` wrote; no text means nothing before."""
    if not text:
        return Counters()
    kept: dict[str, Any] = json.loads(text)
    return Counters(
        boot_id=kept["boot_id"],
        uptime_seconds=kept["uptime_seconds"],
        cpu=CpuTimes(*kept["cpu"]) if kept["cpu"] else None,
        cores={int(number): CpuTimes(*times) for number, times in kept["cores"].items()},
        disks={name: DiskCounters(*disk) for name, disk in kept["disks"].items()},
        interfaces={name: InterfaceCounters(*interface) for name, interface in kept["interfaces"].items()},
        containers={name: ContainerCounters(*container) for name, container in kept.get("containers", {}).items()},
    )
