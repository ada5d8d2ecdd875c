"""Polls are stored whole or not at all, and in small numbers."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, models

from activity.models import ActivityLog
from metrics import partitions, sample_rows, store
from metrics.collect import Collected
from metrics.failures import Failure, Reason
from metrics.models import (
    Filesystem,
    FilesystemMetrics,
    Interface,
    InterfaceMetrics,
    Sensor,
    Server,
    ServerMetrics,
    ServerState,
    TemperatureMetrics,
)
from metrics.models.fields import OWNER_BITS, KibibytesField, ScaledField, slot_at, slot_key, time_of_key
from metrics.periods import RAW
from metrics.probe import deltas
from metrics.probe.linux import read
from metrics.probe.reading import CpuTimes, DiskCounters, InterfaceCounters, Memory, Reading
from metrics.probe.reading import Filesystem as SeenFilesystem
from metrics.store import Polled
from tests.conftest import AT
from tests.metrics.fleet import INTERVAL, latest, state, told
from tests.metrics.probe.answers import ASKED, NAMES, capture, of

HIGHEST = 2**63 - 1
LATER = AT + INTERVAL


@pytest.fixture
def server(db: None) -> Server:
    return new_server("web-01")


def new_server(name: str) -> Server:
    server = Server.objects.create(name=name, hostname="192.0.2.1")
    ServerState.objects.create(server=server, since=AT, next_poll_at=AT)
    return server


def polled(server: Server, outcome: Reading | Failure, at: datetime = AT) -> Polled:
    """A poll's end, with the server as it is in the database now."""
    server = Server.objects.select_related("state").get(pk=server.pk)
    if isinstance(outcome, Failure):
        return Polled(server, at, outcome)
    sample = deltas.sample(outcome, deltas.loaded(server.state.counters))
    return Polled(server, at, Collected(outcome, sample, at, 0.25))


def keep(server: Server, outcome: Reading | Failure, at: datetime = AT) -> None:
    store.save([polled(server, outcome, at)], INTERVAL)


def later(reading: Reading, seconds: float, **changed: Any) -> Reading:
    return replace(reading, uptime_seconds=(reading.uptime_seconds or 0) + seconds, **changed)


def rows() -> list[int]:
    tables = (ServerMetrics, FilesystemMetrics, InterfaceMetrics, TemperatureMetrics, Filesystem, Interface, Sensor)
    return [table._default_manager.count() for table in (*tables, ActivityLog)]


# What a sample is ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_capture_is_stored_with_the_figures_it_was_read_to(server: Server, name: str) -> None:
    reading = of(name)
    keep(server, reading)
    row = latest(server)
    assert reading.memory
    assert row.memory_total_bytes == reading.memory.total_bytes
    assert row.memory_used_bytes == reading.memory.used_bytes
    assert (row.load_average_1m, row.load_average_5m, row.load_average_15m) == reading.load
    assert row.uptime_seconds == int(reading.uptime_seconds or 0)
    assert Filesystem.objects.count() == FilesystemMetrics.objects.count() == len(reading.filesystems or ())
    assert Interface.objects.count() == InterfaceMetrics.objects.count() == len(reading.interfaces or {})
    assert Sensor.objects.count() == TemperatureMetrics.objects.count() == len(reading.temperatures or {})


def test_the_root_filesystem_is_the_servers_disk(server: Server) -> None:
    keep(server, of("debian-12"))
    [root] = [one for one in of("debian-12").filesystems or () if one.mount == "/"]
    row = latest(server)
    assert (row.disk_total_bytes, row.disk_used_bytes) == (root.total_bytes, root.used_bytes)
    assert row.disk_percent == pytest.approx(root.used_percent)


def test_the_first_sample_has_gauges_and_no_rates(server: Server) -> None:
    keep(server, of("debian-12"))
    row = latest(server)
    assert row.memory_used_bytes
    assert row.network_rx_bytes
    unknown = [row.cpu_percent, row.network_rx_bytes_per_second, row.disk_read_bytes_per_second, row.measured_seconds]
    assert [*unknown, row.cores_percent] == [None] * 5


