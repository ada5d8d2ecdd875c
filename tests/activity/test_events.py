"""Each kind of activity really happens, from whichever way it is brought about; kinds.py says what a row must say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import transaction
from django.test import Client

from activity.models import ActivityLog
from activity.types import ActivityType
from dashboard import set_up, tokens
from dashboard.models import ApiToken
from tests.activity.kinds import proofs, proves
from tests.activity.rows import ADDRESS, AT_THE_TERMINAL, IN_DJANGO_ADMIN, IN_THE_BROWSER, done_by, newest
from tests.dashboard.conftest import PASSWORD, signed_in
from tomo_monitor import starts

pytestmark = pytest.mark.django_db


# Users -------------------------------------------------------------------------------------------


@proves(ActivityType.USER_LOGIN, ActivityType.USER_LOGOUT)
def test_signing_in_and_out(admin: Client, administrator: Any) -> None:
    row = newest(ActivityType.USER_LOGIN)
    assert done_by(row) == IN_THE_BROWSER
    assert (row.user_id, row.user_agent, len(row.request_id)) == (administrator.pk, "Firefox", 32)
    admin.post("/sign-out")
    row = newest(ActivityType.USER_LOGOUT)
    assert done_by(row) == IN_THE_BROWSER
    assert row.user_id == administrator.pk


@proves(ActivityType.USER_LOGIN_FAILED)
@pytest.mark.parametrize("name", ["admin", "nobody"])
def test_a_failed_sign_in(administrator: Any, name: str) -> None:
    Client(REMOTE_ADDR=ADDRESS).post("/sign-in", {"username": name, "password": "my secret"})
    row = newest(ActivityType.USER_LOGIN_FAILED)
    assert (row.actor_name, row.user_id, row.source_ip, row.result) == (name, None, ADDRESS, "failure")
    assert "my secret" not in str(ActivityLog.objects.values())


def test_the_request_id_of_a_row_goes_out_with_the_answer(admin: Client) -> None:
    answer = admin.post("/sign-out")
    assert newest(ActivityType.USER_LOGOUT).request_id == answer.headers["X-Request-ID"]


@proves(ActivityType.USER_CREATED)
def test_a_user_created_by_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", username="ada", email="", interactive=False, verbosity=0)
    row = newest(ActivityType.USER_CREATED)
    assert done_by(row) == AT_THE_TERMINAL
    assert row.details == {"user": "ada", "is_superuser": True, "is_staff": True}


@proves(ActivityType.USER_CREATED)
def test_a_user_created_by_the_set_up_link() -> None:
    link = set_up.link() or ""
    given = {"username": "ada", "password1": PASSWORD, "password2": PASSWORD}
    Client(REMOTE_ADDR=ADDRESS).post("/set-up/" + link.rpartition("/")[2], given)
    row = ActivityLog.objects.get(activity_type=ActivityType.USER_CREATED)
    assert done_by(row) == ("user", "anonymous", "web", ADDRESS)
    assert done_by(newest(ActivityType.USER_LOGIN)) == ("user", "ada", "web", ADDRESS)


@proves(ActivityType.USER_CREATED, ActivityType.USER_UPDATED, ActivityType.USER_DELETED)
def test_a_user_created_changed_and_deleted_in_django_admin(admin: Client, django_user_model: Any) -> None:
    given = {"username": "ada", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert admin.post("/admin/auth/user/add/", given).status_code == 302
    assert done_by(newest(ActivityType.USER_CREATED)) == IN_DJANGO_ADMIN
    ada = django_user_model.objects.get(username="ada")
    joined = {"date_joined_0": "2026-01-31", "date_joined_1": "12:00:00"}
    changed = {"username": "ada", "email": "ada@example.org", "is_staff": "on", "is_active": "on"} | joined
    assert admin.post(f"/admin/auth/user/{ada.pk}/change/", changed).status_code == 302
    row = newest(ActivityType.USER_UPDATED)
    assert row.details["before"] == {"email": "", "is_staff": False}
    assert row.details["after"] == {"email": "ada@example.org", "is_staff": True}
    assert admin.post(f"/admin/auth/user/{ada.pk}/delete/", {"post": "yes"}).status_code == 302
    assert done_by(newest(ActivityType.USER_DELETED)) == IN_DJANGO_ADMIN


@proves(ActivityType.USER_CREATED, ActivityType.USER_UPDATED, ActivityType.USER_DELETED)
def test_a_user_created_changed_and_deleted_by_code(django_user_model: Any) -> None:
    ada = django_user_model.objects.create_user("ada", password=PASSWORD)
    assert newest(ActivityType.USER_CREATED).message == "User ada created"
    ada.is_active = False
    ada.set_password("another password")
    ada.save()
    row = newest(ActivityType.USER_UPDATED)
    assert row.details["before"] == {"is_active": True}
    assert row.details["after"] == {"is_active": False, "password": "••••••"}
    ada.delete()
    assert newest(ActivityType.USER_DELETED).details == {"user": "ada"}


def test_saving_a_user_unchanged_is_no_event(django_user_model: Any) -> None:
    ada = django_user_model.objects.create_user("ada")
    ada.save()
    assert ActivityLog.objects.count() == 1


def test_what_did_not_happen_is_not_recorded(django_user_model: Any) -> None:
    with transaction.atomic():
        django_user_model.objects.create_user("ada")
        transaction.set_rollback(True)
    assert not ActivityLog.objects.exists()


# Tokens and rights -------------------------------------------------------------------------------


@proves(ActivityType.TOKEN_CREATED, ActivityType.TOKEN_FIRST_USED, ActivityType.TOKEN_REVOKED)
def test_a_token_created_used_and_revoked_by_command_and_admin(admin: Client, capsys: Any) -> None:
    call_command("create_token", "script", "--scope", "summary:read")
    assert done_by(newest(ActivityType.TOKEN_CREATED)) == AT_THE_TERMINAL
    text = capsys.readouterr().out.strip()
    Client(REMOTE_ADDR=ADDRESS, headers={"authorization": f"Bearer {text}"}).get("/api/v1/summary")
    assert done_by(newest(ActivityType.TOKEN_FIRST_USED)) == ("token", "script", "api", ADDRESS)
    token = ApiToken.objects.get()
    admin.post("/admin/dashboard/apitoken/", {"action": "revoke", "_selected_action": [token.pk]})
    assert done_by(newest(ActivityType.TOKEN_REVOKED)) == IN_DJANGO_ADMIN
    assert text not in str(list(ActivityLog.objects.values()))


@proves(ActivityType.TOOL_CALLED)
def test_a_tool_called_by_an_assistant(admin: Client, capsys: Any) -> None:
    call_command("create_token", "assistant", "--scope", "summary:read")
    assistant = Client(
        REMOTE_ADDR=ADDRESS,
        headers={
            "authorization": f"Bearer {capsys.readouterr().out.strip()}",
            "accept": "application/json, text/event-stream",
        },
    )
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_dashboard_summary"}}
    assert assistant.post("/mcp", call, "application/json").status_code == 200
    assert done_by(newest(ActivityType.TOOL_CALLED)) == ("token", "assistant", "mcp", ADDRESS)


@proves(ActivityType.TOKEN_REVOKED)
def test_a_token_revoked_by_command(administrator: Any, capsys: Any) -> None:
    token, _ = tokens.create("script", administrator, ["summary:read"], datetime.now(UTC))
    call_command("revoke_token", token.pk)
    assert done_by(newest(ActivityType.TOKEN_REVOKED)) == AT_THE_TERMINAL


@proves(ActivityType.PERMISSION_DENIED)
def test_a_refusal(django_user_model: Any) -> None:
    signed_in(django_user_model.objects.create_user("ada", password=PASSWORD)).get("/servers/add")
    row = newest(ActivityType.PERMISSION_DENIED)
    assert (row.actor_name, row.result) == ("ada", "failure")


@proves(ActivityType.USER_UPDATED)
def test_a_role_given_and_taken(administrator: Any) -> None:
    auditors = Group.objects.get(name="auditors")
    administrator.groups.add(auditors)
    assert newest(ActivityType.USER_UPDATED).details == {"user": "admin", "given": ["auditors"]}
    administrator.groups.clear()
    assert newest(ActivityType.USER_UPDATED).details == {"user": "admin", "taken": ["auditors"]}


@proves(ActivityType.ROLE_CHANGED)
def test_a_role_made_changed_and_deleted_in_django_admin(admin: Client) -> None:
    right = Permission.objects.get(codename="view_server")
    assert admin.post("/admin/auth/group/add/", {"name": "watchers", "permissions": [right.pk]}).status_code == 302
    row = newest(ActivityType.ROLE_CHANGED)
    assert (done_by(row), row.details["role"], row.details["given"]) == (IN_DJANGO_ADMIN, "watchers", [str(right)])
    address = f"/admin/auth/group/{Group.objects.get(name='watchers').pk}"
    assert admin.post(f"{address}/change/", {"name": "watchers"}).status_code == 302
    assert newest(ActivityType.ROLE_CHANGED).details["taken"] == [str(right)]
    assert admin.post(f"{address}/delete/", {"post": "yes"}).status_code == 302
    assert newest(ActivityType.ROLE_CHANGED).message == "Role watchers deleted"


def test_a_role_that_gets_another_name_and_with_it_other_rights(admin: Client) -> None:
    role = Group.objects.create(name="guests")
    assert admin.post(f"/admin/auth/group/{role.pk}/change/", {"name": "inspectors"}).status_code == 302
    row = newest(ActivityType.ROLE_CHANGED)
    assert (done_by(row), row.message) == (IN_DJANGO_ADMIN, "Role guests renamed to inspectors")
    assert row.changes == ["name: guests → inspectors"]


# The monitor itself ------------------------------------------------------------------------------


@proves(ActivityType.SYSTEM_STARTUP, ActivityType.SYSTEM_SHUTDOWN, ActivityType.SETTINGS_CHANGED)
def test_a_start_a_stop_and_a_start_with_other_settings(at: datetime) -> None:
    starts.record_startup({"pollers": 1}, at)
    starts.record_shutdown("SIGTERM", at, at + timedelta(minutes=5))
    starts.record_startup({"pollers": 2}, at + timedelta(minutes=6))
    row = newest(ActivityType.SETTINGS_CHANGED)
    assert (row.details, row.actor_kind) == ({"before": {"pollers": "1"}, "after": {"pollers": "2"}}, "system")
    stop, start = ActivityLog.objects.order_by("-id")[1:3][::-1]
    assert (stop.details["up_seconds"], start.details["after"], start.details["down_seconds"]) == (300, "shutdown", 60)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@proves(ActivityType.LOG_EXPORTED)
def test_an_export(admin: Client, form: str) -> None:
    answer = admin.get(f"/activity/export?format={form}&result=failure")
    assert b"".join(answer.streaming_content) is not None
    row = newest(ActivityType.LOG_EXPORTED)
    assert (done_by(row), row.details) == (IN_THE_BROWSER, {"format": form, "filter": "result=failure"})


# Each kind ---------------------------------------------------------------------------------------


def test_each_kind_is_proven_by_a_test() -> None:
    proven = proofs()
    assert [kind for kind in ActivityType if not proven[kind]] == []
