"""The activity log in Django admin: for review, read-only."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from activity.models import ActivityLog
from activity.record import record
from activity.types import ActivityType
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
