"""The activity page: the same filter finds the same everywhere, and a wrong one is told."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client, override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activity.context import Acting
from activity.models import ActivityLog
from activity.queries import MOST_SEARCHED
from activity.record import record
from activity.types import ActivityType, ActorKind, Origin
from tests.activity.bulk import bulk
from tests.dashboard.activity.log import AT, exports, from_file, ids, shown, total

pytestmark = pytest.mark.django_db


# One filter, many faces --------------------------------------------------------------------------

SAME = [  # as the page is asked, the API, the admin; and which of `rows` match
    ("kind=server_added", "activity_types=server_added", "activity_type__exact=server_added", [0, 4]),
    ("kind=user_login&kind=app_crashed", "activity_types=user_login,app_crashed",
     "activity_type__in=user_login,app_crashed", [2, 5]),
    ("server=501", "server_id=501", "server_id=501", [0, 1, 2, 3]),
    ("app=601", "app_id=601", "app_id=601", [2, 3]),
    ("server=502&app=601", "server_id=502&app_id=601", "server_id=502&app_id=601", []),
    ("actor=ada", "actor=ada", "actor_name=ada", [0, 4, 5]),
    ("actor=ad", "actor=ad", "actor_name=ad", []),
    ("address=198.51.100.7", "source_ip=198.51.100.7", "source_ip=198.51.100.7", [0, 4, 5]),
    ("address=2001:DB8:0::7", "source_ip=2001:DB8:0::7", "source_ip=2001:db8::7", [1, 6, 7]),
    ("result=failure", "result=failure", "result__exact=failure", [2, 6]),
    ("result=success&server=501", "result=success&server_id=501", "result__exact=success&server_id=501", [0, 1, 3]),
    ("q=SHOP", "q=SHOP", "q=SHOP", [2, 3]),
    ("q=bob", "q=bob", "q=bob", [1, 6, 7]),
    ("q=100%25", "q=100%25", "q=100%25", [6]),
    ("q=_", "q=_", "q=_", [6]),
    ("q=ge%C3%A4ndert", "q=ge%C3%A4ndert", "q=ge%C3%A4ndert", [7]),
    ("q=+198.51.100.7+", "q=198.51.100.7", "q=198.51.100.7", [0, 4, 5]),
    ("q=2001:db8::7", "q=2001:db8:0::7", "q=2001:db8::7", [1, 6, 7]),
    ("q=203.0.113.9", "q=203.0.113.9", "q=203.0.113.9", [4]),
    ("request=request-2", "", "request_id=request-2", [1, 6, 7]),
    ("since=2026-01-31T12:06", "since=2026-01-31T12:06:00Z", "timestamp__gte=2026-01-31 12:06:00Z", [6, 7]),
    ("until=2026-01-31T12:02", "until=2026-01-31T12:02:00Z", "timestamp__lt=2026-01-31 12:02:00Z", [0, 1]),
    ("kind=server_added&actor=ada&server=502&address=198.51.100.7&result=success&q=added&request=request-1", "",
     "activity_type__exact=server_added&actor_name=ada&server_id=502&source_ip=198.51.100.7&q=added", [4]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "api", "in_admin", "which"), SAME)
def test_the_same_filter_finds_the_same_on_the_page_in_json_in_a_file_and_in_the_admin(
    admin: Client, rows: list[ActivityLog], query: str, api: str, in_admin: str, which: list[int]
) -> None:
    wanted = [rows[number].pk for number in reversed(which)]
    query = query if "since" in query else f"{query}&since=2026-01-31T12:00"
    query = query if "until" in query else f"{query}&until=2026-01-31T12:08"
    found = shown(admin, query)
    assert ids(found) == wanted
    assert total(found) == len(wanted)
    assert from_file(exports(admin, query)) == sorted(wanted)
    listed = admin.get(f"/admin/activity/activitylog/?{in_admin}&timestamp__year=2026&timestamp__month=1")
    assert [int(one) for one in re.findall(r"activitylog/(\d+)/change/", listed.content.decode())] == wanted
    if api:
        api = api if "since" in api else f"{api}&since=2026-01-31T12:00:00Z"
        data = admin.get(f"/api/v1/activity?{api if 'until' in api else f'{api}&until=2026-01-31T12:08:00Z'}").json()[
            "data"
        ]
        assert [row["id"] for row in data["logs"]] == wanted
        assert data["total"] == len(wanted)


def test_a_period_counts_back_from_now(admin: Client) -> None:
    now = datetime.now(UTC)
    ages = {"1h": 0.9, "24h": 23.9, "7d": 7 * 24 - 0.1, "30d": 30 * 24 - 0.1, "": 31 * 24.0}
    made = [record(ActivityType.REPORTED, name, at=now - timedelta(hours=age)) for name, age in ages.items()]
    for number, period in enumerate(ages):
        assert ids(shown(admin, f"kind=reported&period={period}")) == [row.pk for row in made[: number + 1] if row]


WRONG = [
    ("kind=nonsense", "Kinds: Select a valid choice. nonsense is not one of the available choices."),
    ("kind=server_added&kind=", "Kinds: Select a valid choice."),
    ("server=web", "Server: Enter a whole number."),
    ("server=0", "Server: Ensure this value is greater than or equal to 1."),
    (f"server={2**63}", "Server: Ensure this value is less than or equal to"),
    ("server=" + "9" * 5000, "Server: "),
    ("server=1e3", "Server: Enter a whole number."),
    ("app=-1", "App: Ensure this value is greater than or equal to 1."),
    ("app=" + "9" * 5000, "App: "),
    ("actor=" + "a" * 151, "Who: Ensure this value has at most 150 characters"),
    ("actor=a%00b", "Who: Null characters are not allowed."),
    ("address=10.0.0.0/8", "From address: Not an IP address."),
    ("address=fe80::1%25eth0", "From address: Not an IP address."),
    ("result=broken", "Result: Select a valid choice."),
    ("period=2h", "Time: Select a valid choice."),
    ("since=yesterday", "From: Enter a valid date/time."),
    ("since=2026-02-30T12:00", "From: Enter a valid date/time."),
    ("since=0001-01-01T00:00%2B14:00", "From: Must be a time after 1970."),
    ("until=9999-12-31T23:59-12:00", "To: Must be a time before the year 9999."),
    ("since=2026-01-31T12:00&until=2026-01-31T12:00", "To: Must be later than From."),
    ("since=2026-01-31T12:01&until=2026-01-31T12:00", "To: Must be later than From."),
    ("q=a%00b", "Text: Null characters are not allowed."),
    ("q=" + "a" * 201, "Text: Ensure this value has at most 200 characters"),
    ("request=a+b", "Request: Enter a valid value."),
    ("request=" + "a" * 41, "Request: Enter a valid value."),
]


@pytest.mark.parametrize(("query", "message"), WRONG, ids=[query[:30] for query, _ in WRONG])
def test_a_wrong_filter_is_told_and_nothing_is_listed_or_exported(
    admin: Client, rows: list[ActivityLog], query: str, message: str
) -> None:
    for more in ({}, {"headers": {"hx-request": "true"}}):
        page = shown(admin, query, **more)
        assert f'<li class="error">{message}' in html.unescape(page)
        assert ids(page) == []
        assert "CSV" not in page
    assert admin.get(f"/activity/export?format=csv&{query}").status_code == 400
    assert not ActivityLog.objects.filter(activity_type=ActivityType.LOG_EXPORTED).exists()


GOOD = (
    "server_added user_login 501 601 ada 198.51.100.7 failure 24h request-1 2026-01-31T12:00 on off csv jsonl".split()
)
ODD = [
    "0001-01-01T00:00+14:00",
    "9999-12-31T23:59-12:00",
    "9" * 5000,
    "",
    "0",
    "-1",
    "9" * 30,
    "1e9",
    "\0",
    "\ud800",
    "%",
    "0001-01-01",
    "9999-12-31T23:59:59.999999Z",
    "NaN",
    "١٢",
]
NAMES = [*"q kind server app actor address result period since until request before after day live format x".split()]
asked = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(GOOD + ODD) | st.text(max_size=20)), max_size=6)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=asked, is_live=st.booleans())
def test_no_query_makes_it_fail(
    admin: Client, rows: list[ActivityLog], asked: list[tuple[str, str]], is_live: bool
) -> None:
    query = urlencode(asked, errors="surrogatepass")
    headers = {"hx-request": "true"} if is_live else {}
    assert admin.get(f"/activity?{query}", headers=headers).status_code in (200, 204, 302)
    response = admin.get(f"/activity/export?{query}")
    assert response.status_code in (200, 400)
    b"".join(response)


# Times as people write them ----------------------------------------------------------------------


def test_from_and_to_are_in_the_time_zone_of_the_installation(admin: Client) -> None:
    made = record(ActivityType.REPORTED, "here", at=datetime(2026, 7, 1, 10, 0, tzinfo=UTC))
    with override_settings(TIME_ZONE="Europe/Berlin"):
        assert ids(shown(admin, "kind=reported&since=2026-07-01T12:00&until=2026-07-01T12:01")) == [
            made.pk if made else 0
        ]
        assert ids(shown(admin, "kind=reported&since=2026-07-01T12:01")) == []
        page = shown(admin, "kind=reported")
    assert "12:00:00.000 CEST" in page
    assert 'datetime="2026-07-01T12:00:00+02:00"' in page


def test_a_time_that_the_clocks_skip_is_told(admin: Client) -> None:
    with override_settings(TIME_ZONE="Europe/Berlin"):
        assert "may not exist" in shown(admin, "since=2026-03-29T02:30")


@pytest.mark.parametrize(
    ("zone", "query"), [("Asia/Tokyo", "since=0001-01-01T00:00"), ("America/New_York", "until=9999-12-31T23:59")]
)
def test_a_time_beyond_the_calendar_is_told(admin: Client, zone: str, query: str) -> None:
    with override_settings(TIME_ZONE=zone):
        assert '<li class="error">' in shown(admin, query)


# Where one looks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["q=needle", "request=r-1"])
def test_text_is_looked_for_in_the_newest_rows_unless_a_time_is_chosen(admin: Client, query: str) -> None:
    for row_id in (100, 101, 100 + MOST_SEARCHED):
        bulk(1, AT + timedelta(seconds=row_id), message="needle", first_id=row_id)
    page = shown(admin, query)
    assert ids(page) == [100 + MOST_SEARCHED, 101]
    assert "newest 200000 rows" in page
    assert from_file(exports(admin, f"{query}&kind=reported")) == [101, 100 + MOST_SEARCHED]
    assert "newest 200000 rows" in shown(admin, f"{query}&kind=user_login")  # where nothing matches, too
    dated = shown(admin, f"{query}&since=2026-01-31T00:00")
    assert ids(dated) == [100 + MOST_SEARCHED, 101, 100]
    assert "newest 200000 rows" not in dated


# Hostile text ------------------------------------------------------------------------------------

HOSTILE = """</td><script>alert(1)</script>"'><img src=x onerror=alert(1)>{{ 7*7 }}"""


