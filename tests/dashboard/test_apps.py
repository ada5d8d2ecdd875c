"""Apps on every page that shows them, in every state that they can be in."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from activity.record import record
from activity.types import ActivityType
from metrics import retention
from metrics.models import App, ContainerMetrics, Heartbeat, LatestContainerMetrics, Server
from metrics.probe.reading import AppsStatus, EngineAnswer, Health, State
from tests.dashboard import fleet
from tests.dashboard.fleet import MIB, MINUTE, container, exited
from tests.dashboard.test_pages import page, text

OLD = timedelta(minutes=6)
pytestmark = pytest.mark.django_db


def listed(browser: Client, asked: str = "") -> list[str]:
    """The names in the table of apps, as they come."""
    table = page(browser, f"/apps?{asked}").partition('<table class="servers apps">')[2].partition("</table>")[0]
    return re.findall(r'<a href="/servers/\d+/apps/\d+">([^<]+)</a>', table)


def of(browser: Client, name: str = "web") -> str:
    """The page of an app, without its tags."""
    return text(page(browser, fleet.app(name).get_absolute_url()))


def server_page(browser: Client, server: Server) -> str:
    return page(browser, f"/servers/{server.pk}")


# All apps ----------------------------------------------------------------------------------------


@pytest.fixture
def shop() -> None:
    """Four apps on three servers: one runs, one is stopped, one has crashed, of one nothing is known now."""
    web = container("shop-web-1", image="nginx:1.27", project="shop", service="web")
    fleet.with_apps(web, exited("backup", 0, image="restic"), name="web-01", tags=("frontend",))
    fleet.with_apps(exited("mysql", 1, image="mysql:8.4"), name="db-01", tags=("backend",))
    fleet.with_apps(container("cache", image="redis:7"), name="lost-01", ago=OLD)


def test_without_apps_the_page_says_so(admin_browser: Client) -> None:
    assert "No container was seen on any server yet." in page(admin_browser, "/apps")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("", ["backup", "cache", "mysql", "shop/web"]),
        ("q=WEB", ["backup", "shop/web"]),
        ("q=shop-web-1", ["shop/web"]),
        ("q=nginx", ["shop/web"]),
        ("q=db-01", ["mysql"]),
        ("q=web-01+restic", ["backup"]),
        ("q=web-01+mysql", []),
        ("q=%25", []),
        ("q=%00", ["backup", "cache", "mysql", "shop/web"]),
        ("tag=%00&state=%00&server=%00", ["backup", "cache", "mysql", "shop/web"]),
        ("tag=frontend", ["backup", "shop/web"]),
        ("tag=backend&state=running", []),
        ("tag=nonsense", []),
        ("state=running", ["shop/web"]),
        ("state=stopped", ["backup"]),
        ("state=error", ["mysql"]),
        ("state=unknown", ["cache"]),
        ("state=nonsense", ["backup", "cache", "mysql", "shop/web"]),
        ("server=abc", ["backup", "cache", "mysql", "shop/web"]),
        ("server=999", []),
    ],
)
def test_apps_are_found_by_text_tag_and_state(
    admin_browser: Client, shop: None, asked: str, expected: list[str]
) -> None:
    assert listed(admin_browser, asked) == expected


def test_apps_are_found_by_their_server_and_by_the_begin_of_their_id(admin_browser: Client, shop: None) -> None:
    mysql = fleet.app("mysql")
    assert listed(admin_browser, f"server={mysql.server_id}") == ["mysql"]
    assert listed(admin_browser, f"q={mysql.container_id[:12].upper()}") == ["mysql"]
    assert listed(admin_browser, f"q={mysql.container_id[1:13]}") == []


def test_a_search_without_a_match_leads_back_to_all(admin_browser: Client, shop: None) -> None:
    assert "No app matches. Show all 4" in text(page(admin_browser, "/apps?q=nothing"))


def test_what_is_chosen_stays_chosen(admin_browser: Client, shop: None) -> None:
    server = fleet.app("mysql").server_id
    shown = page(admin_browser, f"/apps?q=my&server={server}&tag=backend&state=error&sort=-cpu&period=7d")
    assert 'name="q" value="my"' in shown
    assert re.findall(r"<option[^>]* selected>([^<]+)</option>", shown) == ["db-01", "backend", "Error"]
    assert 'name="sort" value="-cpu"' in shown
    address = f"?q=my&amp;server={server}&amp;tag=backend&amp;state=error&amp;sort=name&amp;period=7d"
    assert f'href="{address}"' in shown


def test_a_removed_app_is_not_in_the_list(admin_browser: Client) -> None:
    server = fleet.with_apps(container("web"), container("db"))
    fleet.looked(server, datetime.now(UTC), container("db"))
    assert listed(admin_browser) == ["db"]


@pytest.fixture
def sortable() -> None:
    """Two apps that differ in everything, and one of which nothing but its name is known, or that stands between."""
    now = datetime.now(UTC)
    low = container("low", restart_count=1, started_at=now - timedelta(days=9))
    high = container("high", restart_count=5, started_at=now - timedelta(days=1))
    less = {"cores": 0.25, "memory_bytes": MIB, "receive_bytes": 0, "transmit_bytes": 0}
    fleet.with_apps(low, high, name="b-server", usages={low.id: less})
    lost = exited("mid", 1, restart_count=None, started_at=None)
    fleet.with_apps(lost, name="a-server")


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", "high low mid"),
        ("-name", "mid low high"),
        ("server", "mid high low"),
        ("-server", "high low mid"),
        ("status", "mid high low"),
        ("-status", "high low mid"),
        ("cpu", "low high mid"),
        ("-cpu", "high low mid"),
        ("memory", "low high mid"),
        ("-memory", "high low mid"),
        ("network", "low high mid"),
        ("-network", "high low mid"),
        ("restarts", "low high mid"),
        ("-restarts", "high low mid"),
        ("up", "low high mid"),
        ("-up", "high low mid"),
        ("", "high low mid"),
        ("-", "mid low high"),
        ("name; DROP TABLE", "high low mid"),
        ("container_id", "high low mid"),
    ],
)
def test_apps_are_sorted_up_and_down_and_what_is_unknown_comes_last(
    admin_browser: Client, sortable: None, sort: str, expected: str
) -> None:
    assert listed(admin_browser, f"sort={sort}") == expected.split()


def test_a_heading_tells_how_it_is_sorted_and_turns_it(admin_browser: Client, sortable: None) -> None:
    shown = page(admin_browser, "/apps?sort=-memory")
    [heading] = re.findall(r'<th[^>]*aria-sort="descending"[^>]*>.*?</th>', shown)
    assert "Memory" in heading
    assert "sort=memory" in heading


def test_a_page_has_a_hundred_apps(admin_browser: Client) -> None:
    fleet.with_apps(*(container(f"app-{number:03}") for number in range(103)), polls=1)
    first = page(admin_browser, "/apps?sort=-name&q=app")
    assert len(listed(admin_browser)) == 100
    assert "Page 1 of 2" in first
    [later] = re.findall(r'href="(\?[^"]*page=2)"', first)
    assert listed(admin_browser, later.replace("&amp;", "&")[1:]) == ["app-002", "app-001", "app-000"]


@pytest.mark.parametrize("number", ["3", "99999999", "0", "-1", "x", "9" * 30])
def test_a_page_that_is_not_there_is_the_nearest_that_is(admin_browser: Client, number: str) -> None:
    fleet.with_apps(*(container(f"app-{number:03}") for number in range(101)), polls=1)
    assert len(listed(admin_browser, f"page={number}")) == (1 if number in ("3", "99999999") else 100)


def test_a_refresh_asks_for_the_page_that_is_shown(admin_browser: Client) -> None:
    fleet.with_apps(*(container(f"app-{number:03}") for number in range(101)), polls=1)
    shown = page(admin_browser, "/apps?page=2")
    assert 'hx-include="#filters, #page"' in shown
    assert '<input type="hidden" name="page" id="page" value="2">' in shown
    assert 'id="page"' not in page(admin_browser, "/apps?q=app-000")


def test_a_running_app_shows_its_figures(admin_browser: Client) -> None:
    fleet.with_apps(container(image="nginx:1.27", restart_count=3))
    row = text(page(admin_browser, "/apps").partition("<tbody>")[2])
    for figure in ("Running", "nginx:1.27", "web-01", "50%", "25%", "64.0 MiB / 256 MiB", "1.5 kB/s", " 3 "):
        assert figure in row


def test_an_app_that_does_not_run_says_how_it_ended(admin_browser: Client) -> None:
    fleet.with_apps(exited("db", 137, is_out_of_memory=True))
    row = text(page(admin_browser, "/apps").partition("<tbody>")[2].partition("</tbody>")[0])
    assert "Exited with code 137 (SIGKILL), out of memory" in row
    assert "%" not in row


def test_old_figures_of_an_app_are_not_shown(admin_browser: Client) -> None:
    server = fleet.with_apps(container(), ago=OLD)
    for address in ("/apps", f"/servers/{server.pk}"):
        rows = page(admin_browser, address).partition('<table class="servers apps">')[2].partition("</table>")[0]
        assert '<tr class="unknown stale">' in rows
        assert "it was running." in text(rows)
        assert "64.0 MiB" not in rows


@pytest.mark.parametrize(("ago", "is_current"), [(30, True), (100, True), (160, False)])
def test_an_app_is_current_for_two_intervals(admin_browser: Client, ago: int, is_current: bool) -> None:
    fleet.with_apps(container(), ago=timedelta(seconds=ago))
    assert listed(admin_browser, "state=running") == (["web"] if is_current else [])


def test_apps_of_a_paused_server_are_unknown(admin_browser: Client) -> None:
    Server.objects.filter(pk=fleet.with_apps(container()).pk).update(paused=True)
    assert listed(admin_browser, "state=unknown") == ["web"]
    assert "web-01 is paused; it was running." in text(page(admin_browser, "/apps"))


# What the servers tell of their containers -------------------------------------------------------

ANSWERS = {
    "ok": (None, "Containers"),
    "no_containers": (fleet.NONE, "No containers. Listed over the engine's socket."),
    "no_docker": (fleet.ABSENT, "No Docker. There is neither Docker nor Podman on this server."),
    "daemon_down": (fleet.DOWN, "Daemon down. Docker is there, but its daemon does not answer"),
    "not_allowed": (fleet.DENIED, "Not allowed. The account may not ask the engine"),
    "unreadable": (EngineAnswer(AppsStatus.UNREADABLE, "garbled"), "Not readable. The engine's answer makes no sense"),
}


@pytest.mark.parametrize("status", ANSWERS)
def test_a_server_says_what_it_tells_of_its_containers_and_what_mends_it(admin_browser: Client, status: str) -> None:
    answer, expected = ANSWERS[status]
    server = fleet.with_apps(*([] if answer else [container()]), answer=answer)
    shown = server_page(admin_browser, server)
    assert expected in text(shown).replace("&#x27;", "'")
    assert ('id="access"' in shown) is (status == "not_allowed")
    assert ('href="#access"' in shown) is (status == "not_allowed")
    assert ("systemctl enable --now tomo-containers.timer" in shown) is (status == "not_allowed")


def test_what_mends_it_names_the_servers_own_account(admin_browser: Client) -> None:
    server = fleet.with_apps(answer=fleet.DENIED)
    Server.objects.filter(pk=server.pk).update(username="watcher")
    assert "usermod -aG docker watcher" in server_page(admin_browser, server)


def test_a_server_that_was_not_asked_yet_says_so(admin_browser: Client) -> None:
    shown = server_page(admin_browser, fleet.online())
    assert "Containers are looked for with the next poll." in shown
    assert "not looked for yet" in shown


def test_an_unreadable_list_keeps_the_last_one_as_unknown(admin_browser: Client) -> None:
    server = fleet.with_apps(container())
    fleet.looked(server, datetime.now(UTC), answer=fleet.DOWN)
    shown = server_page(admin_browser, server)
    assert "Its list of containers cannot be read now; it was running." in shown
    assert "daemon does not answer" in shown


def test_a_server_shows_its_apps_those_in_trouble_first(admin_browser: Client) -> None:
    server = fleet.with_apps(exited("a", 0), container("b"), exited("c", 1), container("d", health=Health.UNHEALTHY))
    table = server_page(admin_browser, server).partition('id="apps"')[2].partition("</table>")[0]
    assert re.findall(r'<a href="/servers/\d+/apps/\d+">([^<]+)</a>', table) == ["c", "d", "b", "a"]
    assert '<span class="count">4</span>' in table


def test_a_bare_container_is_shown_by_its_id_and_with_its_figures(admin_browser: Client) -> None:
    server = fleet.with_apps(answer=fleet.DENIED, usages={"ab" * 32: {}})
    assert listed(admin_browser, "state=running") == ["abababababab"]
    shown = text(server_page(admin_browser, server))
    assert "docker, known by its id alone" in shown
    assert "64.0 MiB" in shown
    page_of_it = page(admin_browser, fleet.app("ab" * 6).get_absolute_url())
    assert "Known by its cgroup alone" in page_of_it
    assert f'href="/servers/{server.pk}#access"' in page_of_it


# The same figures on every face ------------------------------------------------------------------


@pytest.fixture
def captured() -> Server:
    """What Docker 24 said of eleven containers, and an app that cannot be told of now."""
    fleet.with_apps(container("cache"), name="lost-01", ago=OLD)
    return fleet.with_apps(*fleet.captured("docker-24").values())


def test_the_counts_are_the_same_on_every_face_and_add_up(admin_browser: Client, captured: Server) -> None:
    found = admin_browser.get("/api/v1/summary").json()["data"]
    total, running, stopped, error = (found[f"{name}_apps"] for name in ("total", "running", "stopped", "error"))
    assert (running, stopped, error, total, found["unknown_apps"]) == (3, 4, 4, 11, 1)
    tile = text(page(admin_browser, "/").partition("<h2>Apps</h2>")[2].partition("</a>")[0])
    assert tile.strip() == f"{running} / {total} running {error} in error · {stopped} stopped · 1 unknown"
    assert f"{running} running · {stopped} stopped · {error} in error · 1 unknown" in page(admin_browser, "/apps")
    assert f"{running} / {total}</a>" in page(admin_browser, "/servers")
    states = [len(listed(admin_browser, f"state={state}")) for state in ("running", "stopped", "error", "unknown")]
    assert states == [running, stopped, error, 1]
    assert [one["condition"] for one in api_apps(admin_browser, captured)].count("error") == error


def api_apps(browser: Client, server: Server) -> list[dict[str, Any]]:
    return list(browser.get(f"/api/v1/servers/{server.pk}/apps").json()["data"]["apps"])


def test_an_app_has_the_same_figures_on_its_page_and_in_json(admin_browser: Client) -> None:
    [found] = api_apps(admin_browser, fleet.with_apps(container()))
    assert (found["cpu_percent"], found["cpu_of_host_percent"], found["cpu_of_limit_percent"]) == (50.0, 25.0, 25.0)
    shown = of(admin_browser)
    assert "0.50 cores of 2.00" in shown
    assert "25% of the server · 25% of its limit" in shown
    assert f"{found['memory_usage_mb']}.0 MiB of {found['memory_limit_mb']} MiB" in shown


def test_the_overview_lists_what_is_in_error(admin_browser: Client) -> None:
    apps = [exited(f"app-{number}", 1) for number in range(7)]
    fleet.with_apps(*apps, container("sick", health=Health.UNHEALTHY))
    shown = text(page(admin_browser, "/"))
    assert "Problems 8" in shown
    assert "Exited with code 1 on web-01" in shown
    assert "All 8 apps in error" in shown


def test_apps_that_nobody_can_tell_of_are_unknown_and_not_none(admin_browser: Client) -> None:
    server = fleet.with_apps(container())
    fleet.looked(server, datetime.now(UTC), answer=fleet.DOWN)
    tile = text(page(admin_browser, "/").partition("<h2>Apps</h2>")[2].partition("</a>")[0])
    assert "1 unknown" in tile
    assert "none seen" not in tile
    assert '<td class="number" data-label="Apps">–</td>' in page(admin_browser, "/servers")


@pytest.mark.parametrize(("sort", "expected"), [("apps", "one two none"), ("-apps", "two one none")])
def test_servers_are_sorted_by_their_apps(admin_browser: Client, sort: str, expected: str) -> None:
    fleet.online("none")
    fleet.with_apps(container("a"), name="one")
    fleet.with_apps(container("a"), container("b"), name="two")
    table = page(admin_browser, f"/servers?sort={sort}").partition("<tbody>")[2].partition("</tbody>")[0]
    assert re.findall(r'<a href="/servers/\d+">([^<]+)</a>', table) == expected.split()


@pytest.mark.parametrize(
    "address", ["/", "/apps", "/servers", "/servers/{}", "/api/v1/apps", "/api/v1/servers/{}/apps"]
)
def test_more_apps_cost_no_more_queries(admin_browser: Client, address: str) -> None:
    server, counts = fleet.with_apps(container("first"), exited("bad"), polls=1), []
    address = address.format(server.pk)
    for wanted in (2, 60):
        apps = [container(f"app-{number}", project="shop") for number in range(wanted - 2)]
        fleet.looked(server, datetime.now(UTC), container("first"), exited("bad"), *apps)
        page(admin_browser, address)
        with CaptureQueriesContext(connection) as queries:
            page(admin_browser, address)
        counts.append(len(queries))
    assert App.objects.present().count() == 60
    assert counts[0] == counts[1]


# One app -----------------------------------------------------------------------------------------


def test_a_running_app_tells_what_it_is(admin_browser: Client) -> None:
    known = fleet.captured("docker-24")["shop-web-1"]
    Heartbeat.objects.beat("poll", datetime.now(UTC))
    fleet.with_apps(replace(known, restart_count=2))
    shown = of(admin_browser, "shop/web")
    assert "shop/web on web-01" in shown
    assert "Running" in shown
    assert "health check: healthy" in shown
    assert "nginx:1.25" in shown
    assert f"Docker shop-web-1 {known.id[:12]}" in shown
    assert "restarted 2 times" in shown
    assert "is shown here is its history" not in shown
    assert 'banner critical" role' not in page(admin_browser, fleet.app("shop/web").get_absolute_url())


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (exited("web", 0), "Stopped exited with code 0"),
        (exited("web", 143), "Stopped exited with code 143 (SIGTERM)"),
        (exited("web", 137, is_out_of_memory=True), "Exited with code 137 (SIGKILL), out of memory."),
        (exited("web", 1), "Exited with code 1."),
        (container("web", state=State.RESTARTING, exit_code=1), "Restarting with code 1."),
        (container("web", state=State.DEAD), "Dead."),
        (container("web", state=State.PAUSED), "Stopped paused"),
        (container("web", state=State.CREATED), "Stopped created"),
        (container("web", health=Health.UNHEALTHY), "Unhealthy for 1 min: its health check fails."),
        (container("web", health=Health.STARTING), "health check: starting"),
    ],
)
def test_an_app_that_is_not_well_says_how_it_is(admin_browser: Client, seen: Any, expected: str) -> None:
    fleet.with_apps(seen)
    assert expected in of(admin_browser)


def test_an_app_of_an_offline_server_says_what_was(admin_browser: Client) -> None:
    server = fleet.with_apps(container(health=Health.HEALTHY), ago=MINUTE)
    fleet.failed(server, datetime.now(UTC))
    shown = of(admin_browser)
    assert "web-01 is offline. It was running when it was seen last." in shown
    assert "Unknown" in shown
    assert "health check" not in shown
    now = re.findall(r'data-now="\w+">([^<]*)<', page(admin_browser, fleet.app().get_absolute_url()))
    assert set(now[:3]) == {"–"}


@pytest.mark.parametrize("answer", [fleet.DOWN, fleet.DENIED])
def test_an_app_whose_list_cannot_be_read_says_so(admin_browser: Client, answer: EngineAnswer) -> None:
    server = fleet.with_apps(container())
    fleet.looked(server, datetime.now(UTC), answer=answer)
    words = {"down": "Daemon down", "denied": "Not allowed"}[answer.way]
    assert f"{words}: the containers of web-01 cannot be listed. It was running" in of(admin_browser)


def test_a_removed_app_keeps_its_page_its_charts_and_its_activity(admin_browser: Client) -> None:
    server = fleet.with_apps(container("web"), container("db"), ago=MINUTE)
    fleet.looked(server, datetime.now(UTC), container("db"))
    shown = of(admin_browser)
    assert "It is not on web-01 any more: what is shown here is its history." in shown
    assert "web on web-01 uninstalled" in shown
    table = page(admin_browser, f"{fleet.app().get_absolute_url()}/table/memory?period=1h")
    assert "64.0 MiB" in table


def test_an_app_links_to_the_others_of_its_project(admin_browser: Client) -> None:
    names = [("shop-web-1", "shop"), ("shop-db-1", "shop"), ("blog-web-1", "blog"), ("lone", "")]
    parts = [container(name, project=project, service=project and name.split("-")[1]) for name, project in names]
    fleet.with_apps(*parts)
    fleet.with_apps(*parts, name="web-02")
    web = App.objects.get(name="shop/web", server__name="web-01")
    shown = page(admin_browser, web.get_absolute_url()).partition("Compose project")[2]
    assert re.findall(r'<a href="(/servers/\d+/apps/\d+)">([^<]+)</a>', shown) == [
        (App.objects.get(name="shop/db", server__name="web-01").get_absolute_url(), "shop/db")
    ]
    alone = App.objects.filter(name="blog/web")[0]
    assert "It is alone in its project." in page(admin_browser, alone.get_absolute_url())


# Crashes -----------------------------------------------------------------------------------------


def test_a_crash_has_a_card_with_its_last_lines_masked(admin_browser: Client) -> None:
    fleet.crashed(lines=["DB_PASSWORD=hunter2", "fatal: <segfault>"], restart_count=3)
    shown = of(admin_browser)
    assert "exit code 139 (SIGSEGV)" in shown
    assert "restarted 3 times so far" in shown
    assert "DB_PASSWORD=••••••" in shown
    assert "fatal: &lt;segfault&gt;" in shown
    assert "hunter2" not in shown


def test_a_card_has_the_minutes_before(admin_browser: Client) -> None:
    shown = page(admin_browser, fleet.crashed().get_absolute_url())
    table = shown.partition("The minutes before")[2].partition("</table>")[0]
    assert re.findall(r'data-label="CPU">([^<]+)<', table) == ["–", "50%", "50%", "–"]
    assert re.findall(r'data-label="Memory">([^<]+)<', table)[:3] == ["64.0 MiB"] * 3
    times = re.findall(r'<th scope="row">([\d:]+)</th>', table)
    assert len(times) == 4


def test_a_card_without_lines_says_why(admin_browser: Client) -> None:
    app = fleet.crashed(lines=[])
    assert "There are no lines: it wrote nothing, is gone, or its log may not be read." in of(admin_browser)
    app.crash_cards.update(log_state="wanted")
    assert "Fetched by the next poll." in of(admin_browser)
    app.crash_cards.update(log_state="closed")
    assert "Logs cannot be read with these rights." in of(admin_browser)


def test_crashes_close_to_each_other_share_a_card(admin_browser: Client) -> None:
    app = fleet.crashed()
    for ago in (20, 10):
        fleet.looked(app.server, datetime.now(UTC) - timedelta(seconds=2 * ago), container())
        fleet.looked(app.server, datetime.now(UTC) - timedelta(seconds=2 * ago - 10), exited("web", 139))
    assert "3 times within minutes" in of(admin_browser)
    assert page(admin_browser, app.get_absolute_url()).count("log-lines") == 1


# Charts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("period", ["1h", "24h", "7d", "30d", "1y", "", "%00"])
def test_every_period_of_an_app_is_answered(admin_browser: Client, period: str) -> None:
    fleet.with_apps(container())
    for part in ("", "/charts", "/table/cpu"):
        page(admin_browser, f"{fleet.app().get_absolute_url()}{part}?period={period}")
    page(admin_browser, f"/apps?period={period}")


def test_what_happened_to_an_app_is_marked_on_its_charts(admin_browser: Client) -> None:
    address = fleet.crashed().get_absolute_url()
    for chart in admin_browser.get(f"{address}/charts?period=1h").json()["charts"].values():
        [mark] = chart["figure"]["data"][-1]["text"]
        assert mark == "web on of-web crashed: exit code 139 (SIGSEGV)"


@pytest.mark.parametrize("chart", ["cpu", "cpu_share", "memory", "network", "disk_io", "restarts", "processes"])
def test_each_chart_of_an_app_has_its_table(admin_browser: Client, chart: str) -> None:
    fleet.with_apps(container(restart_count=1), polls=4)
    address = fleet.app().get_absolute_url()
    assert chart in admin_browser.get(f"{address}/charts?period=1h").json()["charts"]
    shown = page(admin_browser, f"{address}/table/{chart}?period=1h")
    times = re.findall(r"<td>(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)</td>", shown)
    assert times == sorted(times, reverse=True)
    assert len(times) >= 3


def test_only_charts_that_have_something_to_draw_are_there(admin_browser: Client) -> None:
    fleet.with_apps(exited("web", 0, restart_count=None))
    found = admin_browser.get(f"{fleet.app().get_absolute_url()}/charts?period=1h").json()["charts"]
    assert set(found) == {"cpu", "memory", "cpu_share"}


def test_an_app_on_its_servers_own_network_has_no_network_chart(admin_browser: Client) -> None:
    web = container()
    fleet.with_apps(web, usages={web.id: {"receive_bytes": None, "transmit_bytes": None}})
    assert "network" not in admin_browser.get(f"{fleet.app().get_absolute_url()}/charts").json()["charts"]
    assert '<td class="number" data-label="Network">–</td>' in page(admin_browser, "/apps")


def test_a_page_of_an_app_whose_samples_are_gone_opens(admin_browser: Client) -> None:
    fleet.with_apps(container())
    for samples in (ContainerMetrics, LatestContainerMetrics):
        samples.objects.all().delete()
    assert "–" in of(admin_browser)


# What is not there -------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["", "/charts", "/table/cpu"])
def test_an_app_is_found_on_its_own_server_alone(admin_browser: Client, part: str) -> None:
    mine, other = fleet.with_apps(container()), fleet.online("web-02")
    app = fleet.app()
    page(admin_browser, f"/servers/{mine.pk}/apps/{app.pk}{part}")
    for server_id, app_id in ((other.pk, app.pk), (mine.pk, app.pk + 1), (10**30, app.pk), (mine.pk, 10**30)):
        page(admin_browser, f"/servers/{server_id}/apps/{app_id}{part}", 404)


def test_a_table_of_no_such_chart_of_an_app_is_not_there(admin_browser: Client) -> None:
    fleet.with_apps(container())
    page(admin_browser, f"{fleet.app().get_absolute_url()}/table/nonsense", 404)


def test_apps_go_with_their_server(admin_browser: Client) -> None:
    server = fleet.with_apps(container())
    address = fleet.app().get_absolute_url()
    server.delete()
    page(admin_browser, address, 404)
    assert "No container was seen" in page(admin_browser, "/apps")


def test_a_live_refresh_gets_the_part_and_not_the_page_of_an_app(admin_browser: Client) -> None:
    fleet.with_apps(container())
    for address in ("/apps", fleet.app().get_absolute_url()):
        shown = page(admin_browser, address, headers={"hx-request": "true"})
        assert "<html" not in shown
        assert "nginx:1.27" in shown


# The log -----------------------------------------------------------------------------------------


@pytest.fixture
def two_stopped() -> App:
    """Two apps of one server that were stopped; the first of them."""
    server = fleet.with_apps(container("web"), container("db"), ago=MINUTE)
    fleet.looked(server, datetime.now(UTC), exited("web", 0), exited("db", 0))
    return fleet.app("web")


def events(shown: str) -> list[str]:
    return re.findall(r"</svg>\s*</span><span>([^<]+?)\s*<", shown.partition("<tbody>")[2])


def test_the_log_is_filtered_by_app(admin_browser: Client, two_stopped: App) -> None:
    shown = page(admin_browser, f"/activity?app={two_stopped.pk}")
    assert events(shown) == ["web on web-01 stopped: exit code 0"]
    assert f'<option value="{two_stopped.pk}" selected>web on web-01</option>' in shown
    assert "App: web on web-01" in text(shown)
    assert f'href="/activity?app={two_stopped.pk}"' in page(admin_browser, two_stopped.get_absolute_url())


def test_the_app_can_be_dropped_and_the_rest_of_the_filter_stays(admin_browser: Client, two_stopped: App) -> None:
    asked = f"/activity?kind=app_stopped&app={two_stopped.pk}&q=stopped"
    [drop] = re.findall(r'<a class="chip" href="([^"]*)"[^>]*>App:', page(admin_browser, asked))
    assert drop == "?q=stopped&amp;kind=app_stopped"
    assert len(events(page(admin_browser, "/activity" + drop.replace("&amp;", "&")))) == 2
    assert "App:" not in page(admin_browser, "/activity?q=stopped")


def test_older_pages_are_of_the_same_app(admin_browser: Client, two_stopped: App) -> None:
    for number in range(50):
        at = datetime.now(UTC) + timedelta(minutes=number)
        record(ActivityType.APP_STARTED, f"started {number}", server=two_stopped.server, app=two_stopped, at=at)
    [older] = re.findall(r'href="(\?[^"]*)">Older', page(admin_browser, f"/activity?app={two_stopped.pk}"))
    oldest = page(admin_browser, "/activity" + older.replace("&amp;", "&"))
    assert events(oldest) == ["web on web-01 stopped: exit code 0"]


def test_the_log_knows_apps_that_are_gone(admin_browser: Client, two_stopped: App) -> None:
    gone = two_stopped.pk
    App.objects.filter(pk=gone).update(removed_at=datetime.now(UTC) - timedelta(days=396))
    retention.prune(datetime.now(UTC), lambda: False)
    assert not App.objects.filter(pk=gone).exists()
    assert "App: web on web-01" in text(page(admin_browser, f"/activity?app={gone}"))


def test_an_app_without_events_is_called_by_its_name_in_the_log(admin_browser: Client) -> None:
    fleet.with_apps(container())
    shown = text(page(admin_browser, f"/activity?app={fleet.app().pk}"))
    assert "App: web on web-01" in shown
    assert "Nothing matches." in shown


@pytest.mark.parametrize("asked", ["abc", "-1", "0", "9" * 30, "%00"])
def test_an_app_that_is_no_number_is_told_and_nothing_is_listed(
    admin_browser: Client, two_stopped: App, asked: str
) -> None:
    shown = page(admin_browser, f"/activity?app={asked}")
    assert events(shown) == []
    assert re.search("App: (Enter a whole number|Ensure this value is)", text(shown))


def test_an_app_that_nobody_knows_matches_nothing(admin_browser: Client, two_stopped: App) -> None:
    shown = page(admin_browser, "/activity?app=999999999999999999")
    assert "Nothing matches." in shown
    assert "App: app 999999999999999999" in text(shown)
