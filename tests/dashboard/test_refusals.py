"""Whoever the API refuses is recorded: by name where the token is known, and never with its secret."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from activity.models import ActivityLog
from activity.types import ActivityType
from dashboard import tokens
from dashboard.models import ApiToken, Scope
from tests.dashboard.test_api import error, made

pytestmark = pytest.mark.django_db
PATH = "/api/v1/activity"


def denied() -> ActivityLog:
    return ActivityLog.objects.get(activity_type=ActivityType.PERMISSION_DENIED)


@pytest.mark.parametrize(
    ("reason", "given", "changed", "status"),
    [
        ("revoked", {}, {"revoked_at": datetime(2026, 1, 1, tzinfo=UTC)}, 401),
        ("expired", {"lifetime": timedelta(days=-1)}, {}, 401),
        ("wrong_network", {"network": "10.0.0.0/8"}, {}, 401),
        ("scope_missing", {}, {"scopes": []}, 403),
    ],
)
def test_a_token_that_is_refused_is_recorded(
    administrator: Any, reason: str, given: dict[str, Any], changed: dict[str, Any], status: int
) -> None:
    script = made(administrator, **given)
    ApiToken.objects.update(**changed)
    error(script.get("/api/v1/servers/%00", {"a": "tomo_x"}, REMOTE_ADDR="198.51.100.7"), status)
    row = denied()
    assert (row.actor_kind, row.actor_name, row.user_id) == ("token", "script", administrator.pk)
    assert (row.origin, row.result, row.source_ip) == ("api", "failure", "198.51.100.7")
    assert row.details == {"reason": reason, "method": "GET", "path": "/api/v1/servers/%00"}
    assert row.message == "script was refused GET /api/v1/servers/%00"


def test_a_token_of_a_deactivated_owner_is_recorded(api: Client, administrator: Any) -> None:
    administrator.is_active = False
    administrator.save()
    api.get(PATH)
    assert (denied().actor_name, denied().details["reason"]) == ("script", "owner_inactive")


def test_too_often_is_recorded_once_a_minute(administrator: Any) -> None:
    script, now = made(administrator), datetime.now(UTC)
    ApiToken.objects.update(uses=120, minute=int(now.timestamp()) // 60)
    while script.get(PATH).status_code == 200:  # the minute has just ended
        ApiToken.objects.update(uses=120)
    assert error(script.get(PATH), 429)
    assert (denied().actor_name, denied().details["reason"]) == ("script", "too_often")


@pytest.mark.parametrize(("right", "wrong"), [("tomo_", "tomo_9"), ("tomo_", "nope_")])
def test_an_unknown_token_is_recorded_without_a_name(client: Client, token: str, right: str, wrong: str) -> None:
    client.get(PATH, headers={"authorization": f"Bearer {token.replace(right, wrong, 1)}"})
    assert (denied().actor_name, denied().details["reason"]) == ("anonymous", "unknown")
    assert token.split("_", 2)[2] not in str(ActivityLog.objects.values())


def test_a_guess_at_a_known_tokens_secret_is_not_recorded_as_the_tokens(client: Client, token: str) -> None:
    client.get(PATH, headers={"authorization": f"Bearer {token[:-43]}{'x' * 43}"})
    assert (denied().actor_name, denied().details["reason"]) == ("anonymous", "unknown")


def test_guessing_is_counted_and_not_listed_one_by_one(client: Client) -> None:
    for _ in range(25):
        client.get(PATH, headers={"authorization": "Bearer x"})
    assert ActivityLog.objects.filter(activity_type=ActivityType.PERMISSION_DENIED).count() <= 20


def test_a_session_that_writes_is_recorded(admin_browser: Client) -> None:
    admin_browser.post(PATH, b"{}", content_type="application/json")
    assert (denied().actor_kind, denied().actor_name, denied().details["reason"]) == ("user", "admin", "session")


def test_a_token_that_goes_with_its_owner_is_recorded_as_ended(viewer: Any) -> None:
    tokens.create("script", viewer, [Scope.SUMMARY_READ], datetime.now(UTC))
    viewer.delete()
    row = ActivityLog.objects.get(activity_type=ActivityType.TOKEN_REVOKED)
    assert (row.message, row.details["owner"]) == ("Token script ended with its owner", "viewer")
