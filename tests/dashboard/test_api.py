"""The JSON API: its contract, its errors, its tokens."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activity.context import Acting
from activity.models import ActivityLog
from activity.record import record
from activity.types import ActivityType, Result
from dashboard import access, tokens
from dashboard.models import ApiToken, Scope
from metrics import queries
from metrics.models import Server, ServerState, Tag
from metrics.probe.reading import Reading
from tests.dashboard import fleet

pytestmark = pytest.mark.django_db

SUMMARY = set(
    "total_servers online_servers offline_servers total_apps running_apps stopped_apps error_apps avg_cpu_percent"
    " avg_memory_percent avg_disk_percent recent_activities".split()
)
SAMPLE = set(
    "server_id cpu_percent memory_percent memory_used_mb memory_total_mb disk_percent disk_used_gb disk_total_gb"
    " network_rx_bytes network_tx_bytes load_average_1m load_average_5m load_average_15m uptime_seconds"
    " timestamp".split()
)
ACTIVITY = set("id activity_type user_id server_id app_id message details timestamp".split())
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
ALL = ["summary", "servers", "servers/{}", "servers/{}/metrics", "activity"]


def data(browser: Client, path: str) -> dict[str, Any]:
    response = browser.get(f"/api/v1/{path}")
    assert response.status_code == 200, response.content
    assert set(response.json()) == {"success", "data", "message"}
    assert response.json()["success"] is True
    return dict(response.json()["data"])


def error(response: Any, status: int) -> str:
    """The code of an answer that is an error, in its envelope."""
    assert response.status_code == status, response.content
    assert set(response.json()) == {"success", "message", "error"}
    assert response.json()["success"] is False
    return str(response.json()["error"])


def made(owner: Any, *scopes: str, **more: Any) -> Client:
    """A script with a new token, by default with every scope that its owner's role allows."""
    name = "script" + " again" * ApiToken.objects.count()
    scopes = scopes or tuple(scope for scope in Scope if access.may_use(owner, scope))
    text = tokens.create(name, owner, scopes, datetime.now(UTC), **more)[1]
    return Client(headers={"authorization": f"Bearer {text}"})


# The contract ------------------------------------------------------------------------------------


def test_the_summary_has_the_names_of_the_contract(api: Client) -> None:
    fleet.online("a")
    fleet.offline("b")
    found = data(api, "summary")
    assert set(found) >= SUMMARY
    assert (found["total_servers"], found["online_servers"], found["offline_servers"]) == (2, 1, 1)
    assert found["averaged_over"] == 1
    assert set(found["recent_activities"][0]) >= ACTIVITY


def test_a_sample_has_the_names_and_units_of_the_contract(api: Client) -> None:
    server = fleet.online()
    found = data(api, f"servers/{server.pk}/metrics?period=1h")
    assert set(found) >= {"server_id", "period", "metrics", "count"}
    sample, latest = found["metrics"][-1], server.latest
    assert set(sample) >= SAMPLE
    assert latest
    assert sample["server_id"] == server.pk
    assert sample["memory_total_mb"] == latest.memory_total_bytes // 2**20
    assert sample["memory_used_mb"] == latest.memory_used_bytes // 2**20
    assert sample["disk_total_gb"] == latest.disk_total_bytes // 2**30
    assert sample["disk_percent"] == round(latest.disk_percent or 0, 1)
    assert sample["network_rx_bytes"] == latest.network_rx_bytes
    assert sample["uptime_seconds"] == latest.uptime_seconds


def test_a_server_has_its_status_and_newest_figures(api: Client) -> None:
    server = fleet.online(tags=("production",))
    [found] = data(api, "servers")["servers"]
    assert found == data(api, f"servers/{server.pk}")
    assert (found["id"], found["name"], found["status"], found["tags"]) == (
        server.pk,
        "web-01",
        "online",
        ["production"],
    )
    assert found["memory_total_mb"] > 0
    assert set(found) >= SAMPLE - {"server_id"}


@pytest.mark.parametrize("status", ["pending", "online", "offline", "paused"])
def test_every_status_is_told(api: Client, status: str) -> None:
    server = {"pending": fleet.pending, "offline": fleet.offline}.get(status, fleet.online)()
    Server.objects.filter(pk=server.pk).update(paused=status == "paused")
    assert data(api, f"servers/{server.pk}")["status"] == status


