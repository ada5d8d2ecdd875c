"""Every capture parses to the figures that were worked out by hand from its raw lines."""

from dataclasses import astuple
from typing import NamedTuple

import pytest

from metrics.probe.linux import read
from metrics.probe.protocol import Request
from metrics.probe.reading import Facts, Filesystem
from tests.metrics.probe.answers import NAMES, capture, of


class Expected(NamedTuple):
    uptime_seconds: float
    cpu: tuple[int, ...]  # user nice system idle iowait irq softirq steal
    cores: int
    load: tuple[float, float, float]
    memory_kib: tuple[int, int, int, int]  # total used cache free
    swap_kib: tuple[int, int] | None  # total used
    filesystems: dict[str, tuple[int | None, ...] | None]  # bytes total, used, available; inodes total, used; df's %
    disks: dict[str, tuple[int, int, int]]  # bytes read, written; milliseconds busy
    counted: dict[str, tuple[int, int, int, int]]  # bytes received, sent; errors; drops
    some_pressure: dict[str, tuple[float, float]] | None = None  # avg10, avg60


EXPECTED = {
    "alpine-3.19": Expected(
        uptime_seconds=54321.09,
        cpu=(12345, 0, 6789, 5398765, 1234, 0, 567, 89),
        cores=1,
        load=(0.00, 0.01, 0.00),
        memory_kib=(486344, 98692, 181684, 234568),
        swap_kib=(524284, 0),
        filesystems={
            "/": (7922122752, 453246976, 7044612096, 495616, 9938, 7),
            "/boot": (300305408, 28503040, 251574272, 76912, 22, 11),
        },
        disks={"vda": (278123520, 505678848, 23456)},
        counted={"eth0": (123456789, 23456789, 0, 0)},
    ),
    "busybox": Expected(
        uptime_seconds=1535.01,
        cpu=(7431, 0, 5049, 292891, 681, 0, 155, 32),
        cores=2,
        load=(0.31, 0.25, 0.10),
        memory_kib=(24684096, 416468, 644548, 23903068),
        swap_kib=None,
        filesystems={
            "/": (270553174016, 25121464320, 83822829568, 16777216, 443423, 24),
            "/srv/data": (57381888, 20985856, 31699968, 16384, 12, 40),
        },
        disks={"vda": (1503085568, 2707906560, 11728)},
        counted={"eth0": (432810127, 901649, 0, 0)},
        some_pressure={"cpu": (0.24, 2.4), "memory": (0.0, 0.0), "io": (0.72, 0.72)},
    ),
    "centos-6": Expected(
        uptime_seconds=8640123.45,
        cpu=(91234567, 12345, 30456789, 3289045678, 10234567, 45678, 2345678, 0),
        cores=2,
        load=(0.08, 0.15, 0.11),
        memory_kib=(1920284, 556804, 1240024, 123456),
        swap_kib=(2064380, 21000),
        filesystems={
            "/": (18757976064, 7038361600, 10766807040, 1164592, 75580, 40),
            "/boot": (499355648, 48669696, 424471552, 128016, 44, 11),
        },
        disks={"sda": (27812402176, 67253305344, 12345678)},
        counted={"eth0": (3456789012, 9876543210, 3, 19), "eth1": (0, 468, 0, 0)},
    ),
    "container": Expected(
        uptime_seconds=1700.03,
        cpu=(7577, 0, 5224, 325508, 699, 0, 158, 32),
        cores=2,
        load=(0.32, 0.27, 0.13),
        memory_kib=(24684096, 489724, 316740, 24155224),
        swap_kib=None,
        filesystems={"/": (12638257152, 104857600, 12533399552, 3085512, 9, 1)},
        disks={"vda": (1660662784, 2711552000, 12004)},
        counted={"eth0": (266, 52280, 0, 0)},
        some_pressure={"cpu": (0.0, 0.14), "memory": (0.0, 0.0), "io": (0.0, 0.08)},
    ),
    "debian-10-cgroup-v1": Expected(
        uptime_seconds=1209600.00,
        cpu=(2345678, 1234, 876543, 474321098, 234567, 0, 34567, 12345),
        cores=4,
        load=(0.52, 0.58, 0.59),
        memory_kib=(8168344, 2736244, 4922468, 512344),
        swap_kib=(998396, 73728),
        filesystems={"/": (63147372544, 22693052416, 37213929472, 3932160, 319815, 38)},
        disks={"sda": (5056790016, 44879012352, 2345678)},
        counted={"ens192": (98765432101, 45678901234, 0, 42)},
    ),
    "debian-11": Expected(
        uptime_seconds=1532.36,
        cpu=(7430, 0, 5042, 292371, 680, 0, 155, 32),
        cores=2,
        load=(0.31, 0.25, 0.10),
        memory_kib=(24684096, 442024, 682536, 23839728),
        swap_kib=None,
        filesystems={
            "/": (270553174016, 25121452032, 83822841856, 16777216, 443420, 24),
            "/var/lib/data": (57381888, 20985856, 31699968, 16384, 12, 40),
        },
        disks={"vda": (1502221312, 2707894272, 11728)},
        counted={"eth0": (432810085, 901607, 0, 0)},
        some_pressure={"cpu": (0.29, 2.48), "memory": (0.0, 0.0), "io": (0.88, 0.74)},
    ),
    "debian-11-lvm": Expected(
        uptime_seconds=456789.01,
        cpu=(876543, 123, 234567, 89012345, 123456, 0, 12345, 2345),
        cores=2,
        load=(0.03, 0.07, 0.05),
        memory_kib=(4028440, 1151896, 2818628, 234568),
        swap_kib=(999420, 11776),
        filesystems={
            "/": (29440245760, 10730168320, 17189040128, 1835008, 122663, 39),
            "/boot": (492152832, 123639808, 343937024, 124928, 361, 27),
            "/home": (62903123968, 48744116224, 10941374464, 3915776, 114542, 82),
        },
        disks={"sda": (4487901184, 17698758656, 567890)},
        counted={"ens18": (4567890123, 3456789012, 0, 0)},
        some_pressure={"cpu": (0.0, 0.04), "memory": (0.0, 0.0), "io": (0.0, 0.01)},
    ),
    "debian-12": Expected(
        uptime_seconds=1702.56,
        cpu=(7577, 0, 5229, 326007, 699, 0, 158, 32),
        cores=2,
        load=(0.30, 0.27, 0.13),
        memory_kib=(24684096, 389396, 308272, 24263916),
        swap_kib=None,
        filesystems={"/": (270553174016, 25124057088, 83820236800, 16777216, 443471, 24)},
        disks={"vda": (1661539328, 2711556096, 12004)},
        counted={"eth0": (432810127, 901649, 0, 0)},
        some_pressure={"cpu": (0.0, 0.13), "memory": (0.0, 0.0), "io": (0.0, 0.07)},
    ),
    "debian-12-bonding": Expected(
        uptime_seconds=3456789.01,
        cpu=(5678901, 234, 2345678, 1371234567, 234567, 0, 345678, 0),
        cores=4,
        load=(0.44, 0.40, 0.35),
        memory_kib=(16303428, 5068860, 10172840, 1234568),
        swap_kib=(8388604, 249856),
        filesystems={"/": (499831013376, 95287803904, 379112607744, 31129600, 895033, 21)},
        disks={"sda": (10176790528, 50567905280, 2345678), "sdb": (10173440000, 50567905280, 2345000)},
        counted={"eno1": (223344556677, 112233445566, 0, 11), "eno2": (334455667788, 223344556677, 0, 22)},
        some_pressure={"cpu": (0.05, 0.07), "memory": (0.0, 0.0), "io": (0.1, 0.12)},
    ),
    "debian-12-nfs": Expected(
        uptime_seconds=123456.78,
        cpu=(234567, 0, 98765, 24123456, 34567, 0, 2345, 678),
        cores=2,
        load=(0.20, 0.18, 0.12),
        memory_kib=(2014124, 479556, 1307552, 312344),
        swap_kib=None,
        filesystems={
            "/": (21001936896, 11394039808, 8516087808, 1310720, 98375, 58),
            "/mnt/backup": (1999999336448, 1229750009856, 770249326592, 122070312, 3304880, 62),
            "/mnt/media": (3999999721472, 2705462394880, 1294537326592, 244140625, 152971, 68),
        },
        disks={"vda": (1769871360, 5056790528, 123456)},
        counted={"eth0": (8765432109, 6543210987, 0, 0)},
        some_pressure={"cpu": (0.0, 0.0), "memory": (0.0, 0.0), "io": (2.1, 1.75)},
    ),
    "debian-12-nfs-hung": Expected(
        uptime_seconds=123516.80,
        cpu=(234567, 0, 98765, 24123456, 34567, 0, 2345, 678),
        cores=2,
        load=(1.36, 0.55, 0.26),
        memory_kib=(2014124, 479556, 1307552, 312344),
        swap_kib=None,
        filesystems={
            "/": (21001936896, 11394039808, 8516087808, 1310720, 98375, 58),
            "/mnt/backup": None,
            "/mnt/media": None,
        },
        disks={"vda": (1769871360, 5056790528, 123456)},
        counted={"eth0": (8765432109, 6543210987, 0, 0)},
        some_pressure={"cpu": (0.0, 0.0), "memory": (0.0, 0.0), "io": (2.1, 1.75)},
    ),
    "debian-13": Expected(
        uptime_seconds=1529.64,
        cpu=(7429, 0, 5033, 291839, 680, 0, 155, 32),
        cores=2,
        load=(0.34, 0.25, 0.10),
        memory_kib=(24684096, 465888, 703176, 23795520),
        swap_kib=(65532, 0),
        filesystems={
            "/": (270553174016, 25121443840, 83822850048, 16777216, 443418, 24),
            "/srv/again": (57381888, 20985856, 31699968, 16384, 12, 40),
            "/srv/pool": (268435456, 6062080, 183500800, None, None, 4),
        },
        disks={"vda": (1501828096, 2707542016, 11728)},
        counted={"eth0": (432810085, 901607, 0, 0)},
        some_pressure={"cpu": (0.36, 2.57), "memory": (0.0, 0.0), "io": (1.08, 0.77)},
    ),
    "docker-host": Expected(
        uptime_seconds=1728000.50,
        cpu=(67890123, 4567, 23456789, 1285678901, 3456789, 0, 2345678, 0),
        cores=8,
        load=(3.87, 4.12, 3.95),
        memory_kib=(65805692, 31237800, 34444432, 1876544),
        swap_kib=None,
        filesystems={"/": (999181778944, 640149680128, 308160786432, 62054400, 7733302, 68)},
        disks={"nvme0n1": (176987598848, 1200987598848, 12345678)},
        counted={"eth0": (9876543210987, 7654321098765, 0, 127)},
        some_pressure={"cpu": (4.21, 3.98), "memory": (0.0, 0.01), "io": (1.2, 1.15)},
    ),
    "proxmox-8-zfs": Expected(
        uptime_seconds=987654.32,
        cpu=(45678901, 12345, 12345678, 712345678, 3456789, 0, 456789, 0),
        cores=4,
        load=(0.91, 1.02, 1.10),
        memory_kib=(65536000, 23592960, 32964608, 10485760),
        swap_kib=None,
        filesystems={
            "/": (469099741184, 16011493376, 453088247808, 885012345, 74345, 4),
            "/rpool": (453088378880, 131072, 453088247808, 884938006, 6, 1),
            "/var/lib/vz": (467650478080, 14562230272, 453088247808, 884938112, 112, 4),
            "/rpool/ROOT": (453088378880, 131072, 453088247808, 884938007, 7, 1),
            "/rpool/data": (453088378880, 131072, 453088247808, 884938007, 7, 1),
            "/rpool/data/subvol-101-disk-0": (8589934592, 563871744, 8026062848, 15698765, 22861, 7),
            "/etc/pve": (134217728, 45056, 134172672, 262144, 44, 1),
        },
        disks={"sda": (141590123520, 505679011840, 12345678), "sdb": (141588480000, 505676800000, 12345600)},
        counted={"eno1": (234567890123, 123456789012, 0, 0)},
        some_pressure={"cpu": (0.12, 0.2), "memory": (0.0, 0.0), "io": (0.45, 0.52)},
    ),
    "raspberry-pi": Expected(
        uptime_seconds=765432.10,
        cpu=(1234567, 2345, 456789, 301234567, 345678, 0, 23456, 0),
        cores=4,
        load=(0.12, 0.09, 0.03),
        memory_kib=(3886764, 652196, 2053084, 1234568),
        swap_kib=(204796, 0),
        filesystems={
            "/": (30905597952, 7644819456, 21964165120, 1916928, 93472, 26),
            "/boot/firmware": (534765568, 79712256, 455053312, None, None, 15),
        },
        disks={"mmcblk0": (3919012352, 6320987136, 3456789)},
        counted={"eth0": (0, 0, 0, 0), "wlan0": (3456789012, 1234567890, 0, 345)},
    ),
    "rocky-9-64-cores": Expected(
        uptime_seconds=2592345.67,
        cpu=(671544593, 31244, 156150629, 15668152708, 3097816, 15802794, 6725201, 0),
        cores=64,
        load=(23.45, 21.87, 19.20),
        memory_kib=(528123456, 125777780, 281857288, 123456788),
        swap_kib=(4194300, 0),
        filesystems={
            "/": (998577799168, 229945700352, 768632098816, 487586816, 1043606, 24),
            "/data": (3840000000000, 3334320992256, 505679007744, 375000000, 5123457, 87),
            "/boot": (1063256064, 311820288, 751435776, 524288, 376, 30),
        },
        disks={"nvme0n1": (1011357941760, 4045432094720, 23456789), "nvme1n1": (192157941760, 359032094720, 3456789)},
        counted={"ens1f0np0": (123456789012345, 98765432101234, 0, 3456), "ens1f1np1": (1234567, 7654321, 12, 0)},
    ),
    "ubuntu-22.04-cgroup-v2": Expected(
        uptime_seconds=345678.90,
        cpu=(1234567, 2345, 345678, 269123456, 45678, 0, 12345, 0),
        cores=8,
        load=(1.25, 0.98, 0.87),
        memory_kib=(32768000, 8200108, 22000004, 2345676),
        swap_kib=(2097148, 520192),
        filesystems={
            "/": (500095254528, 141063155712, 333545918464, 31064064, 940608, 30),
            "/boot/efi": (535805952, 6369280, 529436672, None, None, 2),
        },
        disks={"nvme0n1": (17698759680, 50567901184, 765432)},
        counted={"enp5s0": (12345678901, 2345678901, 0, 1024), "wlp4s0": (0, 0, 0, 0)},
        some_pressure={"cpu": (1.52, 0.97), "memory": (0.0, 0.02), "io": (0.34, 0.41)},
    ),
}

