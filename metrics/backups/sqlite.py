"""Backups of SQLite: a copy by VACUUM INTO, which is consistent while writers go on; replaced by renaming."""

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.db import DatabaseError, connection

from activity import triggers
from metrics.backups import facts, files
from metrics.backups.archive import Archive
from metrics.backups.errors import BackupError
from metrics.backups.facts import Facts
from metrics.backups.progress import CHECKING, COPYING, UNPACKING, Tell

LOOK_SECONDS = 0.3
BESIDE = ("", "-wal", "-shm", "-journal")
OWN_TRIGGERS = {name for table in (triggers.LOG, triggers.SEGMENTS) for name in triggers.names(table).values()}
STRANGE = f"""
    SELECT name FROM sqlite_master WHERE type NOT IN ('table', 'index', 'trigger') OR sql LIKE 'CREATE VIRTUAL%'
    OR (type = 'trigger' AND name NOT IN ({", ".join(f"'{name}'" for name in sorted(OWN_TRIGGERS))}))
"""


def size_bytes() -> int:
    return sum(path.stat().st_size for path in _all(_own()) if path.exists())


def room_bytes() -> int:
    """What a backup may need: the copy and, at worst as large, the archive."""
    return 2 * size_bytes()


@contextmanager
def dumped(draft: Path, tell: Tell) -> Iterator[tuple[IO[bytes], Facts, int]]:
    """A checked copy without sessions and tokens, what it holds, and its size. The copy is gone afterwards."""
    copy = draft.with_name(f"{draft.name}.sqlite3")
    try:
        _copy(copy, tell)
        found = _prepare(copy, tell)
        with copy.open("rb") as stream:
            yield stream, found, copy.stat().st_size
    except sqlite3.Error as wrong:
        raise BackupError(f"SQLite says: {wrong}. Check the disk, and the database with `manage.py serve`.") from wrong
    finally:
        remove(copy)


def unpack(archive: Archive, tell: Tell) -> str:
    """Into an empty file beside the database; its name."""
    scratch = _own().with_name(f"{_own().name}.restoring")
    remove(scratch)
    _forget_second_names()
    files.check_room(scratch.parent, archive.manifest.size_bytes)
    try:
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.writelines(archive.chunks(tell, UNPACKING))
    except BaseException:
        remove(scratch)
        raise
    return str(scratch)


def check() -> None:
    """The default database is whole, and has nothing in it that would run by itself. Raises BackupError."""
    try:
        with connection.cursor() as cursor:
            _check(cursor)
    except DatabaseError as wrong:
        raise BackupError(f"The database in the backup is damaged ({wrong}): take another one.") from wrong


def discard(scratch: str) -> None:
    remove(Path(scratch))


def aside(at: datetime) -> str:
    """Where the database that is there now will be; "" if there is none."""
    return f"{_own()}.replaced-{files.stamp(at)}" if _own().exists() else ""


def replace(scratch: str, kept: str) -> None:
    """From one instant to the next: whenever this is killed, either the old or the new database is in place."""
    own = _own()
    connection.close()
    if kept:
        settle(own)
        for beside in BESIDE:
            with suppress(FileNotFoundError):  # under a second name first, so that no moment has none
                os.link(f"{own}{beside}", f"{kept}{beside}")
    settle(Path(scratch))
    files.keep(Path(scratch))
    for beside in BESIDE[1:]:  # only a damaged database has them still; its own stay beside the kept one
        Path(f"{own}{beside}").unlink(missing_ok=True)
    files.rename(Path(scratch), own)


def _own() -> Path:
    return Path(connection.settings_dict["NAME"])


def _copy(copy: Path, tell: Tell) -> None:
    """VACUUM INTO in a thread of its own, whose progress shows in the size of the copy."""
    own, expected = _own(), max(size_bytes(), 1)

    def vacuum() -> None:
        with closing(sqlite3.connect(own, timeout=20, isolation_level=None)) as database:
            database.execute("VACUUM INTO ?", [str(copy)])

    with ThreadPoolExecutor(1) as thread:
        copying = thread.submit(vacuum)
        while wait([copying], timeout=LOOK_SECONDS).not_done:
            tell(COPYING, copy.stat().st_size / expected if copy.exists() else 0.0)
        copying.result()
    copy.chmod(0o600)


def _prepare(copy: Path, tell: Tell) -> Facts:
    """Empty what is not kept, so that not a byte of it stays, and look whether the copy is whole."""
    tell(CHECKING, 0.0)
    with closing(sqlite3.connect(copy, isolation_level=None)) as database:
        cursor = database.cursor()
        for rule in ("journal_mode=DELETE", "synchronous=OFF", "secure_delete=ON", "trusted_schema=OFF"):
            cursor.execute(f"PRAGMA {rule}")
        facts.empty(cursor, "sqlite")
        _check(cursor)
        tell(CHECKING, 0.5)
        return facts.read(cursor, "sqlite")


def _check(cursor: Any) -> None:
    cursor.execute(STRANGE)
    if strange := cursor.fetchone():
        raise BackupError(f"{strange[0]} in the database was not made by Tomo Monitor: take another backup.")
    cursor.execute("PRAGMA integrity_check(1)")
    if (answer := cursor.fetchone()[0]) != "ok":
        raise BackupError(f"The database is damaged ({answer}): restore a backup.")


def settle(path: Path) -> None:
    """All of it in its one file, which nobody else has open. Of a damaged one, what can be."""
    try:
        with closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.DatabaseError as wrong:
        if "locked" in str(wrong):
            raise BackupError(f"Another program has {path} open: end it, then try again.") from wrong


def _forget_second_names() -> None:
    """What a restore that was killed just before the end has left: other names of the very files that are in use."""
    for path in _own().parent.glob(f"{_own().name}.replaced-*"):
        for one in _all(_own()):
            if one.exists() and path.samefile(one):
                path.unlink()
                break


def remove(path: Path) -> None:
    for one in _all(path):
        one.unlink(missing_ok=True)


def _all(path: Path) -> list[Path]:
    return [Path(f"{path}{beside}") for beside in BESIDE]
