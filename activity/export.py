"""The log as files: JSON lines that can be checked without this program, and CSV for spreadsheets. Both streamed."""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import StringIO
from typing import Any

from django.db.models import TextField
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from activity import chain, streaming
from activity.models import ActivityLogQuerySet
from activity.record import record
from activity.types import ActivityType

AT_ONCE = 2000
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")  # a spreadsheet would take it for a formula
COLUMNS = tuple(column for column in chain.STORED if column not in ("previous", "mac"))
CONTENT_TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


def download(request: HttpRequest, rows: ActivityLogQuerySet, form: str, asked: str, at: datetime) -> HttpResponseBase:
    """The rows as a file that is streamed to a browser; `asked` is the filter, for the record of it."""

    def begin() -> None:
        record(ActivityType.LOG_EXPORTED, f"Activity log exported as {form}", details={"format": form, "filter": asked})

    name = f"activity-{at:%Y%m%dT%H%M%SZ}.{form}"
    return streaming.download(request, exported(rows, form), name, CONTENT_TYPES[form], begin)


def exported(rows: ActivityLogQuerySet, form: str) -> Iterator[str]:
    """Chunks of the rows as `form` (a key of CONTENT_TYPES) has them, oldest first."""
    return {"jsonl": json_lines, "csv": csv_lines}[form](rows)


def json_lines(rows: ActivityLogQuerySet) -> Iterator[str]:
    """Each row in full, with its mac."""
    return _joined(f"{chain.line(row)}\n" for row in _stored(rows, chain.STORED))


def csv_lines(rows: ActivityLogQuerySet) -> Iterator[str]:
    """With a head line; cells that a spreadsheet would run are defused by an apostrophe."""
    yield ",".join(COLUMNS) + "\r\n"
    yield from _joined(_csv_lines(rows))


def _csv_lines(rows: ActivityLogQuerySet) -> Iterator[str]:
    time = COLUMNS.index("timestamp")
    buffer = StringIO()
    writer = csv.writer(buffer)
    for row in _stored(rows, COLUMNS):
        writer.writerow([chain.instant(value) if at == time else defused(value) for at, value in enumerate(row)])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def defused(value: Any) -> Any:
    """A cell that no spreadsheet runs."""
    return f"'{value}" if isinstance(value, str) and value.startswith(DANGEROUS) else value


def _stored(rows: ActivityLogQuerySet, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """The rows as they are stored, oldest first; details as their text."""
    texts = (Cast(column, TextField()) if column == "details" else column for column in columns)
    return rows.order_by("id").values_list(*texts).iterator(chunk_size=AT_ONCE)


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Few big chunks instead of many small ones."""
    chunk: list[str] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == AT_ONCE:
            yield "".join(chunk)
            chunk.clear()
    yield "".join(chunk)
