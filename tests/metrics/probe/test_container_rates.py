"""Rates of containers: what lies between two readings of one, and when nothing can be said."""

from dataclasses import replace

import pytest

from metrics.probe.container_rates import ContainerFigures, counters, figures
from metrics.probe.deltas import Counters, dumped, loaded, sample
from metrics.probe.deltas import counters as counters_of
from metrics.probe.reading import ContainerUsage, Engine, Reading

FIRST = ContainerUsage(
    cgroup=7,
    engine=Engine.DOCKER,
    cpu_microseconds=1_000_000,
    memory_bytes=300,
    memory_limit_bytes=1000,
    cpu_limit_cores=1.5,
    pids=3,
    read_bytes=100,
    written_bytes=200,
    out_of_memory_kills=1,
    receive_bytes=1000,
    transmit_bytes=2000,
)
LATER = replace(
    FIRST,
    cpu_microseconds=21_000_000,
    read_bytes=1100,
    written_bytes=2200,
    out_of_memory_kills=3,
    receive_bytes=4000,
    transmit_bytes=6000,
)
RATES = (
    "cpu_percent",
    "receive_bytes_per_second",
    "transmit_bytes_per_second",
    "read_bytes_per_second",
    "written_bytes_per_second",
    "out_of_memory_kills",
)


def rates(now: ContainerFigures) -> set[object]:
    return {getattr(now, name) for name in RATES}


def between(before: ContainerUsage, now: ContainerUsage, seconds: float | None = 10.0) -> ContainerFigures:
    return figures(now, counters(before), seconds)


def test_two_readings_give_the_rates_between_them() -> None:
    assert between(FIRST, LATER) == ContainerFigures(
        cpu_percent=200.0,
        cpu_limit_cores=1.5,
        memory_bytes=300,
        memory_limit_bytes=1000,
        pids=3,
        receive_bytes=4000,
        transmit_bytes=6000,
        receive_bytes_per_second=300.0,
        transmit_bytes_per_second=400.0,
        read_bytes_per_second=100.0,
        written_bytes_per_second=200.0,
        out_of_memory_kills=2,
    )


@pytest.mark.parametrize(("seconds", "percent"), [(5.0, 400.0), (20.0, 100.0), (600.0, 100 / 30)])
def test_two_busy_cores_are_two_hundred_percent_over_the_time_that_was_measured(seconds: float, percent: float) -> None:
    assert between(FIRST, LATER, seconds).cpu_percent == pytest.approx(percent)


def test_one_that_stands_still_has_rates_of_nothing() -> None:
    assert rates(between(FIRST, FIRST)) == {0}


def test_a_first_reading_has_gauges_and_no_rates() -> None:
    now = figures(FIRST, None, 10.0)
    assert rates(now) == {None}
    assert (now.memory_bytes, now.pids, now.receive_bytes) == (300, 3, 1000)


def test_another_cgroup_is_a_new_start_even_if_every_counter_grew() -> None:
    assert rates(between(FIRST, replace(LATER, cgroup=8))) == {None}


@pytest.mark.parametrize(
    ("counter", "rate"),
    [
        ("cpu_microseconds", "cpu_percent"),
        ("read_bytes", "read_bytes_per_second"),
        ("written_bytes", "written_bytes_per_second"),
        ("receive_bytes", "receive_bytes_per_second"),
        ("transmit_bytes", "transmit_bytes_per_second"),
        ("out_of_memory_kills", "out_of_memory_kills"),
    ],
)
def test_a_counter_that_fell_or_is_not_known_leaves_the_others(counter: str, rate: str) -> None:
    for before, now in ((FIRST, {counter: 0}), (FIRST, {counter: None}), (replace(FIRST, **{counter: None}), {})):
        found = between(before, replace(LATER, **now))  # type: ignore[arg-type]
        assert {name for name in RATES if getattr(found, name) is None} == {rate}


@pytest.mark.parametrize("seconds", [None, 0.0])
def test_without_time_there_are_no_rates(seconds: float | None) -> None:
    assert rates(between(FIRST, LATER, seconds)) == {None, 2}


def reading(uptime: float, boot_id: str = "one", **containers: ContainerUsage) -> Reading:
    return Reading(boot_id=boot_id, uptime_seconds=uptime, usages=containers)


def test_a_sample_has_every_container_that_was_seen() -> None:
    kept = counters_of(reading(1000.0, a=FIRST, gone=FIRST))
    now = sample(reading(1010.0, a=LATER, new=LATER), kept).containers
    assert {name: one.cpu_percent for name, one in now.items()} == {"a": 200.0, "new": None}


def test_a_reboot_is_a_new_baseline() -> None:
    now = sample(reading(1010.0, "two", a=LATER), counters_of(reading(1000.0, a=FIRST))).containers
    assert rates(now["a"]) == {None}


def test_counters_are_the_same_after_being_kept() -> None:
    kept = counters_of(reading(1000.0, a=FIRST, b=ContainerUsage(8, None, *[None] * 10)))
    assert loaded(dumped(kept)) == kept
    assert sample(reading(1010.0, a=LATER), Counters()).containers["a"].cpu_percent is None
