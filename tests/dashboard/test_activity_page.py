"""The activity page: its filters, its pages, the rows that come in, and who may see what."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group
from django.test import Client, override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activity.context import Acting
from activity.models import ActivityLog
from activity.queries import MOST_SEARCHED
from activity.record import record
from activity.types import ActivityType, ActorKind, Origin, Result
from dashboard import tokens
from dashboard.models import Scope
from dashboard.views.activity import MOST_AT_ONCE, PAGE
from metrics.models import Tag
from tests.activity.bulk import bulk
from tests.dashboard import fleet
from tests.dashboard.fleet import container

pytestmark = pytest.mark.django_db
AT = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
ADA = Acting(ActorKind.USER, Origin.WEB, "ada", 7, "198.51.100.7", "Firefox", "request-1")
BOB = Acting(ActorKind.TOKEN, Origin.API, "bob", 8, "2001:db8::7", "curl", "request-2")
ROW = re.compile(r"<dt>Row</dt><dd>(\d+)</dd>")


@pytest.fixture
def administrator(db: None, django_user_model: Any) -> Any:
    """Without a password, which takes its time."""
    return django_user_model.objects.create_superuser("admin")


@pytest.fixture
def admin(administrator: Any) -> Client:
    return browser_of(administrator)


@pytest.fixture
def viewer(django_user_model: Any) -> Client:
    return browser_of(django_user_model.objects.create_user("viewer"))


def browser_of(user: Any) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


class Web:
    """A server that was deleted long ago."""

    id, name = 501, "web-501"


class Shop:
    """Its app."""

    id, name = 601, "shop"


class Db:
    id, name = 502, "db-502"


@pytest.fixture
def rows() -> list[ActivityLog | None]:
    """One of each sort, a minute apart from AT on."""
    kind, failed = ActivityType, Result.FAILURE
    told: list[tuple[ActivityType, str, dict[str, Any]]] = [
        (kind.SERVER_ADDED, "web-501 added", {"server": Web, "actor": ADA}),
        (kind.SERVER_UPDATED, "web-501 changed", {"server": Web, "actor": BOB}),
        (kind.APP_CRASHED, "shop crashed", {"server": Web, "app": Shop, "result": failed}),
        (kind.APP_STARTED, "shop started", {"server": Web, "app": Shop}),
        (kind.SERVER_ADDED, "db-502 added at 203.0.113.9", {"server": Db, "actor": ADA}),
        (kind.USER_LOGIN, "ada signed in", {"actor": ADA}),
        (kind.USER_LOGIN_FAILED, "100% wrong_password", {"actor": BOB, "result": failed}),
        (kind.REPORTED, "Größe geändert", {"actor": BOB}),
    ]
    return [record(which, says, at=AT + n * fleet.MINUTE, **more) for n, (which, says, more) in enumerate(told)]


def shown(browser: Client, query: str = "", **more: Any) -> str:
    response = browser.get(f"/activity?{query}", **more)
    assert response.status_code == 200
    return str(response.content.decode())


def ids(page: str) -> list[int]:
    """The numbers of the rows of a page, as they follow each other."""
    return [int(found) for found in ROW.findall(page)]


def total(page: str) -> int:
    [found] = re.findall(r'(?:Newest first|Older) <span class="count">(\d+)</span>', page)
    return int(found)


def from_file(text: str) -> list[int]:
    return [int(found) for found in re.findall(r'^\{"id":(\d+),', text, re.M)]


def exports(browser: Client, query: str) -> str:
    response = browser.get(f"/activity/export?format=jsonl&{query}")
    assert response.status_code == 200
    return b"".join(response).decode()


# One filter, many faces --------------------------------------------------------------------------

BEGIN = "since=2026-01-31T12:00&until=2026-01-31T12:08"
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
    response.close()


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


# Chips -------------------------------------------------------------------------------------------


def chips(page: str) -> dict[str, str]:
    """What each chip says, and where it leads."""
    found = re.findall(r'<a class="chip" href="([^"]*)"[^>]*>(.*?) <svg', page, re.S)
    return {html.unescape(says): html.unescape(link) for link, says in found}


def test_each_filter_has_a_chip_that_takes_it_away_alone(admin: Client, rows: list[ActivityLog]) -> None:
    query = "q=added&kind=server_added&kind=user_login&actor=ada&result=success&before=999"
    record(ActivityType.REPORTED, "so that there is a row", at=AT - fleet.MINUTE)
    found = chips(shown(admin, query.replace("&before=999", "")))
    assert found.keys() == {"Text: added", "Kinds: Server added, Signed in", "Who: ada", "Result: success"}
    assert found["Kinds: Server added, Signed in"] == "?q=added&actor=ada&result=success"
    assert ids(shown(admin, found["Text: added"][1:])) == [rows[5].pk, rows[4].pk, rows[0].pk]


def test_a_server_and_an_app_that_are_gone_can_still_be_asked_for(admin: Client, rows: list[ActivityLog]) -> None:
    page = shown(admin, "server=501&app=601")
    assert ids(page) == [rows[3].pk, rows[2].pk]
    assert '<option value="501" selected>' in page
    assert '<option value="601" selected>' in page
    assert chips(page).keys() == {"Server: server 501", "App: app 601"}


def test_a_server_is_chosen_by_name_and_then_its_apps(admin: Client) -> None:
    server = fleet.with_apps(container())
    fleet.with_apps(container("other"), name="web-02")
    page = shown(admin, f"server={server.pk}&app={fleet.app().pk}")
    assert f'<option value="{server.pk}" selected>web-01</option>' in page
    assert f'<option value="{fleet.app().pk}" selected>web</option>' in page
    assert ">other</option>" not in page
    assert chips(page).keys() == {"Server: web-01", "App: web"}


def test_a_row_leads_to_what_its_actor_did_and_keeps_the_other_filters(admin: Client, rows: list[ActivityLog]) -> None:
    page = html.unescape(shown(admin, "result=success&server=502&after="))
    assert 'href="/activity?result=success&server=502&actor=ada"' in page
    assert 'href="/activity?result=success&server=502&address=198.51.100.7"' in page
    assert 'href="/activity?result=success&server=502&request=request-1"' in page


def test_each_control_has_a_name_for_those_who_hear_the_page(admin: Client, rows: list[ActivityLog]) -> None:
    page = shown(admin)
    form = page[page.index('<form class="filters') : page.index("</form>", page.index('<form class="filters'))]
    for control in re.findall(r"<(?:select|input)[^>]*>", form):
        named = "aria-label=" in control or 'type="hidden"' in control or 'type="checkbox"' in control
        known = re.search(r'id="(\w+)"', control)
        assert named or (known and f'<label for="{known[1]}"' in form), control


# Pages -------------------------------------------------------------------------------------------


def pages(browser: Client, query: str = "") -> Iterator[list[int]]:
    """Page after page, as its own links lead."""
    page = shown(browser, query)
    while True:
        yield ids(page)
        older = re.search(r'<a class="button" href="\?([^"]*)">Older</a>', page)
        if not older:
            return
        page = shown(browser, html.unescape(older[1]))


def test_pages_have_no_row_twice_and_none_missing_while_rows_come_in(admin: Client) -> None:
    made = [record(ActivityType.REPORTED, f"row {number}", at=AT) for number in range(2 * PAGE + 7)]
    found: list[int] = []
    for number, page in enumerate(pages(admin, "kind=reported&until=2027-01-01T00:00")):
        found += page
        record(ActivityType.REPORTED, "at the same instant", at=AT)
        record(ActivityType.REPORTED, f"new {number}", at=AT + fleet.MINUTE)
    assert found == [row.pk for row in reversed(made) if row]


def test_an_older_page_does_not_follow_and_keeps_the_filter(admin: Client) -> None:
    for number in range(PAGE + 1):
        record(ActivityType.REPORTED, f"row {number}", at=AT)
    page = shown(admin, "kind=reported")
    assert "Newest first" in page
    assert "every 3s" in page
    older = shown(admin, f"kind=reported&before={ids(page)[-1]}")
    assert total(older) == PAGE + 1
    assert len(ids(older)) == 1
    assert "every 3s" not in older


def test_a_page_that_began_after_a_pruned_row_begins_anew(admin: Client, rows: list[ActivityLog]) -> None:
    response = admin.get("/activity?kind=server_added&before=99999", follow=True)
    assert response.redirect_chain == [("/activity?kind=server_added", 302)]
    assert "There is no row 99999 (any more)" in response.content.decode()
    assert ids(response.content.decode()) == [rows[4].pk, rows[0].pk]


# Rows that come in -------------------------------------------------------------------------------


class Live:
    """A page that follows the log, as the browser does it."""

    def __init__(self, browser: Client, query: str = "kind=reported") -> None:
        self.browser = browser
        self.page = shown(browser, query)
        self.body = re.search(r"<tbody>(.*)</tbody>", self.page, re.S)[1]  # type: ignore[index]

    def ask(self) -> int:
        """Once; the status. What comes takes the place of the row that asked."""
        [(row, address)] = re.findall(r'(<tr[^>]* hx-get="([^"]*)" hx-trigger="every 3s".*?</tr>)', self.body, re.S)
        response = self.browser.get(html.unescape(address), headers={"hx-request": "true", "x-refresh": "1"})
        if response.status_code == 200:
            self.body = self.body.replace(row, response.content.decode())
        return int(response.status_code)

    def follow(self) -> list[int]:
        """Until nothing more comes."""
        while self.ask() == 200:
            pass
        return ids(self.body)

    def lines(self) -> list[str]:
        """The days and the messages, from top to bottom."""
        found = re.findall(r'scope="rowgroup">(.*?)</th>|</svg></span><span>(.*?)\s*</span>', self.body)
        return [day or message for day, message in found]


def told(message: str, at: datetime = AT) -> int:
    row = record(ActivityType.REPORTED, message, at=at)
    assert row
    return row.pk


def test_a_new_row_comes_in_and_only_what_matches(admin: Client) -> None:
    first = told("first")
    live = Live(admin)
    record(ActivityType.SERVER_ADDED, "something else")
    assert live.ask() == 204
    second = told("second")
    assert live.ask() == 200
    assert ids(live.body) == [second, first]
    assert live.ask() == 204


def test_no_new_row_comes_twice_when_times_are_out_of_order(admin: Client) -> None:
    first = told("first")
    live = Live(admin)
    made = [
        told("late", AT + 2 * fleet.MINUTE),
        told("early", AT + fleet.MINUTE),
        told("before all", AT - fleet.MINUTE),
    ]
    assert sorted(live.follow()) == [first, *made]


def test_none_is_missing_when_many_come_at_once(admin: Client) -> None:
    first = told("first")
    live = Live(admin)
    made = [told(f"row {number}") for number in range(MOST_AT_ONCE * 2 + 1)]
    assert live.follow() == [*reversed(made), first]


def test_new_rows_stand_under_their_own_day(admin: Client) -> None:
    told("first")
    live = Live(admin)
    told("second")
    live.follow()
    assert live.lines() == ["Saturday 31 January 2026", "second", "first"]
    told("third", AT + timedelta(hours=11))
    told("fourth", AT + timedelta(days=1))
    live.follow()
    told("fifth", AT + timedelta(days=1))
    told("sixth", AT + timedelta(days=3))
    live.follow()
    assert live.lines() == [
        *("Tuesday 3 February 2026", "sixth", "Sunday 1 February 2026", "fifth", "fourth"),
        *("Saturday 31 January 2026", "third", "second", "first"),
    ]


def test_following_does_not_count_as_use_of_the_session(admin: Client) -> None:
    told("first")
    live = Live(admin)
    session = admin.session
    session["seen_at"] = 1.0
    session.save()
    assert "x-refresh" in live.page.lower()
    live.ask()
    assert admin.session["seen_at"] == 1.0
    shown(admin)
    assert admin.session["seen_at"] > 1.0


def test_live_is_switched_off_in_the_address(admin: Client) -> None:
    told("first")
    page = shown(admin, "kind=reported&live=off")
    assert "every 3s" not in page
    assert '<a href="?kind=reported">Follow</a>' in page
    assert 'export?kind=reported&amp;format=csv"' in page


# Where one looks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["q=needle", "request=r-1"])
def test_text_is_looked_for_in_the_newest_rows_unless_a_time_is_chosen(admin: Client, query: str) -> None:
    for row_id in (100, 101, 100 + MOST_SEARCHED):
        bulk(1, AT + timedelta(seconds=row_id), message="needle", first_id=row_id)
    page = shown(admin, query)
    assert ids(page) == [100 + MOST_SEARCHED, 101]
    assert "newest 200000 rows" in page
    assert from_file(exports(admin, f"{query}&kind=reported")) == [101, 100 + MOST_SEARCHED]
    dated = shown(admin, f"{query}&since=2026-01-31T00:00")
    assert ids(dated) == [100 + MOST_SEARCHED, 101, 100]
    assert "newest 200000 rows" not in dated


# Who sees what -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("group", "sees_all"), [(None, False), ("operators", False), ("auditors", True)])
def test_only_auditors_see_what_is_not_about_servers(
    django_user_model: Any, rows: list[ActivityLog], group: str | None, sees_all: bool
) -> None:
    user = django_user_model.objects.create_user("somebody")
    user.groups.add(*Group.objects.filter(name=group))
    browser = browser_of(user)
    wanted = [row.pk for row in rows if sees_all or row.server_id]
    found = shown(browser, BEGIN)
    assert ids(found) == wanted[::-1]
    assert total(found) == len(wanted)
    assert from_file(exports(browser, BEGIN)) == wanted
    live = browser.get(f"/activity?after={rows[0].pk}&{BEGIN}", headers={"hx-request": "true"}).content.decode()
    assert ids(live) == wanted[:0:-1]
    assert ids(shown(browser, "actor=bob&kind=user_login_failed")) == ([rows[6].pk] if sees_all else [])
    assert ids(shown(browser, "q=wrong_password")) == ([rows[6].pk] if sees_all else [])


def test_a_token_of_a_tag_sees_only_what_is_about_its_servers(administrator: Any) -> None:
    seen, unseen = fleet.pending("seen", tags=("a",)), fleet.pending("unseen", tags=("b",))
    _, text = tokens.create(
        "script", administrator, list(Scope.values), datetime.now(UTC), tag=Tag.objects.get(name="a")
    )
    script = Client(headers={"authorization": f"Bearer {text}"})
    data = script.get("/api/v1/activity").json()["data"]
    assert {row["server_id"] for row in data["logs"]} == {seen.pk}
    assert data["total"] == len(data["logs"])
    assert script.get(f"/api/v1/activity?server_id={unseen.pk}").json()["data"]["total"] == 0


def test_nobody_sees_anything() -> None:
    for address in ("/activity", "/activity?after=1", "/activity/export?format=csv", "/activity/trust"):
        response = Client().get(address)
        assert (response.status_code, response.headers["Location"][:8]) == (302, "/sign-in")


def test_what_is_exported_is_recorded_with_its_filter(viewer: Client, rows: list[ActivityLog]) -> None:
    exports(viewer, "server=501&before=7&after=3&live=off")
    row = ActivityLog.objects.get(activity_type=ActivityType.LOG_EXPORTED)
    assert (row.actor_name, row.message) == ("viewer", "Activity log exported as jsonl")
    assert row.details == {"format": "jsonl", "filter": "server=501"}


@pytest.mark.parametrize("query", ["", "format=", "format=xml", "format=CSV", "format=csv&kind=nonsense"])
def test_an_export_of_nonsense_is_refused_in_words(admin: Client, query: str) -> None:
    response = admin.get(f"/activity/export?{query}")
    assert response.status_code == 400
    assert b"format is csv or jsonl" in response.content


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
