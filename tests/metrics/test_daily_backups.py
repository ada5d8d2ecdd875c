"""Backups that are made every night, how many are kept, and runs that end badly."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django_q.models import Schedule

from activity import locks
from activity.types import ActivityType
from metrics import schedules, tasks
from metrics.backups import files, making
from metrics.backups.errors import BackupError
from metrics.models import Backup
from metrics.schedules import DAILY_BACKUP
from tests.activity.kinds import proves
from tests.metrics.product import AT, Product

NIGHTS = [AT + timedelta(days=night) for night in range(4)]


def names(product: Product) -> list[str]:
    return sorted(path.name for path in product.backups.glob("*-daily.tomo"))


@proves(ActivityType.BACKUP_CREATED)
def test_the_newest_daily_ones_are_kept_and_those_made_by_hand_stay(
    product: Product, backup: Path, settings: Any
) -> None:
    settings.TOMO = settings.TOMO | {"backups_kept": 2}
    with product.entered():
        for night in NIGHTS:
            making.daily(night)
    assert names(product) == [f"tomo-{files.stamp(night)}-daily.tomo" for night in NIGHTS[2:]]
    assert backup.exists()


def test_one_that_is_not_whole_does_not_count_and_never_pushes_out_one_that_is(product: Product, settings: Any) -> None:
    settings.TOMO = settings.TOMO | {"backups_kept": 2}
    with product.entered():
        making.daily(NIGHTS[0])
        damaged = files.path_at(NIGHTS[1], is_daily=True)
        damaged.write_bytes(b"cut off")
        making.daily(NIGHTS[2])
    assert len(names(product)) == 3


@pytest.mark.django_db(databases="__all__")
def test_it_is_due_at_a_quarter_past_three_and_a_start_does_not_move_it(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    schedules.sync()
    due = schedules.next_backup_at()
    assert due
    assert due > datetime.now(UTC)
    assert (due + timedelta(hours=1)).strftime("%H:%M") in ("03:15", "02:15")
    Schedule.objects.filter(name=DAILY_BACKUP).update(next_run=AT)
    schedules.sync()
    assert schedules.next_backup_at() == AT
    Schedule.objects.filter(name=DAILY_BACKUP).update(next_run=due + timedelta(days=365))  # by a clock that was wrong
    schedules.sync()
    assert schedules.next_backup_at() == due


@pytest.mark.django_db(databases="__all__")
def test_there_is_none_when_none_are_kept(settings: Any) -> None:
    schedules.sync()
    settings.TOMO = settings.TOMO | {"backups_kept": 0}
    schedules.sync()
    assert schedules.next_backup_at() is None


@proves(ActivityType.BACKUP_FAILED)
def test_a_second_one_at_the_same_time_fails_and_says_so(product: Product) -> None:
    with product.entered(), files.alone():
        tasks.make_backup()
        run = Backup.objects.first()
        assert run
        assert (run.state, run.explanation[:17]) == ("failed", "Another backup or")
    assert product.left()["last"] == "backup_failed"


def test_what_was_asked_for_is_taken_up_once(product: Product) -> None:
    for other in product.backups.glob("*.tomo"):
        other.unlink()
    with product.entered():
        run = making.ask(AT)
        assert run
        assert making.ask(AT) is None
        tasks.make_backup(run.pk)
        tasks.make_backup(run.pk)
        run.refresh_from_db()
    assert (run.state, run.percent) == ("complete", 100)
    assert len(list(product.backups.glob("*.tomo"))) == 1


def test_a_run_whose_process_died_is_shown_as_failed_and_leaves_no_draft(product: Product) -> None:
    draft = product.backups / ".tomo-20260131T120000Z.draft"
    with product.entered():
        run = making.begin(AT)
        Backup.objects.update(state="running")
        draft.write_bytes(b"half")
        making.settle(AT)
        run.refresh_from_db()
    assert (run.state, run.explanation) == ("failed", making.BROKEN_OFF)
    assert not draft.exists()
    assert product.left()["last"] == "backup_failed"


def test_a_run_goes_on_while_its_process_lives(product: Product) -> None:
    with product.entered(), files.alone():
        run = making.begin(AT)
        Backup.objects.update(state="running")
        making.settle(AT)
        run.refresh_from_db()
    assert run.state == "running"


def test_one_that_nobody_takes_up_is_given_up(product: Product) -> None:
    with product.entered():
        making.ask(AT)
        assert making.ask(AT + timedelta(minutes=11))
        assert Backup.objects.filter(explanation=making.NOT_TAKEN).exists()


def test_a_folder_that_cannot_be_written_to_is_named(product: Product, tmp_path: Path) -> None:
    with product.entered(), pytest.raises(BackupError, match="is in a folder that is not there"):
        making.run(making.begin(AT), tmp_path / "nowhere" / "file.tomo", AT)


def test_a_disk_that_is_too_full_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="are needed: make room"):
        files.check_room(tmp_path, 2**60)


def test_a_lock_goes_with_its_file(tmp_path: Path) -> None:
    lock = locks.take(tmp_path / "lock")
    assert lock
    assert locks.take(tmp_path / "lock") is None
    lock.close()
    assert locks.take(tmp_path / "lock")
