"""What the log says of the product's own starts and ends."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activity.context import Acting, acting
from activity.models import ActivityLog
from activity.record import record
from activity.types import ActivityType, ActorKind, Origin
from metrics.models import Heartbeat
from tomo_monitor import __version__, starts

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)
TOMO: dict[str, Any] = {"poll_seconds": 60, "watch_self": True, "backup_dir": None, "listen": ("::1", 8000)}


def started(at: datetime = NOW, **settings: Any) -> ActivityLog:
    starts.record_startup(TOMO | settings, at)
    return ActivityLog.objects.filter(activity_type=ActivityType.SYSTEM_STARTUP).order_by("-id")[0]


def test_the_first_start() -> None:
    row = started()
    assert (row.details["after"], row.details["down_seconds"], row.details["version"]) == (
        "first_start",
        None,
        __version__,
    )
    assert row.message == f"Monitor {__version__} started for the first time"


def test_a_start_after_a_stop_tells_how_long_it_was_down() -> None:
    started(NOW - 9 * MINUTE)
    starts.record_shutdown("SIGTERM", NOW - 9 * MINUTE, NOW - 5 * MINUTE)
    stopped = ActivityLog.objects.order_by("-id")[0]
    assert (stopped.details["reason"], stopped.details["up_seconds"]) == ("SIGTERM", 240)
    row = started()
    assert (row.details["after"], row.details["down_seconds"]) == ("shutdown", 300)


def test_a_start_after_a_crash_says_so_and_counts_from_the_last_sign_of_life() -> None:
    started(NOW - 9 * MINUTE)
    Heartbeat.objects.beat("tasks", NOW - 2 * MINUTE)
    row = started()
    assert (row.details["after"], row.details["down_seconds"]) == ("crash", 120)
    assert "after it was killed or crashed; it was down for 2" in row.message


def test_a_start_after_the_machine_restarted_says_so() -> None:
    started(NOW - timedelta(days=4000))
    assert started().details["after"] == "machine_restart"


def test_a_start_after_a_restore_is_no_crash() -> None:
    started(NOW - 9 * MINUTE)
    with acting(Acting(kind=ActorKind.COMMAND, origin=Origin.COMMAND, name="root")):
        record(ActivityType.BACKUP_RESTORED, "Backup restored")
    row = started()
    assert (row.details["after"], row.details["down_seconds"]) == ("restore", None)


def test_what_others_report_of_their_systems_is_not_taken_for_its_own() -> None:
    started(NOW - 9 * MINUTE)
    with acting(Acting(kind=ActorKind.TOKEN, origin=Origin.API, name="pipeline")):
        record(ActivityType.SYSTEM_SHUTDOWN, "The pipeline stopped", at=NOW - MINUTE)
    assert started().details["after"] == "crash"


def test_each_host_tells_of_its_own_starts_and_ends() -> None:
    started(NOW - 9 * MINUTE)
    starts.record_shutdown("SIGTERM", NOW - 9 * MINUTE, NOW - 5 * MINUTE)
    row = started(NOW - 4 * MINUTE, node="b")
    assert (row.message, row.details["node"]) == (f"Monitor {__version__} on b started for the first time", "b")
    assert started().details["after"] == "shutdown"
    assert started(node="b").details["after"] == "crash"
    assert not ActivityLog.objects.filter(activity_type=ActivityType.SETTINGS_CHANGED).exists()


def test_a_start_after_a_row_that_somebody_changed() -> None:
    changed: Any = ["no object"]
    record(ActivityType.SYSTEM_STARTUP, "Monitor started", details=changed, at=NOW - MINUTE)
    assert started().details["previous_version"] is None


def test_changed_settings_are_told_with_before_and_after() -> None:
    started()
    started(poll_seconds=10)
    row = ActivityLog.objects.get(activity_type=ActivityType.SETTINGS_CHANGED)
    assert row.details == {"before": {"poll_seconds": "60"}, "after": {"poll_seconds": "10"}}
    assert row.message == "Settings changed: TOMO_POLL_SECONDS"


def test_settings_are_told_without_their_secrets() -> None:
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "db",
        "PORT": 5432,
        "NAME": "tomo",
        "PASSWORD": "pw1",
    }
    shown = starts.shown({"database_url": database, "anchor_url": "https://me:pw2@example.org/hook?key=pw3"} | TOMO)
    assert shown["database_url"] == "postgresql db:5432 tomo"
    assert shown["anchor_url"] == "https://example.org"
    assert (shown["watch_self"], shown["backup_dir"], shown["listen"]) == ("on", "", "::1:8000")


def test_an_end_that_was_no_stop_is_a_failure() -> None:
    starts.record_shutdown("OSError", NOW - MINUTE, NOW, result="failure")  # type: ignore[arg-type]
    assert ActivityLog.objects.get().result == "failure"
