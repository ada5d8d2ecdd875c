"""Whether the log can be trusted: the page that says so, who may ask, and the banner on every page."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django_q.models import OrmQ

from activity import anchors, triggers
from activity.models import ActivityLog, Verification
from activity.record import record
from activity.types import ActivityType
from activity.verification import State
from metrics import tasks

pytestmark = pytest.mark.django_db(databases="__all__")
TRUST, VERIFY = "/activity/trust", "/activity/verify"
BROKEN = "The activity log does not verify"


@pytest.fixture(autouse=True)
def own_anchors(settings: Any, tmp_path: Path) -> None:
    """None of other tests' logs."""
    settings.DATA_DIR = tmp_path


@pytest.fixture
def people(db: None, django_user_model: Any) -> dict[str, Client]:
    """A browser of each sort of person."""
    made = {name: django_user_model.objects.create_user(name) for name in ("viewer", "operators", "auditors")}
    made["admin"] = django_user_model.objects.create_superuser("admin")
    for group in ("operators", "auditors"):
        made[group].groups.add(Group.objects.get(name=group))
    browsers = {name: Client() for name in made}
    for name, browser in browsers.items():
        browser.force_login(made[name])
    return browsers


@pytest.fixture
def auditor(people: dict[str, Client]) -> Client:
    return people["auditors"]


def shown(browser: Client, address: str = TRUST) -> str:
    response = browser.get(address)
    assert response.status_code == 200
    return str(response.content.decode())


def checked(state: State, explanation: str = "") -> None:
    Verification.objects.create(
        at=datetime.now(UTC) - timedelta(hours=3),
        state=state,
        rows=41,
        last_id=42,
        explanation=explanation,
        seconds=0.5,
    )


def test_before_the_first_check_it_says_so(auditor: Client) -> None:
    assert "The log was not verified yet." in shown(auditor)
    assert "Not verified yet" in shown(auditor, "/activity")


def test_a_whole_log_tells_up_to_where_and_when(auditor: Client) -> None:
    checked(State.WHOLE)
    page = shown(auditor)
    assert "Whole: 41 rows up to row 42, checked 3 h ago in 0.5 s." in page
    assert "Verified up to row 42" in shown(auditor, "/activity")
    assert BROKEN not in page


def test_a_broken_log_tells_where_to_auditors_and_that_it_is_on_every_page_to_everybody(
    people: dict[str, Client],
) -> None:
    checked(State.BROKEN, "row 7 was changed, or written by somebody without the key")
    assert "row 7 was changed" in shown(people["auditors"])
    for name, browser in people.items():
        for address in ("/", "/servers", "/apps", "/activity"):
            page = shown(browser, address)
            assert BROKEN in page
            assert ("See where" in page) is (name in ("auditors", "admin"))
            assert ("Tell an administrator" in page) is (name in ("viewer", "operators"))
            assert "row 7" not in page
    checked(State.WHOLE)
    cache.clear()  # after some seconds
    assert BROKEN not in shown(people["viewer"], "/")


def test_nobody_who_is_not_signed_in_is_told() -> None:
    checked(State.BROKEN, "row 7 was changed")
    assert BROKEN not in Client().get("/sign-in").content.decode()


def test_without_an_anchor_it_is_told_but_not_called_broken(auditor: Client) -> None:
    checked(State.ANCHOR_MISSING, "Each row is whole, but whether the end was cut off cannot be told")
    page = shown(auditor)
    assert "whether the end was cut off cannot be told" in page
    assert "Verified up to row 42, without an anchor" in page
    assert BROKEN not in page


