"""The activity log in Django admin: for review, read-only."""

import html
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client, override_settings

from activity.admin import MOST_COUNTED
from activity.models import ActivityLog, Verification
from activity.queries import MOST_SEARCHED
from activity.record import record
from activity.types import ActivityType
from tests.activity.bulk import bulk
from tests.dashboard import fleet

pytestmark = pytest.mark.django_db
LIST = "/admin/activity/activitylog/"


@pytest.fixture
def admin(administrator: Any) -> Client:
    client = Client()
    client.force_login(administrator)
    return client


def shown(admin: Client, query: str = "") -> str:
    response = admin.get(LIST + query)
    assert response.status_code == 200
    return str(response.content.decode())


def test_nobody_adds_changes_or_deletes_not_even_a_superuser(admin: Client) -> None:
    row = record(ActivityType.SERVER_ADDED, "web-01 added")
    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.post(f"{LIST}add/", {"message": "made up"}).status_code == 403
    assert admin.post(f"{LIST}{row.pk}/change/", {"message": "made up"}).status_code == 403
    assert admin.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    admin.post(LIST, {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert ActivityLog.objects.get(pk=row.pk).message == "web-01 added"
    assert "delete_selected" not in shown(admin)


def test_a_row_shows_its_details_escaped(admin: Client) -> None:
    row = record(
        ActivityType.SERVER_ADDED, "<script>alert(1)</script>", details={"a": "<img src=x>", "password": "pw1"}
    )
    page = admin.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "&lt;script&gt;" in page
    assert "&lt;img src=x&gt;" in page
    assert "<img src=x>" not in page
    assert "pw1" not in page
    assert "_save" not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?activity_type__exact=server_added", True),
        ("?activity_type__exact=user_login", False),
        ("?q=web-01", True),
        ("?q=db-01", False),
        ("?result__exact=success&origin__exact=task&actor_kind__exact=system", True),
        ("?result__exact=failure", False),
        ("?timestamp__year=2026&timestamp__month=1&timestamp__day=31", True),
        ("?timestamp__year=2025", False),
    ],
)
def test_rows_are_filtered_searched_and_found_by_date(admin: Client, query: str, found: bool) -> None:
    record(ActivityType.SERVER_ADDED, "web-01 added", at=datetime(2026, 1, 31, 12, tzinfo=UTC))
    record(ActivityType.SERVER_DELETED, "other", at=datetime(2024, 1, 31, 12, tzinfo=UTC))
    assert ("web-01 added" in shown(admin, query)) is found


def test_the_newest_comes_first(admin: Client) -> None:
    for number in range(3):
        record(ActivityType.SERVER_ADDED, f"number {number}")
    page = shown(admin)
    assert page.index("number 2") < page.index("number 1") < page.index("number 0")


def test_staff_without_the_right_sees_nothing(django_user_model: Any) -> None:
    client = Client()
    client.force_login(django_user_model.objects.create_user("clerk", is_staff=True))
    assert client.get(LIST).status_code == 403


def test_servers_are_listed_and_not_added_there(admin: Client) -> None:
    server = fleet.offline()
    page = admin.get("/admin/metrics/server/").content.decode()
    assert "web-01" in page
    assert "Offline" in page
    assert admin.get("/admin/metrics/server/add/").status_code == 403
    detail = admin.get(f"/admin/metrics/server/{server.pk}/change/").content.decode()
    assert "Nothing listens at 192.0.2.1:22" in detail
    assert 'name="hostname"' not in detail


# However long it is ------------------------------------------------------------------------------


def exported(admin: Client, query: str = "", *, ids: list[int] | None = None, form: str = "json_lines") -> list[int]:
    """The numbers of the rows that the export of these rows, or of all that match, has."""
    chosen = {"_selected_action": ids or [1], "select_across": "0" if ids else "1"}
    response = admin.post(f"{LIST}{query}", {"action": f"export_{form}", "index": "0"} | chosen)
    assert response.status_code == 200
    lines = b"".join(response).decode().splitlines()
    return (
        [json.loads(line)["id"] for line in lines]
        if form == "json_lines"
        else [int(line.split(",")[0]) for line in lines[1:]]
    )


def test_it_counts_no_further_than_its_pages_go(admin: Client) -> None:
    bulk(MOST_COUNTED + 300, datetime(2026, 1, 31, 12, tzinfo=UTC))
    page = shown(admin)
    assert f"{MOST_COUNTED} activity log" in page
    assert "?p=100" in page
    assert "?p=101" not in page
    assert "number" not in shown(admin, "?p=100")
    assert admin.get(f"{LIST}?p=101").headers["Location"].endswith("?e=1")


