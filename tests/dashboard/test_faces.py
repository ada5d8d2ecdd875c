"""One question, one answer, many faces: page, JSON, assistants, Prometheus and terminal say the same."""

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils.html import escape
from prometheus_client.parser import text_string_to_metric_families

from dashboard import tokens
from dashboard.mcp import calls
from metrics.models import Server
from tests.dashboard import fleet
from tests.dashboard.fleet import container, exited
from tests.dashboard.test_api import data

pytestmark = pytest.mark.django_db(databases="__all__")

COUNTS = "total_servers online_servers offline_servers total_apps running_apps stopped_apps error_apps".split()


@pytest.fixture
def server(db: None) -> Server:
    """One of three apps that is online, beside one that is not."""
    fleet.offline("db-01")
    return fleet.with_apps(container("web"), exited("job"), name="web-01", polls=3)


@pytest.fixture
def assistant(token: str) -> Any:
    checked = tokens.check(token, "127.0.0.1", datetime.now(UTC))
    return lambda name, **arguments: calls.call(checked, name, arguments)["data"]


def scraped(api: Client) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels."""
    families = text_string_to_metric_families(api.get("/metrics").content.decode())
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def printed(*command: str) -> Any:
    output = StringIO()
    call_command(*command, "--json", stdout=output)
    return json.loads(output.getvalue())


def test_the_summary_is_the_same_on_every_face(
    server: Server, api: Client, admin_browser: Client, assistant: Any
) -> None:
    page = admin_browser.get("/").context["summary"]
    shown = (page.fleet.total, page.fleet.online, page.fleet.offline)
    shown += (page.apps.total, page.apps.running, page.apps.stopped, page.apps.error)
    of_api, of_assistant, of_terminal = data(api, "summary"), assistant("get_dashboard_summary"), printed("status")
    for told in (of_api, of_assistant, of_terminal):
        assert tuple(told[name] for name in COUNTS) == shown
    means = [told["avg_memory_percent"] for told in (of_api, of_assistant, of_terminal)]
    assert means == [round(page.fleet.mean_memory_percent, 1)] * 3
    found = scraped(api)
    by_status = [found["tomo_fleet_servers", status] for status in ("online", "offline")]
    assert (sum(value for key, value in found.items() if key[0] == "tomo_fleet_servers"), *by_status) == shown[:3]


def test_a_servers_newest_figures_are_the_same_on_every_face(
    api: Client, admin_browser: Client, assistant: Any
) -> None:
    server = fleet.online("web-02", polls=2)
    latest = admin_browser.get(f"/servers/{server.pk}").context["row"].latest
    of_api = data(api, f"servers/{server.pk}")
    [of_assistant] = [one for one in assistant("list_servers")["servers"] if one["id"] == server.pk]
    [of_terminal] = [one for one in printed("servers")["servers"] if one["id"] == server.pk]
    assert of_api == of_assistant == of_terminal
    assert (of_api["memory_used_bytes"], of_api["cpu_percent"]) == (latest.memory_used_bytes, latest.cpu_percent)
    found = scraped(api)
    assert found["tomo_server_memory_used_bytes", str(server.pk), "web-02"] == latest.memory_used_bytes
    assert found["tomo_server_cpu_used_ratio", str(server.pk), "web-02"] == pytest.approx(latest.cpu_percent / 100)


def test_problems_are_the_same_on_every_face(api: Client, admin_browser: Client) -> None:
    fleet.offline("db-01")
    fleet.crashed()
    page = admin_browser.get("/").content.decode()
    of_api, output = data(api, "problems"), StringIO()
    with pytest.raises(SystemExit):
        call_command("status", "--check", stdout=output)
    told = {one["kind"]: one for one in of_api["problems"]}
    assert set(told) == {"poller_silent", "server_offline", "app_error"}
    assert of_api["total"] == 3
    for one in told.values():
        assert one["message"].split(":")[0] in output.getvalue()
    for kind in ("server_offline", "app_error"):
        assert escape(told[kind]["name"]) in page
        assert escape(told[kind]["message"]) in page


def test_a_history_is_the_same_on_every_face(server: Server, api: Client, assistant: Any) -> None:
    of_api = data(api, f"servers/{server.pk}/metrics?period=1h&series=cpu_percent")
    of_assistant = assistant("get_server_metrics", server_id=server.pk, period="1h", series=["cpu_percent"])
    of_terminal = printed("metrics", "web-01", "--period=1h", "--series=cpu_percent")
    assert of_api["metrics"] == of_assistant["metrics"] == of_terminal["metrics"]
    assert len(of_api["metrics"]) == 3


def test_the_log_is_the_same_on_every_face(server: Server, api: Client, admin_browser: Client, assistant: Any) -> None:
    shown = admin_browser.get("/activity?kind=server_added").context["page"].rows
    of_api = data(api, "activity?activity_types=server_added")["logs"]
    of_assistant = assistant("get_activity_logs", activity_types=["server_added"])["logs"]
    output = StringIO()
    call_command("activity", "--type=server_added", "--json", stdout=output)
    of_terminal = [json.loads(line) for line in output.getvalue().splitlines()]
    assert of_api == of_assistant == of_terminal[::-1]
    assert [row["id"] for row in of_api] == [row.pk for row in shown]