def test_the_second_sample_has_rates_over_the_servers_own_time(server: Server) -> None:
    first, second = of("debian-12"), read(capture("debian-12", "later.txt"), replace(ASKED, number=2))
    keep(server, first)
    keep(server, second, LATER)
    expected = deltas.sample(second, deltas.counters(first))
    row = latest(server)
    assert expected.cpu
    assert expected.network_rates
    assert row.cpu_percent == pytest.approx(expected.cpu.busy, abs=0.05)
    assert row.network_rx_bytes_per_second == int(expected.network_rates.receive_bytes_per_second)
    assert row.measured_seconds == pytest.approx(expected.measured_seconds, abs=0.05)
    assert row.core_percents == pytest.approx([expected.cores[core] for core in sorted(expected.cores)], abs=0.25)


def test_counters_outlast_a_restart_of_ours(server: Server) -> None:
    keep(server, Reading(boot_id="a", uptime_seconds=100.0, cpu=CpuTimes(0, 0, 0, 0, 0, 0, 0, 0)))
    kept = deltas.loaded(state(server).counters)
    assert (kept.boot_id, kept.uptime_seconds, kept.cpu) == ("a", 100.0, CpuTimes(0, 0, 0, 0, 0, 0, 0, 0))
    json.loads(state(server).counters)


def test_what_was_not_seen_is_null(server: Server) -> None:
    keep(server, Reading(uptime_seconds=5.0))
    row = latest(server)
    unknown = [field.name for field in row._meta.concrete_fields if getattr(row, field.attname) is None]
    assert set(unknown) == {field.name for field in row._meta.concrete_fields} - {"server", "slot", "uptime_seconds"}
    assert (row.memory_percent, row.swap_percent, row.disk_percent, row.core_percents) == (None, None, None, [])


def test_nothing_used_is_zero_and_not_null(server: Server) -> None:
    keep(server, Reading(memory=Memory(1 << 30, 0, 0, 1 << 30, is_estimate=False), load=(0.0, 0.0, 0.0)))
    row = latest(server)
    assert (row.memory_used_bytes, row.memory_percent, row.load_average_1m) == (0, 0.0, 0.0)


def test_a_filesystem_that_did_not_answer_is_kept_without_sizes(server: Server) -> None:
    keep(server, Reading(filesystems=(SeenFilesystem("/mnt/nfs", "nas:/x", "nfs", is_read_only=False),)))
    assert FilesystemMetrics.objects.values_list("total_bytes", "used_bytes", "available_bytes").get() == (None,) * 3


def test_a_reading_without_a_boot_id_does_not_hide_a_reboot(server: Server) -> None:
    for number, boot_id in enumerate(["a", None, "b"]):
        keep(server, Reading(boot_id=boot_id, uptime_seconds=10.0), AT + number * INTERVAL)
    assert told(server) == ["server_connected", "server_rebooted"]


def test_a_reboot_is_told_and_the_sample_after_it_has_no_rates(server: Server) -> None:
    reading = of("debian-12")
    keep(server, reading)
    keep(server, later(reading, 10, boot_id="another"), LATER)
    assert told(server) == ["server_connected", "server_rebooted"]
    assert latest(server).cpu_percent is None


# All or nothing --------------------------------------------------------------------------------------


def test_one_broken_poll_of_many_leaves_nothing(db: None) -> None:
    servers = [new_server(f"web-{number:02}") for number in range(5)]
    polls = [polled(server, of("debian-12")) for server in servers]
    broken = replace(polls[3].outcome, sample=None)
    with pytest.raises(AttributeError):
        store.save([*polls[:3], replace(polls[3], outcome=broken), polls[4]], INTERVAL)
    assert rows() == [0] * 8
    assert {now.status for now in ServerState.objects.all()} == {"pending"}
    assert {now.next_poll_at for now in ServerState.objects.all()} == {AT}


def test_the_same_polls_unbroken_are_all_stored(db: None) -> None:
    servers = [new_server(f"web-{number:02}") for number in range(5)]
    store.save([polled(server, of("debian-12")) for server in servers], INTERVAL)
    assert ServerMetrics.objects.count() == 5
    assert {now.status for now in ServerState.objects.all()} == {"online"}


def test_the_first_sample_of_a_slot_stands(server: Server) -> None:
    keep(server, Reading(uptime_seconds=1.0))
    keep(server, Reading(uptime_seconds=2.0), AT + timedelta(seconds=9))
    keep(server, Reading(uptime_seconds=3.0), AT + timedelta(seconds=10))
    assert list(ServerMetrics.objects.order_by("pk").values_list("uptime_seconds", flat=True)) == [1, 3]


