"""Pages and API show a period or any stretch of time, tell the same of it, and say what is wrong with a wrong one."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from dashboard import ranges
from metrics.models import Server, ServerMetrics
from metrics.models.fields import slot_at, slot_key
from metrics.periods import HOUR, WrongRange
from metrics.retention import interval_seconds
from tests.conftest import AT
from tests.dashboard import addresses, fleet

pytestmark = pytest.mark.django_db

SERVER, APP = "/servers/{server}", "/servers/{server}/apps/{app}"
CHARTED = [f"{page}{part}" for page in (SERVER, APP) for part in ("", "/charts", "/table/cpu")]
API = ["/api/v1/servers/{server}/metrics", "/api/v1/servers/{server}/apps/{app}/metrics"]
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
def server() -> Server:
    """One with an app, and a sample every ten minutes of the two days before today, rolled up."""
    server = fleet.with_apps(fleet.container("web"))
    slots = range(slot_at(MIDNIGHT - timedelta(days=2)), slot_at(MIDNIGHT), 600)
    ServerMetrics.objects.bulk_create(
        ServerMetrics(id=slot_key(slot, server.pk), load_average_1m=slot // 600 % 97 / 10) for slot in slots
    )
    addresses.roll_up()
    return server


def written(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def asked(address: str, query: str) -> str:
    return f"{addresses.filled(address)}?{query}"


def data(browser: Client, query: str) -> dict[str, Any]:
    response = browser.get(asked(API[0], query))
    assert response.status_code == 200, response.content
    return dict(response.json()["data"])


# What is chosen ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "hour"),
    [
        ("2026-01-31T08:00:00Z", 8),
        ("2026-01-31T08:00:00+01:00", 7),
        ("2026-01-31T08:00:00 01:00", 7),  # as + arrives from an address
        ("2026-01-31T08:00", 7),
        ("2026-01-31", -1),
    ],
)
def test_a_time_without_an_offset_is_of_the_products_zone(settings: Any, begin: str, hour: int) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    found = ranges.chosen({"from": begin, "to": "2026-01-31T12:00"}, AT)
    assert found.start == datetime(2026, 1, 31, tzinfo=UTC) + timedelta(hours=hour)
    assert (found.end, found.period, found.is_live) == (AT - timedelta(hours=1), "", False)
    assert found.label.endswith("– 12:00")


def test_a_range_is_asked_for_again_by_its_query() -> None:
    found = ranges.chosen({"from": "2026-01-30", "to": "2026-01-31T10:30"}, AT)
    assert found.query == "from=2026-01-30T00:00:00Z&to=2026-01-31T10:30:00Z"
    assert (found.label, found.span.until) == ("30 Jan 00:00 – 31 Jan 10:30", found.end.timestamp())


def test_a_range_without_an_end_ends_now() -> None:
    found = ranges.chosen({"from": "2026-01-31T10:00"}, AT)
    assert (found.end, found.is_live) == (AT, True)


def test_without_a_range_the_period_counts() -> None:
    found = ranges.chosen({"period": "7d", "from": ""}, AT)
    assert (found.period, found.query, found.is_live) == ("7d", "period=7d", True)


@pytest.mark.parametrize(("begin", "end", "told"), [("x", "", "from: 'x' is no"), ("2026-01-30", "y", "to: 'y' is no")])
def test_what_is_wrong_with_it_is_told_by_its_name(begin: str, end: str, told: str) -> None:
    with pytest.raises(WrongRange, match=told):
        ranges.chosen({"from": begin, "to": end}, AT)


# A wrong one is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("from=yesterday", "from: 'yesterday' is no time. Write 2026-01-31T12:00:00Z"),
        ("from=2026-01-01&to=%00", "to: '\\x00' is no time."),
        ("to=2026-01-01", "from: '' is no time."),
        ("from=2026-01-02&to=2026-01-01", "the first instant has to be before the second."),
        ("from=2999-01-01&to=2999-01-02", "It lies in the future, of which nothing is known."),
        ("from=0001-01-01", "It begins before 1970"),
        ("from=" + "9" * 5000, "is no time."),
    ],
)
def test_a_wrong_range_is_a_400_page_that_says_what_is_wanted(
    server: Server, admin_browser: Client, query: str, told: str
) -> None:
    for address in CHARTED:
        response = admin_browser.get(asked(address, query))
        assert response.status_code == 400
        shown = response.content.decode().replace("&#x27;", "'")
        assert told in shown
        assert "Bad request" in shown
        assert len(shown) < 20_000


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("from=yesterday", "from: Allowed: a time with its zone"),
        ("from=2026-01-01", "from: Allowed: a time with its zone"),
        ("from=2026-01-01T00:00:00Z&to=%C3%BC", "to: Allowed: a time with its zone"),
    ],
)
def test_the_api_refuses_what_is_no_time(server: Server, admin_browser: Client, query: str, told: str) -> None:
    for address in API:
        response = admin_browser.get(asked(address, query))
        assert (response.status_code, response.json()["error"]) == (400, "BAD_PARAMETER")
        assert response.json()["message"].startswith(told)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("to=2026-01-01T00:00:00Z", "from: It is wanted beside to"),
        ("period=1h&from=2026-01-01T00:00:00Z", "period: Give either a period or from and to."),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from: It begins after it ends"),
        ("from=2999-01-02T00:00:00Z", "from: It lies in the future"),
        ("from=0001-01-01T00:00:00Z", "from: It begins before 1970"),
    ],
)
def test_the_api_refuses_a_wrong_range_by_the_name_of_the_parameter(
    server: Server, admin_browser: Client, query: str, told: str
) -> None:
    for address in API:
        response = admin_browser.get(asked(address, query))
        assert (response.status_code, response.json()["error"]) == (409, "WRONG_RANGE")
        assert response.json()["message"].startswith(told)


# What is told of it ------------------------------------------------------------------------------


def test_page_api_and_table_tell_the_same_of_a_range(server: Server, admin_browser: Client) -> None:
    query = f"from={written(MIDNIGHT - timedelta(hours=20))}&to={written(MIDNIGHT - timedelta(hours=2))}"
    found = {one["timestamp"]: one["load_average_1m"] for one in data(admin_browser, query)["metrics"]}
    assert len(found) > 100

    figure = admin_browser.get(asked(f"{SERVER}/charts", query)).json()["charts"]["load"]["figure"]
    assert drawn(figure["data"][0]) == found
    page = admin_browser.get(asked(SERVER, query)).content.decode()
    [figures] = re.findall(r'<script id="figures"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert drawn(json.loads(figures)["load"]["figure"]["data"][0]) == found
    table = admin_browser.get(asked(f"{SERVER}/table/load", query)).content.decode()
    rows = re.findall(r"<td>(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)</td>\s*<td[^>]*>([\d.]+)</td>", table)
    assert {f"{day}T{time}Z": float(value) for day, time, value in reversed(rows)} == found


def drawn(trace: dict[str, Any]) -> dict[str, float]:
    """A line's known values by their time."""
    begin, step = datetime.fromisoformat(trace["x0"]), timedelta(milliseconds=trace["dx"])
    return {written(begin + n * step): round(y, 2) for n, y in enumerate(trace["y"]) if y is not None}


