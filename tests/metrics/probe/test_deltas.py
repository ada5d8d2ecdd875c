"""Rates: what lies between two readings of one server, and when nothing can be said."""

from dataclasses import replace

import pytest

from metrics.probe.deltas import (
    Counters,
    CpuShares,
    DiskRates,
    InterfaceRates,
    counters,
    dumped,
    increase,
    loaded,
    sample,
)
from metrics.probe.linux import HIGHEST, read
from metrics.probe.protocol import Request
from metrics.probe.reading import CpuTimes, DiskCounters, InterfaceCounters, Reading
from tests.metrics.probe.answers import NAMES, capture, of

MIB = 1024 * 1024
WRAP = 2**32


def times(*, user: int = 0, idle: int = 0, iowait: int = 0, steal: int = 0) -> CpuTimes:
    return CpuTimes(10_000 + user, 0, 5_000, 90_000 + idle, 1_000 + iowait, 0, 0, steal)


def interface(received: int, sent: int = 0, *, is_counted: bool = True) -> InterfaceCounters:
    return InterfaceCounters(received, sent, errors=0, drops=0, is_counted=is_counted)


FIRST = Reading(
    boot_id="one",
    uptime_seconds=1000.0,
    cpu=times(),
    cores={0: times(), 1: times()},
    disks={"sda": DiskCounters(10 * MIB, 20 * MIB, 5000)},
    interfaces={"eth0": interface(1_000_000, 500_000)},
)
KEPT = counters(FIRST)


def later(seconds: float = 10.0, **changes: object) -> Reading:
    return replace(FIRST, uptime_seconds=1000.0 + seconds, **changes)  # type: ignore[arg-type]


def test_two_real_polls_give_the_rates_between_them() -> None:
    """10.00 seconds; 360 user + 58 system + 1568 idle + 11 iowait = 1997 ticks; 118456 sectors read, 410152 written,
    152 ms busy; 242919 bytes received, 2175 sent."""
    before = counters(of("debian-12"))
    now = sample(read(capture("debian-12", "later.txt"), Request(2, "00c0ffee")), before)
    assert now.measured_seconds == pytest.approx(10.0)
    assert now.cpu is not None
    assert now.cpu.busy == pytest.approx(100 * 418 / 1997)
    assert now.cpu.user == pytest.approx(100 * 360 / 1997)
    assert now.cpu.system == pytest.approx(100 * 58 / 1997)
    assert now.cpu.iowait == pytest.approx(100 * 11 / 1997)
    assert now.cores == pytest.approx({0: 100 * 26 / 995, 1: 100 * 390 / 1000})
    assert now.disk is not None
    assert now.disk.read_bytes_per_second == pytest.approx(118456 * 512 / 10)
    assert now.disk.written_bytes_per_second == pytest.approx(410152 * 512 / 10)
    assert now.disk.busy_percent == pytest.approx(1.52)
    assert now.network_rates == InterfaceRates(pytest.approx(24291.9), pytest.approx(217.5))  # type: ignore[arg-type]


def test_a_first_reading_has_gauges_and_no_rates() -> None:
    now = sample(of("debian-12"), Counters())
    assert now.memory == of("debian-12").memory
    assert now.network == InterfaceCounters(432810127, 901649, 0, 0, is_counted=True)
    assert (now.measured_seconds, now.cpu, now.disk, now.network_rates) == (None, None, None, None)
    assert (now.cores, now.interface_rates) == ({}, {})


def test_busy_is_all_but_idle_and_waiting_for_disks() -> None:
    spent = times(user=500, idle=300, iowait=100, steal=100)
    expected = CpuShares(busy=60.0, user=50.0, system=0.0, iowait=10.0, steal=10.0)
    assert sample(later(cpu=spent), KEPT).cpu == expected


def test_a_processor_that_did_not_tick_has_no_share() -> None:
    assert sample(later(), KEPT).cpu is None


def test_a_rate_is_divided_by_the_server_s_own_clock() -> None:
    now = sample(later(8.0, interfaces={"eth0": interface(1_080_000, 540_000)}), KEPT)
    assert now.measured_seconds == 8.0
    assert now.interface_rates == {"eth0": InterfaceRates(10_000.0, 5_000.0)}


