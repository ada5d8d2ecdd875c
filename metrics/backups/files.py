"""The folder of backups: what lies there, what may be written, what may go."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings

from activity import locks
from metrics import room
from metrics.backups import archive
from metrics.backups.archive import Manifest
from metrics.backups.errors import BackupError

NAME = re.compile(r"tomo-\d{8}T\d{6}Z(-daily)?\.tomo")
DRAFTS = ".tomo-*.draft*"


@dataclass(frozen=True)
class Entry:
    """A backup in the folder. Without a manifest it is not whole, and `problem` says why."""

    path: Path
    size_bytes: int
    manifest: Manifest | None
    problem: str

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def is_daily(self) -> bool:
        return self.name.endswith("-daily.tomo")


def folder() -> Path:
    """Made when it is missing, for its owner alone."""
    path = Path(settings.BACKUP_DIR)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def path_at(at: datetime, into: Path | None = None, *, is_daily: bool = False) -> Path:
    """Where a backup of this instant goes: into the folder, into another one, or to a name of somebody's choice."""
    if into is not None and not into.is_dir():
        return into.absolute()
    place = (into or folder()).absolute()
    while (path := place / f"tomo-{stamp(at)}{'-daily' if is_daily else ''}.tomo").exists():
        at += timedelta(seconds=1)  # one of the same second
    return path


def entries() -> list[Entry]:
    """Newest first."""
    found = [path for path in folder().iterdir() if NAME.fullmatch(path.name) and path.is_file()]
    return [_entry(path) for path in sorted(found, key=lambda path: path.name, reverse=True)]


def named(name: str) -> Path | None:
    """The backup of this name, if it is one of the folder's."""
    return next((path for path in folder().iterdir() if path.name == name and NAME.fullmatch(name)), None)


@contextmanager
def alone() -> Iterator[None]:
    """One backup or restore at a time, whoever starts it; drafts of those that were killed go."""
    lock = locks.take(_lock())
    if lock is None:
        raise BackupError("Another backup or restore is running: wait until it is done.")
    with lock:
        tidy(folder())
        yield


def tidy(of: Path) -> None:
    for draft in of.glob(DRAFTS):
        draft.unlink(missing_ok=True)


def prune(kept: int, made: Path) -> None:
    """Of the daily ones keep that many that are whole, the one just made among them; others are never touched."""
    whole = [entry.path for entry in entries() if entry.is_daily and entry.manifest and entry.path != made]
    for path in whole[max(kept - 1, 0) :]:
        path.unlink(missing_ok=True)


def check_room(of: Path, needed_bytes: int) -> None:
    """Whether it fits, with so much to spare as the product needs to go on. Raises BackupError."""
    free = shutil.disk_usage(of).free
    if free < needed_bytes + room.FLOOR_BYTES:
        needed, has = (f"{size / 2**20:,.0f} MiB" for size in (needed_bytes + room.FLOOR_BYTES, free))
        raise BackupError(f"{of} has {has} left and {needed} are needed: make room, or use another disk.")


def keep(path: Path) -> None:
    """On the disk for good."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def rename(draft: Path, path: Path) -> None:
    draft.rename(path)
    keep(path.parent)


def _lock() -> Path:
    return folder() / ".lock"


def _entry(path: Path) -> Entry:
    manifest, problem = None, ""
    try:
        with archive.opened(path) as found:
            manifest = found.manifest
    except BackupError as wrong:
        problem = str(wrong)
    return Entry(path, path.stat().st_size, manifest, problem)
