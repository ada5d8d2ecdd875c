"""Each kind of activity really happens, from whichever way it is brought about; kinds.py says what a row must say."""

from datetime import UTC, datetime, timedelta
from getpass import getuser
from pathlib import Path
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
from metrics import keys, preparation, servers
from metrics.failures import Reason
from metrics.models import Server
from metrics.probe.reading import EngineAnswer, Health
from tests.activity.kinds import proofs, proves
from tests.dashboard import fleet
from tests.dashboard.conftest import PASSWORD, signed_in
from tests.dashboard.fleet import container, exited
from tomo_monitor import starts

pytestmark = pytest.mark.django_db
ADDRESS = "198.51.100.7"


@pytest.fixture
def admin(administrator: Any) -> Client:
    """An administrator's, from an address and with a browser of its own."""
    client = Client(REMOTE_ADDR=ADDRESS, headers={"user-agent": "Firefox"})
    client.post("/sign-in", {"username": "admin", "password": PASSWORD})
    return client


def newest(kind: ActivityType) -> ActivityLog:
    """The newest row, which must be of this kind."""
    row = ActivityLog.objects.order_by("-id")[0]
    assert row.activity_type == kind
    return row


def done_by(row: ActivityLog) -> tuple[str, str, str, str | None]:
    return row.actor_kind, row.actor_name, row.origin, row.source_ip


AT_THE_TERMINAL = ("command", getuser(), "command", None)
IN_THE_BROWSER = ("user", "admin", "web", ADDRESS)
IN_DJANGO_ADMIN = ("user", "admin", "admin", ADDRESS)


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


# Servers -----------------------------------------------------------------------------------------

FORM = {"name": "web-01", "hostname": "192.0.2.1", "port": "22", "username": "tomo", "tags": "a", "notes": ""}


@proves(ActivityType.SERVER_ADDED, ActivityType.SERVER_UPDATED, ActivityType.SERVER_DELETED)
def test_a_server_added_changed_and_deleted_on_its_page(admin: Client) -> None:
    assert admin.post("/servers/add", FORM | {"credential": "generated"}).status_code == 302
    row, server = newest(ActivityType.SERVER_ADDED), Server.objects.get()
    assert done_by(row) == IN_THE_BROWSER
    assert (row.server_id, row.server_name) == (server.pk, "web-01")
    assert row.details == {"address": "tomo@192.0.2.1:22", "tags": ["a"], "credential": "generated"}
    changed = FORM | {"port": "2222", "tags": "b, a", "credential": "keep"}
    assert admin.post(f"/servers/{server.pk}/edit", changed).status_code == 302
    row = newest(ActivityType.SERVER_UPDATED)
    assert done_by(row) == IN_THE_BROWSER
    assert row.details == {"before": {"port": 22, "tags": ["a"]}, "after": {"port": 2222, "tags": ["a", "b"]}}
    assert admin.post(f"/servers/{server.pk}/delete").status_code == 302
    row = newest(ActivityType.SERVER_DELETED)
    assert done_by(row) == IN_THE_BROWSER
    assert (row.server_id, row.server_name) == (server.pk, "web-01")


def test_a_server_saved_unchanged_is_no_event(admin: Client) -> None:
    server = fleet.pending(tags=("a",), secret=servers.Secret.generated())
    assert admin.post(f"/servers/{server.pk}/edit", FORM | {"credential": "keep"}).status_code == 302
    newest(ActivityType.SERVER_ADDED)


def test_a_replaced_credential_is_told_and_not_shown(admin: Client) -> None:
    server = fleet.pending(tags=("a",), secret=servers.Secret.generated())
    given = FORM | {"credential": "password", "password": "hunter2 hunter2"}
    admin.post(f"/servers/{server.pk}/edit", given)
    row = newest(ActivityType.SERVER_UPDATED)
    assert row.details == {"before": {}, "after": {}, "credential_replaced_by": "password"}
    assert "hunter2" not in str(list(ActivityLog.objects.values()))


@proves(ActivityType.SERVER_UPDATED, ActivityType.SERVER_DELETED)
def test_a_server_changed_and_deleted_in_django_admin(admin: Client) -> None:
    server = fleet.pending()
    address = f"/admin/metrics/server/{server.pk}"
    assert admin.post(f"{address}/change/", {"name": "web-02", "notes": "", "paused": "on"}).status_code == 302
    row = newest(ActivityType.SERVER_UPDATED)
    assert done_by(row) == IN_DJANGO_ADMIN
    assert row.details == {"before": {"name": "web-01", "paused": False}, "after": {"name": "web-02", "paused": True}}
    assert admin.post(f"{address}/delete/", {"post": "yes"}).status_code == 302
    assert done_by(newest(ActivityType.SERVER_DELETED)) == IN_DJANGO_ADMIN


@proves(ActivityType.SERVER_DELETED)
def test_servers_deleted_together_in_django_admin(admin: Client) -> None:
    chosen = [fleet.pending(name).pk for name in ("a", "b")]
    given = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    assert admin.post("/admin/metrics/server/", given).status_code == 302
    rows = ActivityLog.objects.filter(activity_type=ActivityType.SERVER_DELETED)
    assert {row.server_name for row in rows} == {"a", "b"}


@proves(ActivityType.SERVER_ADDED)
def test_a_server_added_by_command(capsys: Any) -> None:
    call_command("add_server", "web-01", "--hostname=192.0.2.1", "--generate-key")
    assert done_by(newest(ActivityType.SERVER_ADDED)) == AT_THE_TERMINAL