def test_hostile_text_is_text_everywhere(admin: Client) -> None:
    class Evil:
        id, name = 501, HOSTILE

    actor = Acting(ActorKind.USER, Origin.WEB, HOSTILE, 7, "198.51.100.7", HOSTILE, "r-1")
    details = {HOSTILE: HOSTILE, "before": {HOSTILE: "1"}, "after": {HOSTILE: HOSTILE}, "explanation": HOSTILE}
    row = record(ActivityType.SERVER_UPDATED, HOSTILE, server=Evil, app=Evil, actor=actor, details=details)
    assert row
    asked = urlencode({"q": HOSTILE, "actor": HOSTILE})
    in_admin = "/admin/activity/activitylog/"
    wrong = urlencode({"server": HOSTILE, "since": HOSTILE})
    for address in (f"/activity?{asked}", f"/activity?{wrong}", f"{in_admin}{row.pk}/change/", in_admin):
        page = admin.get(address).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;" in page
    assert ids(shown(admin, asked)) == [row.pk]


def test_a_page_of_the_largest_details_that_may_be_reported_stays_small_enough(admin: Client) -> None:
    deep: Any = [0] * 30_000
    for _ in range(17):
        deep = [deep]
    for details in ({"deep": deep}, {"before": {}, "after": {f"{number:x}": 1 for number in range(7000)}}):
        record(ActivityType.REPORTED, "much", details=details)
    assert len(admin.get("/activity").content) < 400_000
