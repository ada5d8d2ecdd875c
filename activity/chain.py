"""The chain of the activity log: each row carries an HMAC of itself and of the HMAC before it.

A row's content is one line of JSON, the same that an export writes; its mac is HMAC-SHA256 over that line without the
mac. So an exported line is checked by itself, by anybody who has the key (docs/check_activity.py does it).
"""

import hmac
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connections, transaction

from activity.models import MAC_CHARACTERS, ActivityLog, PrunedSegment

START = "0" * MAC_CHARACTERS  # what the first row of all follows
LOCK = 0x746F6D6F  # of PostgreSQL; SQLite has one writer at a time anyhow
AT_ONCE = 5000
LARGEST_ID = 2**63 - 1

_fields = {str(field.column): field for field in ActivityLog._meta.concrete_fields}
COLUMNS = tuple(column for column in _fields if column not in ("details", "mac"))
STORED = (*COLUMNS, "details", "mac")
_in_order = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def append(row: ActivityLog) -> ActivityLog:
    """Store a new row as the next one. Whoever appends meanwhile waits until the caller's transaction ends."""
    with transaction.atomic():
        lock()
        last_id, row.previous = head()
        row.pk = last_id + 1
        row.mac = mac(content(values(row)))
        row.save()
    return row


def lock() -> None:
    """Nobody else appends or prunes until the transaction ends."""
    connection = connections["default"]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def head(using: str = "default") -> tuple[int, str]:
    """Number and mac of the last row; of an empty log 0 and START."""
    newest = ActivityLog.objects.using(using).order_by("-id").values_list("id", "mac").first()
    return newest or (0, START)


def values(row: ActivityLog) -> tuple[Any, ...]:
    """A row of the ORM as STORED has it once it is stored, but for the mac."""
    return tuple(_fields[column].get_prep_value(getattr(row, _fields[column].attname)) for column in STORED[:-1])


def content(stored: Sequence[Any]) -> str:
    """One line of JSON without its closing brace: what a row says. `stored` begins as STORED does."""
    line = dict(zip(COLUMNS, stored, strict=False))
    line["timestamp"] = instant(line["timestamp"])
    if line["source_ip"] is not None:
        line["source_ip"] = str(line["source_ip"])
    return f'{_in_order(line)[:-1]},"details":{stored[len(COLUMNS)]}'


def line(stored: Sequence[Any]) -> str:
    """A row as an export has it; without its mac it is what the mac was taken of."""
    return f'{content(stored)},"mac":"{stored[-1]}"}}'


def mac(content_of_row: str) -> str:
    """HMAC-SHA256 in hexadecimal digits."""
    return hmac.digest(settings.ACTIVITY_KEY, f"{content_of_row}}}".encode(errors="surrogatepass"), "sha256").hex()


def instant(value: datetime | str) -> str:
    """UTC with microseconds and Z. SQLite sorts times as text: in another spelling they are a ValueError."""
    at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    at = at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
    if isinstance(value, str) and str(at) != value:
        raise ValueError(f"{value!r} is not how a time is kept")
    return f"{at.isoformat(timespec='microseconds')}Z"


def rows_after(row_id: int, using: str = "default", up_to: int = LARGEST_ID) -> Iterator[tuple[Any, ...]]:
    """All rows after this one, as STORED has them, first to last; some thousand at a time, so that no writer waits."""
    columns = ", ".join(STORED)
    if connections[using].vendor == "sqlite":
        columns = columns.replace("timestamp", "timestamp || ''", 1)  # the very text, which sorts and filters
    query = f"SELECT {columns} FROM {ActivityLog._meta.db_table} WHERE id > %s AND id <= %s ORDER BY id LIMIT %s"
    at_once = AT_ONCE
    while True:
        try:
            with connections[using].cursor() as cursor:
                cursor.execute(query, [row_id, up_to, at_once])
                rows = cursor.fetchall()
        except DatabaseError:
            if at_once == 1:
                raise
            at_once = 1  # one of them cannot be read: all before it can
            continue
        yield from rows
        if len(rows) < at_once:
            return
        row_id = rows[-1][0]


def signed(segment: PrunedSegment) -> PrunedSegment:
    segment.signature = signature(segment)
    return segment


def signature(segment: PrunedSegment) -> str:
    """The mac of what a segment says."""
    says = {
        "segment": segment.first_id,
        "last": segment.last_id,
        "previous": segment.previous,
        "mac": segment.mac,
        "kept": segment.kept,
        "kept_digest": segment.kept_digest,
        "pruned_at": instant(segment.pruned_at),
    }
    return mac(_in_order(says)[:-1])
