"""Moving: all that is in the product's database into another, empty one, where it counts once all of it is there."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper as Database
from django.db.migrations.executor import MigrationExecutor

from activity import verification
from activity.record import record
from activity.types import ActivityType
from metrics import partitions
from metrics.backups import facts, files, postgresql, sqlite
from metrics.backups.errors import BackupError
from metrics.backups.instead import instead
from metrics.backups.progress import FOLLOWING, MAKING, MOVING, READING, Tell
from metrics.backups.restoring import alone
from metrics.backups.tables import Digest, Table, tables

UNFINISHED = ".moving"
LABELS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
# So that what is read stays as it is until all of it has arrived.
HELD = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}


@dataclass(frozen=True)
class Moved:
    """What is in the new database now."""

    tables: int
    rows: int


def move(to: Mapping[str, Any], at: datetime, tell: Tell, *, broken_log: bool = False) -> Moved:
    """Copy all but the queue into the database of these settings. Raises BackupError, and then it is as it was.

    The database that is left stays as it is in any case.
    """
    try:
        with alone(), _held() as source, _unfinished(to) as scratch, instead(**scratch), _one_transaction():
            _check_empty()
            _make_tables(tell)
            moved = _copy(source, tell)
            _follow_log(tell, broken_log=broken_log)
            _record(source, moved, at)
    except DatabaseError as wrong:
        raise BackupError(f"The database says: {str(wrong).strip().splitlines()[0]}") from wrong
    return moved


@contextmanager
def _held() -> Iterator[Database]:
    """The product's database over a connection of its own, while nobody else changes it."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise BackupError("The database is not of this version of the program: run `manage.py migrate` first.")
    if connection.vendor == "postgresql":
        postgresql.check_alone()
    with closing(connection.copy()) as source:
        with source.cursor() as cursor:
            cursor.execute(HELD[source.vendor])
        yield source


@contextmanager
def _unfinished(to: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What is worked on: of SQLite a file that gets its name once it is whole."""
    if to["ENGINE"].endswith("postgresql"):
        yield to
        return
    path = Path(to["NAME"])
    scratch = path.with_name(f"{path.name}{UNFINISHED}")
    if path.exists():
        raise BackupError(f"{path} is there already: give the name of a new file.")
    sqlite.remove(scratch)  # of one that was killed
    try:
        scratch.touch(mode=0o600)
        yield {**to, "NAME": scratch}
        sqlite.settle(scratch)
        files.keep(scratch)
        files.rename(scratch, path)
    except OSError as wrong:
        raise BackupError(f"{path} cannot be written: {wrong.strerror}.") from wrong
    finally:
        sqlite.remove(scratch)


def _one_transaction() -> AbstractContextManager[None]:
    """On PostgreSQL tables and rows come into being in the same instant; of a move that is killed nothing is there."""
    return transaction.atomic() if connection.vendor == "postgresql" else nullcontext()


def _check_empty() -> None:
    with connection.cursor() as cursor:
        if found := facts.tables(cursor, connection.vendor):
            raise BackupError(f"The new database is not empty, {found[0]} is in it: give an empty one.")


def _make_tables(tell: Tell) -> None:
    """As this version wants them, without the rows that migrations put in."""
    tell(MAKING, 0.0)
    _check_constraints("IMMEDIATE")  # a table with a check that is still to come cannot be changed
    call_command("migrate", database="default", verbosity=0, interactive=False)
    _check_constraints("DEFERRED")
    with transaction.atomic(), connection.cursor() as cursor:
        for table in tables():
            if table.count(connection):
                cursor.execute(f"DELETE FROM {table.name}")


def _check_constraints(when: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET CONSTRAINTS ALL {when}")


def _copy(source: Database, tell: Tell) -> Moved:
    """Table by table; then what arrived is read back and compared with what was sent."""
    found = tables()
    total = sum(table.count(source) for table in found)
    moving, reading = _counting(MOVING, total, tell), _counting(READING, total, tell)
    with transaction.atomic():
        sent = [(table, _send(table, source, Digest(moving))) for table in found]
    for table, digest in sent:
        if Digest(reading).of(table.batches(connection)) != digest:
            raise BackupError(f"{table.name} did not arrive as it was sent: try again, and check the disks.")
    return Moved(len(found), total)


def _send(table: Table, source: Database, digest: Digest) -> str:
    partitions.cover(table.name, *table.ends(source))
    table.write(connection, digest.passing(table.batches(source)))
    table.go_on_after(connection, table.last_id(source))
    return digest.value


def _counting(stage: str, total: int, tell: Tell) -> Callable[[int], None]:
    done = 0

    def tell_more(rows: int) -> None:
        nonlocal done
        done += rows
        tell(stage, done / max(total, 1))

    return tell_more


def _follow_log(tell: Tell, *, broken_log: bool) -> None:
    with connection.cursor() as cursor:
        newest = max(facts.head(cursor)[0], 1)
    verdict = verification.verify(tell=lambda _rows, last_id: tell(FOLLOWING, last_id / newest))
    if verdict.missing_triggers or not (verdict.is_whole or broken_log):
        why = verdict.explanation or f"triggers are missing: {', '.join(verdict.missing_triggers)}"
        raise BackupError(
            f"The activity log does not verify ({why}): see `manage.py verify_activity`, or give --broken-log to move"
            " it as it is."
        )


def _record(source: Database, moved: Moved, at: datetime) -> None:
    before, now = source.vendor, connection.vendor
    details = {
        "before": {"database": f"{before} {source.settings_dict['NAME']}"},
        "after": {"database": f"{now} {connection.settings_dict['NAME']}".removesuffix(UNFINISHED)},
        **asdict(moved),
    }
    record(
        ActivityType.DATABASE_MOVED, f"Database moved from {LABELS[before]} to {LABELS[now]}", details=details, at=at
    )