TEMPERATURES = {
    "proxmox-8-zfs": {
        "drivetemp temp1": 33.0,
        "drivetemp temp1 (hwmon1)": 34.0,
        "coretemp Package id 0": 45.0,
        "x86_pkg_temp": 45.0,
    },
    "raspberry-pi": {"cpu_thermal temp1": 48.686, "cpu-thermal": 48.199},
    "rocky-9-64-cores": {"nvme Composite": 38.85, "nvme Composite (hwmon1)": 36.85, "k10temp Tctl": 61.25},
    "ubuntu-22.04-cgroup-v2": {  # its disk's second sensor says 65261.85 and a thermal zone -263.2
        "acpitz temp1": 27.8,
        "nvme Composite": 41.85,
        "coretemp Package id 0": 52.0,
        "coretemp Core 0": 49.0,
        "coretemp Core 1": 50.0,
        "x86_pkg_temp": 52.0,
    },
}

FACTS = {
    "alpine-3.19": ("Alpine Linux v3.19", "6.6.32-0-virt", "x86_64", "Intel Xeon Processor (Skylake, IBRS)"),
    "centos-6": ("Linux", "2.6.32-754.35.1.el6.x86_64", "x86_64", "Intel(R) Xeon(R) CPU           X5650  @ 2.67GHz"),
    "debian-12": ("Debian GNU/Linux 12 (bookworm)", "6.18.44", "x86_64", "AMD EPYC"),
    "raspberry-pi": (
        "Debian GNU/Linux 12 (bookworm)",
        "6.6.31+rpt-rpi-v8",
        "aarch64",
        "Raspberry Pi 4 Model B Rev 1.4",
    ),
    "rocky-9-64-cores": (
        "Rocky Linux 9.4 (Blue Onyx)",
        "5.14.0-427.18.1.el9_4.x86_64",
        "x86_64",
        "AMD EPYC 7713P 64-Core Processor",
    ),
}

