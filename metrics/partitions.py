"""On PostgreSQL: the partitions by time of samples and roll-ups, made ahead and dropped whole. Elsewhere nothing."""

import re
from collections.abc import Iterable
from typing import Any

from django.db import connection, models, transaction

from metrics.models.fields import OWNER_BITS, first_key
from metrics.models.rollups import SAMPLES, table_of
from metrics.periods import DAY, DAY_SECONDS, FIVE_MINUTES, HOUR, RAW, Resolution

WIDTHS = {RAW: DAY_SECONDS, FIVE_MINUTES: 7 * DAY_SECONDS, HOUR: 28 * DAY_SECONDS, DAY: 364 * DAY_SECONDS}
AHEAD = 2  # the present one and the next
LOCK = 0x746F6D6F  # one process at a time makes them
_RESOLUTIONS = {table_of(model, resolution)._meta.db_table: resolution for model in SAMPLES for resolution in WIDTHS}


def ensure(resolution: Resolution, slots: Iterable[int]) -> None:
    """Have the partitions of every sort of sample for these instants, in epoch seconds."""
    if connection.vendor != "postgresql":
        return
    width = WIDTHS[resolution]
    tables = [table_of(model, resolution)._meta.db_table for model in SAMPLES]
    begins = {slot // width * width for slot in slots}
    wanted = {f"{table}_{begin}": (table, begin) for table in tables for begin in begins}
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname = ANY(%s)", [list(wanted)])
        for name in sorted(wanted.keys() - {name for (name,) in cursor.fetchall()}):
            table, begin = wanted[name]
            _make(cursor, table, begin, width)


def cover(table: str, first: int, last: int) -> None:
    """Have the partitions of this table for all keys from the first to the last; nothing for a table without any."""
    if connection.vendor == "postgresql" and table in _RESOLUTIONS:
        width = WIDTHS[_RESOLUTIONS[table]]
        with connection.cursor() as cursor:
            for begin in range((first >> OWNER_BITS) // width * width, (last >> OWNER_BITS) + 1, width):
                _make(cursor, table, begin, width)


def make_ahead(now: int) -> None:
    """Those that will be needed next."""
    for resolution, width in WIDTHS.items():
        ensure(resolution, [now + n * width for n in range(AHEAD)])


def drop(model: type[models.Model], end: int) -> None:
    """Those that end before this instant, or at it."""
    with connection.cursor() as cursor:
        for name, _begin, until in partitions_of(cursor, model._meta.db_table):
            if until <= first_key(end):
                cursor.execute(f"DROP TABLE {name}")


def partitions_of(cursor: Any, table: str) -> list[tuple[str, int, int]]:
    """Each with its lowest key and the first one beyond."""
    cursor.execute(
        "SELECT child.relname, pg_get_expr(child.relpartbound, child.oid) FROM pg_inherits"
        " JOIN pg_class child ON child.oid = inhrelid WHERE inhparent = %s::regclass ORDER BY 1",
        [table],
    )
    found = ((name, re.findall(r"\('(\d+)'\)", bounds)) for name, bounds in cursor.fetchall())
    return [(name, int(begin), int(end)) for name, (begin, end) in found]


def convert(cursor: Any, table: str, resolution: Resolution) -> None:
    """A plain table into a partitioned one, with all that is in it."""
    width = WIDTHS[resolution]
    cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_plain")
    cursor.execute(f"CREATE TABLE {table} (LIKE {table}_plain INCLUDING DEFAULTS) PARTITION BY RANGE (id)")
    cursor.execute(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
    cursor.execute(f"SELECT DISTINCT (id >> {OWNER_BITS}) / {width} * {width} FROM {table}_plain")
    for (begin,) in cursor.fetchall():
        _make(cursor, table, begin, width)
    cursor.execute(f"INSERT INTO {table} SELECT * FROM {table}_plain")
    cursor.execute(f"DROP TABLE {table}_plain")


def _make(cursor: Any, table: str, begin: int, width: int) -> None:
    with transaction.atomic():
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        cursor.execute(
            f"CREATE TABLE IF NOT EXISTS {table}_{begin} PARTITION OF {table}"
            f" FOR VALUES FROM ({first_key(begin)}) TO ({first_key(begin + width)})"
        )
