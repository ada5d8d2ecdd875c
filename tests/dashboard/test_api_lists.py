"""Lists and histories of the API: paged, chosen, as CSV, and not sent twice."""

import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.test import Client

from activity.context import Acting
from activity.record import record
from activity.types import ActivityType
from dashboard import figures
from metrics.models import Filesystem, Interface, Server
from tests.dashboard import fleet
from tests.dashboard.fleet import container
from tests.dashboard.test_api import data, error

pytestmark = pytest.mark.django_db


def rows(api: Client, path: str) -> list[dict[str, str]]:
    response = api.get(f"/api/v1/{path}", headers={"accept": "text/csv"})
    assert response.status_code == 200, response.content
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(StringIO(response.content.decode())))


# Pages -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "name"), [("servers", "servers"), ("apps", "apps")])
def test_a_list_is_gone_through_by_ids_without_gap_or_repetition(api: Client, path: str, name: str) -> None:
    for number in range(5):
        fleet.with_apps(container("web"), name=f"web-{9 - number}")
    first = data(api, f"{path}?after=0&limit=2")
    Server.objects.filter(name="web-9").delete()  # what goes meanwhile changes nothing for the others
    second = data(api, f"{path}?after={first['next_after']}&limit=2")
    last = data(api, f"{path}?after={second['next_after']}&limit=2")
    assert [len(page[name]) for page in (first, second, last)] == [2, 2, 1]
    assert (first["total"], last["total"], last["next_after"]) == (5, 4, None)
    seen = [one["id"] for page in (first, second, last) for one in page[name]]
    assert seen == sorted(set(seen))


def test_servers_are_searched(api: Client) -> None:
    fleet.online("web-01", tags=("production",))
    fleet.offline("db-01")
    assert [one["name"] for one in data(api, "servers?q=web")["servers"]] == ["web-01"]
    assert [one["name"] for one in data(api, "servers?tag=production")["servers"]] == ["web-01"]
    assert [one["name"] for one in data(api, "servers?status=offline")["servers"]] == ["db-01"]
    assert data(api, f"servers?q={'zz+' * 66}")["total"] == 0


def test_apps_are_those_of_a_server(api: Client) -> None:
    server = fleet.with_apps(container("web"))
    fleet.with_apps(container("db"), name="other")
    assert [one["name"] for one in data(api, f"apps?server_id={server.pk}")["apps"]] == ["web"]
    assert data(api, "apps?server_id=999")["apps"] == []


def test_problems_are_what_the_overview_lists(api: Client) -> None:
    server = fleet.offline("db-01")
    found = data(api, "problems")
    [problem] = [one for one in found["problems"] if one["kind"] == "server_offline"]
    assert (problem["server_id"], problem["server_name"]) == (server.pk, "db-01")
    assert problem["message"]
    assert found["total"] == found["count"] == len(found["problems"])


# Histories ---------------------------------------------------------------------------------------


def test_chosen_series_come_alone(api: Client) -> None:
    server = fleet.online(polls=3)
    whole = data(api, f"servers/{server.pk}/metrics?period=1h")["metrics"][-1]
    told = data(api, f"servers/{server.pk}/metrics?period=1h&series=memory_percent,cpu_percent")["metrics"][-1]
    names = {"server_id", "timestamp", "samples", "memory_percent", "cpu_percent", "cpu_percent_max"}
    assert told == {name: whole[name] for name in names}


def test_every_figure_can_be_chosen(api: Client) -> None:
    server = fleet.online(polls=2)
    for name in figures.SERVER:
        assert name in data(api, f"servers/{server.pk}/metrics?period=1h&series={name}")["metrics"][0]


@pytest.mark.parametrize(
    ("asked", "step"), [("resolution=1", 60), ("resolution=200", 300), ("resolution=3600", 3600), ("points=10", 600)]
)
def test_a_step_is_no_narrower_than_asked(api: Client, asked: str, step: int) -> None:
    server = fleet.online(polls=3)
    begin = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    found = data(api, f"servers/{server.pk}/metrics?from={begin}&{asked}")
    assert found["step_seconds"] == step
    assert sum(sample["samples"] for sample in found["metrics"]) == 3