def test_a_range_is_told_with_its_steps_and_how_finely_it_is_kept(server: Server, admin_browser: Client) -> None:
    begin, end = MIDNIGHT - timedelta(hours=20), MIDNIGHT - timedelta(hours=2)
    found = data(admin_browser, f"from={written(begin)}&to={written(end)}")
    assert (found["period"], found["step_seconds"], found["resolution_seconds"]) == (None, 300, 300)
    assert data(admin_browser, f"from={quote(begin.isoformat())}&to={written(end)}") == found
    assert (found["from"], found["to"]) == (written(begin), written(end))
    newest = data(admin_browser, f"from={written(datetime.now(UTC) - timedelta(hours=2))}")
    assert (newest["step_seconds"], newest["resolution_seconds"]) == (interval_seconds(), interval_seconds())


def test_coverage_tells_how_many_polls_there_were(server: Server, admin_browser: Client) -> None:
    day_before = f"from={written(MIDNIGHT - timedelta(days=1))}&to={written(MIDNIGHT)}"
    assert data(admin_browser, day_before)["coverage_percent"] == pytest.approx(10, abs=0.1)
    assert data(admin_browser, "from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z")["coverage_percent"] == 0.0


@pytest.mark.parametrize("days", [2, 30, 400, 365 * 50])
def test_the_answer_of_a_long_range_stays_short(server: Server, admin_browser: Client, days: int) -> None:
    found = data(admin_browser, f"from={written(MIDNIGHT - timedelta(days=days))}")
    assert 1 <= found["count"] == len(found["metrics"]) <= 600
    assert sum(one["samples"] for one in found["metrics"]) >= 288
    assert HOUR.seconds % found["step_seconds"] == 0 or found["step_seconds"] % HOUR.seconds == 0


def test_a_page_tells_how_much_of_a_time_is_known(admin_browser: Client) -> None:
    server = fleet.online(polls=3)
    page = admin_browser.get(f"/servers/{server.pk}?period=24h").content.decode()
    assert "% of the samples of this time are there." in page