READ_ONLY = {"debian-11": {"/var/lib/data"}, "debian-12-nfs": {"/mnt/media"}, "debian-12-nfs-hung": {"/mnt/media"}}

every_capture = pytest.mark.parametrize("name", NAMES)


def test_every_capture_has_its_expected_figures() -> None:
    assert set(NAMES) == set(EXPECTED)


@every_capture
def test_processor_load_and_uptime(name: str) -> None:
    reading, expected = of(name), EXPECTED[name]
    assert reading.cpu is not None
    assert astuple(reading.cpu) == expected.cpu
    assert sorted(reading.cores) == list(range(expected.cores))
    assert (reading.load, reading.uptime_seconds) == (expected.load, expected.uptime_seconds)


@every_capture
def test_the_cores_add_up_to_the_machine(name: str) -> None:
    reading, expected = of(name), EXPECTED[name]
    together = [sum(ticks) for ticks in zip(*map(astuple, reading.cores.values()), strict=True)]
    assert together == pytest.approx(expected.cpu, abs=expected.cores)


@every_capture
def test_memory_and_swap(name: str) -> None:
    reading, expected = of(name), EXPECTED[name]
    assert reading.memory is not None
    assert astuple(reading.memory)[:4] == tuple(kib * 1024 for kib in expected.memory_kib)
    assert reading.memory.is_estimate == (name == "centos-6")
    assert (reading.swap and astuple(reading.swap)) == (
        expected.swap_kib and tuple(kib * 1024 for kib in expected.swap_kib)
    )