def test_an_activity_has_the_names_of_the_contract(api: Client) -> None:
    server = fleet.pending()
    found = data(api, f"activity?server_id={server.pk}")
    assert set(found) >= {"logs", "count", "total", "limit", "offset"}
    [row] = found["logs"]
    assert set(row) >= ACTIVITY
    assert (row["activity_type"], row["server_id"], row["message"]) == ("server_added", server.pk, "web-01 added")


def test_samples_come_oldest_first(api: Client) -> None:
    server = fleet.online(polls=5)
    times = [sample["timestamp"] for sample in data(api, f"servers/{server.pk}/metrics?period=1h")["metrics"]]
    assert len(times) == 5
    assert times == sorted(times)


def test_every_time_is_rfc_3339_in_utc(api: Client) -> None:
    server = fleet.offline()

    def times(value: Any, name: str = "") -> list[str]:
        if isinstance(value, dict):
            return [one for key, inner in value.items() for one in times(inner, key)]
        if isinstance(value, list):
            return [one for inner in value for one in times(inner, name)]
        return [value] if name in ("timestamp", "since", "polled_at", "from", "to") and value else []

    found = [time for path in ALL for time in times(data(api, path.format(server.pk)))]
    assert len(found) > 10
    assert all(RFC_3339.fullmatch(time) for time in found)


def test_what_is_unknown_is_null_and_never_zero(api: Client) -> None:
    server = fleet.pending()
    fleet.polled(server, datetime.now(UTC), Reading())
    [sample] = data(api, f"servers/{server.pk}/metrics?period=1h")["metrics"]
    known = {"server_id", "timestamp", "samples"}
    assert {name for name, value in sample.items() if value is not None} == known
    assert data(api, f"servers/{server.pk}")["cpu_percent"] is None
    assert data(api, "summary")["avg_cpu_percent"] is None


def test_figures_that_are_not_current_are_null(api: Client) -> None:
    server = fleet.online(ago=timedelta(minutes=6))
    ServerState.objects.update(clock_skew_seconds=90)
    found = data(api, f"servers/{server.pk}")
    assert found["is_stale"] is True
    assert {found[name] for name in (SAMPLE | {"clock_skew_seconds"}) - {"server_id"}} == {None}
    assert data(api, "summary")["avg_memory_percent"] is None


def test_a_fleet_of_nobody_is_told_as_such(api: Client) -> None:
    found = data(api, "summary")
    assert (found["total_servers"], found["avg_cpu_percent"], found["averaged_over"]) == (0, None, 0)


def test_lists_are_paged_and_count_what_they_list(api: Client) -> None:
    for name in "cab":
        fleet.pending(name)
    found = data(api, "servers?limit=2&offset=1")
    assert [server["name"] for server in found["servers"]] == ["b", "c"]
    assert (found["count"], found["total"], found["limit"], found["offset"]) == (2, 3, 2, 1)
    assert data(api, "servers?limit=0")["servers"] == []
    assert data(api, "servers?offset=1000000000000000")["count"] == 0


def test_activity_is_paged_by_a_cursor_without_gap_or_repetition(api: Client) -> None:
    for number in range(7):
        fleet.pending(f"web-{number}")
    seen, path = [], "activity?activity_types=server_added&limit=3"
    found = data(api, path)
    while True:
        seen += [row["message"] for row in found["logs"]]
        assert found["total"] == 7
        if not found["next_before"]:
            break
        found = data(api, f"{path}&before={found['next_before']}")
    assert seen == [f"web-{number} added" for number in reversed(range(7))]
    assert data(api, f"{path}&limit=0".replace("&limit=3", ""))["next_before"] is None


def test_activity_is_filtered_by_kind_time_text_and_user(api: Client, administrator: Any) -> None:
    fleet.pending("a")
    fleet.pending("b")
    now = datetime.now(UTC).isoformat().replace("+", "%2B")
    assert data(api, "activity?activity_types=server_added,user_login")["total"] == 2
    assert data(api, f"activity?activity_types=server_added&since={now}")["total"] == 0
    assert data(api, f"activity?activity_types=server_added&until={now}")["total"] == 2
    assert data(api, "activity?q=B+added")["total"] == 1
    assert data(api, f"activity?user_id={administrator.pk}&activity_types=server_added")["total"] == 0