def test_filesystems_and_interfaces_have_figures_and_a_history(api: Client) -> None:
    server = fleet.online(polls=2)
    disk, card = Filesystem.objects.earliest("pk"), Interface.objects.earliest("pk")
    [told] = [one for one in data(api, f"servers/{server.pk}/filesystems")["filesystems"] if one["id"] == disk.pk]
    assert told["mount"] == disk.name
    samples = data(api, f"servers/{server.pk}/filesystems/{disk.pk}/metrics?period=1h")["metrics"]
    assert (samples[-1]["used_bytes"], samples[-1]["filesystem_id"]) == (told["used_bytes"], disk.pk)
    [told] = [one for one in data(api, f"servers/{server.pk}/interfaces")["interfaces"] if one["id"] == card.pk]
    samples = data(api, f"servers/{server.pk}/interfaces/{card.pk}/metrics?period=1h")["metrics"]
    assert samples[-1]["rx_bytes"] == told["rx_bytes"] is not None


def test_old_figures_of_parts_are_not_told_as_current(api: Client) -> None:
    server = fleet.online(polls=2)
    fleet.failed(server, datetime.now(UTC))
    disks = data(api, f"servers/{server.pk}/filesystems")["filesystems"]
    assert disks
    assert all(one["used_bytes"] is None for one in disks)


def test_a_part_of_another_server_does_not_exist(api: Client) -> None:
    server, other = fleet.online("a"), fleet.online("b")
    disk = Filesystem.objects.filter(server=other).earliest("pk")
    assert error(api.get(f"/api/v1/servers/{server.pk}/filesystems/{disk.pk}/metrics"), 404) == "NOT_FOUND"


def test_what_changed_is_told_with_what_happened(api: Client) -> None:
    server = fleet.online(polls=5)
    found = data(api, f"servers/{server.pk}/explanation?minutes=30&at={datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    assert "server_connected" in [event["activity_type"] for event in found["events"]]
    assert found["events_total"] == len(found["events"])
    assert {change["name"] for change in found["changes"]} >= {"cpu_percent", "memory_percent"}
    assert len(found["metrics"]) == 5


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1969-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]
)
def test_of_a_time_that_nothing_can_be_known_of_no_change_is_told(api: Client, at: str) -> None:
    response = api.get(f"/api/v1/servers/{fleet.online().pk}/explanation?at={at}")
    assert error(response, 409) == "WRONG_RANGE"
    assert response.json()["message"].startswith("at: ")


# CSV ---------------------------------------------------------------------------------------------


def test_a_history_as_csv_says_what_its_json_says(api: Client) -> None:
    server = fleet.online(polls=3)
    path = f"servers/{server.pk}/metrics?period=1h"
    told = data(api, path)["metrics"]
    assert rows(api, path) == [{name: "" if one is None else str(one) for name, one in row.items()} for row in told]


def test_the_log_as_csv_runs_nothing(api: Client) -> None:
    record(ActivityType.REPORTED, "=HYPERLINK(1)", details={"a": [1]}, actor=Acting(name="@SUM"))
    [row] = rows(api, "activity?activity_types=reported")
    assert (row["message"], row["actor_name"], json.loads(row["details"])) == ("'=HYPERLINK(1)", "'@SUM", {"a": [1]})


def test_an_empty_list_as_csv_has_its_head(api: Client) -> None:
    server = fleet.pending()
    response = api.get(f"/api/v1/servers/{server.pk}/metrics", headers={"accept": "text/csv"})
    assert response.content.decode().strip() == "server_id,timestamp,samples"


def test_what_cannot_be_had_as_csv_says_so(api: Client) -> None:
    response = api.get("/api/v1/summary", headers={"accept": "text/csv"})
    assert error(response, 406) == "NOT_ACCEPTABLE"
    assert "application/json" in response.json()["message"]


@pytest.mark.parametrize("accept", ["*/*", "text/html,*/*;q=0.8", "application/json, text/csv;q=0.1"])
def test_json_is_what_is_usually_had(api: Client, accept: str) -> None:
    assert api.get("/api/v1/activity", headers={"accept": accept}).json()["success"]


# Not sent twice ----------------------------------------------------------------------------------


def test_what_has_not_changed_is_not_sent_again(api: Client) -> None:
    fleet.online()
    first = api.get("/api/v1/summary")
    again = api.get("/api/v1/summary", headers={"if-none-match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    fleet.offline("db-01")
    changed: Any = api.get("/api/v1/summary", headers={"if-none-match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != first.headers["ETag"]


def test_formats_have_etags_of_their_own(api: Client) -> None:
    path = "/api/v1/activity"
    found = [api.get(path, headers={"accept": accept}) for accept in ("application/json", "text/csv")]
    assert found[0].headers["ETag"] != found[1].headers["ETag"]
    assert all("Accept" in one.headers["Vary"] for one in found)
    assert all(one.headers["Cache-Control"] == "private, no-cache" for one in found)


def test_long_answers_are_compressed(api: Client) -> None:
    fleet.online()
    response = api.get("/api/v1/servers", headers={"accept-encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
