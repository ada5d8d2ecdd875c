"""The table of servers is searched, sorted and paged by the database, and stays as asked for when it refreshes."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from dashboard.server_table import OF_NOW, SORTS, STATUS_ORDER, server_table
from metrics.models import App, LatestServerMetrics, Server, ServerState, Status, Tag
from metrics.models.fields import slot_at
from metrics.queries import ServerRow

pytestmark = pytest.mark.django_db

GIB = 1 << 30
NUMBER = 250
STATUSES = (*(Status.ONLINE,) * 7, Status.OFFLINE, Status.PENDING, Status.ONLINE)


@pytest.fixture
def fleet() -> datetime:
    """250 servers, of ten one offline, one pending and one online without figures; the second to sixth have one to five
    apps. Gives the instant of their polls."""
    at = datetime.now(UTC)
    servers = Server.objects.bulk_create(
        Server(name=f"{'web' if n % 2 else 'db'}-{n:03}", hostname=f"192.0.2.{n}") for n in range(NUMBER)
    )
    ServerState.objects.bulk_create(
        ServerState(
            server=server, since=at, polled_at=at, status=STATUSES[n % 10], facts={"os": f"Debian {11 + n % 3}"}
        )
        for n, server in enumerate(servers)
    )
    LatestServerMetrics.objects.bulk_create(_figures(server, n, at) for n, server in enumerate(servers) if n % 10 != 9)
    tags = Tag.objects.bulk_create([Tag(name="rack-a"), Tag(name="rack-b")])
    through = Server.tags.through
    through.objects.bulk_create(through(server=one, tag=tags[n % 2]) for n, one in enumerate(servers) if n < 20)
    App.objects.bulk_create(_app(servers[n], f"app-{number}", at) for n in range(1, 6) for number in range(n))
    return at


def _app(server: Server, name: str, at: datetime) -> App:
    return App(server=server, key=name, name=name, state="running", condition="running", added_at=at)


def _figures(server: Server, n: int, at: datetime) -> LatestServerMetrics:
    """Each figure in an order of its own."""
    cpu, memory, disk, network, uptime = ((n * factor) % 101 for factor in (7, 11, 13, 17, 19))
    return LatestServerMetrics(
        server=server,
        slot=slot_at(at),
        cpu_percent=cpu,
        memory_used_bytes=memory * GIB,
        memory_total_bytes=(101 + n) * GIB,
        disk_used_bytes=disk * GIB,
        disk_available_bytes=(102 + n) * GIB,
        network_rx_bytes_per_second=network,
        network_tx_bytes_per_second=1,
        uptime_seconds=uptime,
    )


def listed(at: datetime, **asked: str) -> list[ServerRow]:
    """The rows of all pages."""
    pages, found = 1, []
    while len(found) < pages:
        asked["page"] = str(len(found) + 1)
        table = server_table(Server.objects.all(), NUMBER, {}, asked, "1h", at)
        found.append([row for row, _sparkline in table.rows])
        pages = table.pages
    return [row for rows in found for row in rows]


FIGURES: dict[str, Callable[[ServerRow], Any]] = {
    "cpu": lambda row: row.latest and row.latest.cpu_percent,
    "memory": lambda row: row.latest and row.latest.memory_percent,
    "disk": lambda row: row.latest and row.latest.disk_percent,
    "network": lambda row: row.traffic,
    "up": lambda row: row.latest and row.latest.uptime_seconds,
    "name": lambda row: row.name,
    "status": lambda row: STATUS_ORDER.index(row.status),
    "apps": lambda row: number if (number := int(row.name[-3:])) in range(1, 6) else None,
}
KNOWN = dict.fromkeys(OF_NOW, 175) | {"apps": 5}


@pytest.mark.parametrize("name", SORTS)
def test_every_column_sorts_both_ways_and_what_is_unknown_comes_last(fleet: datetime, name: str) -> None:
    for sort in (name, f"-{name}"):
        figures = [
            FIGURES[name](row) if row.is_fresh or name not in OF_NOW else None for row in listed(fleet, sort=sort)
        ]
        known = [value for value in figures if value is not None]
        assert figures == sorted(known, reverse=sort.startswith("-")) + [None] * (NUMBER - len(known))
        assert len(known) == KNOWN.get(name, NUMBER)


def test_every_sort_has_all_servers_once(fleet: datetime) -> None:
    for sort in ("name", "-status", "cpu", "-apps"):
        assert len({row.server.pk for row in listed(fleet, sort=sort)}) == NUMBER


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ({"q": "WEB"}, 125),
        ({"q": "web 12"}, 45),
        ({"q": "web rack-b debian"}, 10),
        ({"q": "rack-a rack-b"}, 0),
        ({"q": "192.0.2.249"}, 1),
        ({"q": "%"}, 0),
        ({"tag": "rack-a"}, 10),
        ({"tag": "rack"}, 0),
        ({"status": "offline"}, 25),
        ({"status": "online"}, 200),
        ({"status": "paused"}, 0),
        ({"status": "pending", "tag": "rack-a", "q": "db"}, 2),
    ],
)
def test_all_that_is_asked_for_has_to_be_true(fleet: datetime, asked: dict[str, str], number: int) -> None:
    assert len(listed(fleet, **asked)) == number


def test_the_pages_follow_each_other_without_gap_or_repetition(fleet: datetime, admin_browser: Client) -> None:
    names = [row.name for row in listed(fleet)]
    assert names == sorted(names)
    for page, shown in (("", names[:100]), ("2", names[100:200]), ("3", names[200:]), ("99", names[200:])):
        assert _names(admin_browser, f"/servers?page={page}") == shown
    assert "Page 2 of 3" in admin_browser.get("/servers?page=2").content.decode()
    assert "Page" not in admin_browser.get("/servers?q=web-001").content.decode().split("</h2>")[1]


def test_the_page_survives_the_live_refresh(fleet: datetime, admin_browser: Client) -> None:
    """The browser asks again with the filters and the page that the table stands on."""
    shown = admin_browser.get("/servers?sort=-cpu&page=2").content.decode()
    assert re.search(r'id="servers" hx-get="/servers" hx-include="#filters, #page"', shown)
    [page] = re.findall(r'<input type="hidden" name="page" id="page" value="(\d)">', shown)
    [sort] = re.findall(r'<input type="hidden" name="sort" value="([^"]*)">', shown)
    again = admin_browser.get(f"/servers?sort={sort}&page={page}&q=&tag=&status=", headers={"HX-Request": "true"})
    assert _names(admin_browser, "/servers?sort=-cpu&page=2") == _rows(again.content.decode())
    assert 'id="page" value="2"' in again.content.decode()


def _names(browser: Client, address: str) -> list[str]:
    return _rows(browser.get(address).content.decode())


def _rows(shown: str) -> list[str]:
    return re.findall(r'<th scope="row">\s*<a href="[^"]*">([^<]+)</a>', shown)