@pytest.mark.parametrize("changed", [{"paused": True}, {"access_revision": 7}])
@pytest.mark.parametrize("outcome", [Reading(uptime_seconds=1.0), Failure(Reason.REFUSED, "x")])
def test_a_poll_of_a_server_changed_meanwhile_is_dropped(
    server: Server, changed: dict[str, Any], outcome: Reading | Failure
) -> None:
    poll = polled(server, outcome)
    Server.objects.filter(pk=server.pk).update(**changed)
    store.save([poll], INTERVAL)
    assert rows() == [0] * 8
    assert state(server).status == "pending"


def test_a_poll_of_a_server_deleted_meanwhile_is_dropped(server: Server) -> None:
    poll = polled(server, of("debian-12"))
    Server.objects.all().delete()
    store.save([poll], INTERVAL)
    assert rows() == [0] * 8


def test_a_failed_poll_stores_no_sample(server: Server) -> None:
    keep(server, of("debian-12"))
    before = latest(server).timestamp
    keep(server, Failure(Reason.TIMEOUT, "192.0.2.1:22"), LATER)
    assert ServerMetrics.objects.count() == 1
    assert (latest(server).timestamp, state(server).polled_at) == (before, AT)


def test_an_explanation_fits_its_column(server: Server) -> None:
    keep(server, Failure(Reason.HOST_KEY_CHANGED, f"{'x' * 253}:22", "y" * 120))
    assert len(state(server).explanation) == 500


# What a hostile server can say -------------------------------------------------------------------------


def huge(before: int, seconds: float) -> Reading:
    """Counters as high as the parsers let them be."""
    top = HIGHEST - before
    return Reading(
        boot_id="a",
        uptime_seconds=seconds,
        booted_at=9_999_999_999,
        memory=Memory(top, top, top, top, is_estimate=False),
        filesystems=(SeenFilesystem("/", "d", "ext4", False, top, top, top, top, top),),
        disks={name: DiskCounters(top, top, top) for name in ("sda", "sdb")},
        interfaces={name: InterfaceCounters(top, top, top, top, is_counted=True) for name in ("eth0", "eth1")},
        load=(1e6, 1e6, 1e6),
    )


def test_huge_numbers_are_stored_or_unknown_and_break_nothing(server: Server) -> None:
    other = new_server("web-02")
    keep(server, huge(HIGHEST, 1.0))
    store.save([polled(server, huge(0, 1.01), LATER), polled(other, of("debian-12"), LATER)], INTERVAL)
    row = latest(server)
    assert row.memory_total_bytes == HIGHEST // 1024 * 1024
    assert row.disk_read_bytes_per_second is None
    assert row.network_rx_bytes_per_second is None
    assert latest(other).memory_total_bytes


def test_the_longest_time_between_two_readings_is_stored_or_unknown(server: Server) -> None:
    keep(server, Reading(boot_id="a", uptime_seconds=0.01))
    keep(server, Reading(boot_id="a", uptime_seconds=9_999_999_999.0), LATER)
    assert latest(server).uptime_seconds == 9_999_999_999


def test_no_more_than_a_thousand_new_names_a_day(server: Server) -> None:
    def seen(start: int) -> Reading:
        counters = InterfaceCounters(0, 0, 0, 0, is_counted=False)
        return Reading(interfaces={f"eth{number}": counters for number in range(start, start + 300)})

    for number in range(5):
        keep(server, seen(300 * number), AT + number * INTERVAL)
    assert Interface.objects.count() == 1000
    keep(server, seen(1200), AT + timedelta(hours=25))
    assert Interface.objects.count() == 1300


def test_names_that_are_known_are_not_new(server: Server) -> None:
    keep(server, of("debian-12"))
    before = Interface.objects.count()
    keep(server, of("debian-12"), LATER)
    assert Interface.objects.count() == before
    assert InterfaceMetrics.objects.count() == 2 * before


def test_a_filesystem_that_became_read_only_says_so(server: Server) -> None:
    for number, is_read_only in enumerate([False, True]):
        keep(server, Reading(filesystems=(SeenFilesystem("/", "d", "ext4", is_read_only),)), AT + number * INTERVAL)
    assert Filesystem.objects.get().is_read_only