def test_a_check_under_way_is_followed_until_it_ends(auditor: Client) -> None:
    checked(State.WHOLE)
    checked(State.RUNNING)
    Verification.objects.filter(state=State.RUNNING).update(at=datetime.now(UTC))
    page = shown(auditor)
    assert "Following the chain: 41 rows are whole so far" in page
    assert 'hx-trigger="every 1s"' in page
    assert "Verify now" not in page
    part = auditor.get(TRUST, headers={"hx-request": "true", "x-refresh": "1"}).content.decode()
    assert part.startswith('<section class="card" id="verified"')
    auditor.post(VERIFY)
    assert not OrmQ.objects.exists()
    Verification.objects.filter(state=State.RUNNING).delete()
    ended = auditor.get(TRUST, headers={"hx-request": "true", "x-refresh": "1"})
    assert ended.headers["HX-Redirect"] == TRUST
    assert "every 1s" not in shown(auditor)


def test_verify_now_follows_the_chain_and_tells_what_it_found(auditor: Client) -> None:
    last = record(ActivityType.SERVER_ADDED, "web-01 added")
    assert last
    anchors.drop(datetime.now(UTC))
    assert auditor.post(VERIFY).headers["Location"] == TRUST
    assert 'hx-trigger="every 1s"' in shown(auditor)
    [task] = OrmQ.objects.all()
    assert task.task["func"] == "metrics.tasks.check_log"
    tasks.check_log()
    assert f"Whole: {last.pk} rows up to row {last.pk}, checked" in shown(auditor)


def test_a_change_from_outside_is_found_told_and_recorded(auditor: Client) -> None:
    row = record(ActivityType.SERVER_ADDED, "web-01 added")
    assert row
    anchors.drop(datetime.now(UTC))
    tamper(f"UPDATE activity_activitylog SET message = 'nothing' WHERE id = {row.pk}")
    tasks.check_log()
    assert BROKEN in shown(auditor, "/")
    assert f"row {row.pk} was changed, or written by somebody without the key" in shown(auditor)
    told = ActivityLog.objects.get(activity_type=ActivityType.LOG_BROKEN)
    assert (told.result, told.details["row"]) == ("failure", row.pk)
    tamper(f"UPDATE activity_activitylog SET message = 'web-01 added' WHERE id = {row.pk}")
    tasks.check_log()
    cache.clear()  # after some seconds
    assert "was changed from outside" not in shown(auditor, "/")
    assert ActivityLog.objects.filter(activity_type=ActivityType.LOG_WHOLE_AGAIN).exists()


def tamper(statement: str) -> None:
    """Behind the program's back."""
    trigger = triggers.names(triggers.LOG)["UPDATE"]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"DROP TRIGGER {trigger}")
        else:
            cursor.execute(f"ALTER TABLE {triggers.LOG} DISABLE TRIGGER USER")
        cursor.execute(statement)
    triggers.ensure()


@pytest.mark.parametrize("name", ["viewer", "operators"])
def test_only_auditors_see_the_page_and_verify(people: dict[str, Client], name: str) -> None:
    for response in (people[name].get(TRUST), people[name].post(VERIFY)):
        assert response.status_code == 403
    refused = ActivityLog.objects.filter(activity_type=ActivityType.PERMISSION_DENIED, actor_name=name)
    assert {row.message for row in refused} == {
        f"{name} was refused GET {TRUST}",
        f"{name} was refused POST {VERIFY}",
    }
    assert not OrmQ.objects.exists()
    assert "Trust and retention" not in shown(people[name], "/activity")


def test_verify_is_a_post_from_our_own_pages(auditor: Client) -> None:
    assert auditor.get(VERIFY).status_code == 405
    stranger = Client(enforce_csrf_checks=True)
    stranger.cookies = auditor.cookies
    assert stranger.post(VERIFY).status_code == 403
    assert not OrmQ.objects.exists()


def test_the_page_tells_what_is_kept_for_how_long_and_what_it_costs(auditor: Client) -> None:
    record(ActivityType.SERVER_ADDED, "web-01 added")
    page = shown(auditor)
    for text in ("TOMO_SECURITY_DAYS", "TOMO_CHANGES_DAYS", "TOMO_EVENTS_DAYS", "1095 days", "365 days"):
        assert text in page
