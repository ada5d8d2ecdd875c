"""The daily check: a log that verifies is pruned, any other is told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings

from activity import anchors, chain, tasks, triggers
from activity.models import ActivityLog, Verification
from activity.record import record
from activity.types import ActivityType
from tests.activity.kinds import proves
from tests.activity.logs import ADA, AT, Log, Web, write
from tests.activity.test_pruning import LONG, is_whole, left


@pytest.fixture
def kept_a_day(log: Log) -> Iterator[Log]:
    """Rows of events a year old, which are kept for a day."""
    write(20)
    record(ActivityType.SERVER_UPDATED, "the last", server=Web(), actor=ADA)
    anchors.drop(AT)
    with override_settings(TOMO=settings.TOMO | {"events_days": 1, "changes_days": LONG, "security_days": LONG}):
        yield log


def test_a_log_that_verifies_is_pruned(kept_a_day: Log) -> None:
    tasks.check()
    assert left() == [*range(2, 21, 2), 21]
    assert Verification.objects.get().state == "whole"
    newest, head = anchors.last(), chain.head()
    assert newest
    assert (newest.row, newest.mac) == head
    assert is_whole()


def test_after_a_leap_of_the_clock_nothing_is_pruned_for_a_week_of_checks(kept_a_day: Log) -> None:
    a_year_ago = datetime.now(UTC) - timedelta(days=365)
    Verification.objects.create(at=a_year_ago, state="whole", rows=21, last_id=21, seconds=0.1)
    for _night in range(7):
        tasks.check()
    assert len(left()) == 21
    tasks.check()
    assert len(left()) == 11


@proves(ActivityType.LOG_BROKEN)
def test_a_log_that_does_not_verify_is_not_pruned_and_told(kept_a_day: Log) -> None:
    kept_a_day.attack(f"UPDATE {triggers.LOG} SET message = 'nothing happened' WHERE id = 7")
    tasks.check()
    assert len(left()) == 21 + 1
    row = ActivityLog.objects.newest_first()[0]
    assert (row.activity_type, row.result, row.details["row"]) == (ActivityType.LOG_BROKEN, "failure", 7)
    tasks.check()
    assert ActivityLog.objects.filter(activity_type=ActivityType.LOG_BROKEN).count() == 1


def test_a_log_without_anchors_is_not_pruned(kept_a_day: Log) -> None:
    kept_a_day.anchors.unlink()
    tasks.check()
    assert (len(left()), Verification.objects.get().state) == (22, "anchor_missing")
    kept_a_day.attack(f"DELETE FROM {triggers.LOG} WHERE id = 7")
    tasks.check()
    told = ActivityLog.objects.filter(activity_type=ActivityType.LOG_BROKEN).order_by("id")
    assert [row.details["row"] for row in told] == [None, 7]


@proves(ActivityType.LOG_WHOLE_AGAIN)
def test_a_log_that_verifies_again_is_told(kept_a_day: Log) -> None:
    kept = kept_a_day.anchors.rename(kept_a_day.folder / "away")
    tasks.check()
    kept.rename(kept_a_day.anchors)
    tasks.check()
    assert ActivityLog.objects.filter(activity_type=ActivityType.LOG_WHOLE_AGAIN).count() == 1
    assert is_whole()


def test_triggers_that_were_gone_are_told_and_made_again(kept_a_day: Log) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {triggers.LOG}_no_update")
    tasks.check()
    row = ActivityLog.objects.get(activity_type=ActivityType.LOG_BROKEN)
    assert row.details["triggers"] == [f"{triggers.LOG}_no_update"]
    assert not triggers.missing()
