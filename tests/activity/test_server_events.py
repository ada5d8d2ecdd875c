"""What happens to servers and their apps really happens in the log, from whichever way it is brought about."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from activity.models import ActivityLog
from activity.types import ActivityType
from metrics import keys, preparation, servers
from metrics.failures import Reason
from metrics.models import Server
from metrics.probe.reading import EngineAnswer, Health
from tests.activity.kinds import proves
from tests.activity.rows import AT_THE_TERMINAL, IN_DJANGO_ADMIN, IN_THE_BROWSER, done_by, newest
from tests.dashboard import fleet
from tests.dashboard.fleet import container, exited

pytestmark = pytest.mark.django_db


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