# The clock ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [-3600, -61, 0, 61, 86_400])
def test_the_skew_of_a_servers_clock_is_kept(server: Server, ahead: int) -> None:
    keep(server, Reading(uptime_seconds=500.0, booted_at=int(AT.timestamp()) - 500 + ahead))
    assert state(server).clock_skew_seconds == ahead


@pytest.mark.parametrize("booted_at", [None, 9_999_999_999, 0])
def test_a_skew_that_is_none_is_unknown(server: Server, booted_at: int | None) -> None:
    keep(server, Reading(uptime_seconds=9e9 if booted_at else None, booted_at=booted_at))
    assert state(server).clock_skew_seconds is None


# Numbers in their columns ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "slot"),
    [("12:00:00", "12:00:00"), ("12:00:09.999999", "12:00:00"), ("12:00:10", "12:00:10"), ("23:59:59", "23:59:50")],
)
def test_a_slot_is_ten_seconds(instant: str, slot: str) -> None:
    at = datetime.fromisoformat(f"2026-01-31T{instant}+00:00")
    assert datetime.fromtimestamp(slot_at(at), UTC) == datetime.fromisoformat(f"2026-01-31T{slot}+00:00")


@pytest.mark.parametrize("owner", [1, 2, 1000, (1 << OWNER_BITS) - 1])
@pytest.mark.parametrize("year", [1971, 2026, 2100, 4000])
def test_a_key_tells_its_time_and_owner(owner: int, year: int) -> None:
    at = datetime(year, 3, 1, tzinfo=UTC)
    row = ServerMetrics(id=slot_key(slot_at(at), owner))
    assert (row.timestamp, row.server_id) == (at, owner)
    assert row.pk <= HIGHEST
    assert time_of_key(row.pk) == at


def test_keys_are_in_the_order_of_time_whoever_owns_them() -> None:
    assert slot_key(10, (1 << OWNER_BITS) - 1) < slot_key(20, 1)


@pytest.mark.parametrize("owner", [0, -1, 1 << OWNER_BITS])
def test_an_owner_that_a_key_cannot_hold_is_refused(owner: int) -> None:
    with pytest.raises(ValueError, match="is not an id"):
        slot_key(10, owner)


@pytest.mark.parametrize(
    ("name", "value", "kept", "raw"),
    [
        ("cpu_percent", 12.34, 12.3, 123),
        ("cpu_percent", 99.96, 100.0, 1000),
        ("cpu_percent", 0.0, 0.0, 0),
        ("cpu_percent", None, None, None),
        ("load_average_1m", 0.07, 0.07, 7),
        ("load_average_1m", 1234.567, 1234.57, 123457),
        ("measured_seconds", 10.04, 10.0, 100),
        ("memory_total_bytes", 24684096 * 1024, 24684096 * 1024, 24684096),
        ("memory_total_bytes", 1023, 0, 0),
        ("memory_total_bytes", HIGHEST, HIGHEST // 1024 * 1024, HIGHEST // 1024),
        ("network_rx_bytes", HIGHEST, HIGHEST, HIGHEST),
        ("network_rx_bytes", None, None, None),
    ],
)
def test_numbers_come_back_as_they_were_kept(db: None, name: str, value: Any, kept: Any, raw: Any) -> None:
    partitions.ensure(RAW, [10])
    ServerMetrics.objects.create(id=slot_key(10, 1), **{name: value})
    assert getattr(ServerMetrics.objects.get(), name) == kept
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {name} FROM metrics_servermetrics")
        assert cursor.fetchone() == (raw,)


@pytest.mark.parametrize("field", [ScaledField(scale=10), KibibytesField(), models.BigIntegerField()])
def test_unknown_stays_unknown_both_ways(field: Any) -> None:
    assert field.get_prep_value(None) is None
    assert not hasattr(field, "from_db_value") or field.from_db_value(None) is None


def test_cores_are_kept_in_half_percents() -> None:
    row = ServerMetrics(cores_percent=sample_rows.core_bytes({0: 12.26, 2: 100.0, 3: 0.0}))
    assert row.core_percents == [12.5, None, 100.0, 0.0]
