"""Every state that a server can be in, on every page."""

import csv
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from metrics import servers
from metrics.failures import Reason
from metrics.models import Filesystem, Heartbeat, LatestServerMetrics, Server, ServerMetrics, ServerState
from metrics.probe.reading import Reading
from tests.dashboard import fleet

OLD = timedelta(minutes=6)
pytestmark = pytest.mark.django_db


def page(browser: Client, address: str, status: int = 200, **headers: Any) -> str:
    response = browser.get(address, **headers)
    assert response.status_code == status, address
    return str(response.content.decode())


def text(shown: str) -> str:
    """A page without its tags, on one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", shown))


def rows(browser: Client, address: str) -> list[str]:
    """The names in the table of servers, as they come."""
    table = page(browser, address).partition('<table class="servers">')[2].partition("</table>")[0]
    return re.findall(r'<a href="/servers/\d+">([^<]+)</a>', table)


@pytest.mark.parametrize("address", ["/", "/servers", "/apps", "/activity"])
def test_a_page_without_servers_says_so(admin_browser: Client, address: str) -> None:
    shown = page(admin_browser, address)
    assert "Traceback" not in shown
    assert ("There are no servers yet" in shown) == (address in ("/", "/servers"))


def test_only_an_administrator_may_add_the_first_server(admin_browser: Client, viewer_browser: Client) -> None:
    assert "/servers/add" in page(admin_browser, "/")
    assert "/servers/add" not in page(viewer_browser, "/")


@pytest.mark.parametrize("address", ["/", "/servers", "/servers/{}"])
def test_a_pending_server_is_called_pending(admin_browser: Client, address: str) -> None:
    server = fleet.pending()
    shown = page(admin_browser, address.format(server.pk))
    assert "Pending" in shown
    assert f"/servers/{server.pk}/prepare" in shown


@pytest.mark.parametrize("address", ["/", "/servers", "/servers/{}"])
def test_an_offline_server_comes_with_its_reason_and_its_remedy(admin_browser: Client, address: str) -> None:
    server = fleet.offline()
    shown = page(admin_browser, address.format(server.pk))
    assert "Nothing listens at 192.0.2.1:22: check that sshd runs, and the port." in shown
    assert "Offline" in shown


def test_the_overview_counts_each_status(admin_browser: Client) -> None:
    fleet.online("a")
    fleet.offline("b")
    fleet.pending("c")
    servers.change(paused := fleet.online("d"), None, None, datetime.now(UTC))
    paused.paused = True
    servers.change(paused, None, None, datetime.now(UTC))
    shown = page(admin_browser, "/")
    assert re.search(r"1 <small>/ 4 online</small>", shown)
    assert "1 offline" in shown
    assert "1 pending" in shown
    assert "1 paused" in shown


def test_a_paused_server_shows_no_figures_as_current(admin_browser: Client) -> None:
    server = fleet.online()
    server.paused = True
    servers.change(server, None, None, datetime.now(UTC))
    shown = page(admin_browser, f"/servers/{server.pk}")
    assert "Paused: it keeps its history and is not polled." in shown
    assert "up <b>" not in shown
    assert 'class="meter' not in page(admin_browser, "/servers")


def test_a_fresh_server_shows_its_figures(admin_browser: Client) -> None:
    server = fleet.online()
    shown = page(admin_browser, f"/servers/{server.pk}")
    assert "up <b>" in shown
    assert " stale" not in page(admin_browser, "/servers")
    assert "The newest figures are" not in shown


def test_old_figures_are_greyed_and_carry_their_age(admin_browser: Client) -> None:
    server = fleet.online(ago=OLD)
    assert '<tr class="online stale">' in page(admin_browser, "/servers")
    assert "6 min old" in page(admin_browser, "/servers")
    shown = page(admin_browser, f"/servers/{server.pk}")
    assert "The newest figures are 6 min old." in shown
    assert '<tr class="stale">' in shown


def test_old_figures_are_never_shown_as_current(admin_browser: Client) -> None:
    server = fleet.online(ago=OLD)
    fleet.polled(server, datetime.now(UTC) - OLD, temperatures={"core": 61.0})
    shown = page(admin_browser, f"/servers/{server.pk}")
    assert set(re.findall(r'<strong class="now" data-now="(?!cores)\w+">([^<]*)<', shown)) == {"–"}
    assert "up <b>" not in shown
    assert "no current figures" in page(admin_browser, "/")


@pytest.mark.parametrize(("ago", "is_current"), [(30, True), (100, True), (160, False)])
def test_figures_are_current_for_two_intervals(admin_browser: Client, ago: int, is_current: bool) -> None:
    fleet.online(ago=timedelta(seconds=ago))
    assert (" stale" not in page(admin_browser, "/servers")) is is_current


def test_the_newest_figures_outlast_their_samples(admin_browser: Client) -> None:
    fleet.online(ago=OLD)
    before = rows(admin_browser, "/servers"), page(admin_browser, "/servers").count('class="meter')
    ServerMetrics.objects.all().delete()
    assert (rows(admin_browser, "/servers"), page(admin_browser, "/servers").count('class="meter')) == before
    assert "6 min old" in page(admin_browser, "/servers")


def test_an_online_server_without_figures_says_so(admin_browser: Client) -> None:
    server = fleet.online(ago=OLD)
    LatestServerMetrics.objects.all().delete()
    for address in ("/", "/servers"):
        assert "No figures are kept of it any more" in page(admin_browser, address)
    assert "The newest figures are 6 min old." in page(admin_browser, f"/servers/{server.pk}")


def test_a_server_that_was_never_seen_whole_has_dashes(admin_browser: Client) -> None:
    server = fleet.pending()
    fleet.polled(server, datetime.now(UTC), Reading())
    for address in ("/", "/servers", f"/servers/{server.pk}"):
        assert "–" in page(admin_browser, address)


@pytest.mark.parametrize("sort", ["cpu", "-cpu", "memory", "disk", "network", "up", "status", "-name"])
def test_what_is_unknown_comes_last_whatever_is_sorted(admin_browser: Client, sort: str) -> None:
    fleet.online("known")
    fleet.pending("unknown")
    expected = ["unknown", "known"] if sort in ("status", "-name") else ["known", "unknown"]
    assert rows(admin_browser, f"/servers?sort={sort}") == expected


def test_servers_are_sorted_by_figures_up_and_down(admin_browser: Client) -> None:
    for name, load in (("low", 1), ("high", 3)):
        fleet.online(name)
        memory = fleet.LATER.memory
        assert memory
        used = replace(memory, used_bytes=load * memory.total_bytes // 4)
        fleet.polled(Server.objects.get(name=name), datetime.now(UTC) + timedelta(seconds=20), memory=used)
    assert rows(admin_browser, "/servers?sort=memory") == ["low", "high"]
    assert rows(admin_browser, "/servers?sort=-memory") == ["high", "low"]


@pytest.mark.parametrize("sort", ["bogus", "-bogus", "", "-", "password", "name; DROP TABLE", "--name"])
def test_an_unknown_order_falls_back_to_the_name(admin_browser: Client, sort: str) -> None:
    for name in ("b", "a"):
        fleet.pending(name)
    assert sorted(rows(admin_browser, f"/servers?sort={sort}")) == ["a", "b"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("q=WEB", ["web-01"]),
        ("q=192.0.2", ["db-01", "web-01"]),
        ("q=front", ["web-01"]),
        ("q=debian", ["web-01"]),
        ("tag=frontend", ["web-01"]),
        ("tag=backend&status=online", []),
        ("status=pending", ["db-01"]),
        ("status=nonsense", []),
        ("q=%00", ["db-01", "web-01"]),
        ("tag=%00&status=%00", ["db-01", "web-01"]),
    ],
)
def test_servers_are_found_by_text_tag_and_status(admin_browser: Client, asked: str, expected: list[str]) -> None:
    fleet.online("web-01", tags=("frontend",))
    fleet.pending("db-01", tags=("backend",))
    assert rows(admin_browser, f"/servers?{asked}") == expected


def test_a_search_without_a_match_leads_back(admin_browser: Client) -> None:
    fleet.pending()
    assert "No server matches" in page(admin_browser, "/servers?q=nothing")


@pytest.mark.parametrize("period", ["1h", "24h", "7d", "30d", "1y", "", "%00"])
def test_every_period_is_answered(admin_browser: Client, period: str) -> None:
    server = fleet.online()
    for address in ("/", "/servers", f"/servers/{server.pk}", f"/servers/{server.pk}/charts"):
        page(admin_browser, f"{address}?period={period}")


def test_a_live_refresh_gets_the_part_and_not_the_page(admin_browser: Client) -> None:
    server = fleet.online()
    for address in ("/", "/servers", "/activity", f"/servers/{server.pk}"):
        shown = page(admin_browser, address, headers={"hx-request": "true"})
        assert "<html" not in shown
        assert "web-01" in shown


def test_the_table_behind_a_chart_has_its_figures_newest_first(admin_browser: Client) -> None:
    server = fleet.online(polls=4)
    shown = page(admin_browser, f"/servers/{server.pk}/table/memory?period=1h")
    times = re.findall(r"<td>(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)</td>", shown)
    assert len(times) == 4
    assert times == sorted(times, reverse=True)
    assert re.findall(r'<th scope="col">([^<]+)</th>', shown) == ["Time", "used", "cache"]


def test_a_table_of_no_such_chart_is_not_there(admin_browser: Client) -> None:
    server = fleet.online()
    page(admin_browser, f"/servers/{server.pk}/table/nonsense", 404)


def test_the_figures_of_a_chart_are_a_file_for_spreadsheets(admin_browser: Client) -> None:
    server = fleet.online(polls=4)
    answer = admin_browser.get(f"/servers/{server.pk}/table/memory.csv?period=1h")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="memory-\d{8}T\d{6}Z.csv"', answer["Content-Disposition"])
    heading, *rows = csv.reader(StringIO(answer.content.decode()))
    assert heading == ["time", "used (%)", "cache (%)"]
    times = [datetime.fromisoformat(row[0]) for row in rows]
    assert len(times) == 4
    assert times == sorted(times)
    assert all(row[0].endswith("Z") and 0 < float(row[1]) < 100 for row in rows)


def test_every_chart_of_a_page_has_its_file(admin_browser: Client) -> None:
    server = fleet.online()
    links = re.findall(r'href="([^"]+\.csv\?period=1h)"', page(admin_browser, f"/servers/{server.pk}?period=1h"))
    assert len(links) >= 6
    files = [admin_browser.get(link).content.decode() for link in links]
    assert all(file.startswith("time,") and ",-" not in file for file in files)
    page(admin_browser, f"/servers/{server.pk}/table/nonsense.csv", 404)


def test_a_spreadsheet_runs_no_name_from_a_server(admin_browser: Client) -> None:
    server = fleet.online()
    Filesystem.objects.filter(server=server).update(name="=1+1")
    heading = admin_browser.get(f"/servers/{server.pk}/table/disk.csv?period=1h").content.decode().splitlines()[0]
    assert "'=1+1 (%)" in heading
    assert ",=" not in heading


def test_a_free_range_is_told_and_every_link_of_its_charts_leads_to_it(admin_browser: Client) -> None:
    server = fleet.online()
    shown = page(admin_browser, f"/servers/{server.pk}?from=2026-01-31T09:00&to=2026-01-31T12:00:00Z")
    assert re.search(r"<summary[^>]*>31 Jan( 2026)? 09:00 – (31 Jan 2026 )?12:00</summary>", shown)
    assert 'name="from" value="2026-01-31T09:00"' in shown
    query = "?from=2026-01-31T09:00:00Z&amp;to=2026-01-31T12:00:00Z"
    assert f"/servers/{server.pk}/table/cpu{query}" in shown
    assert f"/servers/{server.pk}/table/cpu.csv{query}" in shown
    assert "aria-current" not in shown.partition('aria-label="Period"')[2].partition("</nav>")[0]


def test_the_figures_say_what_they_show(admin_browser: Client) -> None:
    address = f"/servers/{fleet.online().pk}/charts"
    told = admin_browser.get(f"{address}?period=7d").json()
    assert (told["query"], told["label"], told["is_live"]) == ("period=7d", "7 d", True)
    told = admin_browser.get(f"{address}?from=2026-01-31T09:00:00Z&to=2026-01-31T12:00:00Z").json()
    assert (told["query"], told["is_live"]) == ("from=2026-01-31T09:00:00Z&to=2026-01-31T12:00:00Z", False)
    assert "5 min" in told["charts"]["load"]["keys"]


def test_charts_are_drawn_in_the_page(admin_browser: Client) -> None:
    shown = page(admin_browser, f"/servers/{fleet.online(polls=4).pk}?period=1h")
    assert shown.count('<div class="drawing') == shown.count('<div class="plot"') >= 6
    assert 'stroke="var(--load-1)"' in shown


def test_the_silence_of_the_poller_stands_on_every_page(admin_browser: Client) -> None:
    fleet.pending()
    Heartbeat.objects.beat("poll", datetime.now(UTC) - timedelta(minutes=5))
    for address in ("/", "/servers", "/apps", "/activity"):
        assert "The poller gave no sign of life for 5 min" in text(page(admin_browser, address))
    Heartbeat.objects.beat("poll", datetime.now(UTC))
    cache.clear()  # as some seconds later
    assert "no sign of life" not in page(admin_browser, "/")


def test_a_site_that_nobody_polls_is_named(admin_browser: Client, client: Client) -> None:
    Heartbeat.objects.beat("poll", datetime.now(UTC))
    server = fleet.online()
    Server.objects.update(site="frankfurt")
    shown = text(page(admin_browser, f"/servers/{server.pk}"))
    assert "The poller of the site frankfurt gave no sign of life yet: nothing is polled." in shown
    assert shown.count("site frankfurt") == 2
    health = client.get("/healthz")
    assert (health.status_code, health.json()["silent_sites"]) == (503, ["frankfurt"])
    Heartbeat.objects.hold("poll-frankfurt", "a process", datetime.now(UTC), "frankfurt")
    cache.clear()  # as some seconds later
    assert "no sign of life" not in page(admin_browser, "/")


def test_a_clock_that_is_off_is_told(admin_browser: Client) -> None:
    server = fleet.online()
    ServerState.objects.filter(server=server).update(clock_skew_seconds=-90)
    assert "Its clock is off by -90 s" in page(admin_browser, f"/servers/{server.pk}")


def test_a_changed_host_key_leads_its_administrator_to_it(admin_browser: Client, viewer_browser: Client) -> None:
    server = fleet.online()
    fleet.failed(server, datetime.now(UTC), Reason.HOST_KEY_CHANGED)
    assert "Look at the new host key" in page(admin_browser, f"/servers/{server.pk}")
    assert "Look at the new host key" not in page(viewer_browser, f"/servers/{server.pk}")


def test_health_tells_whether_the_pollers_work(client: Client) -> None:
    fleet.pending()
    assert client.get("/healthz").status_code == 503
    Heartbeat.objects.beat("poll", datetime.now(UTC))
    assert client.get("/healthz").status_code == 200
    assert client.get("/healthz").json().items() >= {"status": "ok", "database": "ok", "poller": "ok"}.items()
    Heartbeat.objects.beat("poll", datetime.now(UTC) - timedelta(minutes=5))
    assert client.get("/healthz").json()["poller"] == "silent"