def test_a_long_log_costs_as_many_queries_as_a_short_one(admin: Client, django_assert_max_num_queries: Any) -> None:
    bulk(300, datetime(2026, 1, 31, 12, tzinfo=UTC))
    bulk(300, datetime(2025, 1, 31, 12, tzinfo=UTC))
    with django_assert_max_num_queries(20) as captured:
        shown(admin)
    counts = [query["sql"] for query in captured.captured_queries if "COUNT(" in query["sql"]]
    assert counts
    assert all(f"LIMIT {MOST_COUNTED}" in sql for sql in counts)


def test_the_hierarchy_of_dates_leads_down_to_a_day(admin: Client) -> None:
    for at in (
        datetime(2024, 5, 6, 12, tzinfo=UTC),
        datetime(2026, 1, 30, 12, tzinfo=UTC),
        datetime(2026, 1, 31, 23, tzinfo=UTC),
    ):
        bulk(1, at)
    this_year = datetime.now(UTC).year
    assert {f"?timestamp__year={year}" for year in {2024, 2026, this_year}} <= links(admin)
    assert {"?timestamp__month=1&timestamp__year=2026"} <= links(admin, "?timestamp__year=2026")
    days = {f"?timestamp__day={day}&timestamp__month=1&timestamp__year=2026" for day in (30, 31)}
    assert days <= links(admin, "?timestamp__year=2026&timestamp__month=1")
    with override_settings(TIME_ZONE="Europe/Berlin"):
        assert "?timestamp__month=2&timestamp__year=2026" in links(admin, "?timestamp__year=2026")


def links(admin: Client, query: str = "") -> set[str]:
    """Where the hierarchy of dates leads."""
    found = re.findall(r'href="(\?timestamp__[^"]*)"', shown(admin, query))
    return {html.unescape(link) for link in found}


@pytest.mark.parametrize("form", ["csv", "json_lines"])
def test_the_chosen_rows_are_exported_or_all_that_match(admin: Client, form: str) -> None:
    made = [record(ActivityType.SERVER_ADDED, f"web-{number} added") for number in range(120)]
    other = record(ActivityType.REPORTED, "moved")
    ids = [row.pk for row in made if row]
    assert exported(admin, ids=ids[3:5], form=form) == ids[3:5]
    assert exported(admin, "?activity_type__exact=server_added", form=form) == ids
    assert exported(admin, "?q=moved", form=form) == [other.pk if other else 0]
    told = ActivityLog.objects.filter(activity_type=ActivityType.LOG_EXPORTED).order_by("id")
    ticked = f"id={ids[3]}&id={ids[4]}"
    assert [row.details["filter"] for row in told] == [ticked, "activity_type__exact=server_added", "q=moved"]


def test_an_export_that_is_not_confirmed_asks_for_the_password(admin: Client) -> None:
    session = admin.session
    session["confirmed_at"] = 0
    session.save()
    response = admin.post(LIST, {"action": "export_csv", "_selected_action": [1], "index": "0"})
    assert response.headers["Location"].startswith("/confirm")


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("whole", "Verified up to row 42 at 2026-01-31 12:00."),
        ("broken", "Does not verify"),
        ("anchor_missing", "Verified up to row 42"),
    ],
)
def test_the_head_tells_how_far_the_log_was_verified(admin: Client, state: str, says: str) -> None:
    assert "Not verified yet." in shown(admin)
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    Verification.objects.create(at=at, state=state, rows=41, last_id=42, seconds=1, explanation="row 7 was changed")
    page = shown(admin)
    assert says in page
    assert ("Does not verify" in page) is (state == "broken")
    assert ("row 7 was changed" in page) is (state != "whole")


def test_text_is_looked_for_in_the_newest_rows_unless_a_time_is_chosen(admin: Client) -> None:
    for number in (500, 501, 500 + MOST_SEARCHED):
        bulk(1, datetime(2026, 1, 31, 12, tzinfo=UTC) + timedelta(seconds=number), message="needle", first_id=number)
    rows = re.compile(r"activitylog/(\d+)/change/")
    assert rows.findall(shown(admin, "?q=needle")) == [str(500 + MOST_SEARCHED), "501"]
    assert len(rows.findall(shown(admin, "?q=needle&timestamp__year=2026"))) == 3


@pytest.mark.parametrize(
    "query",
    [
        "?activity_type__exact=nonsense",
        "?q=%00",
        "?q=" + "a" * 5000,
        "?timestamp__year=x",
        "?p=x",
        "?timestamp__gte=x",
        "?server_id=x",
        "?timestamp__year=99999",
    ],
)
def test_what_makes_no_sense_lists_nothing_or_all_and_never_fails(admin: Client, query: str) -> None:
    record(ActivityType.SERVER_ADDED, "web-01 added")
    assert admin.get(f"{LIST}{query}").status_code in (200, 302, 400)
