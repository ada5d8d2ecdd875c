"""The database's own refusal to change or delete a row of the log, or to put one anywhere but at its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections

LOG, SEGMENTS = "activity_activitylog", "activity_prunedsegment"
REFUSAL = "The activity log is append-only"
NOT_LAST = "NEW.id IS NULL OR NEW.id <= COALESCE((SELECT MAX(id) FROM {table}), 0)"


def names(table: str) -> dict[str, str]:
    """The name of the trigger for each thing that is refused."""
    return {deed: f"{table}_no_{deed.lower()}" for deed in ("UPDATE", "DELETE", "INSERT")}


def ensure(using: str = "default", **_kwargs: Any) -> None:
    """Make them if one is missing. Done after each migration: SQLite loses them when it rebuilds a table."""
    connection = connections[using]
    if {LOG, SEGMENTS} <= set(connection.introspection.table_names()) and missing(using):
        with connection.cursor() as cursor:
            for table in (LOG, SEGMENTS):
                for statement in _STATEMENTS[connection.vendor](table):
                    cursor.execute(statement)


def missing(using: str = "default") -> list[str]:
    """Triggers that are not there or were switched off."""
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A')",
    }
    with connections[using].cursor() as cursor:
        cursor.execute(query[connections[using].vendor])
        found = {name for (name,) in cursor.fetchall()}
    return [name for table in (LOG, SEGMENTS) for name in names(table).values() if name not in found]


@contextmanager
def deletion_allowed(using: str = "default") -> Iterator[None]:
    """Within the caller's transaction, which alone sees it, rows of the log may be deleted."""
    name = names(LOG)["DELETE"]
    off, on = {
        "sqlite": (f"DROP TRIGGER IF EXISTS {name}", next(s for s in _sqlite(LOG) if name in s)),
        "postgresql": (f"ALTER TABLE {LOG} DISABLE TRIGGER {name}", f"ALTER TABLE {LOG} ENABLE TRIGGER {name}"),
    }[connections[using].vendor]
    with connections[using].cursor() as cursor:
        cursor.execute(off)
        yield
        cursor.execute(on)


def _sqlite(table: str) -> Iterator[str]:
    for deed, name in names(table).items():
        when = f"WHEN {NOT_LAST.format(table=table)} " if deed == "INSERT" else ""
        yield (
            f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {deed} ON {table} {when}"
            f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        )


def _postgresql(table: str) -> Iterator[str]:
    yield (
        "CREATE OR REPLACE FUNCTION activity_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    yield (  # by the index: a session keeps its plan, and would read all of a table that was small when that was made
        f"CREATE OR REPLACE FUNCTION {table}_refuse_insert() RETURNS trigger LANGUAGE plpgsql"
        " SET enable_seqscan = off AS "
        f"$$ BEGIN IF {NOT_LAST.format(table=table)} THEN RAISE EXCEPTION '{REFUSAL}' "
        "USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$"
    )
    for deed, name in names(table).items():
        refuse = f"{table}_refuse_insert" if deed == "INSERT" else "activity_refuse"
        yield f"DROP TRIGGER IF EXISTS {name} ON {table}"
        yield f"CREATE TRIGGER {name} BEFORE {deed} ON {table} FOR EACH ROW EXECUTE FUNCTION {refuse}()"
    yield f"DROP TRIGGER IF EXISTS {table}_no_truncate ON {table}"
    yield f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION activity_refuse()"


_STATEMENTS = {"sqlite": _sqlite, "postgresql": _postgresql}
