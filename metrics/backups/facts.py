"""What a database holds, as its backup says it: migrations, rows by table, the head of the activity log."""

from dataclasses import dataclass
from typing import Any

from activity.chain import START
from activity.models import ActivityLog

# What lets somebody in, what waits in the queue (pickled, and never to be unpickled), what this page shows of runs.
EMPTIED = (
    "django_session",
    "dashboard_apitoken",
    "django_q_ormq",
    "django_q_task",
    "django_q_schedule",
    "metrics_backup",
)

_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
}


@dataclass(frozen=True)
class Facts:
    """`head` is the id and the mac of the log's last row."""

    vendor: str
    migrations: list[str]
    rows: dict[str, int]
    head: tuple[int, str]


def tables(cursor: Any, vendor: str) -> list[str]:
    cursor.execute(_TABLES[vendor])
    return sorted(name for (name,) in cursor.fetchall())


def read(cursor: Any, vendor: str) -> Facts:
    """Facts by any DB-API cursor; what EMPTIED names counts as empty."""
    found = tables(cursor, vendor)
    rows = {table: 0 if table in EMPTIED else _one(cursor, f'SELECT count(*) FROM "{table}"') for table in found}
    cursor.execute("SELECT app, name FROM django_migrations")
    migrations = sorted(f"{app}.{name}" for app, name in cursor.fetchall())
    return Facts(vendor, migrations, rows, head(cursor))


def head(cursor: Any) -> tuple[int, str]:
    cursor.execute(f"SELECT id, mac FROM {ActivityLog._meta.db_table} ORDER BY id DESC LIMIT 1")
    found = cursor.fetchone()
    return (found[0], found[1]) if found else (0, START)


def empty(cursor: Any, vendor: str) -> None:
    """Sessions, tokens and queue go."""
    for table in set(EMPTIED) & set(tables(cursor, vendor)):
        cursor.execute(f'DELETE FROM "{table}"')


def _one(cursor: Any, query: str) -> int:
    cursor.execute(query)
    return int(cursor.fetchone()[0])
