"""The page of health, and the same answer as JSON."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import localdate
from django_q.models import OrmQ

from activity.models import Verification
from dashboard import tokens
from dashboard.models import Scope
from metrics.models import Backup, Heartbeat, Server, ServerState, Tag
from tests.dashboard import fleet
from tests.dashboard.conftest import signed_in

pytestmark = pytest.mark.django_db(databases="__all__")


def page(browser: Client, address: str = "/health", **headers: Any) -> str:
    response = browser.get(address, **headers)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def data(browser: Client, path: str = "health") -> dict[str, Any]:
    return dict(browser.get(f"/api/v1/{path}").json()["data"])


def costing(name: str, cpu_milliseconds: int | None, tag: str = "a") -> Server:
    """A server that is online, with ten polls of 5,000 bytes and this much CPU each."""
    server = fleet.online(name, tags=(tag,), polls=1)
    spent = None if cpu_milliseconds is None else 10 * cpu_milliseconds
    counted = {"connection_polls": 10, "connection_bytes": 50_000, "connection_cpu_milliseconds": spent}
    ServerState.objects.filter(server=server).update(**counted, logins=1, logins_on=localdate())
    return server


def beat(name: str, *, ago: timedelta = timedelta(), **figures: Any) -> None:
    Heartbeat.objects.create(name=name, at=datetime.now(UTC) - ago, **figures)


def test_it_is_for_administrators_and_auditors(viewer: Any, viewer_browser: Client, admin_browser: Client) -> None:
    assert viewer_browser.get("/health").status_code == 403
    assert 'href="/health"' not in page(viewer_browser, "/")
    viewer.groups.add(Group.objects.get(name="auditors"))
    for browser in (signed_in(viewer), admin_browser):
        assert 'href="/health"' in page(browser, "/")
        page(browser)


def test_what_has_not_happened_yet_is_said(admin_browser: Client) -> None:
    shown = page(admin_browser)
    for words in ("not seen yet", "No sample is stored yet.", "none yet", "No server is online, so none is polled."):
        assert words in shown


def test_a_poller_shows_its_work_and_one_that_is_silent_does_not(admin_browser: Client) -> None:
    beat("poll", servers_held=7, polls_a_minute=6.5, cpu_milliseconds_a_poll=1.5, late_polls=3)
    shown = page(admin_browser)
    for words in ("works", '"Servers">7<', '"Polls a minute">6.5<', '"Late polls">3<', '"CPU a poll">1.5 ms<'):
        assert words in shown
    Heartbeat.objects.update(at=datetime.now(UTC) - timedelta(minutes=5))
    shown = page(admin_browser)
    assert "silent" in shown
    assert '"Polls a minute">–<' in shown


def test_the_queue_tells_how_many_wait_and_for_how_long(admin_browser: Client) -> None:
    for minutes in (5, 2, -5):  # the last one is being worked on
        OrmQ.objects.create(key="tasks", payload="", lock=datetime.now(UTC) - timedelta(minutes=minutes))
    assert '2 <span class="quiet">since 5 min</span>' in page(admin_browser)


def test_the_servers_that_cost_most_come_first_and_are_ten(admin_browser: Client, api: Client) -> None:
    for number in range(12):
        costing(f"web-{number:02}", number or None)
    names = [one["server_name"] for one in data(api)["most_expensive"]]
    assert names == [f"web-{number:02}" for number in range(11, 1, -1)]
    assert all(f">{name}</a>" in page(admin_browser) for name in names)


def test_the_page_and_the_api_tell_the_same(admin_browser: Client, api: Client) -> None:
    beat("poll", polls_a_minute=6.5, cpu_milliseconds_a_poll=1.5)
    costing("web-01", 3)
    costing("web-02", None)
    found, shown = data(api), page(admin_browser)
    assert found["cost"] == {
        "polls": 20,
        "poll_ms": 50,
        "bytes_per_poll": 5000,
        "server_cpu_ms_per_poll": 3.0,
        "logins_today": 2,
    }
    assert (found["polls_per_minute"], found["poller_cpu_ms_per_poll"]) == (6.5, 1.5)
    for figure in ("6.5", "1.5 ms", "3 ms", "4.9 KiB", "2"):
        assert f'<p class="figure">{figure}</p>' in shown


def test_a_server_tells_its_own_cost(admin_browser: Client, api: Client) -> None:
    server = costing("web-01", 3)
    cost = data(api, f"servers/{server.pk}")["cost"]
    assert cost["server_cpu_ms_per_poll"] == 3.0
    assert cost == data(api, "servers")["servers"][0]["cost"]
    shown = page(admin_browser, f"/servers/{server.pk}")
    assert "the mean of 10<" in shown
    assert "<b>4.9 KiB</b> over SSH" in shown
    assert "<b>1</b> login today" in shown


def test_a_token_of_a_tag_is_told_the_costs_of_its_servers(administrator: Any) -> None:
    costing("seen", 3, "a")
    costing("unseen", 5, "b")
    scopes, tag = [Scope.SUMMARY_READ], Tag.objects.get(name="a")
    text = tokens.create("script", administrator, scopes, datetime.now(UTC), tag=tag)[1]
    found = data(Client(headers={"authorization": f"Bearer {text}"}))
    assert [one["server_name"] for one in found["most_expensive"]] == ["seen"]
    assert found["cost"]["logins_today"] == 1


def test_the_last_backup_and_the_last_check_are_told(admin_browser: Client, api: Client) -> None:
    at = datetime.now(UTC)
    Backup.objects.create(state="failed", started_at=at, finished_at=at)
    Backup.objects.create(state="running", started_at=at)
    Verification.objects.create(at=at, state="whole", rows=4, last_id=4, seconds=0.1)
    found, shown = data(api), page(admin_browser)
    assert (found["last_backup"]["state"], found["last_log_check"]["state"]) == ("failed", "whole")
    assert all(link in shown for link in ('href="/backups"', 'href="/activity/trust"'))


def test_what_the_documentation_shows_is_what_is_told(api: Client) -> None:
    beat("poll")
    found, text = data(api), (Path(settings.BASE_DIR) / "docs/api.md").read_text()
    text = text.partition("## Health and costs")[2]
    cost, process = (json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", text, re.M | re.S))
    assert set(cost) == set(found["cost"])
    assert set(process) == set(found["processes"][0])
    assert all(name in text for name in found)


def test_more_servers_cost_no_more_queries(admin_browser: Client) -> None:
    counts = []
    for wanted in (3, 30):
        for number in range(Server.objects.count(), wanted):
            costing(f"web-{number:02}", number)
        page(admin_browser)
        with CaptureQueriesContext(connection) as queries:
            page(admin_browser)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_refresh_gets_the_part_and_not_the_page(admin_browser: Client) -> None:
    assert "<html" not in page(admin_browser, headers={"hx-request": "true"})
