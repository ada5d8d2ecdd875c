"""Whatever a server is called and says about itself, a page shows it as text."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from typing import Any

import plotly.graph_objects as go
import pytest
from django.test import Client

from activity.record import record
from activity.types import ActivityType
from metrics.models import Server, ServerState, Tag
from metrics.probe.reading import Container, Facts, Filesystem, Health, InterfaceCounters, State
from tests.dashboard import fleet

HOSTILE = [
    "<script>alert(1)</script>",
    '"onload="alert(1)',
    "'><img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "{{ settings.SECRET_KEY }}{% debug %}",
    "<!--",
    "=cmd|' /C calc'!A0",
    "\u202egnp.exe",
    "%{text}<br>",
]
pytestmark = pytest.mark.django_db


@pytest.fixture
def server() -> Server:
    """A server that has something hostile in every field."""
    server = fleet.pending("web-01", tags=tuple(f"x{text}"[:40] for text in HOSTILE))
    name, notes = "".join(HOSTILE)[:64], "\n".join(HOSTILE)
    Server.objects.filter(pk=server.pk).update(name=name, notes=notes)
    Tag.objects.create(name="<b>unused</b>")
    named = [named_by(number, text) for number, text in enumerate(HOSTILE)]
    crashed = [replace(one, state=State.EXITED, exit_code=1) for one in named[1:]]
    for minute, containers in enumerate((named, [named[0], *crashed], [named[0], *crashed])):
        at = datetime.now(UTC) - (3 - minute) * fleet.MINUTE
        fleet.looked(server, at, *containers, logs={one.id: HOSTILE for one in crashed} if minute == 2 else None)
    sizes = {"total_bytes": 4096, "used_bytes": 1024, "available_bytes": 1024}
    for number in range(2):
        fleet.polled(
            server,
            datetime.now(UTC) + number * fleet.MINUTE / 3,
            fleet.FIRST,
            uptime_seconds=1000.0 + 20 * number,
            facts=Facts(os=HOSTILE[0], kernel=HOSTILE[1], architecture=HOSTILE[2], cpu_model=HOSTILE[3]),
            filesystems=tuple(Filesystem(text, text, text, False, **sizes) for text in HOSTILE),
            interfaces={text: InterfaceCounters(number, number, 0, 0, True) for text in HOSTILE},
            temperatures=dict.fromkeys(HOSTILE, 40.0),
        )
    for text in HOSTILE:
        record(ActivityType.SERVER_UPDATED, text, server=fleet.current(server), details={"explanation": text})
    return fleet.current(server)


def named_by(number: int, text: str) -> Container:
    """A container that is called by this text in every field."""
    fields = dict.fromkeys(("image", "image_id", "project", "service"), text)
    return fleet.container(text, id=f"{number:064}", health=Health.UNHEALTHY, restart_policy=text[:20], **fields)


def pages(server: Server) -> list[str]:
    apps = [f"{app.get_absolute_url()}{part}" for app in server.apps.all()[:3] for part in ("", "/table/cpu?period=1h")]
    apps += ["/apps", f"/activity?app={server.apps.all()[0].pk}", "/admin/metrics/app/"]
    one = [f"/servers/{server.pk}{part}" for part in ("", "/edit", "/delete", "/prepare")]
    tables = [f"/servers/{server.pk}/table/{chart}?period=1h" for chart in ("disk", "network", "temperatures")]
    lists = [f"/admin/{model}/" for model in ("metrics/server", "activity/activitylog")]
    return ["/", "/servers", "/activity", *apps, *one, *tables, *lists, f"/admin/metrics/server/{server.pk}/change/"]


def test_every_page_shows_hostile_text_as_text(admin_browser: Client, server: Server) -> None:
    for address in pages(server):
        shown = admin_browser.get(address).content.decode()
        assert "alert(1)" in shown or "/table/" in address, address
        outside = re.sub(r'<script id="figures" type="application/json">.*?</script>', "", shown)
        assert not re.search(r"<script>|<img src=x|<!--$|\"onload=", outside), address
        assert "<b>unused" not in shown
        assert "{{ settings.SECRET_KEY }}" in shown or "/table/" in address or "{{" not in shown


def test_offline_and_paused_pages_do_as_well(admin_browser: Client, server: Server) -> None:
    for status in ("offline", "pending"):
        ServerState.objects.filter(server=server).update(status=status, explanation="".join(HOSTILE), reason="<b>x</b>")
        for address in pages(server):
            shown = admin_browser.get(address).content.decode()
            outside = re.sub(r'<script id="figures" type="application/json">.*?</script>', "", shown)
            assert not re.search(r"<script>|<img src=x|<b>x</b>", outside), address


def test_figures_in_a_page_cannot_leave_their_element(admin_browser: Client, server: Server) -> None:
    shown = admin_browser.get(f"/servers/{server.pk}?period=1h").content.decode()
    text = shown.partition('<script id="figures" type="application/json">')[2].partition("</script>")[0]
    assert set(json.loads(text)) >= {"cpu", "disk", "network", "temperatures"}
    assert "<" not in text


def test_figures_carry_names_as_text_and_are_figures(admin_browser: Client, server: Server) -> None:
    found = admin_browser.get(f"/servers/{server.pk}/charts?period=1h").json()["charts"]
    for chart in found.values():
        go.Figure(chart["figure"])
    texts = [*names(found["disk"]), *names(found["temperatures"]), *names(found["network"])]
    texts += [text for trace in found["cpu"]["figure"]["data"] for text in trace.get("text", [])]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in texts
    assert not [text for text in texts if "<" in text]


def test_figures_of_an_app_carry_its_events_as_text(admin_browser: Client, server: Server) -> None:
    for app in server.apps.all():
        found = admin_browser.get(f"{app.get_absolute_url()}/charts?period=1h").json()["charts"]
        figures = [go.Figure(chart["figure"]) for chart in found.values()]
        assert len(figures) >= 3
        traces = [trace for chart in found.values() for trace in chart["figure"]["data"]]
        texts = [text for trace in traces for text in (trace["name"], *trace.get("text", [])) if text]
        assert any("alert(1)" in text for text in texts) is app.crash_cards.exists()
        assert not [text for text in texts if "<" in text]


def test_the_last_lines_of_a_crash_are_text(admin_browser: Client, server: Server) -> None:
    app = next(app for app in server.apps.all() if app.crash_cards.exists())
    shown = admin_browser.get(app.get_absolute_url()).content.decode()
    [log] = re.findall(r'<pre class="log-lines"[^>]*>(.*?)</pre>', shown, re.DOTALL)
    assert unescape(log).split("\n")[0] == HOSTILE[0]
    assert "<" not in log


def test_the_api_gives_an_apps_text_itself(api: Client, server: Server) -> None:
    found = api.get(f"/api/v1/servers/{server.pk}/apps").json()["data"]["apps"]
    assert {HOSTILE[0], HOSTILE[1]} <= {app["container_name"] for app in found}
    assert set(HOSTILE) == {app["image"] for app in found}


def names(chart: dict[str, Any]) -> list[str]:
    return [trace["name"] for trace in chart["figure"]["data"]]


def test_a_table_names_what_it_shows_as_it_is_called(admin_browser: Client) -> None:
    server = fleet.pending()
    mount = Filesystem("/srv/a&b", "/dev/sda", "ext4", False, 4096, 1024, 1024)
    fleet.polled(server, datetime.now(UTC), filesystems=(mount,))
    shown = admin_browser.get(f"/servers/{server.pk}/table/disk?period=1h").content.decode()
    assert '<th scope="col">/srv/a&amp;b</th>' in shown


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_searched_for_comes_back_as_text(admin_browser: Client, server: Server, text: str) -> None:
    for address in ("/servers", "/apps", "/activity", "/"):
        asked = dict.fromkeys(("q", "tag", "status", "state", "sort", "period", "kind", "server", "app"), text)
        shown = admin_browser.get(address, asked).content.decode()
        assert not re.search(r"<script>|<img src=x|\"onload=", shown)


def test_the_api_gives_the_text_itself(api: Client, server: Server) -> None:
    found = api.get(f"/api/v1/servers/{server.pk}")
    assert found.headers["Content-Type"] == "application/json"
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert found.json()["data"]["facts"]["os"] == HOSTILE[0]
