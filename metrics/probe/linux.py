"""Parsers of what the probe prints on Linux: text in, a Reading out. Every byte is taken to be hostile."""

import re
from collections.abc import Callable, Container
from dataclasses import replace
from typing import TypeVar

from metrics.probe import cgroups, docker
from metrics.probe.deltas import TICKS_PER_SECOND
from metrics.probe.protocol import Request, parts
from metrics.probe.reading import (
    CpuTimes,
    DiskCounters,
    Facts,
    Filesystem,
    InterfaceCounters,
    Memory,
    Pressure,
    Reading,
    Swap,
)
from metrics.probe.text import HIGHEST, clean, decimal, whole, wholes

MOST_FILESYSTEMS = 100
MOST_INTERFACES = 64
MOST_CORES = 1024
MOST_SENSORS = 64
MOST_SECONDS = 10**10  # beyond are neither dates nor uptimes
T = TypeVar("T")
N = TypeVar("N", int, float)

PSEUDO_TYPES = frozenset(
    "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl fuse.lxcfs"
    " fuse.gvfsd-fuse fuse.portal hugetlbfs iso9660 mqueue nsfs overlay proc pstore rpc_pipefs ramfs securityfs"
    " selinuxfs squashfs erofs sysfs tmpfs tracefs".split()
)
PSEUDO_PLACES = re.compile(r"/(proc|sys|dev|run/credentials|var/lib/docker|var/lib/containers)(/|$)")
SHARED_TYPES = re.compile(r"9p|fuse\..+|virtiofs")  # the device may be a mere word that others bear too
ESCAPE = re.compile(r"\\([0-7]{3})")

NEVER_A_DISK = re.compile(r"(loop|ram|zram|sr|fd|zd)\d+|nvme\d+c\d+n\d+")
STACKED_DISK = re.compile(r"(dm-|md|bcache|drbd)\d+")
VIRTUAL_INTERFACE = re.compile(r"lo$|docker|br-|veth|virbr|cni|flannel|cali|tun|tap|wg|ifb|dummy|sit|ip6tnl|tunl|gre")
INTERFACE = re.compile(r"\s*(\S.*):\s*([0-9][0-9 ]*)")
TIME = re.compile(r"([0-9]{1,9})m([0-9]{1,2}\.[0-9]{1,9})s", re.ASCII)
SENSOR = re.compile(
    r"/sys/class/(?:hwmon/(hwmon[0-9]{1,4})/(?:(name)|(temp[0-9]{1,4})_(label|input))"
    r"|thermal/(thermal_zone[0-9]{1,4})/(type|temp)):(.*)"
)


def read(answer: str, asked: Request) -> Reading:
    """The reading of a probe's answer. Raises BadAnswer if the answer is not whole; a part that is missing or
    makes no sense is None."""
    part = parts(answer, asked)
    interfaces = _of(part, "net", lambda lines: _interfaces(lines, part.get("interfaces", [])))
    filesystems = _of(part, "mounts", lambda lines: _filesystems(lines, part.get("filesystems", [])))
    kept_interfaces, kept_filesystems = _most_important(interfaces), filesystems and filesystems[:MOST_FILESYSTEMS]
    sizes = _kilobytes(part.get("meminfo", []))
    memory = _memory(sizes, part.get("arcstats", []))
    cpus = _cpus(part.get("stat", []))
    uptime = _seconds(decimal(_first(part, "uptime").partition(" ")[0]))
    booted_at = _seconds(_after("btime", part.get("stat", [])))
    now = None if uptime is None or booted_at is None else booted_at + uptime
    total = memory and memory.total_bytes
    usages = _of(part, "cgroups", lambda lines: cgroups.usages(lines, part.get("inodes", []), total))
    return Reading(
        boot_id=clean(_first(part, "boot_id"))[:36] or None,
        uptime_seconds=uptime,
        booted_at=booted_at,
        cpu=cpus.pop(None, None),
        cores={number: times for number, times in cpus.items() if number is not None},
        memory=memory,
        swap=_swap(sizes),
        filesystems=kept_filesystems,
        disks=_of(part, "diskstats", lambda lines: _disks(lines, _first(part, "blocks"))),
        interfaces=kept_interfaces,
        load=_load(_first(part, "loadavg")),
        temperatures=_of(part, "temperatures", _temperatures),
        pressure=_pressure(part),
        usages=usages,
        engines=docker.engines(part, now),
        facts=_facts(part) if "uname" in part else None,
        watching_seconds=_seconds(_of(part, "cost", lambda lines: _cost(lines, part.get("session", [])))),
        cut=tuple(
            name
            for name, there, kept in (
                ("interfaces", interfaces, kept_interfaces),
                ("filesystems", filesystems, kept_filesystems),
                ("containers", part.get("cgroups", [])[1:], part.get("cgroups", [])[1 : cgroups.MOST_CONTAINERS + 1]),
            )
            if there and kept and len(there) > len(kept)
        ),
    )