def test_activity_is_filtered_by_actor_address_and_result(api: Client) -> None:
    cron = Acting(name="cron", source_ip="2001:db8::7")
    record(ActivityType.REPORTED, "moved", actor=cron, result=Result.FAILURE)
    record(ActivityType.REPORTED, "moved", actor=Acting(name="cron-2", source_ip="192.0.2.7"))
    for wanted in ("actor=cron", "source_ip=2001:DB8:0::7", "result=failure"):
        [row] = data(api, f"activity?{wanted}")["logs"]
        assert (row["actor_name"], row["source_ip"], row["result"]) == ("cron", "2001:db8::7", "failure")
    assert data(api, "activity?actor=cro")["total"] == 0


def test_the_kinds_that_are_allowed_are_all_named(api: Client) -> None:
    told = api.get("/api/v1/activity?activity_types=nonsense").json()["message"]
    assert all(kind in told for kind in ActivityType)


def test_page_and_api_agree(api: Client, admin_browser: Client) -> None:
    fleet.online("a")
    fleet.offline("b")
    found, shown = data(api, "summary"), admin_browser.get("/").content.decode()
    assert f"{found['online_servers']} <small>/ {found['total_servers']} online" in shown
    assert f"{found['offline_servers']} offline" in shown
    figures = re.findall(r'<p class="figure">(\d+(?:\.\d)?)%</p>', shown)
    expected = [found[f"{name}_percent"] for name in ("cpu", "memory", "disk")]
    assert [float(figure) for figure in figures] == [pytest.approx(value, abs=0.51) for value in expected]
    row = queries.server_rows(Server.objects.filter(name="a"), datetime.now(UTC))[0]
    assert row.latest
    assert found["avg_memory_percent"] == pytest.approx(row.latest.memory_percent, abs=0.05)


def test_a_signed_in_browser_may_ask_as_well(viewer_browser: Client) -> None:
    fleet.online()
    assert data(viewer_browser, "summary")["total_servers"] == 1


def test_only_an_auditor_sees_what_is_not_about_servers(viewer_browser: Client, admin_browser: Client) -> None:
    fleet.pending()
    assert {row["activity_type"] for row in data(viewer_browser, "activity")["logs"]} == {"server_added"}
    assert "user_login" in {row["activity_type"] for row in data(admin_browser, "activity")["logs"]}
    assert b"signed in" not in viewer_browser.get("/activity").content
    assert b"signed in" in admin_browser.get("/activity").content


# Errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["", "nothing", "a%0Ab/c", "servers/999", "servers/999/metrics", "servers/web", "servers/-1"]
)
def test_what_is_not_there_is_404(api: Client, path: str) -> None:
    assert error(api.get(f"/api/v1/{path}"), 404) == "NOT_FOUND"


@pytest.mark.parametrize("number", ["9" * 18, "9" * 19, "9" * 400, "%00", "١"])
def test_a_number_that_is_none_is_404(api: Client, number: str) -> None:
    assert error(api.get(f"/api/v1/servers/{number}"), 404) == "NOT_FOUND"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_another_method_is_405_and_names_the_right_one(api: Client, method: str) -> None:
    response = getattr(api, method)("/api/v1/summary")
    assert error(response, 405) == "METHOD_NOT_ALLOWED"
    assert response.headers["Allow"] == "GET"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("summary?a=1", "a"),
        ("servers?sort=name", "sort"),
        ("servers?limit=1&limit=2", "limit"),
        ("servers?limit=1001", "limit"),
        ("servers?limit=-1", "limit"),
        ("servers?limit=", "limit"),
        ("servers?limit=1e3", "limit"),
        ("servers?limit=１", "limit"),
        ("servers?offset=" + "9" * 19, "offset"),
        ("servers?offset=" + "9" * 5000, "offset"),
        ("activity?before=x", "before"),
        ("activity?actor=", "actor"),
        ("activity?source_ip=", "source_ip"),
        ("activity?source_ip=10.0.0.0/8", "source_ip"),
        ("activity?source_ip=fe80::1%25eth0", "source_ip"),
        ("activity?result=broken", "result"),
        ("activity?" + "a" * 5000 + "=1", "a" * 100),
        ("activity?q=%00", "q"),
        ("activity?q=" + "a" * 60_000, "q"),
        ("activity?since=yesterday", "since"),
        ("activity?since=2026-01-31", "since"),
        ("activity?since=2026-01-31T12:00:00", "since"),
        ("activity?since=2026-13-31T12:00:00Z", "since"),
        ("activity?since=0001-01-01T00:00:00%2B14:00", "since"),
        ("activity?until=9999-12-31T23:59:59-14:00", "until"),
        ("activity?activity_types=server_added,nonsense", "activity_types"),
    ],
)
def test_a_bad_parameter_is_400_and_named(api: Client, path: str, names: str) -> None:
    response = api.get(f"/api/v1/{path}")
    assert error(response, 400) == "BAD_PARAMETER"
    assert response.json()["message"].startswith(f"{names}: ")
    assert len(response.json()["message"]) <= 1500