def test_a_gap_of_several_intervals_is_averaged_over_the_whole_gap() -> None:
    now = sample(later(600.0, interfaces={"eth0": interface(7_000_000, 500_000)}), KEPT)
    assert now.measured_seconds == 600.0
    assert now.network_rates == InterfaceRates(10_000.0, 0.0)


@pytest.mark.parametrize("uptime", [5.0, 1010.0, 900_000.0])
def test_another_boot_id_is_a_reboot_whatever_the_uptime_says(uptime: float) -> None:
    rebooted = replace(later(cpu=times(user=500)), boot_id="two", uptime_seconds=uptime)
    now = sample(rebooted, KEPT)
    assert (now.measured_seconds, now.cpu, now.disk, now.network_rates) == (None, None, None, None)
    assert now.uptime_seconds == uptime


def test_without_a_boot_id_an_uptime_that_went_back_is_a_reboot() -> None:
    before = replace(KEPT, boot_id=None)
    assert sample(replace(FIRST, uptime_seconds=5.0), before).measured_seconds is None
    assert sample(later(), before).measured_seconds == 10.0


@pytest.mark.parametrize("uptime", [1000.0, 999.0, None])
def test_without_time_between_two_readings_there_are_no_rates(uptime: float | None) -> None:
    now = sample(replace(later(cpu=times(user=500)), uptime_seconds=uptime), KEPT)
    assert (now.measured_seconds, now.cpu, now.disk, now.network_rates) == (None, None, None, None)


def test_an_unknown_uptime_before_leaves_no_rates() -> None:
    assert sample(later(cpu=times(user=500)), replace(KEPT, uptime_seconds=None)).cpu is None


@pytest.mark.parametrize("back", [{"idle": -100}, {"iowait": -100}, {"idle": -1, "iowait": -1}])
def test_idle_time_that_steps_back_a_little_is_no_time(back: dict[str, int]) -> None:
    shares = sample(later(cpu=times(user=500, **back)), KEPT).cpu
    assert shares is not None
    assert (shares.busy, shares.iowait) == (100.0, 0.0)


@pytest.mark.parametrize("back", [{"idle": -101}, {"iowait": -300}, {"user": -1}])
def test_time_that_steps_back_by_seconds_is_a_new_baseline(back: dict[str, int]) -> None:
    assert sample(later(cpu=times(**{"steal": 500} | back)), KEPT).cpu is None


def test_a_core_that_appears_has_a_share_only_at_the_next_poll() -> None:
    spent = times(user=500, idle=500)
    assert sample(later(cores={0: spent, 1: spent, 2: spent}), KEPT).cores == {0: 50.0, 1: 50.0}


def test_a_core_that_vanishes_leaves_the_others() -> None:
    assert sample(later(cores={1: times(user=250, idle=750)}), KEPT).cores == {1: 25.0}


def test_disks_add_up_and_the_busiest_says_how_busy() -> None:
    before = replace(FIRST, disks={"sda": DiskCounters(0, 0, 0), "sdb": DiskCounters(0, 0, 0)})
    after = later(disks={"sda": DiskCounters(MIB, 2 * MIB, 1000), "sdb": DiskCounters(3 * MIB, 0, 4000)})
    assert sample(after, counters(before)).disk == DiskRates(4 * MIB / 10, 2 * MIB / 10, 40.0)


def test_a_disk_is_never_busier_than_always() -> None:
    now = sample(later(disks={"sda": DiskCounters(10 * MIB, 20 * MIB, 5000 + 10_500)}), KEPT)
    assert now.disk == DiskRates(0.0, 0.0, 100.0)


@pytest.mark.parametrize("disk", [DiskCounters(0, 20 * MIB, 5000), DiskCounters(10 * MIB, 20 * MIB, 4999)])
def test_a_disk_whose_counters_fell_is_a_new_baseline(disk: DiskCounters) -> None:
    assert sample(later(disks={"sda": disk}), KEPT).disk is None


@pytest.mark.parametrize("disks", [None, {}, {"sdb": DiskCounters(1, 1, 1)}])
def test_disks_that_were_not_seen_before_have_no_rates(disks: dict[str, DiskCounters] | None) -> None:
    assert sample(later(disks=disks), KEPT).disk is None


