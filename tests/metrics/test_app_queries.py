"""What is answered about apps adds up, is current or unknown, and costs the same few queries for any number of them."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from metrics import app_queries, queries, store
from metrics.app_queries import AppCounts, AppRow
from metrics.failures import Failure, Reason
from metrics.models import App, Server, ServerState
from metrics.models.fields import slot_at
from metrics.periods import Span
from metrics.probe.reading import AppsStatus, Container, Containers, CpuTimes, Engine, Facts, Health, Memory, State
from metrics.store import Polled
from tests.conftest import AT
from tests.metrics.containers import (
    UNHEALTHY,
    anew,
    app,
    denied,
    docker_host,
    exited,
    listed,
    poll,
    polls,
    running,
    unreadable,
    usage,
)
from tests.metrics.fleet import INTERVAL

WEB, DB = running("web"), running("db")
MIB = 1 << 20
START = slot_at(AT)
MINUTE = Span(START, START + 60, 20)  # three steps of two slots
STALE = 2 * queries.interval() + timedelta(seconds=1)


@pytest.fixture
def server(db: None) -> Server:
    return docker_host()


def rows_of_all(at: datetime = AT) -> list[AppRow]:
    return app_queries.app_rows(app_queries.apps_of(Server.objects.all(), at))


def rows(at: datetime = AT) -> dict[str, AppRow]:
    return {row.app.name: row for row in rows_of_all(at)}


def counts(at: datetime = AT) -> AppCounts:
    return app_queries.app_counts(Server.objects.all(), at)


# Counts ---------------------------------------------------------------------------------------------------


def test_running_stopped_and_broken_ones_add_up(server: Server) -> None:
    sick = running("sick", health=UNHEALTHY)
    poll(server, listed(WEB, DB, sick, exited("job", 0), exited("crashed", 1), running("p", state=State.PAUSED)))
    assert counts() == AppCounts(running=2, stopped=2, error=2, unknown=0)
    assert counts().total == 6 == App.objects.count()


def every_kind() -> list[Container]:
    kinds = product(State, [None, *Health], [None, 0, 1, 137], [False, True])
    return [
        running(f"app-{n}", state=state, health=health, exit_code=code, is_out_of_memory=flag)
        for n, (state, health, code, flag) in enumerate(kinds)
    ]


def test_whatever_the_apps_are_like_counts_and_rows_agree(server: Server) -> None:
    poll(server, listed(*every_kind()))
    conditions = [row.condition for row in rows().values()]
    found = counts()
    assert found.total == len(conditions) == len(every_kind())
    assert (found.running, found.stopped, found.error) == tuple(map(conditions.count, ("running", "stopped", "error")))
    assert found.running
    assert found.stopped
    assert found.error


def test_removed_apps_do_not_count(server: Server) -> None:
    polls(server, listed(WEB, DB), listed(WEB))
    assert counts() == AppCounts(running=1)
    gone = rows()["db"]
    assert (gone.is_current, gone.condition, gone.latest) == (False, "unknown", None)


def test_each_server_has_counts_of_its_own(server: Server) -> None:
    other, empty = docker_host("web-02"), docker_host("web-03")
    poll(server, listed(WEB, exited("db", 1)))
    poll(other, listed(WEB))
    poll(empty, listed())
    found = app_queries.app_counts_by_server(Server.objects.all(), AT)
    assert found == {server.pk: AppCounts(running=1, error=1), other.pk: AppCounts(running=1)}
    assert app_queries.sum_of(found.values()) == counts() == AppCounts(running=2, error=1)
    assert app_queries.app_counts(Server.objects.filter(pk=other.pk), AT) == AppCounts(running=1)


def test_nothing_adds_up_to_nothing(db: None) -> None:
    assert counts() == app_queries.sum_of([]) == AppCounts(0, 0, 0, 0)
    assert rows() == {}


# Unknown ----------------------------------------------------------------------------------------------------


def offline(server: Server) -> None:
    now = Server.objects.select_related("state").get(pk=server.pk)
    store.save([Polled(now, AT, Failure(Reason.TIMEOUT, "192.0.2.1:22"))], INTERVAL)


def paused(server: Server) -> None:
    Server.objects.filter(pk=server.pk).update(paused=True)


def stale(server: Server) -> None:
    ServerState.objects.filter(server=server).update(polled_at=AT - STALE)


def daemon_down(server: Server) -> None:
    poll(server, unreadable(), AT + INTERVAL)


def without_rights(server: Server) -> None:
    poll(server, denied(WEB), AT + INTERVAL)


@pytest.mark.parametrize("happens", [offline, paused, stale, daemon_down, without_rights])
def test_of_a_server_that_cannot_tell_nothing_is_current(server: Server, happens: Any) -> None:
    poll(server, listed(WEB, exited("db", 1)), usages={WEB.id: usage(memory_bytes=MIB)})
    assert counts() == AppCounts(running=1, error=1)
    happens(server)
    assert counts() == AppCounts(unknown=2)
    assert counts().total == 0
    assert {(row.condition, row.latest, row.memory_percent) for row in rows().values()} == {("unknown", None, None)}


@pytest.mark.parametrize(("seconds", "known"), [(0, 1), (-1, 1), (1, 0)])
def test_what_is_known_stays_so_for_two_intervals(server: Server, seconds: int, known: int) -> None:
    poll(server, listed(WEB))
    at = AT + 2 * queries.interval() + timedelta(seconds=seconds)
    assert counts(at) == AppCounts(running=known, unknown=1 - known)
    assert rows(at)["web"].is_current is bool(known)


def test_only_the_apps_of_the_engine_that_does_not_answer_are_unknown(server: Server) -> None:
    pod = running("pod", engine=Engine.PODMAN)
    poll(server, listed(WEB, pod, answered=frozenset(Engine)))
    assert counts() == AppCounts(running=2)
    poll(server, listed(pod, answered={Engine.PODMAN}, status=AppsStatus.DAEMON_DOWN, way="down"), AT + INTERVAL)
    assert counts() == AppCounts(running=1, unknown=1)
    assert {name: row.condition for name, row in rows().items()} == {"web": "unknown", "pod": "running"}


def test_bare_ones_are_known_to_run(server: Server) -> None:
    poll(server, denied(WEB), usages={WEB.id: usage(memory_bytes=MIB)})
    [row] = rows().values()
    assert counts() == AppCounts(running=1)
    assert row.latest
    assert row.latest.memory_used_bytes == MIB


def test_what_is_back_is_known_again(server: Server) -> None:
    polls(server, listed(WEB), unreadable(), listed(WEB))
    assert counts() == AppCounts(running=1)


# The newest figures -------------------------------------------------------------------------------------------


def measured(server: Server, number: int, **figures: Any) -> None:
    """A poll of a server of 1000 MiB and four cores."""
    poll(
        server,
        listed(WEB),
        AT + number * INTERVAL,
        usages={WEB.id: usage(**figures)},
        memory=Memory(1000 * MIB, 0, 0, 1000 * MIB, is_estimate=False),
        cores=dict.fromkeys(range(4), CpuTimes(*[0] * 8)),
        facts=Facts("Debian", "6.1", "x86_64", "cpu"),
    )


def test_cpu_is_of_one_core_of_the_host_and_of_its_limit(server: Server) -> None:
    for number in range(2):
        measured(server, number, cpu_microseconds=number * 20_000_000, cpu_limit_cores=2.5)
    row = rows()["web"]
    assert (row.cpu_percent, row.cpu_of_host_percent, row.cpu_of_limit_percent) == (200.0, 50.0, 80.0)


def test_without_a_limit_there_is_no_share_of_it(server: Server) -> None:
    for number in range(2):
        measured(server, number, cpu_microseconds=number * 20_000_000)
    assert rows()["web"].cpu_of_limit_percent is None


def test_the_first_sample_has_no_cpu_and_no_traffic(server: Server) -> None:
    measured(server, 0, cpu_microseconds=1, receive_bytes=1, transmit_bytes=1)
    row = rows()["web"]
    assert (row.cpu_percent, row.cpu_of_host_percent, row.cpu_of_limit_percent, row.traffic) == (None,) * 4


@pytest.mark.parametrize(
    ("used", "limit", "percent", "ceiling"),
    [(100, 400, 25.0, 400), (100, None, 10.0, 1000), (None, 400, None, 400), (0, None, 0.0, 1000)],
)
def test_memory_is_of_its_limit_else_of_the_servers(
    server: Server, used: int | None, limit: int | None, percent: float | None, ceiling: int
) -> None:
    measured(server, 0, memory_bytes=used and used * MIB, memory_limit_bytes=limit and limit * MIB)
    row = rows()["web"]
    assert (row.memory_percent, row.memory_ceiling_bytes) == (percent, ceiling * MIB)


def test_memory_of_a_server_that_does_not_tell_its_own_is_unknown(server: Server) -> None:
    poll(server, listed(WEB), usages={WEB.id: usage(memory_bytes=MIB)})
    assert rows()["web"].memory_percent is None


def test_traffic_is_of_both_directions_and_unknown_on_the_servers_network(server: Server) -> None:
    for number in range(2):
        measured(server, number, receive_bytes=number * 1000, transmit_bytes=number * 50)
    assert rows()["web"].traffic == 105
    for number in range(2, 4):
        measured(server, number)
    assert rows()["web"].traffic is None


def test_the_newest_sample_is_of_the_newest_poll_or_none(server: Server) -> None:
    measured(server, 0, memory_bytes=MIB)
    measured(server, 1, memory_bytes=2 * MIB)
    latest = rows()["web"].latest
    assert latest
    assert (latest.memory_used_bytes, latest.timestamp) == (2 * MIB, AT + INTERVAL)
    poll(server, None, AT + 2 * INTERVAL)
    assert rows()["web"].latest is None


def test_up_since_is_only_of_what_runs(server: Server) -> None:
    poll(server, listed(WEB, exited("db", 1)))
    found = {name: row.up_since for name, row in rows().items()}
    assert found == {"web": WEB.started_at, "db": None}


def test_apps_are_sorted_by_a_figure_in_the_database(server: Server) -> None:
    usages = {WEB.id: usage(memory_bytes=MIB), DB.id: usage(memory_bytes=2 * MIB)}
    poll(server, listed(WEB, DB), usages=usages)
    apps = app_queries.apps_of(Server.objects.all(), AT)
    assert [one.name for one in apps.order_by("latest__memory_used_bytes")] == ["web", "db"]
    assert [one.name for one in apps.order_by("-latest__memory_used_bytes")] == ["db", "web"]


def test_rows_and_counts_cost_the_same_for_any_number_of_apps_and_servers(db: None) -> None:
    costs = []
    for servers, apps in ((2, 3), (10, 20)):
        for number in range(servers):
            poll(docker_host(f"web-{apps}-{number}"), listed(*[running(f"app-{one}") for one in range(apps)]))
        with CaptureQueriesContext(connection) as asked:
            found = [(row.app.server.name, row.condition, row.memory_percent, row.traffic) for row in rows_of_all()]
        assert len(found) == App.objects.count()
        with CaptureQueriesContext(connection) as counted:
            assert counts().total == App.objects.count()
        costs.append((len(asked), len(counted) - 1))
    assert costs == [(1, 1), (1, 1)]


# History ------------------------------------------------------------------------------------------------------------


def test_an_app_has_the_series_of_its_own_samples(server: Server) -> None:
    for number, memory in enumerate((1, 3, 5)):
        usages = {WEB.id: usage(memory_bytes=memory * MIB), DB.id: usage(memory_bytes=99 * MIB)}
        poll(server, listed(WEB, DB), AT + number * INTERVAL, usages=usages)
    series = app_queries.app_series(app("web"), MINUTE)
    assert series.counts == [2, 1, 0]
    assert series.mean["memory_used_bytes"] == [2 * MIB, 5 * MIB, None]
    assert series.low["memory_used_bytes"] == [MIB, 5 * MIB, None]
    assert series.high["memory_used_bytes"] == [3 * MIB, 5 * MIB, None]
    assert "status" not in series.mean


def test_what_is_not_known_of_a_container_is_a_gap_and_not_zero(server: Server) -> None:
    poll(server, listed(exited("web", 0)))
    series = app_queries.app_series(app("web"), MINUTE)
    assert (series.counts, series.mean["memory_used_bytes"]) == ([1, 0, 0], [None] * 3)


def test_a_history_has_the_last_state_of_each_step(server: Server) -> None:
    seen: list[Containers | None] = [
        *(listed(WEB), listed(exited("web", 1))),
        *(listed(replace(WEB, state=State.RESTARTING, exit_code=1)), listed(WEB)),
        *(unreadable(), None),
    ]
    polls(server, *seen)
    assert app_queries.app_history(app("web"), MINUTE).states == [State.EXITED, State.RUNNING, None]


def test_every_state_comes_back_as_it_was_stored(server: Server) -> None:
    polls(server, *[listed(replace(WEB, state=one)) for one in State])
    span = Span(START, START + 80, 10)
    assert app_queries.app_history(app("web"), span).states == list(State)


def test_a_history_knows_which_container_it_was(server: Server) -> None:
    polls(server, *[listed(WEB)] * 2, *[listed(anew(WEB, image="shop:2", image_id="2" * 64))] * 3)
    instances = app_queries.app_history(app("web"), Span(START - 20, START + 40, 10)).instances
    assert [one and one.image for one in instances] == [None, None, "shop:1", "shop:1", "shop:2", "shop:2"]


def test_a_history_outlasts_the_app(server: Server) -> None:
    polls(server, listed(WEB), listed())
    assert app_queries.app_history(app("web"), MINUTE).states == [State.RUNNING, None, None]


def test_a_sparkline_has_a_point_a_step_and_gaps(server: Server) -> None:
    for number in range(3):
        usages = {WEB.id: usage(cpu_microseconds=number * 6_000_000), DB.id: usage(cpu_microseconds=0)}
        poll(server, listed(WEB, DB) if number < 2 else listed(DB), AT + number * 2 * INTERVAL, usages=usages)
    found = app_queries.app_sparklines([app("web"), app("db")], MINUTE)
    assert found == {app("web").pk: [None, 30.0, None], app("db").pk: [None, 0.0, 0.0]}


def test_sparklines_of_no_apps_ask_nothing(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert app_queries.app_sparklines([], MINUTE) == {}


def test_sparklines_cost_one_query_for_any_number_of_apps(server: Server, django_assert_num_queries: Any) -> None:
    poll(server, listed(*[running(f"app-{number}") for number in range(30)]))
    apps = list(App.objects.all())
    with django_assert_num_queries(1):
        assert set(app_queries.app_sparklines(apps, MINUTE)) == {one.pk for one in apps}
