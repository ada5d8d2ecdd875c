"""Pruning: each category has its time, what is left still verifies, and nobody else may delete meanwhile."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from activity import anchors, chain, pruning, triggers, verification
from activity.anchors import Anchor
from activity.models import ActivityLog, PrunedSegment
from activity.pruning import prune
from activity.record import record
from activity.types import ActivityType, Category
from tests.activity.kinds import proves
from tests.activity.logs import ADA, AT, Log, write
from tests.serve import ROOT, until

LONG = 36500
ONLY_EVENTS = {Category.SECURITY: LONG, Category.CHANGES: LONG, Category.EVENTS: 1}
TWO_DAYS_LATER = AT + timedelta(days=2)
OF_EACH = {
    Category.SECURITY: ActivityType.USER_LOGIN,
    Category.CHANGES: ActivityType.SERVER_UPDATED,
    Category.EVENTS: ActivityType.APP_STARTED,
}


def left() -> list[int]:
    """The numbers of the rows that are there, but for those that tell of pruning."""
    rows = ActivityLog.objects.exclude(activity_type=ActivityType.LOG_PRUNED).order_by("id")
    return list(rows.values_list("id", flat=True))


def is_whole() -> bool:
    verdict = verification.verify()
    assert verdict.is_whole, verdict.explanation
    assert not verdict.missing_triggers
    return True


@pytest.mark.parametrize("category", Category)
def test_each_category_is_kept_for_its_own_time(log: Log, category: Category) -> None:
    for day in range(4):
        for number, kind in enumerate(OF_EACH.values()):
            record(kind, str(day), actor=ADA, at=AT + timedelta(days=day, minutes=number))
    record(ActivityType.REPORTED, "the last", at=AT + timedelta(days=4))
    days = dict.fromkeys(Category, LONG) | {category: 2}
    assert prune(days, AT + timedelta(days=4)) == 2
    kept = ActivityLog.objects.filter(activity_type=OF_EACH[category]).order_by("id")
    assert list(kept.values_list("message", flat=True)) == ["2", "3"]
    assert len(left()) == 11
    assert is_whole()


def test_a_row_goes_when_its_time_is_over_and_not_before(log: Log) -> None:
    record(ActivityType.APP_STARTED, "old", at=AT)
    record(ActivityType.REPORTED, "the last", at=AT)
    assert prune(ONLY_EVENTS, AT + timedelta(days=1)) == 0
    assert prune(ONLY_EVENTS, AT + timedelta(days=1, milliseconds=1)) == 1


@proves(ActivityType.LOG_PRUNED)
def test_what_was_pruned_is_told_with_its_numbers(log: Log) -> None:
    write(20)
    assert prune(ONLY_EVENTS, TWO_DAYS_LATER) == 10
    row = ActivityLog.objects.get(activity_type=ActivityType.LOG_PRUNED)
    assert row.message == "10 old rows of the activity log deleted"
    assert row.details["rows"] == {"security": 0, "changes": 0, "events": 10}
    assert row.details["older_than"]["events"] == "2026-02-01T12:00:00.000000Z"
    assert is_whole()


def test_nothing_to_prune_is_nothing_to_tell(log: Log) -> None:
    assert prune(ONLY_EVENTS, TWO_DAYS_LATER) == 0
    write(3)
    assert prune(ONLY_EVENTS, AT) == 0
    assert (left(), PrunedSegment.objects.count(), ActivityLog.objects.count()) == ([1, 2, 3], 0, 3)


def test_the_last_row_stays_however_old(log: Log) -> None:
    write(5)
    prune(dict.fromkeys(Category, 1), AT + timedelta(days=LONG))
    assert left() == [5]
    assert is_whole()


def test_pruning_twice_is_pruning_once(log: Log) -> None:
    write(20)
    prune(ONLY_EVENTS, TWO_DAYS_LATER)
    assert prune(ONLY_EVENTS, TWO_DAYS_LATER) == 0
    assert left() == list(range(2, 21, 2))
    assert is_whole()


def test_what_is_kept_longer_goes_in_its_own_time_out_of_the_same_stretch(log: Log) -> None:
    write(20)
    prune(ONLY_EVENTS, TWO_DAYS_LATER)
    assert prune(dict.fromkeys(Category, 1), TWO_DAYS_LATER) == 9 + 1  # the 20th is no longer the last
    assert left() == []
    assert is_whole()
    assert prune(dict.fromkeys(Category, 1), TWO_DAYS_LATER) == 0


def test_a_long_log_is_pruned_in_pieces(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", 7)
    write(20)
    assert prune(ONLY_EVENTS, TWO_DAYS_LATER) == 10
    assert [(one.first_id, one.last_id) for one in PrunedSegment.objects.order_by("id")] == [(1, 7), (8, 14), (15, 19)]
    write(20, TWO_DAYS_LATER)
    assert prune(ONLY_EVENTS, TWO_DAYS_LATER + timedelta(days=2)) == 10
    assert is_whole()


def test_rows_before_and_after_those_that_are_gone_are_still_compared_with_anchors(log: Log) -> None:
    for since in (AT, TWO_DAYS_LATER):
        write(20, since)
        anchors.drop(since)
    prune(ONLY_EVENTS, TWO_DAYS_LATER)
    anchored = anchors.read(anchors.path())
    assert verification.verify(anchored=anchored).is_whole
    wrong = [anchors.Anchor(one.at, one.row, "0" * 64) for one in anchored]
    assert [verification.verify(anchored=[one]).broken_at for one in wrong] == [20, 40]


def test_one_may_verify_from_within_a_pruned_stretch(log: Log) -> None:
    write(20)
    write(20, TWO_DAYS_LATER)
    prune(ONLY_EVENTS, TWO_DAYS_LATER)
    for minute in (0, 5, 15, 19):
        assert verification.verify(since=AT + timedelta(minutes=minute)).is_whole
    assert verification.verify(since=TWO_DAYS_LATER).last_id == 41


def test_what_was_changed_since_it_was_verified_is_neither_pruned_nor_signed(log: Log) -> None:
    write(20)
    log.attack(f"DELETE FROM {triggers.LOG} WHERE id = 6")
    assert prune(ONLY_EVENTS, TWO_DAYS_LATER) == 0
    assert verification.verify().broken_at == 6


def test_nor_is_what_was_taken_out_of_a_stretch_that_was_pruned_before(log: Log) -> None:
    write(20)
    prune(ONLY_EVENTS, TWO_DAYS_LATER)
    log.attack(f"DELETE FROM {triggers.LOG} WHERE id = 6")
    assert prune(dict.fromkeys(Category, 1), TWO_DAYS_LATER) == 0
    assert verification.verify().broken_at == 1


# Meanwhile ---------------------------------------------------------------------------------------


def test_nobody_else_may_delete_while_rows_are_pruned(log: Log) -> None:
    write(20)
    delete = f"DELETE FROM {triggers.LOG} WHERE id = 2"
    with transaction.atomic(), triggers.deletion_allowed(), closing(sqlite3.connect(log.file, timeout=0)) as other:
        assert len(other.execute("SELECT 1 FROM sqlite_master WHERE type = 'trigger'").fetchall()) == 6
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute(delete)
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(delete)
    assert is_whole()


def test_pruning_that_fails_leaves_everything(log: Log) -> None:
    write(20)
    with connection.cursor() as cursor:  # a disk that is full when half of it is done
        cursor.execute(
            f"CREATE TRIGGER disk_full AFTER DELETE ON {triggers.LOG} WHEN OLD.id = 9"
            " BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    with pytest.raises(IntegrityError, match="disk full"):
        prune(ONLY_EVENTS, TWO_DAYS_LATER)
    assert (len(left()), PrunedSegment.objects.count()) == (20, 0)
    assert is_whole()
    assert triggers.missing() == []


PRUNE_SLOWLY = """
import django, logging
django.setup()
logging.disable(logging.CRITICAL)
from activity import pruning
from tests.activity.test_pruning import ONLY_EVENTS, TWO_DAYS_LATER
pruning.AT_ONCE = 3
print(flush=True)
pruning.prune(ONLY_EVENTS, TWO_DAYS_LATER)
"""


def test_pruning_that_is_killed_leaves_a_whole_log_and_goes_on_later(log: Log) -> None:
    write(300)
    environment = {**log.environment, "DJANGO_SETTINGS_MODULE": "tomo_monitor.settings"}
    command = [sys.executable, "-c", PRUNE_SLOWLY]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as running:
        assert running.stdout
        running.stdout.readline()
        until(lambda: PrunedSegment.objects.count() > 20, 20, "stretches are pruned")
        running.kill()
    assert 20 < PrunedSegment.objects.count() < 99
    assert is_whole()
    prune(ONLY_EVENTS, TWO_DAYS_LATER)
    assert left() == list(range(2, 301, 2))
    assert is_whole()


def test_two_that_prune_at_once_prune_each_stretch_once(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    write(40)
    stretches = pruning._new_stretches

    def late(before: datetime) -> Iterator[tuple[int, int]]:
        """Another process prunes, to a shorter end, after this one has chosen its stretches."""
        found = list(stretches(before))
        monkeypatch.setattr(pruning, "_new_stretches", stretches)
        prune(ONLY_EVENTS, AT + timedelta(days=1, minutes=20))
        return iter(found)

    monkeypatch.setattr(pruning, "_new_stretches", late)
    prune(ONLY_EVENTS, TWO_DAYS_LATER)
    assert is_whole()
    prune(ONLY_EVENTS, TWO_DAYS_LATER)
    assert is_whole()
    assert left() == list(range(2, 41, 2))


def test_writing_pruning_and_verifying_get_on_with_each_other(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", 10)
    monkeypatch.setattr(chain, "AT_ONCE", 10)
    write(200)
    verdicts: list[verification.Verdict] = []
    writer = log.beside(lambda: write(100, TWO_DAYS_LATER))
    pruner = log.beside(lambda: prune(ONLY_EVENTS, TWO_DAYS_LATER))
    while writer.is_alive() or pruner.is_alive():
        verdicts.append(verification.verify())
    assert verdicts
    assert [one.explanation for one in verdicts if not one.is_whole] == []
    assert is_whole()


def test_what_is_pruned_while_it_is_looked_at_is_looked_at_again(log: Log) -> None:
    write(20)
    begun = []

    def pruned_meanwhile() -> Iterator[Anchor]:
        """Anchors are asked for after the segments."""
        begun.append(left())
        prune(ONLY_EVENTS, TWO_DAYS_LATER)
        yield from ()

    verdict = verification.verify(anchored=pruned_meanwhile())
    assert begun == [list(range(1, 21))]
    assert (verdict.is_whole, verdict.rows) == (True, ActivityLog.objects.count())
    assert len(left()) < 20
