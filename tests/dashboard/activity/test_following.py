"""The activity page by page, and rows that come in while it is open."""

import html
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client

from activity.models import ActivityLog
from activity.record import record
from activity.types import ActivityType
from dashboard.views.activity import MOST_AT_ONCE, PAGE
from tests.dashboard import fleet
from tests.dashboard.activity.log import AT, ids, shown, told, total

pytestmark = pytest.mark.django_db


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


def test_a_list_that_is_empty_begins_with_the_first_row_that_matches(admin: Client) -> None:
    page = shown(admin, "kind=reported")
    [address] = re.findall(r'<p class="empty" hx-get="([^"]*)" hx-trigger="every 3s"', page)
    ask = {"path": html.unescape(address), "headers": {"hx-request": "true", "x-refresh": "1"}}
    record(ActivityType.SERVER_ADDED, "something else")
    assert admin.get(**ask).status_code == 204
    told("first")
    assert admin.get(**ask).headers["HX-Refresh"] == "true"


def test_live_is_switched_off_in_the_address(admin: Client) -> None:
    told("first")
    page = shown(admin, "kind=reported&live=off")
    assert "every 3s" not in page
    assert '<a href="?kind=reported">Follow</a>' in page
    assert 'export?kind=reported&amp;format=csv"' in page