@every_capture
def test_filesystems(name: str) -> None:
    found = {one.mount: one for one in of(name).filesystems or ()}
    assert {mount: as_df_shows(one) for mount, one in found.items()} == EXPECTED[name].filesystems
    assert {mount for mount, one in found.items() if one.is_read_only} == READ_ONLY.get(name, set())


def as_df_shows(one: Filesystem) -> tuple[int | None, ...] | None:
    """df rounds its percentage up."""
    if one.used_percent is None:
        return None
    sizes = (one.total_bytes, one.used_bytes, one.available_bytes, one.inodes_total, one.inodes_used)
    return *sizes, -int(-one.used_percent // 1)


@every_capture
def test_disks(name: str) -> None:
    assert {disk: astuple(counters) for disk, counters in (of(name).disks or {}).items()} == EXPECTED[name].disks


@every_capture
def test_counted_interfaces(name: str) -> None:
    interfaces = of(name).interfaces or {}
    counted = {one: astuple(counters)[:4] for one, counters in interfaces.items() if counters.is_counted}
    assert counted == EXPECTED[name].counted


@every_capture
def test_temperatures_and_pressure(name: str) -> None:
    reading = of(name)
    assert reading.temperatures == TEMPERATURES.get(name)
    pressure = reading.pressure and {what: astuple(averages) for what, averages in reading.pressure.items()}
    assert pressure == EXPECTED[name].some_pressure


@pytest.mark.parametrize(("name", "facts"), FACTS.items())
def test_facts(name: str, facts: tuple[str, str, str, str]) -> None:
    assert of(name).facts == Facts(*facts)


def test_an_answer_without_facts_has_none() -> None:
    assert read(capture("debian-12", "later.txt"), Request(2, "00c0ffee")).facts is None


def test_only_the_docker_host_has_more_interfaces_than_are_kept() -> None:
    assert {name: of(name).cut for name in NAMES if of(name).cut} == {"docker-host": ("interfaces",)}


def test_the_boot_id_and_the_time_of_the_boot_are_read() -> None:
    reading = of("centos-6")
    assert reading.boot_id == "0b7a6f0e-4a51-4e7c-9f0c-6d1c2f9e7a10"
    assert reading.booted_at == 1380000000
