"""Making a backup: one at a time, checked before it counts, told step by step and recorded in the end."""

import time
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction

from activity.context import Acting, acting, current
from activity.plain import text
from activity.record import record
from activity.types import ActivityType, Result
from metrics.backups import archive, files, progress, vendors
from metrics.backups.archive import Manifest
from metrics.backups.errors import BackupError
from metrics.backups.progress import Tell
from metrics.models.backup import Backup

State = Backup.State
TOLD_SECONDS = 0.5
LONGEST_WAIT = timedelta(minutes=10)
BROKEN_OFF = "It was broken off: its process ended. Make another one."
NOT_TAKEN = "The background process did not take it up: check that `manage.py serve` runs, and its log."


def ask(at: datetime) -> Backup | None:
    """A run for the background process to take up; None while another one waits or runs."""
    settle(at)
    with transaction.atomic():
        if Backup.objects.select_for_update().filter(finished_at=None).exists():
            return None
        return Backup.objects.create(started_at=at, actor=asdict(current()))


def asked(backup_id: int, at: datetime) -> None:
    """Take up what was asked for, once. Raises BackupError."""
    for backup in Backup.objects.filter(pk=backup_id, state=State.WAITING):
        run(backup, files.path_at(at), at)


def begin(at: datetime) -> Backup:
    """A run that is taken up at once."""
    settle(at)
    return Backup.objects.create(started_at=at, actor=asdict(current()))


def run(backup: Backup, to: Path, at: datetime, tell: Tell = lambda stage, share: None) -> Path:
    """Make the backup of this run; however it ends, the run and the activity log say so. Raises BackupError."""
    began = time.monotonic()

    def after() -> datetime:
        return at + timedelta(seconds=time.monotonic() - began)

    with acting(Acting(**backup.actor)):
        try:
            with files.alone():
                Backup.objects.filter(pk=backup.pk).update(state=State.RUNNING, started_at=at)
                manifest = make(to, at, _both(tell, _into(backup)))
        except BaseException as wrong:
            _fail(backup, _explanation(wrong), after())
            raise
        _complete(backup, to, manifest, round(time.monotonic() - began, 1), after())
    return to


def make(to: Path, at: datetime, tell: Tell) -> Manifest:
    """A file that was read back whole before it got its name."""
    draft = to.with_name(f".tomo-{files.stamp(at)}.draft")
    vendor = vendors.own()
    if to.exists() or not to.parent.is_dir():
        why = "exists already" if to.exists() else "is in a folder that is not there"
        raise BackupError(f"{to} {why}: give another name, or a folder.")
    try:
        files.tidy(to.parent)
        files.check_room(to.parent, vendor.room_bytes())
        with vendor.dumped(draft, tell) as (database, facts, size_bytes):
            manifest = archive.write(draft, database, facts, at, size_bytes, tell)
        with archive.opened(draft) as written:
            written.verify(tell)
        files.rename(draft, to)
    except OSError as wrong:
        raise BackupError(f"The backup cannot be written to {to.parent}: {wrong.strerror or wrong}.") from wrong
    finally:
        draft.unlink(missing_ok=True)
    return manifest


def daily(at: datetime) -> None:
    """The one of the schedule; daily ones that are too many go. Raises BackupError."""
    made = run(begin(at), files.path_at(at, is_daily=True), at)
    files.prune(settings.TOMO["backups_kept"], made)


def settle(at: datetime) -> None:
    """End the runs whose process has ended, and those that nobody took up."""
    for late in Backup.objects.filter(state=State.WAITING, started_at__lt=at - LONGEST_WAIT):
        _fail(late, NOT_TAKEN, at)
    running = list(Backup.objects.filter(state=State.RUNNING))
    if running:
        with suppress(BackupError), files.alone():  # while a run lives, the lock is its own
            for dead in running:
                _fail(dead, BROKEN_OFF, at)


def _into(backup: Backup) -> Tell:
    """Write the progress down where the page sees it, now and then."""
    told_at, said = 0.0, ""

    def tell(stage: str, share: float) -> None:
        nonlocal told_at, said
        now = time.monotonic()
        if stage != said or now - told_at >= TOLD_SECONDS:
            told_at, said = now, stage
            Backup.objects.filter(pk=backup.pk).update(stage=stage, percent=progress.percent(stage, share))

    return tell


def _both(first: Tell, second: Tell) -> Tell:
    def tell(stage: str, share: float) -> None:
        first(stage, share)
        second(stage, share)

    return tell


def _complete(backup: Backup, to: Path, manifest: Manifest, seconds: float, at: datetime) -> None:
    size_bytes, rows = to.stat().st_size, sum(manifest.facts.rows.values())
    Backup.objects.filter(pk=backup.pk).update(
        state=State.COMPLETE, percent=100, finished_at=at, file=text(to.name, 300), size_bytes=size_bytes
    )
    details = {"file": str(to), "size_bytes": size_bytes, "seconds": seconds, "rows": rows}
    record(ActivityType.BACKUP_CREATED, f"Backup {to.name} made", details=details, at=at)


def _fail(backup: Backup, explanation: str, at: datetime) -> None:
    """Once, whoever finds it out."""
    unfinished = Backup.objects.filter(pk=backup.pk, finished_at=None)
    if unfinished.update(state=State.FAILED, finished_at=at, explanation=text(explanation, 500)):
        details = {"explanation": explanation}
        record(ActivityType.BACKUP_FAILED, "Backup failed", result=Result.FAILURE, details=details, at=at)


def _explanation(wrong: BaseException) -> str:
    return str(wrong) if isinstance(wrong, BackupError) else f"It broke off: {type(wrong).__name__} {wrong}"