def _of(part: dict[str, list[str]], name: str, parse: Callable[[list[str]], T]) -> T | None:
    """What `parse` makes of a part's lines; None if the part has none."""
    lines = part.get(name)
    return parse(lines) if lines else None


def _first(part: dict[str, list[str]], name: str) -> str:
    return next(iter(part.get(name, [])), "")


def _seconds(number: N | None) -> N | None:
    return number if number is not None and number < MOST_SECONDS else None


def _after(key: str, lines: list[str]) -> int | None:
    return next((whole(line.split()[-1]) for line in lines if line.startswith(f"{key} ")), None)


def _cpus(lines: list[str]) -> dict[int | None, CpuTimes]:
    """The whole machine's times under None, each core's under its number. [proc_stat(5)]"""
    found: dict[int | None, CpuTimes] = {}
    for line in lines[: MOST_CORES + 2]:
        name, *texts = line.split() or [""]
        ticks = wholes((texts + ["0"] * 4)[:8])  # steal came with 2.6.11
        core = whole(name[3:]) if name != "cpu" else None
        if name.startswith("cpu") and len(texts) >= 4 and ticks and (core is not None or name == "cpu"):
            found[core] = CpuTimes(*ticks)
    return found


def _kilobytes(lines: list[str]) -> dict[str, int]:
    """meminfo as bytes by name."""
    found = {}
    for line in lines:
        name, _, rest = line.partition(":")
        number = whole((rest.split() or [""])[0])
        if number is not None and number <= HIGHEST // 1024:
            found[name] = number * 1024
    return found


def _memory(sizes: dict[str, int], arcstats: list[str]) -> Memory | None:
    """MemTotal - MemAvailable, less what ZFS's cache would give back. [free(1), node_exporter, beszel]"""
    total, free = sizes.get("MemTotal"), sizes.get("MemFree")
    if not total or free is None or free > total:
        return None
    cache = sizes.get("Buffers", 0) + sizes.get("Cached", 0) + sizes.get("SReclaimable", 0) - sizes.get("Shmem", 0)
    cache = min(max(cache, 0), total - free)
    available = sizes.get("MemAvailable", free + cache)
    arc = max((_after("size", arcstats) or 0) - (_after("c_min", arcstats) or 0), 0)
    used = max(total - min(available, total) - arc, 0)
    return Memory(total, used, min(cache + arc, total), free, is_estimate="MemAvailable" not in sizes)


def _swap(sizes: dict[str, int]) -> Swap | None:
    """None on a machine without swap."""
    total, free = sizes.get("SwapTotal"), sizes.get("SwapFree")
    if not total or free is None or free > total:
        return None
    return Swap(total, max(total - free - sizes.get("SwapCached", 0), 0))