@proves(ActivityType.SERVER_ADDED)
def test_servers_added_by_import(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "fleet.csv").write_text("name,hostname\nweb-01,192.0.2.1\n")
    call_command("import_servers", tmp_path / "fleet.csv", "--yes")
    assert done_by(newest(ActivityType.SERVER_ADDED)) == AT_THE_TERMINAL


@proves(ActivityType.SERVER_ADDED)
def test_the_machine_itself(at: datetime) -> None:
    servers.watch_this_machine(at)
    row = newest(ActivityType.SERVER_ADDED)
    assert (row.server_name, row.actor_kind) == ("this-machine", "system")


# Reachability ------------------------------------------------------------------------------------


@proves(ActivityType.SERVER_CONNECTED, ActivityType.SERVER_DISCONNECTED)
def test_a_server_connects_disconnects_and_connects_again() -> None:
    server = fleet.online()
    assert newest(ActivityType.SERVER_CONNECTED).actor_kind == "system"
    now = datetime.now(UTC)
    fleet.failed(server, now + timedelta(minutes=1))
    row = newest(ActivityType.SERVER_DISCONNECTED)
    assert (row.details["reason"], row.result, row.message) == ("refused", "failure", "web-01 disconnected: refused")
    fleet.polled(server, now + timedelta(minutes=3))
    assert newest(ActivityType.SERVER_CONNECTED).details == {"reason": "refused", "offline_seconds": 120}


@proves(ActivityType.SERVER_REBOOTED)
def test_a_reboot() -> None:
    server = fleet.online()
    fleet.polled(server, datetime.now(UTC) + timedelta(minutes=1), boot_id="another", uptime_seconds=5.0)
    assert newest(ActivityType.SERVER_REBOOTED).details["uptime_seconds"] == 5.0


@proves(ActivityType.HOST_KEY_CHANGED)
def test_another_host_key() -> None:
    fleet.failed(fleet.online(), datetime.now(UTC) + timedelta(minutes=1), Reason.HOST_KEY_CHANGED)
    row = newest(ActivityType.HOST_KEY_CHANGED)
    assert (row.result, row.message) == ("failure", "web-01 shows another host key")


# Apps --------------------------------------------------------------------------------------------

RUNS, UNHEALTHY = container(health=Health.HEALTHY), container(health=Health.UNHEALTHY)
NEW_IMAGE = container(id="2" * 64, image="nginx:1.28", image_id="2" * 64)
SEEN: dict[str, list[Any]] = {
    ActivityType.APP_INSTALLED: [[], [RUNS]],
    ActivityType.APP_UNINSTALLED: [[RUNS], []],
    ActivityType.APP_STARTED: [[exited(exit_code=0)], [RUNS]],
    ActivityType.APP_STOPPED: [[RUNS], [exited(exit_code=0)]],
    ActivityType.APP_CRASHED: [[RUNS], [exited(exit_code=139)]],
    ActivityType.APP_OUT_OF_MEMORY: [[RUNS], [container(is_out_of_memory=True)]],
    ActivityType.APP_UPDATED: [[RUNS], [NEW_IMAGE]],
    ActivityType.APP_RESTARTED: [[RUNS], [container(restart_count=1)]],
    ActivityType.APP_UNHEALTHY: [[RUNS], [UNHEALTHY]],
    ActivityType.APP_RECOVERED: [[RUNS], [UNHEALTHY], [RUNS]],
    ActivityType.APPS_UNREADABLE: [[RUNS], fleet.DENIED],
    ActivityType.APPS_READABLE: [fleet.DENIED, [RUNS]],
}


@pytest.mark.parametrize("kind", SEEN)
@proves(*SEEN)
def test_what_polls_see_of_apps(kind: str) -> None:
    server, now = fleet.pending(), datetime.now(UTC)
    for minute, seen in enumerate(SEEN[kind]):
        given = {"answer": seen} if isinstance(seen, EngineAnswer) else {}
        fleet.looked(server, now + timedelta(minutes=minute), *([] if given else seen), **given)
    row = newest(ActivityType(kind))
    assert (row.actor_kind, row.origin, row.server_name) == ("system", "task", "web-01")


# Preparation -------------------------------------------------------------------------------------


@proves(ActivityType.PREPARATION_STARTED, ActivityType.PREPARATION_FAILED)
@pytest.mark.django_db(databases=["default", "queue"])
def test_a_preparation_that_starts_and_fails(admin: Client, free_port: int) -> None:
    server = fleet.pending()
    Server.objects.filter(pk=server.pk).update(hostname="127.0.0.1", port=free_port)
    admin.post(f"/servers/{server.pk}/prepare/start")
    row = newest(ActivityType.PREPARATION_STARTED)
    assert done_by(row) == IN_THE_BROWSER
    preparation.scan(server.preparations.get().pk, datetime.now(UTC))
    row = newest(ActivityType.PREPARATION_FAILED)
    assert (row.details["reason"], row.result, row.server_name) == ("refused", "failure", "web-01")


@proves(ActivityType.HOST_KEY_ACCEPTED)
def test_an_accepted_host_key(at: datetime) -> None:
    server = fleet.pending()
    shown = [{"type": "ssh-ed25519", "key": keys.generate()[1].split()[1]} for _ in range(2)]
    servers.accept_host_keys(server, shown[:1], at)
    servers.accept_host_keys(server, shown[1:], at)
    row = newest(ActivityType.HOST_KEY_ACCEPTED)
    assert row.details == {
        name: [keys.fingerprint(one["key"])] for name, one in zip(("before", "after"), shown, strict=True)
    }


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
