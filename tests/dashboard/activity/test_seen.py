"""Who sees what of the activity log, on the page, as it comes in, and as a file."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from activity.models import ActivityLog
from activity.types import ActivityType
from dashboard import tokens
from dashboard.models import Scope
from metrics.models import Tag
from tests.dashboard import fleet
from tests.dashboard.activity.log import browser_of, exports, from_file, ids, shown, total

pytestmark = pytest.mark.django_db


BEGIN = "since=2026-01-31T12:00&until=2026-01-31T12:08"


@pytest.fixture
def viewer(django_user_model: Any) -> Client:
    return browser_of(django_user_model.objects.create_user("viewer"))


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
    live = browser.get(f"/activity?after={rows[0].pk}&day=&{BEGIN}", headers={"hx-request": "true"}).content.decode()
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