def test_an_unknown_period_is_400_and_names_those_there_are(api: Client) -> None:
    response = api.get(f"/api/v1/servers/{fleet.pending().pk}/metrics?period=2h")
    assert error(response, 400) == "UNKNOWN_PERIOD"
    assert "1h, 24h, 7d, 30d" in response.json()["message"]


@pytest.mark.parametrize("path", ["/api/v1/summary", "/mcp"])
def test_another_host_name_is_400_in_the_envelope(api: Client, path: str) -> None:
    response = api.post(path, headers={"host": "evil.example"})
    assert error(response, 400) == "BAD_REQUEST"
    assert "TOMO_ALLOWED_HOSTS" in response.json()["message"]


def test_too_many_parameters_are_400(api: Client) -> None:
    assert error(api.get("/api/v1/servers?" + "&".join(f"a{n}=1" for n in range(2000))), 400) == "BAD_REQUEST"


words = st.text(max_size=30) | st.sampled_from(
    ["1", "0", "-1", "9" * 30, "1h", "30d", "2026-01-31T12:00:00Z", "\0", "%"]
)
names = st.sampled_from(
    "limit offset period since until q before activity_types user_id actor source_ip result x".split()
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(ALL), query=st.dictionaries(names, words, max_size=3))
def test_no_query_makes_it_fail(admin_browser: Client, path: str, query: dict[str, str]) -> None:
    response = admin_browser.get(f"/api/v1/{path.format(1)}", query)
    assert response.status_code in (200, 400, 404)
    assert response.json()["success"] is (response.status_code == 200)


# Tokens ------------------------------------------------------------------------------------------


def test_only_the_hash_of_a_token_is_kept(administrator: Any) -> None:
    token, text = tokens.create("script", administrator, [Scope.SUMMARY_READ], datetime.now(UTC))
    assert re.fullmatch(rf"tomo_{token.pk}_[A-Za-z0-9_-]{{43}}", text)
    secret = text.split("_", 2)[2]
    kept = ApiToken.objects.values().get()
    assert kept["digest"] == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in str(kept) + str(list(ActivityLog.objects.values()))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer x",
        "Bearer tomo_1_" + "a" * 43,
        "Basic YTpi",
        "tomo_1_x",
        "Bearer \u00e4",
        "Bearer tomo_1_ x",
    ],
)
def test_without_a_token_it_is_401_with_a_challenge(client: Client, administrator: Any, header: str) -> None:
    tokens.create("script", administrator, list(Scope.values), datetime.now(UTC))
    response = client.get("/api/v1/summary", headers={"authorization": header} if header else {})
    assert error(response, 401) == "UNAUTHORIZED"
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_wrong_token_is_refused_even_in_a_signed_in_browser(admin_browser: Client) -> None:
    assert error(admin_browser.get("/api/v1/summary", headers={"authorization": "Bearer x"}), 401)


def test_a_token_in_the_address_is_not_taken(client: Client, token: str) -> None:
    assert error(client.get(f"/api/v1/summary?token={token}"), 401)


def test_a_token_opens_no_page(api: Client) -> None:
    assert api.get("/").status_code == 302
    assert api.get("/admin/").status_code == 302


def test_a_token_ends_when_it_expires(administrator: Any) -> None:
    script = made(administrator, lifetime=timedelta(hours=1))
    assert script.get("/api/v1/summary").status_code == 200
    ApiToken.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert error(script.get("/api/v1/summary"), 401)


def test_a_token_ends_when_it_is_revoked(api: Client) -> None:
    assert api.get("/api/v1/summary").status_code == 200
    tokens.revoke(ApiToken.objects.get(), datetime.now(UTC))
    assert error(api.get("/api/v1/summary"), 401)


def test_a_token_is_dead_while_its_owner_is_deactivated(api: Client, administrator: Any) -> None:
    administrator.is_active = False
    administrator.save()
    assert error(api.get("/api/v1/summary"), 401)