def test_a_disk_s_32_bits_count_sectors() -> None:
    near = DiskCounters((WRAP - 100) * 512, 0, 0)
    far = DiskCounters(WRAP - 100, 0, 0)
    assert rate_from(near, DiskCounters(100 * 512, 0, 0)) == 200 * 512 / 10
    assert rate_from(far, DiskCounters(512, 0, 0)) is None


def rate_from(before: DiskCounters, now: DiskCounters) -> float | None:
    rates = sample(later(disks={"sda": now}), replace(KEPT, disks={"sda": before})).disk
    return rates and rates.read_bytes_per_second


@pytest.mark.parametrize(
    ("before", "now", "went"),
    [
        (5, 5, 0),
        (5, 9, 4),
        (WRAP - 10, 20, 30),
        (WRAP - 1, 0, 1),
        (WRAP - 10, WRAP + 10, 20),
        (9, 5, None),
        (WRAP // 2, 20, None),  # not close to the wrap
        (WRAP - 10, WRAP // 2, None),  # too far after it
        (WRAP, 20, None),  # a counter of more bits
        (2**40, 20, None),
        (2**63 - 1, 0, None),
    ],
)
def test_a_counter_that_fell_was_reset_or_close_to_its_32_bits_wrapped(before: int, now: int, went: int | None) -> None:
    assert increase(before, now) == went


def test_a_wrap_is_no_wrap_after_a_reboot() -> None:
    before = replace(KEPT, interfaces={"eth0": interface(WRAP - 10)})
    after = later(interfaces={"eth0": interface(20)})
    assert sample(after, before).network_rates == InterfaceRates(3.0, 0.0)
    assert sample(replace(after, boot_id="two"), before).network_rates is None


def test_an_interface_whose_counter_fell_is_a_new_baseline() -> None:
    reset = later(interfaces={"eth0": interface(10)})
    assert sample(reset, KEPT).network_rates is None
    again = replace(reset, uptime_seconds=1020.0, interfaces={"eth0": interface(1010)})
    assert sample(again, counters(reset)).network_rates == InterfaceRates(100.0, 0.0)


def test_an_interface_that_appears_does_not_bring_its_past() -> None:
    now = sample(later(interfaces={"eth0": interface(1_000_100, 500_000), "eth1": interface(10**12)}), KEPT)
    assert now.network_rates == InterfaceRates(10.0, 0.0)
    assert set(now.interface_rates) == {"eth0"}
    assert now.network is not None
    assert now.network.receive_bytes == 1_000_100 + 10**12


def test_an_interface_that_vanishes_leaves_the_others() -> None:
    before = counters(replace(FIRST, interfaces={"eth0": interface(0), "eth1": interface(10**12)}))
    assert sample(later(interfaces={"eth0": interface(100)}), before).network_rates == InterfaceRates(10.0, 0.0)


def test_interfaces_that_do_not_count_have_rates_of_their_own_only() -> None:
    before = counters(replace(FIRST, interfaces={"lo": interface(0, is_counted=False)}))
    now = sample(later(interfaces={"lo": interface(100, is_counted=False)}), before)
    assert now.interface_rates == {"lo": InterfaceRates(10.0, 0.0)}
    assert (now.network, now.network_rates) == (None, None)


def test_a_total_beyond_64_bits_is_unknown() -> None:
    assert sample(later(interfaces={"a": interface(HIGHEST), "b": interface(1)}), KEPT).network is None


@pytest.mark.parametrize("name", NAMES)
def test_counters_are_the_same_after_being_kept(name: str) -> None:
    kept = counters(of(name))
    assert loaded(dumped(kept)) == kept


def test_nothing_kept_is_nothing_before() -> None:
    assert loaded("") == Counters()
    assert loaded(dumped(Counters())) == Counters()


@pytest.mark.parametrize("name", NAMES)
def test_a_server_that_stands_still_has_no_rates_of_nothing(name: str) -> None:
    reading = of(name)
    now = sample(replace(reading, uptime_seconds=(reading.uptime_seconds or 0) + 60), counters(reading))
    assert now.measured_seconds == pytest.approx(60)
    assert now.cpu is None
    assert now.disk == DiskRates(0.0, 0.0, 0.0)
    assert now.network_rates == InterfaceRates(0.0, 0.0)
