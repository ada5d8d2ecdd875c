"""History out of the tables of samples, by exact keys: no index that would scatter each round over a table."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import connection, models

from metrics.models.fields import OWNER_BITS, SLOT_SECONDS
from metrics.periods import Span
from metrics.series import Series

OWNERS = 1 << OWNER_BITS
UNSUMMED = {"id", "cores_percent", "status"}

# Every ten-second slot of a span, or the first of each step, for looking samples up by their keys.
SLOTS = """WITH RECURSIVE slots(slot) AS (
  SELECT CAST(%s AS bigint) UNION ALL SELECT slot + %s FROM slots WHERE slot + %s < %s
) """


def owner_series(model: type[models.Model], server_id: int, owner_id: int, span: Span) -> Series:
    """All figures of an owner. Roll-ups slot in here: today every period is answered from samples."""
    fields = [field for field in model._meta.concrete_fields if field.name not in UNSUMMED]
    aggregates = ", ".join(f"AVG(m.{f.column}), MIN(m.{f.column}), MAX(m.{f.column})" for f in fields)
    counts = [0] * span.points
    empty: dict[str, list[float | None]] = {field.name: [None] * span.points for field in fields}
    mean, low, high = ({name: list(gaps) for name, gaps in empty.items()} for _ in range(3))
    for step, count, *values in owner_rows(model, server_id, owner_id, span, f"COUNT(*), {aggregates}", grouped=True):
        counts[step] = count
        for index, field in enumerate(fields):
            for kept, value in zip((mean, low, high), values[3 * index : 3 * index + 3], strict=True):
                kept[field.name][step] = in_units(field, value)
    return Series(span, counts, mean, low, high)


def owner_rows(
    model: type[models.Model], server_id: int, owner_id: int, span: Span, columns: str, *, grouped: bool = False
) -> Iterable[tuple[Any, ...]]:
    """(step, *columns) of an owner's samples; the server's own samples tell in which slots there are any."""
    step = f"(slot - {span.start}) / {span.step}"
    sql = SLOTS + f"SELECT {step}, {columns} FROM slots "
    sql += f"JOIN metrics_servermetrics s ON s.id = slot * {OWNERS} + {server_id} "
    sql += f"JOIN {model._meta.db_table} m ON m.id = slot * {OWNERS} + {owner_id} "
    sql += f"GROUP BY {step}" if grouped else ""
    with connection.cursor() as cursor:
        cursor.execute(sql, [span.start, SLOT_SECONDS, SLOT_SECONDS, span.end])
        return list(cursor.fetchall())


def in_units(field: Any, value: Any) -> float | None:
    """A column's raw value in the field's own unit."""
    if value is None:
        return None
    convert = getattr(field, "from_db_value", None)
    return convert(float(value)) if convert else float(value)


def first_round(span: Span) -> int:
    """The seconds at the begin of each step in which every owner has one sample."""
    return min(int(-(-settings.TOMO["poll_seconds"] // SLOT_SECONDS) * SLOT_SECONDS), span.step)
