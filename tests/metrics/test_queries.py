"""What is answered about servers is right, null where it is not known, and found without a scan."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from metrics import fleet_series, partitions, queries, rollups
from metrics.models import (
    Filesystem,
    FilesystemMetrics,
    Heartbeat,
    Interface,
    InterfaceMetrics,
    LatestServerMetrics,
    Sensor,
    Server,
    ServerMetrics,
    ServerState,
    Tag,
    TemperatureMetrics,
)
from metrics.models.fields import slot_at, slot_key
from metrics.periods import RAW, Span, span
from tests.conftest import AT

START = slot_at(AT)
MINUTE = Span(START, START + 60, 20)  # three steps of two slots
GIB = 1 << 30


@pytest.fixture
def server(db: None) -> Server:
    return new_server("web-01")


def new_server(name: str, status: str = "online", age: timedelta = timedelta(0), **figures: Any) -> Server:
    """A server whose newest sample, of these figures, is so old."""
    server = Server.objects.create(name=name, hostname="192.0.2.1")
    ServerState.objects.create(server=server, since=AT, status=status, polled_at=AT - age)
    if figures:
        newest(server, -int(age.total_seconds()), **figures)
    return server


def sample(server: Server, seconds: int, **figures: Any) -> ServerMetrics:
    """A sample so many seconds after AT."""
    partitions.ensure(RAW, [START + seconds])
    return ServerMetrics.objects.create(id=slot_key(START + seconds, server.pk), **figures)


def newest(server: Server, seconds: int, **figures: Any) -> None:
    """The same, and it is the newest."""
    row = sample(server, seconds, **figures)
    latest = {one.name: getattr(row, one.name) for one in row._meta.concrete_fields if not one.primary_key}
    LatestServerMetrics.objects.update_or_create(server=server, defaults=latest | {"slot": START + seconds})


def row_of(name: str) -> queries.ServerRow:
    return next(row for row in rows() if row.name == name)


def fleet(servers: Any = None) -> queries.Fleet:
    return queries.fleet(Server.objects.all() if servers is None else servers, AT)


def rows() -> list[queries.ServerRow]:
    return queries.server_rows(Server.objects.prefetch_related("tags"), AT)


# Series ----------------------------------------------------------------------------------------------


def test_a_step_has_the_mean_the_lowest_and_the_highest_of_its_samples(server: Server) -> None:
    for seconds, percent in [(0, 10.0), (10, 30.0), (20, 5.5)]:
        sample(server, seconds, cpu_percent=percent)
    series = queries.server_series(server.pk, MINUTE)
    assert series.mean["cpu_percent"] == [20.0, 5.5, None]
    assert series.low["cpu_percent"] == [10.0, 5.5, None]
    assert series.high["cpu_percent"] == [30.0, 5.5, None]
    assert series.counts == [2, 1, 0]


def test_what_one_sample_does_not_know_is_left_out_of_the_mean(server: Server) -> None:
    sample(server, 0, cpu_percent=None, load_average_1m=1.0)
    sample(server, 10, cpu_percent=50.0, load_average_1m=2.0)
    series = queries.server_series(server.pk, MINUTE)
    assert series.mean["cpu_percent"][0] == 50.0
    assert series.mean["load_average_1m"][0] == 1.5
    assert series.counts[0] == 2


def test_each_figure_is_in_its_own_unit(server: Server) -> None:
    figures = {
        "cpu_percent": 12.3,
        "load_average_1m": 0.07,
        "memory_used_bytes": 3 * GIB,
        "network_rx_bytes": 10**15 + 1,
        "uptime_seconds": 5,
    }
    sample(server, 0, **figures)
    series = queries.server_series(server.pk, MINUTE)
    assert {name: series.mean[name][0] for name in figures} == figures


def test_a_series_without_samples_is_empty(server: Server) -> None:
    series = queries.server_series(server.pk, MINUTE)
    assert not any(series.counts)
    assert set(map(tuple, series.mean.values())) == {(None, None, None)}


def test_only_what_lies_in_the_span_counts(server: Server) -> None:
    for seconds in (-10, 60, 70):
        sample(server, seconds, cpu_percent=1.0)
    assert not any(queries.server_series(server.pk, MINUTE).counts)
    sample(server, 50, cpu_percent=2.0)
    assert queries.server_series(server.pk, MINUTE).counts == [0, 0, 1]


def test_only_the_servers_own_samples_count(server: Server) -> None:
    other = new_server("web-02")
    sample(other, 0, cpu_percent=99.0)
    assert not any(queries.server_series(server.pk, MINUTE).counts)
    assert queries.server_series(other.pk, MINUTE).counts == [1, 0, 0]


@pytest.mark.parametrize(
    ("model", "samples", "figure", "extra"),
    [
        (Filesystem, FilesystemMetrics, "used_bytes", {"device": "/dev/vda1", "type": "ext4"}),
        (Interface, InterfaceMetrics, "receive_bytes", {}),
        (Sensor, TemperatureMetrics, "celsius", {}),
    ],
)
def test_a_part_has_a_series_of_its_own(server: Server, model: Any, samples: Any, figure: str, extra: Any) -> None:
    named = [model.objects.create(server=server, name=n, added_at=AT, seen_at=AT, **extra) for n in ("a", "b")]
    sample(server, 0)
    for part, value in zip(named, (1024, 4096), strict=True):
        samples.objects.create(id=slot_key(START, part.pk), **{figure: value})
    found = queries.parts_series(server.pk, named, MINUTE)
    assert {part.name: one.mean[figure] for part, one in found.items()} == {
        "a": [1024, None, None],
        "b": [4096, None, None],
    }


def test_no_parts_have_no_series(server: Server, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert queries.parts_series(server.pk, [], MINUTE) == {}


def test_cores_have_a_series_each(server: Server) -> None:
    sample(server, 0, cores_percent=bytes([20, 200, 255]))
    sample(server, 10, cores_percent=bytes([40, 255, 255]))
    sample(server, 20, cores_percent=None)
    assert queries.core_series(server.pk, MINUTE) == [[15.0, None, None], [100.0, None, None], [None, None, None]]


@pytest.mark.parametrize("period", ["1h", "24h", "7d", "30d"])
def test_every_sample_of_a_period_is_in_its_series(server: Server, period: str) -> None:
    wanted = span(period, AT.timestamp(), 10, {})
    for number in range(50):
        sample(server, -number * (wanted.end - wanted.start) // 60 // 10 * 10, cpu_percent=1.0)
    assert sum(queries.server_series(server.pk, wanted).counts) == 50


# Rows and the fleet ------------------------------------------------------------------------------------------


def test_the_number_of_queries_does_not_grow_with_the_servers(db: None) -> None:
    counts = []
    for number in (3, 27):
        for _ in range(number):
            server = new_server(f"web-{Server.objects.count():02}", cpu_percent=1.0)
            server.tags.add(Tag.objects.get_or_create(name="web")[0], Tag.objects.get_or_create(name=server.name)[0])
        with CaptureQueriesContext(connection) as asked:
            found = [(row.name, row.status, row.tags, row.latest and row.latest.cpu_percent) for row in rows()]
        assert len(found) == Server.objects.count()
        counts.append(len(asked))
    assert counts == [2, 2]


def test_a_row_shows_the_newest_sample_with_its_age(server: Server) -> None:
    new_server("web-02", age=timedelta(seconds=20), cpu_percent=42.0)
    row = row_of("web-02")
    assert row.latest
    assert (row.latest.cpu_percent, row.age) == (42.0, timedelta(seconds=20))


def test_a_server_without_a_sample_has_none(db: None) -> None:
    server = Server.objects.create(name="new", hostname="192.0.2.1")
    ServerState.objects.create(server=server, since=AT)
    row = row_of("new")
    assert (row.status, row.latest, row.age, row.is_fresh) == ("pending", None, None, False)


@pytest.mark.parametrize(("intervals", "is_fresh"), [(0, True), (1.9, True), (2, True), (2.1, False), (100, False)])
def test_a_sample_is_fresh_for_two_intervals(db: None, intervals: float, *, is_fresh: bool) -> None:
    new_server("web-01", age=intervals * queries.interval(), cpu_percent=1.0)
    assert row_of("web-01").is_fresh is is_fresh


def test_averages_are_over_fresh_samples_of_online_servers(db: None) -> None:
    new_server("a", cpu_percent=10.0, memory_used_bytes=GIB, memory_total_bytes=4 * GIB)
    new_server("b", cpu_percent=30.0, memory_used_bytes=GIB, memory_total_bytes=12 * GIB)
    new_server("old", age=3 * queries.interval(), cpu_percent=99.0)
    new_server("gone", status="offline", cpu_percent=99.0)
    paused = new_server("paused", cpu_percent=99.0)
    Server.objects.filter(pk=paused.pk).update(paused=True)
    found = fleet()
    assert (found.total, found.online, found.offline, found.paused, found.pending) == (5, 3, 1, 1, 0)
    assert found.counted == 2
    assert (found.cpu_percent, found.mean_cpu_percent) == (20.0, 20.0)
    assert (found.memory_percent, found.mean_memory_percent) == (12.5, pytest.approx(100 * (1 / 4 + 1 / 12) / 2))


def test_averages_of_nothing_are_unknown(db: None) -> None:
    new_server("gone", status="offline", cpu_percent=99.0, memory_used_bytes=1, memory_total_bytes=2)
    for found in (fleet(), fleet(Server.objects.none())):
        values = (found.cpu_percent, found.memory_percent, found.disk_percent, found.mean_cpu_percent, found.busiest)
        assert values == (None,) * 5
        assert (found.mean_memory_percent, found.mean_disk_percent, found.fullest_disk) == (None,) * 3


def test_cpu_is_weighted_by_cores_and_the_plain_mean_is_not(db: None) -> None:
    new_server("small", cpu_percent=100.0, cores_percent=bytes([200]))
    new_server("large", cpu_percent=0.0, cores_percent=bytes(9))
    found = fleet()
    assert (found.cpu_percent, found.mean_cpu_percent) == (10.0, 50.0)


def test_one_that_does_not_know_is_left_out_and_not_taken_for_zero(db: None) -> None:
    new_server("a", cpu_percent=40.0, disk_used_bytes=GIB, disk_available_bytes=GIB)
    new_server("b", cpu_percent=None, disk_used_bytes=None, disk_available_bytes=None)
    found = fleet()
    assert (found.cpu_percent, found.disk_percent, found.mean_disk_percent) == (40.0, 50.0, 50.0)
    assert found.counted == 2


def test_the_worst_of_each_are_named(db: None) -> None:
    new_server("a", cpu_percent=90.0, memory_used_bytes=1024, memory_total_bytes=4096)
    new_server("b", cpu_percent=10.0, memory_used_bytes=3072, memory_total_bytes=4096)
    found = fleet()
    assert (found.busiest, found.fullest_memory, found.fullest_disk) == (("a", 90.0), ("b", 75.0), None)


# Small pictures -------------------------------------------------------------------------------------------------


def test_a_sparkline_has_a_point_a_step_and_gaps(server: Server) -> None:
    other = new_server("web-02")
    sample(server, 0, cpu_percent=10.0)
    sample(server, 40, cpu_percent=30.0)
    sample(other, 20, cpu_percent=7.5)
    found = queries.sparklines("cpu_percent", [server.pk, other.pk], MINUTE)
    assert found == {server.pk: [10.0, None, 30.0], other.pk: [None, 7.5, None]}


def test_the_fleets_sparklines_are_over_all_servers(server: Server) -> None:
    other = new_server("web-02")
    sample(server, 0, cpu_percent=10.0, memory_used_bytes=GIB, memory_total_bytes=2 * GIB)
    sample(other, 0, cpu_percent=30.0, memory_used_bytes=GIB, memory_total_bytes=6 * GIB)
    sample(other, 60, disk_used_bytes=GIB, disk_available_bytes=3 * GIB)
    fleet_series.sum_up(START, START + 180)
    found = queries.fleet_sparklines(Span(START, START + 180, 60))
    assert found == {"cpu": [20.0, None, None], "memory": [25.0, None, None], "disk": [None, 25.0, None]}


# Parts, history, pollers ------------------------------------------------------------------------------------------


def test_parts_now_are_those_of_the_newest_sample(server: Server) -> None:
    parts = [
        Filesystem.objects.create(server=server, name=name, device="d", type="ext4", added_at=AT, seen_at=AT)
        for name in ("/", "/gone")
    ]
    for number, part in enumerate(parts):
        partitions.ensure(RAW, [START - 10 * number])
        FilesystemMetrics.objects.create(id=slot_key(START - 10 * number, part.pk), used_bytes=1024)
    newest(server, 0)
    found = queries.parts_now(Server.objects.get())
    assert [(str(part), row.used_bytes) for part, row in found[Filesystem]] == [("/", 1024)]
    assert found[Interface] == found[Sensor] == []


def test_a_server_without_a_sample_has_no_parts(server: Server) -> None:
    assert queries.parts_now(server) == {Filesystem: [], Interface: [], Sensor: []}


@pytest.mark.parametrize(("seconds", "has"), [(3590, True), (3600, False), (86_400, False)])
def test_history_goes_back_to_the_oldest_sample(server: Server, seconds: int, *, has: bool) -> None:
    sample(server, -3600)
    assert queries.has_history(seconds, AT) is has


def test_history_outlasts_its_samples(server: Server) -> None:
    sample(server, -2 * 86_400)
    rollups.roll(AT, lambda: False)
    ServerMetrics.objects.all().delete()
    assert queries.has_history(86_400, AT)


def test_without_samples_there_is_no_history(db: None) -> None:
    assert not queries.has_history(1, AT)


def test_a_site_is_silent_once_its_pollers_gave_no_sign_of_life_for_a_minute(server: Server) -> None:
    assert queries.poller_silence(AT) == {"": None}
    Heartbeat.objects.beat("poll", AT - timedelta(minutes=5))
    assert queries.poller_silence(AT) == {"": timedelta(minutes=5)}
    Heartbeat.objects.beat("poll-2", AT - timedelta(seconds=60))
    assert queries.poller_silence(AT) == {}


def test_only_sites_that_have_something_to_poll_are_silent(server: Server) -> None:
    Heartbeat.objects.beat("poll", AT)
    Server.objects.create(name="far", hostname="192.0.2.9", site="frankfurt")
    assert queries.poller_silence(AT) == {"frankfurt": None}
    Server.objects.filter(site="frankfurt").update(paused=True)
    assert queries.poller_silence(AT) == {}
