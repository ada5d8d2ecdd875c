"""History goes when it is older than it is kept, row by row and owner by owner, and never what is still shown."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from metrics import retention, rollups, servers
from metrics.models import (
    App,
    ContainerMetrics,
    CrashCard,
    FleetMetrics,
    Interface,
    LatestServerMetrics,
    Resolved,
    Server,
    ServerMetrics,
)
from metrics.models import Container as Instance
from metrics.models.fields import slot_at, slot_key, time_of_key
from metrics.models.rollups import SAMPLES, table_of
from metrics.periods import DAY, FIVE_MINUTES, HOUR, RAW
from metrics.probe.reading import State
from tests.conftest import AT
from tests.dashboard import fleet
from tests.metrics.containers import HOUR as AN_HOUR
from tests.metrics.containers import anew, app, docker_host, exited, listed, news, polls, present, running
from tests.metrics.fleet import INTERVAL

WEB, DB = running("web"), running("db")
SAMPLES_KEPT = timedelta(hours=48)
HOURS_KEPT = timedelta(days=395)


@pytest.fixture
def server(db: None) -> Server:
    return docker_host()


@pytest.fixture
def day(server: Server) -> datetime:
    """A day of samples, one in ten minutes, from AT on, rolled up; gives when the first of them may go."""
    ServerMetrics.objects.bulk_create(ServerMetrics(id=slot_key(slot_at(AT) + 600 * n, server.pk)) for n in range(144))
    rollups.roll(AT + timedelta(days=2), lambda: False)
    return AT + SAMPLES_KEPT


def prune(at: datetime) -> int:
    return retention.prune(at, lambda: False)


def left() -> list[datetime]:
    return [row.timestamp for row in ServerMetrics.objects.order_by("pk")]


# Samples and roll-ups ----------------------------------------------------------------------------


def test_what_is_not_older_stays(day: datetime) -> None:
    assert prune(day + timedelta(minutes=25)) == 6, "three of the server and of the fleet"
    assert prune(day + timedelta(minutes=25)) == 0
    assert left()[0] == AT + timedelta(minutes=30)


def test_a_sample_of_that_very_instant_is_not_older(day: datetime) -> None:
    assert prune(day) == 0
    assert prune(day + timedelta(seconds=1)) == 2
    assert len(left()) == 143


def test_a_run_that_is_over_goes_on_with_the_next(day: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 10)
    runs = []
    for _ in range(13):
        looks = count()
        runs.append(retention.prune(day + timedelta(hours=20), lambda: next(looks) >= 1))  # noqa: B023  # it runs at once
    assert runs == [10] * 12 + [0]
    assert len(left()) == 24


def test_every_table_of_samples_and_roll_ups_is_reached(day: datetime) -> None:
    tables: list[Any] = [table_of(model, one) for model in SAMPLES for one in (RAW, FIVE_MINUTES, HOUR)]
    for table in tables:
        needed = {one.name: 1 for one in table._meta.concrete_fields if not one.null and not one.primary_key}
        needed |= {"status": State.RUNNING} if "status" in needed else {}
        table.objects.get_or_create(pk=slot_key(slot_at(AT), 9), defaults=needed)
    prune(day + timedelta(days=4000))
    assert [table.__name__ for table in tables if table.objects.exists()] == []


def test_of_nothing_nothing_goes(db: None) -> None:
    assert prune(AT) == 0


def test_the_newest_figures_outlast_every_sample(server: Server) -> None:
    polls(server, listed(WEB))
    rollups.roll(AT + timedelta(days=2), lambda: False)
    prune(AT + timedelta(days=3))
    assert left() == []
    assert LatestServerMetrics.objects.get(server=server).timestamp == AT


def test_how_far_it_was_pruned_is_written_down(day: datetime) -> None:
    prune(day + timedelta(minutes=25))
    assert Resolved.objects.get(seconds=RAW.seconds).pruned_until == slot_at(AT) + 25 * 60
    prune(day + timedelta(days=4000))
    assert (
        Resolved.objects.get(seconds=RAW.seconds).pruned_until
        == Resolved.objects.get(seconds=FIVE_MINUTES.seconds).done_until
    )


# Apps and parts ----------------------------------------------------------------------------------


def test_apps_that_were_removed_go_with_all_they_have(server: Server) -> None:
    polls(server, listed(WEB, DB), listed(WEB, exited("db", 1)), listed(WEB))
    removed_at = AT + 2 * INTERVAL
    assert CrashCard.objects.count() == 1
    prune(removed_at + HOURS_KEPT)
    assert App.objects.count() == 2
    prune(removed_at + HOURS_KEPT + timedelta(seconds=1))
    assert [one.name for one in App.objects.all()] == ["web"]
    assert (Instance.objects.count(), CrashCard.objects.count()) == (1, 0)
    assert ("db", "uninstalled") in news()


def test_replaced_containers_go_and_the_app_stays(server: Server) -> None:
    polls(server, listed(WEB), listed(anew(WEB)))
    prune(AT + HOURS_KEPT + timedelta(days=1))
    assert [one.container_id for one in app("web").containers.all()] == [anew(WEB).id]


def test_old_samples_of_apps_that_are_there_go(server: Server) -> None:
    polls(server, *[listed(WEB)] * 4)
    rollups.roll(AT + AN_HOUR, lambda: False)
    prune(AT + SAMPLES_KEPT + 2 * INTERVAL)
    assert [time_of_key(row.pk) for row in ContainerMetrics.objects.order_by("pk")] == [
        AT + number * INTERVAL for number in (2, 3)
    ]
    assert present() == {"web": "running"}


def test_parts_that_were_not_seen_for_as_long_as_hours_are_kept_go(server: Server) -> None:
    for name, seen_at in (("old", AT - timedelta(days=2)), ("new", AT)):
        Interface.objects.create(server=server, name=name, added_at=seen_at, seen_at=seen_at)
    prune(AT + HOURS_KEPT - timedelta(days=1))
    assert [part.name for part in Interface.objects.all()] == ["new"]


def test_a_deleted_server_leaves_no_days_behind(db: None) -> None:
    long_ago = timedelta(days=3)
    server, other = (fleet.with_apps(fleet.container(), name=name, ago=long_ago) for name in ("web-01", "web-02"))
    Server.objects.update(added_at=fleet.datetime.now(fleet.UTC) - 2 * long_ago)
    rollups.roll(fleet.datetime.now(fleet.UTC), lambda: False)
    days = [table_of(model, DAY)._default_manager for model in SAMPLES if model is not FleetMetrics]
    before = [table.count() for table in days]
    assert before[0] == 2
    servers.delete(Server.objects.get(pk=server.pk), fleet.datetime.now(fleet.UTC))
    assert [table.count() for table in days] == [number // 2 for number in before]
    assert table_of(ServerMetrics, DAY)._default_manager.get().pk & 0xFFFFFF == other.pk