def _filesystems(mounts: list[str], usage: list[str]) -> tuple[Filesystem, ...]:
    """Every real mount, each device once (at its shortest mount point), with its figures where it answered."""
    figures = dict(filter(None, map(_usage, usage)))
    found: dict[str, Filesystem] = {}
    for line in mounts:
        fields = line.split(" ")
        if len(fields) < 4:
            continue
        device, mount, kind = clean(_unescaped(fields[0])), _unescaped(fields[1]), clean(fields[2], 32)
        if _is_pseudo(mount, kind):
            continue
        one = Filesystem(clean(mount), device, kind, fields[3].startswith("ro"), **figures.get(mount, {}))
        identity = f"{device} {mount}" if SHARED_TYPES.fullmatch(kind) else device
        identity = mount if mount == "/" and kind == "overlay" else identity
        if other := found.get(identity):  # a bind mount alone may be read-only
            shortest = min(other, one, key=lambda each: len(each.mount))
            one = replace(shortest, is_read_only=other.is_read_only and one.is_read_only)
        found[identity] = one
    by_mount = {one.mount: one for one in found.values() if one.total_bytes != 0}
    return tuple(by_mount[mount] for mount in sorted(by_mount))


def _is_pseudo(mount: str, kind: str) -> bool:
    if mount == "/":  # the root filesystem counts whatever it is, in a container an overlay
        return kind in PSEUDO_TYPES - {"overlay"}
    return kind in PSEUDO_TYPES or bool(PSEUDO_PLACES.match(mount))


def _unescaped(text: str) -> str:
    return ESCAPE.sub(lambda octal: chr(int(octal[1], 8)), text)


def _usage(line: str) -> tuple[str, dict[str, int]] | None:
    """A line of `stat -f -c '%S %b %f %a %c %d %n'`: the mount point and its figures, as df computes them."""
    *texts, mount = line.split(" ", 6)
    numbers = wholes(texts)
    if not numbers or len(numbers) != 6 or not mount:
        return None
    block, blocks, free, available, inodes, inodes_free = numbers
    if blocks * block > HIGHEST or free > blocks or available > blocks:
        return None
    sizes = {
        "total_bytes": blocks * block,
        "used_bytes": (blocks - free) * block,
        "available_bytes": available * block,
    }
    if inodes > 0 and inodes_free <= inodes:  # btrfs and others have no fixed number of inodes
        sizes |= {"inodes_total": inodes, "inodes_used": inodes - inodes_free}
    return mount, sizes


def _disks(lines: list[str], blocks: str) -> dict[str, DiskCounters]:
    """Whole disks; those stacked on others (LVM, RAID) only where there is nothing below. [iostats.txt]"""
    found: dict[str, DiskCounters] = {}
    for line in lines:
        fields = line.split()
        numbers = wholes(fields[3:14])
        if len(fields) >= 14 and numbers and max(numbers) <= HIGHEST // 512 and not NEVER_A_DISK.fullmatch(fields[2]):
            found[clean(fields[2], 32)] = DiskCounters(numbers[2] * 512, numbers[6] * 512, numbers[9])
    whole = {path.rpartition("/")[2].replace("!", "/") for path in blocks.split()} - {"*"}
    disks = {n: c for n, c in found.items() if (n in whole if whole else not _is_partition(n, found))}
    lowest = {name: counters for name, counters in disks.items() if not STACKED_DISK.fullmatch(name)}
    return lowest or disks


def _is_partition(name: str, others: Container[str]) -> bool:
    """sda1 of sda, nvme0n1p1 of nvme0n1."""
    disk = name.rstrip("0123456789")
    if disk.endswith("p") and disk[-2:-1].isdigit():
        disk = disk[:-1]
    elif disk[-1:].isdigit():
        return False
    return disk != name and disk in others


def _interfaces(lines: list[str], sorts: list[str]) -> dict[str, InterfaceCounters]:
    """All interfaces; counted are the physical ones or, where none is, all that are not virtual."""
    physical = {clean(line[:-7]) for line in sorts if line.endswith(" device")}
    slaves = {clean(line[:-6]) for line in sorts if line.endswith(" slave")}
    found: dict[str, InterfaceCounters] = {}
    for line in lines:
        match = INTERFACE.fullmatch(line)
        numbers = wholes(match[2].split()) if match else None
        if not match or not numbers or len(numbers) < 16:
            continue
        errors, drops = numbers[2] + numbers[10], numbers[3] + numbers[11]
        if max(errors, drops) > HIGHEST:
            continue
        name = clean(match[1])
        counted = name in physical if physical else not (VIRTUAL_INTERFACE.match(name) or name in slaves)
        found[name] = InterfaceCounters(
            receive_bytes=numbers[0],
            transmit_bytes=numbers[8],
            errors=errors,
            drops=drops,
            is_counted=counted,
        )
    return found