def test_a_token_works_from_its_network_alone(administrator: Any) -> None:
    script = made(administrator, network="10.0.0.0/8")
    assert script.get("/api/v1/summary", REMOTE_ADDR="10.1.2.3").status_code == 200
    for address in ("192.0.2.1", "::1", "fd00::1"):
        assert error(script.get("/api/v1/summary", REMOTE_ADDR=address), 401)


def test_a_token_of_a_tag_sees_only_its_servers(administrator: Any) -> None:
    seen, unseen = fleet.online("seen", tags=("a", "b")), fleet.online("unseen", tags=("b",))
    script = made(administrator, tag=Tag.objects.get(name="a"))
    assert [server["name"] for server in data(script, "servers")["servers"]] == ["seen"]
    assert data(script, "summary")["total_servers"] == 1
    assert data(script, f"servers/{seen.pk}")
    for path in (f"servers/{unseen.pk}", f"servers/{unseen.pk}/metrics"):
        assert error(script.get(f"/api/v1/{path}"), 404)


def test_a_token_of_a_tag_sees_no_activity_of_other_servers(administrator: Any) -> None:
    fleet.pending("seen", tags=("a",))
    fleet.pending("unseen", tags=("b",))
    script = made(administrator, tag=Tag.objects.get(name="a"))
    told = [row["message"] for row in data(script, "activity")["logs"]]
    told += [row["message"] for row in data(script, "summary")["recent_activities"]]
    assert told == ["seen added"] * 2


@pytest.mark.parametrize("path", ALL)
def test_a_scope_that_is_missing_is_403_and_named(administrator: Any, path: str) -> None:
    needed = {"summary": Scope.SUMMARY_READ, "activity": Scope.ACTIVITY_READ}.get(path, Scope.METRICS_READ)
    address = f"/api/v1/{path.format(fleet.pending().pk)}"
    response = made(administrator, *set(Scope.values) - {needed}).get(address)
    assert error(response, 403) == "SCOPE_MISSING"
    assert needed in response.json()["message"]
    assert needed in response.headers["WWW-Authenticate"]
    assert made(administrator, needed).get(address).status_code == 200


def test_a_viewers_token_sees_what_the_viewer_sees(viewer: Any) -> None:
    fleet.pending()
    assert {row["activity_type"] for row in data(made(viewer), "activity")["logs"]} == {"server_added"}


def test_more_than_120_requests_a_minute_are_429(administrator: Any) -> None:
    text = tokens.create("script", administrator, [Scope.SUMMARY_READ], datetime.now(UTC))[1]
    at = datetime(2026, 1, 31, 12, 0, 10, tzinfo=UTC)
    for _ in range(120):
        tokens.check(text, "127.0.0.1", at)
    with pytest.raises(tokens.TooOften) as often:
        tokens.check(text, "127.0.0.1", at)
    assert often.value.seconds == 50
    tokens.check(text, "127.0.0.1", at + timedelta(seconds=50))


def test_429_tells_when_to_come_again(api: Client) -> None:
    now = datetime.now(UTC)
    ApiToken.objects.update(uses=500, minute=int(now.timestamp()) // 60)
    while (response := api.get("/api/v1/summary")).status_code == 200:  # the minute has just ended
        ApiToken.objects.update(uses=500)
    assert error(response, 429) == "TOO_MANY_REQUESTS"
    assert 0 < int(response.headers["Retry-After"]) <= 60


def test_the_first_use_of_a_token_is_recorded_as_its_own(api: Client, administrator: Any) -> None:
    for _ in range(2):
        response = api.get("/api/v1/summary", REMOTE_ADDR="198.51.100.7", headers={"user-agent": "curl/8"})
    row = ActivityLog.objects.get(activity_type=ActivityType.TOKEN_FIRST_USED)
    assert (row.actor_kind, row.actor_name, row.origin) == ("token", "script", "api")
    assert (row.user_id, row.source_ip, row.user_agent) == (administrator.pk, "198.51.100.7", "curl/8")
    assert row.request_id
    assert response.headers["X-Request-ID"] != row.request_id


def test_a_token_for_the_summary_alone_sees_no_sign_ins(administrator: Any) -> None:
    _token, text = tokens.create("summary", administrator, ["summary:read"], datetime.now(UTC))
    record(ActivityType.USER_LOGIN, "somebody signed in")
    answer = Client().get("/api/v1/summary", headers={"Authorization": f"Bearer {text}"})
    assert answer.json()["data"]["recent_activities"] == []
