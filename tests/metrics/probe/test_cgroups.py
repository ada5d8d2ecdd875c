"""What cgroups count of each container, out of the probe's lines."""

import pytest

from metrics.probe.cgroups import MOST_CONTAINERS, usages
from metrics.probe.reading import ContainerUsage, Engine
from tests.metrics.probe.answers import container_capture, seen

MIB = 1 << 20
GIB = 1 << 30
ID = "ab" * 32
PLACE = f"/sys/fs/cgroup/system.slice/docker-{ID}.scope"
FIGURES = "2000000 300 100 1000 200000 100000 7 10 20 1 30 40"


def captured(name: str) -> dict[str, ContainerUsage]:
    """By the first characters of the id."""
    lines, inodes = (container_capture(name, file).splitlines() for file in ("cgroups", "inodes"))
    return {i[:4]: usage for i, usage in usages(lines, inodes, 16 * GIB).items()}


def the_only(line: str, *, version: str = "v2", inodes: str = "", total: int | None = GIB) -> ContainerUsage:
    (usage,) = usages([version, line], inodes.splitlines(), total).values()
    return usage


def test_systemd_s_scopes_are_read() -> None:
    found = captured("cgroup-v2-systemd")
    assert found["0a36"] == ContainerUsage(
        cgroup=6200,
        engine=Engine.DOCKER,
        cpu_microseconds=91234567890,
        memory_bytes=192 * MIB,
        memory_limit_bytes=None,
        cpu_limit_cores=None,
        pids=9,
        read_bytes=12288,
        written_bytes=4096,
        out_of_memory_kills=0,
        receive_bytes=123456789,
        transmit_bytes=987654321,
    )
    assert (found["50e9"].memory_limit_bytes, found["50e9"].cpu_limit_cores) == (GIB, 1.5)
    assert found["50e9"].out_of_memory_kills == 2


@pytest.mark.parametrize(
    ("name", "engines"),
    [
        ("cgroup-v2-systemd", {Engine.DOCKER: 4, Engine.PODMAN: 3}),
        ("cgroup-v2-cgroupfs", {Engine.DOCKER: 1, Engine.PODMAN: 2}),
        ("cgroup-v1", {Engine.DOCKER: 2, Engine.PODMAN: 4}),
    ],
)
def test_the_engine_is_told_by_the_place_in_every_layout(name: str, engines: dict[Engine, int]) -> None:
    found = [usage.engine for usage in captured(name).values()]
    assert {engine: found.count(engine) for engine in Engine} == engines


def test_version_1_counts_nanoseconds_and_has_limits_of_its_own() -> None:
    found = captured("cgroup-v1")
    assert found["ff26"] == ContainerUsage(
        cgroup=15139,
        engine=Engine.DOCKER,
        cpu_microseconds=19897,
        memory_bytes=217088,
        memory_limit_bytes=64 * MIB,
        cpu_limit_cores=1.5,
        pids=1,
        read_bytes=0,
        written_bytes=0,
        out_of_memory_kills=0,
        receive_bytes=None,
        transmit_bytes=None,
    )
    assert (found["21ee"].memory_limit_bytes, found["21ee"].cpu_limit_cores) == (None, None)
    assert found["6e76"].memory_bytes == 1601536 - 200704


def test_a_container_on_the_server_s_network_has_none_of_its_own() -> None:
    assert {i: usage.receive_bytes is None for i, usage in captured("cgroup-v1").items()} == {
        "21ee": False,
        "ff26": True,
        "3929": True,
        "6e76": False,
        "7e6e": True,
        "9cc3": True,
    }


@pytest.mark.parametrize("inodes", ["", "5 /proc/12/net/dev", "6 /proc/self/net/dev\n5 /proc/12/net/dev", "x", " "])
def test_one_that_is_not_known_to_share_the_server_s_network_keeps_its_own(inodes: str) -> None:
    assert the_only(f"{PLACE} 12 {FIGURES}", inodes=inodes).receive_bytes == 30


def test_what_cannot_be_read_is_unknown() -> None:
    usage = the_only(f"{PLACE} 12 " + "- " * 12)
    assert usage == ContainerUsage(None, Engine.DOCKER, *[None] * 10)


def test_memory_without_its_cache_is_all_of_it_and_never_less_than_nothing() -> None:
    assert the_only(f"{PLACE} 12 " + FIGURES.replace("300 100", "300 -")).memory_bytes == 300
    assert the_only(f"{PLACE} 12 " + FIGURES.replace("300 100", "100 300")).memory_bytes == 0


@pytest.mark.parametrize(
    ("limit", "total"), [("max", GIB), (str(GIB), GIB), (str(2 * GIB), GIB), ("0", GIB), ("1", None)]
)
def test_a_limit_that_is_not_below_the_server_s_memory_is_none(limit: str, total: int | None) -> None:
    assert the_only(f"{PLACE} 12 " + FIGURES.replace("1000", limit), total=total).memory_limit_bytes is None


@pytest.mark.parametrize("quota", ["max 100000", "-1 100000", "- -", "0 100000", "50000 0"])
def test_a_quota_that_limits_nothing_is_none(quota: str) -> None:
    assert the_only(f"{PLACE} 12 " + FIGURES.replace("200000 100000", quota)).cpu_limit_cores is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "   ",
        PLACE,
        f"{PLACE} 12",
        f"{PLACE} 12 {FIGURES} 9",
        f"{PLACE.replace('ab', 'xy')} 12 {FIGURES}",
        f"{PLACE.replace('ab', 'AB')} 12 {FIGURES}",
        f"{PLACE}/container 12 {FIGURES}",
        f"/sys/fs/cgroup/machine.slice/libpod-conmon-{ID}.scope 12 {FIGURES}",
        f"/sys/fs/cgroup/system.slice/docker-{ID[2:]}.scope 12 {FIGURES}",
        f"/sys/fs/cgroup/system.slice/other-{ID}.service 12 {FIGURES}",
        f"{ID} 12 {FIGURES}",
    ],
)
def test_a_line_that_is_of_no_container_is_left_out(line: str) -> None:
    assert usages(["v2", line], [], GIB) == {}


@pytest.mark.parametrize("bad", ["-1", "1_000", "nan", "１２", "1.5", "9" * 19, "9" * 5000])
def test_a_figure_that_makes_no_sense_is_unknown(bad: str) -> None:
    assert the_only(f"{PLACE} 12 " + FIGURES.replace("2000000", bad)).cpu_microseconds is None


def test_numbers_of_any_length_in_a_line_of_inodes_do_no_harm() -> None:
    long = "9" * 5000
    inodes = f"{long} /proc/self/net/dev\n{long} /proc/12/net/dev\n5 /proc/self/net/dev\n5 /proc/{long}/net/dev"
    assert the_only(f"{PLACE} 12 {FIGURES}", inodes=inodes).receive_bytes == 30


def many(number: int) -> str:
    return "v2\n" + "\n".join(f"/sys/fs/cgroup/docker/{n:064x} {n} {FIGURES}" for n in range(number))


def test_five_hundred_are_kept_and_the_cut_is_marked() -> None:
    reading = seen(cgroups=many(MOST_CONTAINERS + 1))
    assert len(reading.usages or {}) == MOST_CONTAINERS
    assert reading.cut == ("containers",)
    assert seen(cgroups=many(MOST_CONTAINERS)).cut == ()


def test_none_seen_and_not_seen_are_two_answers() -> None:
    assert seen(cgroups="v2").usages == {}
    assert seen(uptime="1.00 1.00").usages is None