def _most_important(interfaces: dict[str, InterfaceCounters] | None) -> dict[str, InterfaceCounters] | None:
    """The counted ones first, then by name, as many as are kept."""
    if interfaces is None:
        return None
    return dict(sorted(interfaces.items(), key=lambda pair: (not pair[1].is_counted, pair[0]))[:MOST_INTERFACES])


def _load(line: str) -> tuple[float, float, float] | None:
    one, five, fifteen = ([decimal(text) for text in line.split()] + [None] * 3)[:3]
    if one is None or five is None or fifteen is None or max(one, five, fifteen) > 1e6:
        return None
    return one, five, fifteen


def _temperatures(lines: list[str]) -> dict[str, float]:
    """Degrees Celsius by "chip label"; implausible ones are dropped. [hwmon sysfs-interface]"""
    chips: dict[str, str] = {}
    labels: dict[str, str] = {}
    inputs: dict[str, float] = {}
    for match in filter(None, map(SENSOR.fullmatch, lines)):
        chip, is_name, sensor, what, zone, zone_what, text = match.groups()
        if is_name or zone_what == "type":
            chips[chip or zone] = clean(text, 40)
        elif what == "label":
            labels[f"{chip} {sensor}"] = clean(text, 40)
        elif (thousandths := whole(text)) and 0 < thousandths < 200_000:
            inputs[f"{chip} {sensor}" if chip else zone] = thousandths / 1000
    named: dict[str, float] = {}
    for key, degrees in list(inputs.items())[:MOST_SENSORS]:
        chip, _, sensor = key.partition(" ")
        name = " ".join(filter(None, (chips.get(chip, chip), labels.get(key, sensor)))) or key
        named[f"{name} ({chip})" if name in named else name] = degrees
    return named


def _pressure(part: dict[str, list[str]]) -> dict[str, Pressure] | None:
    """The `some` line of each /proc/pressure file. [psi.rst]"""
    found = {}
    for name in ("cpu", "memory", "io"):
        match = re.match(r"some avg10=([0-9.]+) avg60=([0-9.]+) ", _first(part, f"pressure_{name}"))
        ten, sixty = map(decimal, match.groups()) if match else (None, None)
        if ten is not None and sixty is not None and max(ten, sixty) <= 100:
            found[name] = Pressure(ten, sixty)
    return found or None


def _cost(lines: list[str], session: list[str]) -> float | None:
    """Seconds: what the shell's `times` prints, and the ticks of its SSH session where it sees that. [proc(5)]"""
    times = [TIME.fullmatch(text) for text in " ".join(lines).split()]
    spent = [60 * int(time[1]) + float(time[2]) for time in times if time]
    ticks = wholes(" ".join(session).split())
    if len(times) != 4 or len(spent) != 4 or ticks is None or len(ticks) not in (0, 2):
        return None
    return sum(spent) + sum(ticks) / TICKS_PER_SECOND


def _facts(part: dict[str, list[str]]) -> Facts:
    pairs = dict(line.split("=", 1) for line in part.get("os-release", []) if "=" in line)
    name = clean((pairs.get("PRETTY_NAME") or pairs.get("NAME") or "").strip("\"'"))
    system, release, architecture = (_first(part, "uname").split() + [""] * 3)[:3]
    return Facts(
        os=name or clean(system) or None,
        kernel=clean(release) or None,
        architecture=clean(architecture, 32) or None,
        cpu_model=clean(_first(part, "cpuinfo").partition(":")[2]) or None,
    )
