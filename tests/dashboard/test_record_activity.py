"""`manage.py record_activity`: what a script on this machine reports."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from activity.models import ActivityLog
from activity.types import ActivityType
from metrics.models import App
from tests.activity.kinds import proves
from tests.dashboard import fleet
from tests.dashboard.fleet import container

pytestmark = pytest.mark.django_db


def recorded(kind: str = "reported", message: str = "done", *options: Any) -> ActivityLog:
    """The row whose id the command prints."""
    out = io.StringIO()
    call_command("record_activity", kind, message, *(str(option) for option in options), stdout=out)
    return ActivityLog.objects.get(pk=int(out.getvalue()))


def test_a_report_is_recorded_as_the_users_at_the_terminal() -> None:
    row = recorded("backup_created", "Backup made", "--result=failure", '--details={"size_bytes": 7}')
    assert (row.activity_type, row.message, row.result) == ("backup_created", "Backup made", "failure")
    assert (row.actor_kind, row.origin, row.source_ip, row.user_id) == ("command", "command", None, None)
    assert row.actor_name
    assert row.details == {"size_bytes": 7}


def test_server_and_app_are_found_by_name_or_id() -> None:
    fleet.with_apps(container())
    app = fleet.app()
    for server, named in (("web-01", "web"), (app.server_id, app.pk)):
        row = recorded("app_updated", "new", f"--server={server}", f"--app={named}")
        assert (row.server_id, row.server_name, row.app_id, row.app_name) == (app.server_id, "web-01", app.pk, "web")


def test_a_name_of_digits_goes_before_an_id() -> None:
    first = fleet.pending("other")
    fleet.pending(str(first.pk))
    assert recorded("reported", "done", f"--server={first.pk}").server_name == str(first.pk)


@proves(ActivityType.REPORTED)
def test_details_come_from_a_file_or_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "details.json"
    file.write_text(json.dumps({"größe": 1}))
    assert recorded("reported", "done", f"--details-file={file}").details == {"größe": 1}
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file.open("rb")))
    assert recorded("reported", "done", "--details-file=-").details == {"größe": 1}


def test_the_same_key_records_once_and_prints_the_same_row() -> None:
    assert recorded("reported", "done", "--idempotency-key=k") == recorded("reported", "done", "--idempotency-key=k")
    with pytest.raises(CommandError, match="stands for another report"):
        recorded("reported", "other", "--idempotency-key=k")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["role_changed", "done"], "activity_type: Allowed: one of app_crashed"),
        (["reported", ""], "message: Allowed: 1 to 500 characters"),
        (["reported", "\udcff"], "message: Allowed: "),
        (["reported", "done", "--server=nope"], r"--server: There is no 'nope'. By name and id: web-01 \(\d+\)"),
        (["reported", "done", "--server=web-01", "--app=nope"], "--app: There is no 'nope'. By name and id: none yet"),
        (["reported", "done", "--app=web"], "--app: Name its server as well, with --server"),
        (["reported", "done", "--details=[]"], "--details: It is not a JSON object"),
        (["reported", "done", "--details={"], "--details: It is not JSON"),
        (["reported", "done", '--details={"a": NaN}'], "details: Allowed: a JSON object"),
        (["reported", "done", "--details-file=/nowhere"], "--details-file: .*No such file"),
        (["reported", "done", "--details-file=/dev/zero"], "--details-file: It is too large"),
        (["reported", "done", "--idempotency-key="], "Idempotency-Key: Allowed: 1 to 200"),
        (["reported", "done", "--result=maybe"], "invalid choice"),
    ],
)
def test_what_is_wrong_is_told_and_not_recorded(arguments: list[str], told: str) -> None:
    fleet.pending()
    before = ActivityLog.objects.count()
    with pytest.raises(CommandError, match=told):
        call_command("record_activity", *arguments)
    assert ActivityLog.objects.count() == before


def test_an_app_whose_name_is_not_unique_is_asked_for_by_its_id() -> None:
    fleet.with_apps(*(container(name, project=name, service="web") for name in ("one", "two")))
    App.objects.update(name="web")
    with pytest.raises(CommandError, match=r"There are several 'web'. By name and id: web \(\d+\), web \(\d+\)"):
        recorded("reported", "done", "--server=web-01", "--app=web")
