"""The tools for AI assistants, asked by the protocol's own client."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx2
import pytest
from asgiref.sync import async_to_sync
from django.test import Client as Browser
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from activity.models import ActivityLog
from activity.record import record
from activity.types import ActivityType, Origin, Result
from dashboard import tokens
from dashboard.mcp import calls
from dashboard.mcp.server import server as mcp_server
from dashboard.mcp.tools import MOST_BYTES, TOOLS
from dashboard.models import ApiToken, Scope
from metrics.models import CrashCard
from tests.dashboard import fleet
from tests.dashboard.fleet import container
from tests.dashboard.test_api import data
from tests.serve import ROOT, Serve

pytestmark = pytest.mark.django_db(transaction=True)

ORIGINAL = {
    "get_server_metrics": {"server_id", "period"},
    "get_app_metrics": {"server_id", "app_id", "period"},
    "get_activity_logs": {"activity_types", "server_id", "user_id", "limit", "offset"},
    "get_dashboard_summary": set(),
}


@pytest.fixture
def assistant(token: str) -> ApiToken:
    """A token with every scope, as it was checked."""
    return tokens.check(token, "127.0.0.1", datetime.now(UTC))


def asked(token: ApiToken, name: str, **arguments: Any) -> dict[str, Any]:
    """The envelope, as the client reads it."""

    async def ask(client: Client) -> Any:
        return await client.call_tool(name, arguments)

    result = with_client(token, ask)
    assert json.loads(result.content[0].text) == result.structured_content
    assert result.is_error is not result.structured_content["success"]
    return dict(result.structured_content)


def with_client(token: ApiToken, ask: Callable[[Client], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with Client(mcp_server(partial(calls.call, token))) as client:
            return await ask(client)

    return async_to_sync(run)()


# What there is -----------------------------------------------------------------------------------


def test_the_original_tools_have_their_names_and_parameters(assistant: ApiToken) -> None:
    async def ask(client: Client) -> Any:
        return (await client.list_tools()).tools

    listed = {tool.name: tool for tool in with_client(assistant, ask)}
    assert set(listed) == {one.name for one in TOOLS} == {*ORIGINAL, "list_servers", "list_apps", "explain_server"}
    for name, parameters in ORIGINAL.items():
        assert set(listed[name].input_schema["properties"]) >= parameters
        assert set(listed[name].input_schema["required"]) <= parameters
    assert all(tool.description and tool.annotations.read_only_hint and tool.output_schema for tool in listed.values())


def test_every_parameter_says_what_it_is_for(assistant: ApiToken) -> None:
    for tool in TOOLS:
        assert all(one["description"] for one in tool.input_schema["properties"].values()), tool.name


# The same answers --------------------------------------------------------------------------------


def test_the_summary_and_the_lists_are_those_of_the_api(assistant: ApiToken, api: Browser) -> None:
    server = fleet.with_apps(container("web"))
    same = {
        "get_dashboard_summary": ({}, "summary"),
        "list_servers": ({}, "servers?limit=20"),
        "list_apps": ({"server_id": server.pk}, f"apps?limit=30&server_id={server.pk}"),
    }
    for name, (arguments, path) in same.items():
        told, of_api = asked(assistant, name, **arguments)["data"], data(api, path)
        told.pop("timestamp", None), of_api.pop("timestamp", None)
        told.pop("recent_activities", None), of_api.pop("recent_activities", None)  # asking is an activity itself
        assert told == of_api


def test_a_servers_and_an_apps_samples_are_those_of_the_api(assistant: ApiToken, api: Browser) -> None:
    server = fleet.with_apps(container("web"), polls=3)
    app = server.apps.get()
    told = asked(assistant, "get_server_metrics", server_id=server.pk, period="1h")["data"]
    of_api = data(api, f"servers/{server.pk}/metrics?period=1h")
    assert told["period"] == "1h"
    assert told["count"] == len(told["metrics"]) == of_api["count"] == 3
    assert all(
        sample.items() <= other.items() for sample, other in zip(told["metrics"], of_api["metrics"], strict=True)
    )
    told = asked(assistant, "get_app_metrics", server_id=server.pk, app_id=app.pk)["data"]
    assert told["metrics"][-1]["container_name"] == "web"


def test_the_log_is_filtered_and_paged(assistant: ApiToken) -> None:
    for number in range(3):
        fleet.pending(f"web-{number}")
    told = asked(assistant, "get_activity_logs", activity_types=["server_added"], limit=2, offset=1)["data"]
    assert (told["count"], told["total"], told["limit"], told["offset"]) == (2, 3, 2, 1)
    assert [row["message"] for row in told["logs"]] == ["web-1 added", "web-0 added"]


def test_what_changed_is_told_as_one_bundle(assistant: ApiToken) -> None:
    server = fleet.online(polls=5)
    told = asked(assistant, "explain_server", server_id=server.pk, at=datetime.now(UTC).isoformat())["data"]
    assert {"changes", "events", "crashes", "metrics"} <= set(told)
    assert "server_connected" in [event["activity_type"] for event in told["events"]]
    assert "cpu_percent" in [change["name"] for change in told["changes"]]


# Size --------------------------------------------------------------------------------------------


def test_an_answer_of_any_period_is_short_enough(assistant: ApiToken) -> None:
    server = fleet.online()
    for tool, arguments in (
        ("get_server_metrics", {"period": "30d"}),
        ("get_server_metrics", {"period": "24h", "series": ["cpu_percent"]}),
        ("explain_server", {"minutes": 1440}),
    ):
        found = asked(assistant, tool, server_id=server.pk, **arguments)
        assert len(json.dumps(found, separators=(",", ":"))) <= MOST_BYTES


def test_what_is_cut_says_how_to_ask_for_more(assistant: ApiToken) -> None:
    for number in range(60):
        fleet.pending(f"web-{number}")
    found = asked(assistant, "list_servers", limit=1000)
    assert found["data"]["count"] == len(found["data"]["servers"]) < found["data"]["total"] == 60
    assert "offset" in found["note"]
    assert len(json.dumps(found, separators=(",", ":"))) <= MOST_BYTES


def test_no_text_takes_the_room_of_all_else(assistant: ApiToken) -> None:
    names = [f"{number}{'猫' * 120}" for number in range(50)]
    server = fleet.with_apps(*(container(name, image=name) for name in names))
    for app in server.apps.all()[:5]:
        CrashCard.objects.create(app=app, at=datetime.now(UTC), log='"\\' * 9000)
    record(ActivityType.REPORTED, "Deployed", server=server, details={"why": "x" * 60_000})
    for tool, arguments, rows in (
        ("explain_server", {"server_id": server.pk}, "events"),
        ("get_activity_logs", {}, "logs"),
        ("list_apps", {"limit": 50}, "apps"),
    ):
        found = asked(assistant, tool, **arguments)
        assert len(json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()) <= MOST_BYTES
        assert len(found["data"][rows]) >= 3


def test_long_details_push_nothing_out(assistant: ApiToken) -> None:
    server = fleet.online()
    for number in range(3):
        record(ActivityType.REPORTED, f"report {number}", server=server, details={"text": "x" * 60_000})
    found = asked(assistant, "get_activity_logs", activity_types=["reported"])
    assert [row["message"] for row in found["data"]["logs"]] == ["report 2", "report 1", "report 0"]
    assert len(json.dumps(found)) < 5000


def test_text_of_servers_is_marked_as_data(assistant: ApiToken) -> None:
    assert "data" in asked(assistant, "list_servers")["notice"]


# Errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "code", "names"),
    [
        ("get_server_metrics", {}, "BAD_PARAMETER", "list_servers"),
        ("get_server_metrics", {"server_id": 999}, "NOT_FOUND", "server"),
        ("get_server_metrics", {"server_id": "x\0"}, "NOT_FOUND", "server"),
        ("get_server_metrics", {"server_id": 1, "period": "2h"}, "UNKNOWN_PERIOD", "1h, 24h, 7d, 30d"),
        ("get_server_metrics", {"server_id": 1, "colour": "red"}, "BAD_PARAMETER", "colour"),
        ("get_server_metrics", {"server_id": 1, "series": ["x"]}, "BAD_PARAMETER", "cpu_percent"),
        ("list_servers", {"q": "\ud800"}, "BAD_PARAMETER", "q: "),
        ("list_servers", {"\ud800": 1}, "BAD_PARAMETER", "\\ud800: "),
        ("get_activity_logs", {"limit": -1}, "BAD_PARAMETER", "limit"),
        ("get_activity_logs", {"activity_types": [{"a": 1}]}, "BAD_PARAMETER", "activity_types"),
        ("explain_server", {"server_id": 1, "at": "2999-01-01T00:00:00Z"}, "WRONG_RANGE", "future"),
        ("drop_tables", {}, "UNKNOWN_TOOL", "get_server_metrics"),
    ],
)
def test_an_error_names_the_remedy(
    assistant: ApiToken, name: str, arguments: dict[str, Any], code: str, names: str
) -> None:
    server = fleet.online()
    given = arguments | ({"server_id": server.pk} if arguments.get("server_id") == 1 else {})
    found = calls.call(assistant, name, given)
    assert (found["success"], found["error"]) == (False, code)
    assert names in found["message"]


def test_a_tool_needs_its_scope(administrator: Any) -> None:
    token, _ = tokens.create("narrow", administrator, [Scope.SUMMARY_READ], datetime.now(UTC))
    assert asked(token, "get_dashboard_summary")["success"]
    found = asked(token, "list_servers")
    assert found["error"] == "SCOPE_MISSING"
    assert "metrics:read" in found["message"]


def test_a_token_that_lets_nobody_in_says_whether_it_will_again(assistant: ApiToken) -> None:
    assert calls.refused(tokens.Refused("revoked"))["error"] == "UNAUTHORIZED"
    often = calls.refused(tokens.TooOften(assistant, 7, is_first=True))
    assert (often["error"], "7 seconds" in often["message"]) == ("TOO_MANY_REQUESTS", True)


# Who asked what ----------------------------------------------------------------------------------


def test_every_call_is_an_activity_of_the_token(assistant: ApiToken) -> None:
    server = fleet.online()
    asked(assistant, "get_server_metrics", server_id=server.pk, period="7d")
    asked(assistant, "get_server_metrics", server_id=0)
    failed, row = ActivityLog.objects.filter(activity_type=ActivityType.TOOL_CALLED).newest_first()
    assert (row.actor_kind, row.actor_name, row.origin, row.result) == ("token", "script", Origin.MCP, Result.SUCCESS)
    assert row.details == {
        "tool": "get_server_metrics",
        "arguments": {"server_id": str(server.pk), "period": "7d"},
    }
    assert (failed.result, failed.details["error"]) == (Result.FAILURE, "NOT_FOUND")


# Over HTTP and over standard input and output ----------------------------------------------------


def over_http(url: str, text: str, name: str, arguments: dict[str, Any]) -> Any:
    async def run() -> Any:
        http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {text}"})
        async with http, Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} >= set(ORIGINAL)
            return await client.call_tool(name, arguments)

    return asyncio.run(run())


def test_it_answers_over_http_in_the_web_process(live_server: Any, token: str) -> None:
    server = fleet.online("from-http")
    result = over_http(live_server.url, token, "list_servers", {})
    assert [one["name"] for one in result.structured_content["data"]["servers"]] == [server.name]
    [row] = ActivityLog.objects.filter(activity_type=ActivityType.TOOL_CALLED)
    assert (row.source_ip, row.origin) == ("127.0.0.1", Origin.MCP)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"authorization": "Bearer tomo_1_x"}, 401), ({"authorization": "Basic YTpi"}, 401)],
)
def test_nobody_comes_in_without_a_token(client: Browser, headers: dict[str, str], status: int) -> None:
    response = client.post("/mcp", "{}", "application/json", headers=headers)
    assert response.status_code == status
    assert "Bearer" in response.headers["WWW-Authenticate"]


def test_a_session_is_no_token(admin_browser: Browser) -> None:
    assert admin_browser.post("/mcp", "{}", "application/json").status_code == 401


def test_only_post_is_understood(api: Browser) -> None:
    response = api.get("/mcp")
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")


NONSENSE = [b"", b"{", b"[]", b'{"jsonrpc": "2.0"}', b"\xff\xfe", b'{"jsonrpc":"2.0","id":1,"method":"x"}']


@pytest.mark.parametrize("body", NONSENSE)
def test_nonsense_is_no_failure(api: Browser, body: bytes) -> None:
    response = api.post("/mcp", body, "application/json", headers={"accept": "application/json, text/event-stream"})
    assert response.status_code < 500


def test_a_token_has_so_many_requests_a_minute(api: Browser) -> None:
    found = {
        api.post("/mcp", "x" * 200_000, "application/json").status_code for _ in range(2 * tokens.MOST_A_MINUTE + 2)
    }
    assert found == {413, 429}  # two minutes at most have passed


# Over standard input and output ------------------------------------------------------------------


def over_stdio(product: Serve, text: str) -> Any:
    server = StdioServerParameters(
        command=sys.executable,
        args=[str(ROOT / "manage.py"), "mcp"],
        env=product.environment | {"TOMO_MCP_TOKEN": text},
    )

    async def run() -> Any:
        async with Client(stdio_client(server)) as client:
            return await client.call_tool("list_servers", {})

    return asyncio.run(run())


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """A product with a database of its own that does not run."""
    found = Serve(tmp_path_factory.mktemp("product"))
    manage(found, "migrate")
    manage(found, "add_server", "web-01", "--hostname", "127.0.0.1", "--generate-key")
    yield found
    found.kill()


def manage(product: Serve, *arguments: str, **more: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=product.environment | more, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_it_answers_over_standard_input_and_output(product: Serve) -> None:
    manage(product, "createsuperuser", "--noinput", "--username", "admin", "--email", "a@example.org")
    text = manage(product, "create_token", "assistant", "--scope", "metrics:read")
    result = over_stdio(product, text.split()[0])
    assert [one["name"] for one in result.structured_content["data"]["servers"]] == ["web-01"]
    assert "assistant asked list_servers" in manage(product, "activity")


def test_the_command_says_which_token_is_wanted(product: Serve) -> None:
    assert "TOMO_MCP_TOKEN" in manage(product, "mcp")
    assert "TOMO_MCP_TOKEN: The token is not valid" in manage(product, "mcp", TOMO_MCP_TOKEN="tomo_1_x")
