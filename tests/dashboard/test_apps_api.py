"""Apps in the JSON API: the contract's names and units, whose sample is whose, and who may ask."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.models import Scope
from metrics.models import App, ContainerMetrics, Server, Tag
from metrics.probe.reading import AppsStatus, EngineAnswer, Health, State
from tests.dashboard import fleet
from tests.dashboard.fleet import MIB, MINUTE, container, exited
from tests.dashboard.test_api import RFC_3339, data, error, made

pytestmark = pytest.mark.django_db

SAMPLE = set(
    "server_id container_id container_name cpu_percent memory_usage_mb memory_limit_mb network_rx_bytes"
    " network_tx_bytes status timestamp".split()
)
FIGURES = SAMPLE - {"server_id", "container_id", "container_name", "status"}
PATHS = ["apps", "servers/{}/apps", "servers/{}/apps/{}/metrics"]


def metrics_of(app: App, asked: str = "period=1h") -> str:
    return f"servers/{app.server_id}/apps/{app.pk}/metrics?{asked}"


def samples(browser: Client, app: App) -> list[dict[str, Any]]:
    return list(data(browser, metrics_of(app))["metrics"])


# The contract ------------------------------------------------------------------------------------


def test_an_app_has_the_names_and_units_of_the_contract(api: Client) -> None:
    server = fleet.with_apps(container())
    [found] = data(api, "apps")["apps"]
    newest = ContainerMetrics.objects.order_by("-pk")[0]
    assert set(found) >= SAMPLE
    assert (found["id"], found["server_id"], found["server_name"]) == (fleet.app().pk, server.pk, "web-01")
    assert (found["container_id"], found["container_name"]) == (container().id, "web")
    assert (found["status"], found["condition"], found["is_stale"]) == ("running", "running", False)
    assert (found["memory_usage_mb"], found["memory_limit_mb"]) == (64, 256)
    assert (found["memory_used_bytes"], found["memory_limit_bytes"]) == (64 * MIB, 256 * MIB)
    assert (found["cpu_percent"], found["cpu_limit_cores"]) == (50.0, 2.0)
    assert found["network_rx_bytes"] == newest.network_rx_bytes
    assert found["network_tx_bytes"] == newest.network_tx_bytes
    assert (found["network_rx_bytes_per_second"], found["network_tx_bytes_per_second"]) == (1000, 500)


def test_shares_are_percent_of_the_server_of_the_limit_and_of_the_memory(api: Client) -> None:
    web = container()
    fleet.with_apps(web, usages={web.id: {"cores": 1.0, "cpu_limit_cores": 0.5, "memory_limit_bytes": None}})
    [found] = data(api, "apps")["apps"]
    assert (found["cpu_percent"], found["cpu_of_host_percent"], found["cpu_of_limit_percent"]) == (100.0, 50.0, 200.0)
    total = fleet.LATER.memory and fleet.LATER.memory.total_bytes
    assert found["memory_percent"] == round(100 * 64 * MIB / (total or 1), 1)
    assert (found["memory_limit_mb"], found["memory_limit_bytes"]) == (None, None)


def test_a_sample_has_the_names_and_units_of_the_contract(api: Client) -> None:
    fleet.with_apps(container(restart_count=2), polls=3)
    app = fleet.app()
    found = data(api, metrics_of(app))
    assert {name: found[name] for name in ("server_id", "app_id", "period", "count")} == {
        "server_id": app.server_id,
        "app_id": app.pk,
        "period": "1h",
        "count": 3,
    }
    sample = found["metrics"][-1]
    assert set(sample) >= SAMPLE
    assert (sample["server_id"], sample["container_id"], sample["container_name"]) == (
        app.server_id,
        container().id,
        "web",
    )
    assert (sample["status"], sample["cpu_percent"], sample["restart_count"]) == ("running", 50.0, 2)
    assert (sample["memory_usage_mb"], sample["memory_limit_mb"]) == (64, 256)
    newest = ContainerMetrics.objects.order_by("-pk")[0]
    assert sample["network_rx_bytes"] == newest.network_rx_bytes


def test_samples_of_an_app_come_oldest_first(api: Client) -> None:
    fleet.with_apps(container(), polls=5)
    times = [sample["timestamp"] for sample in samples(api, fleet.app())]
    assert len(times) == 5
    assert times == sorted(times)
    assert all(RFC_3339.fullmatch(time) for time in times)


def test_a_gap_is_left_out(api: Client) -> None:
    server = fleet.with_apps(container(), ago=10 * MINUTE)
    fleet.looked(server, datetime.now(UTC), container())
    first, second, third = (datetime.fromisoformat(one["timestamp"]) for one in samples(api, fleet.app()))
    assert second - first == MINUTE
    assert third - second == 10 * MINUTE


def test_what_is_unknown_of_an_app_is_null_and_never_zero(api: Client) -> None:
    web = container(restart_count=None)
    nothing = dict.fromkeys(
        "cpu_microseconds memory_bytes memory_limit_bytes cpu_limit_cores pids read_bytes written_bytes"
        " receive_bytes transmit_bytes".split()
    )
    fleet.with_apps(web, usages={web.id: nothing})
    [app], sample = data(api, "apps")["apps"], samples(api, fleet.app())[-1]
    for found in (app, sample):
        assert {found[name] for name in FIGURES - {"timestamp"}} == {None}
        assert found["restart_count"] is None
    assert app["health"] is app["exit_code"] is app["out_of_memory"] is app["project"] is None


def test_zero_is_zero_and_not_null(api: Client) -> None:
    web = container()
    idle = {"cores": 0, "memory_bytes": 0, "receive_bytes": 0, "transmit_bytes": 0}
    fleet.with_apps(web, usages={web.id: idle})
    [app], sample = data(api, "apps")["apps"], samples(api, fleet.app())[-1]
    for found in (app, sample):
        assert [found[name] for name in ("cpu_percent", "memory_usage_mb", "network_rx_bytes")] == [0, 0, 0]


def test_an_app_that_ended_has_no_figures_and_says_how(api: Client) -> None:
    fleet.with_apps(exited("db", 137, is_out_of_memory=True))
    [found] = data(api, "apps")["apps"]
    assert (found["status"], found["condition"], found["exit_code"], found["signal"], found["out_of_memory"]) == (
        "exited",
        "error",
        137,
        "SIGKILL",
        True,
    )
    assert {found[name] for name in FIGURES - {"timestamp"}} == {None}


def test_figures_of_an_app_that_are_not_current_are_null(api: Client) -> None:
    fleet.with_apps(container(), ago=timedelta(minutes=6))
    [found] = data(api, "apps")["apps"]
    assert (found["is_stale"], found["condition"], found["status"]) == (True, "unknown", "running")
    assert {found[name] for name in FIGURES} == {None}


def test_what_was_captured_is_told_as_it_is(api: Client) -> None:
    server = fleet.with_apps(*fleet.captured("docker-24").values())
    found = {app["container_name"]: app for app in data(api, f"servers/{server.pk}/apps")["apps"]}
    told = {name: (one["status"], one["condition"], one["health"], one["name"]) for name, one in found.items()}
    assert told["shop-web-1"] == ("running", "running", "healthy", "shop/web")
    assert told["shop-db-1"] == ("running", "error", "unhealthy", "shop/db")
    assert told["shop-worker-2"] == ("running", "running", None, "shop/worker 2")
    assert told["cron"][:2] == ("restarting", "error")
    assert told["batch"][:2] == ("paused", "stopped")
    assert told["old"][:2] == ("dead", "error")
    assert found["shop-web-1"]["image"] == "nginx:1.25"
    assert (found["shop-web-1"]["project"], found["shop-web-1"]["service"]) == ("shop", "web")


@pytest.mark.parametrize(
    ("seen", "condition"),
    [
        (container(), "running"),
        (container(health=Health.UNHEALTHY), "error"),
        (container(state=State.PAUSED), "stopped"),
        (container(state=State.CREATED), "stopped"),
        (container(state=State.RESTARTING), "error"),
        (container(state=State.DEAD), "error"),
        *((exited(exit_code=code), "stopped") for code in (0, 130, 137, 143)),
        *((exited(exit_code=code), "error") for code in (1, 2, 127, 139, 255)),
        (exited(exit_code=137, is_out_of_memory=True), "error"),
    ],
)
def test_the_counts_of_the_summary_follow_how_an_app_is(api: Client, seen: Any, condition: str) -> None:
    fleet.with_apps(seen)
    found = data(api, "summary")
    assert found["total_apps"] == 1
    assert {name: found[f"{name}_apps"] for name in ("running", "stopped", "error")} == {
        name: int(name == condition) for name in ("running", "stopped", "error")
    }


# Whose sample it is ------------------------------------------------------------------------------


def test_a_sample_is_of_the_container_that_there_was_then(api: Client) -> None:
    now = datetime.now(UTC)
    server = fleet.with_apps(container(id="a" * 64, image="app:1"), ago=3 * MINUTE)
    for ago in (2, 1):
        fleet.looked(server, now - ago * MINUTE, container(id="b" * 64, image="app:2", started_at=now - 2 * MINUTE))
    found = samples(api, fleet.app())
    assert [(one["container_id"][0], one["image"]) for one in found] == [("a", "app:1")] * 2 + [("b", "app:2")] * 2
    assert App.objects.count() == 1
    assert data(api, f"servers/{server.pk}/apps")["apps"][0]["container_id"] == "b" * 64


def test_a_removed_app_keeps_its_samples_and_leaves_the_lists(api: Client) -> None:
    server = fleet.with_apps(container("web"), container("db"), ago=MINUTE)
    fleet.looked(server, datetime.now(UTC), container("db"))
    for path in ("apps", f"servers/{server.pk}/apps"):
        assert [app["name"] for app in data(api, path)["apps"]] == ["db"]
    assert len(samples(api, fleet.app("web"))) == 2
    assert data(api, "summary")["total_apps"] == 1


# The four words ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "status", "starts"),
    [
        (None, None, None),
        (fleet.ABSENT, "no_docker", "There is neither"),
        (fleet.DENIED, "not_allowed", "The account may not"),
        (fleet.DOWN, "daemon_down", "Docker is there"),
        (fleet.NONE, "no_containers", "Listed over"),
        (EngineAnswer(AppsStatus.UNREADABLE, "slow"), "unreadable", "The engine did not answer"),
    ],
)
def test_why_there_are_no_apps_is_told_in_a_word_and_in_words(
    api: Client, answer: EngineAnswer | None, status: str | None, starts: str | None
) -> None:
    server = fleet.with_apps(answer=answer) if answer else fleet.online()
    found = data(api, f"servers/{server.pk}/apps")
    assert (found["server_id"], found["apps"], found["count"], found["status"]) == (server.pk, [], 0, status)
    of_server = data(api, f"servers/{server.pk}")
    assert (of_server["apps_status"], of_server["apps_explanation"]) == (status, found["explanation"])
    assert (found["explanation"] or "").startswith(starts or "")
    assert bool(found["explanation"]) is bool(starts)


@pytest.mark.parametrize("answer", [fleet.ABSENT, fleet.DENIED, fleet.DOWN])
def test_an_answer_that_is_no_list_removes_nothing(api: Client, answer: EngineAnswer) -> None:
    server = fleet.with_apps(container())
    fleet.looked(server, datetime.now(UTC), answer=answer)
    [found] = data(api, f"servers/{server.pk}/apps")["apps"]
    assert (found["name"], found["condition"], found["is_stale"]) == ("web", "unknown", True)
    assert data(api, "summary")["unknown_apps"] == 1


def test_a_container_without_a_name_is_told_by_its_id_with_its_figures(api: Client) -> None:
    fleet.with_apps(answer=fleet.DENIED, usages={"ab" * 32: {}})
    [found] = data(api, "apps")["apps"]
    assert (found["container_name"], found["image"], found["status"]) == ("abababababab", None, "running")
    assert (found["memory_usage_mb"], found["cpu_percent"]) == (64, 50.0)


# Lists, errors, scopes ---------------------------------------------------------------------------


def test_apps_are_paged_and_count_what_they_list(api: Client) -> None:
    for name in ("b", "a"):
        fleet.with_apps(container("x"), container("y"), name=name)
    found = data(api, "apps?limit=2&offset=1")
    assert [(app["server_name"], app["name"]) for app in found["apps"]] == [("a", "y"), ("b", "x")]
    assert (found["count"], found["total"], found["limit"], found["offset"]) == (2, 4, 2, 1)
    assert data(api, "apps?limit=0")["apps"] == []
    assert data(api, "apps?offset=1000000000000000")["count"] == 0


def test_apps_of_one_server_are_of_that_server_alone(api: Client) -> None:
    for name in ("a", "b"):
        server = fleet.with_apps(container("x"), container("y"), name=name)
    found = data(api, f"servers/{server.pk}/apps")
    assert [(app["server_id"], app["name"]) for app in found["apps"]] == [(server.pk, "x"), (server.pk, "y")]
    assert (found["count"], found["total"]) == (2, 2)


def test_an_app_of_another_server_is_404(api: Client) -> None:
    fleet.with_apps(container())
    other, app = fleet.online("web-02"), fleet.app()
    assert data(api, metrics_of(app))["count"] == 2
    for path in (f"{other.pk}/apps/{app.pk}", f"{app.server_id}/apps/{app.pk + 1}", f"999/apps/{app.pk}"):
        assert error(api.get(f"/api/v1/servers/{path}/metrics"), 404) == "NOT_FOUND"
    assert error(api.get("/api/v1/servers/999/apps"), 404) == "NOT_FOUND"


@pytest.mark.parametrize("number", ["0", "-1", "x", "1e3", "9" * 18, "9" * 19, "9" * 400, "%00", "١", "1.0", "%2e"])
def test_an_id_of_an_app_that_is_none_is_404(api: Client, number: str) -> None:
    server = fleet.with_apps(container())
    assert error(api.get(f"/api/v1/servers/{server.pk}/apps/{number}/metrics"), 404) == "NOT_FOUND"
    assert error(api.get(f"/api/v1/servers/{number}/apps"), 404) == "NOT_FOUND"


@pytest.mark.parametrize("period", ["2h", "", "1H", "%00h", "9" * 900])
def test_an_unknown_period_of_an_app_is_400(api: Client, period: str) -> None:
    fleet.with_apps(container())
    response = api.get(f"/api/v1/{metrics_of(fleet.app(), f'period={period}')}")
    assert error(response, 400) == ("BAD_PARAMETER" if "%00" in period else "UNKNOWN_PERIOD")
    assert "%00" in period or "1h, 24h, 7d, 30d" in response.json()["message"]


@pytest.mark.parametrize("period", ["1h", "24h", "7d", "30d", None])
def test_every_period_of_an_app_is_answered_in_json(api: Client, period: str | None) -> None:
    fleet.with_apps(container())
    found = data(api, metrics_of(fleet.app(), f"period={period}" if period else ""))
    assert found["period"] == (period or "24h")
    assert found["count"] >= 1
    assert sum(sample["samples"] for sample in found["metrics"]) == 2


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("apps?sort=name", "sort"),
        ("apps?limit=1&limit=2", "limit"),
        ("apps?limit=1001", "limit"),
        ("apps?offset=-1", "offset"),
        ("apps?offset=" + "9" * 5000, "offset"),
        ("servers/{}/apps?limit=1", "limit"),
        ("servers/{}/apps/{}/metrics?period=1h&period=7d", "period"),
        ("servers/{}/apps/{}/metrics?limit=1", "limit"),
        ("activity?app_id=x", "app_id"),
        ("activity?app_id=-1", "app_id"),
        ("activity?app_id=" + "9" * 19, "app_id"),
        ("activity?app_id=1&app_id=2", "app_id"),
    ],
)
def test_a_bad_parameter_about_apps_is_400_and_named(api: Client, path: str, names: str) -> None:
    app = fleet.with_apps(container()) and fleet.app()
    response = api.get(f"/api/v1/{path.format(app.server_id, app.pk)}")
    assert error(response, 400) == "BAD_PARAMETER"
    assert response.json()["message"].startswith(f"{names}: ")


@pytest.mark.parametrize("path", PATHS)
def test_apps_need_the_scope_for_metrics(administrator: Any, path: str) -> None:
    app = fleet.with_apps(container()) and fleet.app()
    address = f"/api/v1/{path.format(app.server_id, app.pk)}"
    assert error(made(administrator, *set(Scope.values) - {Scope.METRICS_READ}).get(address), 403) == "SCOPE_MISSING"
    assert made(administrator, Scope.METRICS_READ).get(address).status_code == 200
    assert error(Client().get(address), 401) == "UNAUTHORIZED"
    assert error(made(administrator).post(address), 405) == "METHOD_NOT_ALLOWED"


def test_a_viewer_may_read_apps(viewer_browser: Client, operator_browser: Client) -> None:
    app = fleet.with_apps(container()) and fleet.app()
    for path in PATHS:
        expected = data(viewer_browser, path.format(app.server_id, app.pk))
        assert data(operator_browser, path.format(app.server_id, app.pk)) == expected


def test_a_token_of_a_tag_sees_only_apps_of_its_servers(administrator: Any) -> None:
    fleet.with_apps(container("seen"), name="a", tags=("a", "b"))
    fleet.with_apps(container("unseen"), name="b", tags=("b",))
    script = made(administrator, tag=Tag.objects.get(name="a"))
    assert [app["name"] for app in data(script, "apps")["apps"]] == ["seen"]
    assert data(script, "apps")["total"] == data(script, "summary")["total_apps"] == 1
    assert data(script, metrics_of(fleet.app("seen")))["count"] == 2
    unseen = fleet.app("unseen")
    for path in (f"servers/{unseen.server_id}/apps", metrics_of(unseen)):
        assert error(script.get(f"/api/v1/{path}"), 404) == "NOT_FOUND"
    assert data(script, f"activity?app_id={unseen.pk}")["total"] == 0


def test_activity_is_filtered_by_app(api: Client) -> None:
    server = fleet.with_apps(container("web"), container("db"), ago=MINUTE)
    fleet.looked(server, datetime.now(UTC), exited("web", 1), exited("db", 1))
    web = fleet.app("web")
    found = data(api, f"activity?app_id={web.pk}")
    assert [(row["app_id"], row["app_name"], row["activity_type"]) for row in found["logs"]] == [
        (web.pk, "web", "app_crashed")
    ]
    assert found["total"] == 1
    assert data(api, "activity?app_id=999999999999999")["total"] == 0


def test_a_server_that_goes_takes_its_apps_along(api: Client) -> None:
    app = fleet.with_apps(container()) and fleet.app()
    Server.objects.all().delete()
    assert data(api, "apps")["total"] == data(api, "summary")["total_apps"] == 0
    assert error(api.get(f"/api/v1/{metrics_of(app)}"), 404) == "NOT_FOUND"


words = st.text(max_size=20) | st.sampled_from(["1", "0", "-1", "9" * 30, "1h", "30d", "\0", "%", "../1"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["apps", "servers/1/apps", "servers/1/apps/1/metrics", "activity"]),
    query=st.dictionaries(st.sampled_from(["limit", "offset", "period", "app_id", "x"]), words, max_size=3),
)
def test_no_query_about_apps_makes_it_fail(admin_browser: Client, path: str, query: dict[str, str]) -> None:
    response = admin_browser.get(f"/api/v1/{path}", query)
    assert response.status_code in (200, 400, 404)
    assert response.json()["success"] is (response.status_code == 200)
