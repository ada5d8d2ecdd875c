"""History out of the tables of samples and roll-ups, by exact keys: an index would scatter each round over them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db import connection, models

from metrics import retention
from metrics.models import Resolved, ServerMetrics
from metrics.models.fields import OWNER_BITS, SLOT_SECONDS
from metrics.models.rollups import figures_of, table_of
from metrics.periods import MOST_POINTS, Part, Span, between, span
from metrics.series import Series

OWNERS = 1 << OWNER_BITS
DONE_SECONDS = 5  # for which it is enough to know how far the roll-ups were: what they lack is answered from samples
FIGURES = 4  # sum, least, greatest and number

Owners = Mapping[int, int]
"""Ids of owners, each with its server, whose samples tell in which slots there can be one of the owner's."""


def period_span(period: str, at: datetime, most_points: int = MOST_POINTS, least_step: int = 0) -> Span:
    """The span of a period that ends now, and where it is answered from: in at most so many steps, none narrower than
    so many seconds. Raises UnknownPeriod."""
    wanted = span(period, at.timestamp(), _narrowest(least_step), retention.kept(), most_points)
    return wanted.answered_from(_done())


def range_span(
    start: datetime, end: datetime, at: datetime, most_points: int = MOST_POINTS, least_step: int = 0
) -> Span:
    """The same from one instant to another. Raises WrongRange."""
    instants = (start.timestamp(), end.timestamp(), at.timestamp())
    return between(*instants, _narrowest(least_step), retention.kept(), most_points).answered_from(_done())


def series(
    model: type[models.Model],
    owners: Owners,
    span: Span,
    names: Collection[str] = (),
    extremes: Collection[str] | None = None,
) -> dict[int, Series]:
    """The figures (these, or all) of some owners, by their ids; lowest and highest of these figures alone, or of all.

    A counter is told by its highest. One query.
    """
    fields = [field for field in figures_of(model) if not names or field.name in names]
    gathered = {owner: _Gathered(span, fields) for owner in owners}

    def columns(part: Part) -> str:
        known = [(field, extremes is None or field.name in extremes) for field in fields]
        merges = _merges(span, part)
        return ", ".join((_totals(part, merges=merges), *(_stats(model, *one, part, merges=merges) for one in known)))

    for part, owner, step, *values in rows(model, owners, span, columns, is_grouped=True):
        gathered[owner].add(part, step, values)
    return {owner: one.series() for owner, one in gathered.items()}


def rows(
    model: type[models.Model], owners: Owners, span: Span, columns: Callable[[Part], str], *, is_grouped: bool = False
) -> Iterable[tuple[Any, ...]]:
    """(part, owner, step, *columns) of what is kept of some owners in a span; `columns` of each part, in one query."""
    if not owners:
        return
    parts = span.parts or span.answered_from({}).parts
    known = ", ".join(["(CAST(%s AS bigint), CAST(%s AS bigint))"] * len(owners))
    heads, bodies, values = [f"owners(owner, server) AS (VALUES {known})"], [], list(sum(owners.items(), ()))
    for number, part in enumerate(parts):
        width = _width(part)
        heads.append(
            f"slots{number}(slot) AS (SELECT CAST(%s AS bigint)"
            f" UNION ALL SELECT slot + {width} FROM slots{number} WHERE slot + {width} < %s)"
        )
        values += (-(-part.start // width) * width, part.end)
        step = f"(slot - {span.start}) / {span.step}"
        found = f"SELECT {number}, owner, {step}, {columns(part)} FROM slots{number} CROSS JOIN owners "
        if not part.resolution.seconds and any(owner != server for owner, server in owners.items()):
            found += f"JOIN {ServerMetrics._meta.db_table} s ON s.id = slot * {OWNERS} + server "
        found += f"JOIN {table_of(model, part.resolution)._meta.db_table} m ON m.id = slot * {OWNERS} + owner"
        bodies.append(found + (f" GROUP BY owner, {step}" if is_grouped and _merges(span, part) else ""))
    with connection.cursor() as cursor:
        cursor.execute(f"WITH RECURSIVE {', '.join(heads)} {' UNION ALL '.join(bodies)}", values)
        for number, *row in cursor.fetchall():
            yield parts[number], *row


def in_units(field: Any, value: Any) -> float | None:
    """A column's raw value in the field's own unit."""
    if value is None:
        return None
    convert = getattr(field, "from_db_value", None)
    return float(convert(float(value))) if convert else float(value)


def _done() -> dict[int, int]:
    """Up to when each resolution is rolled up, by its seconds."""
    return dict(
        cache.get_or_set("resolved", lambda: list(Resolved.objects.values_list("seconds", "done_until")), DONE_SECONDS)
        or ()
    )


def _narrowest(least_step: int) -> int:
    """The narrowest step that makes sense, in seconds."""
    return max(retention.interval_seconds(), least_step)


def _width(part: Part) -> int:
    """How many seconds lie between two keys of one owner."""
    return part.resolution.seconds or SLOT_SECONDS


def _merges(span: Span, part: Part) -> bool:
    """Whether a step can have more than one row."""
    return span.step > _width(part)


def _totals(part: Part, *, merges: bool) -> str:
    """How many buckets there are, how many samples, and how many of them were expected."""
    if part.resolution.seconds:
        return "COUNT(*), SUM(m.count), SUM(m.expected)" if merges else "1, m.count, m.expected"
    return "COUNT(*), COUNT(*), 0" if merges else "1, 1, 0"


def _stats(model: Any, field: Any, wants_extremes: bool, part: Part, *, merges: bool) -> str:
    """Sum, least, greatest and number of a figure in a step; a counter's greatest stands for all of them."""
    name, is_rolled = field.column, bool(part.resolution.seconds)
    total, least, greatest, known = (
        f"m.{name}{end if is_rolled else ''}" for end in ("_sum", "_min", "_max", "_count")
    )
    if merges:
        total, least, greatest = f"SUM({total})", f"MIN({least})", f"MAX({greatest})"
        known = f"SUM({known})" if is_rolled else f"COUNT({known})"
    elif not is_rolled:
        known = f"CASE WHEN {known} IS NULL THEN 0 ELSE 1 END"
    if field.name in model.COUNTERS:
        return f"{greatest}, NULL, {greatest}, NULL"
    return f"{total}, {least}, {greatest}, {known}" if wants_extremes else f"{total}, NULL, NULL, {known}"


class _Gathered:
    """What the parts of a span tell of one owner; a step may lie in two of them."""

    def __init__(self, span: Span, fields: Sequence[Any]) -> None:
        self._span, self._fields = span, fields
        self._rate = 1 / retention.interval_seconds()
        self._steps: dict[int, list[Any]] = {}
        self._counts = [0] * span.points
        past = (span.end if span.until is None else span.until) - span.start
        self._expected = [max(min(past - n * span.step, span.step), 0) * self._rate for n in range(span.points)]

    def add(self, part: Part, step: int, values: list[Any]) -> None:
        buckets, count, expected, *figures = values
        self._counts[step] += int(count)
        if part.resolution.seconds:  # as many as there should have been at that time
            self._expected[step] += float(expected) - buckets * part.resolution.seconds * self._rate
        before = self._steps.get(step)
        self._steps[step] = figures if before is None else _joined(before, figures)

    def series(self) -> Series:
        columns = list(zip(*self._steps.values(), strict=True)) or [()] * (FIGURES * len(self._fields))
        mean: dict[str, list[float | None]] = {}
        low, high = dict(mean), dict(mean)
        for number, field in enumerate(self._fields):
            sums, least, greatest, known = columns[FIGURES * number : FIGURES * (number + 1)]
            means = [s / n if n else s for s, n in zip(sums, known, strict=True)]  # a counter has no number
            for kept, values in ((mean, means), (low, least), (high, greatest)):
                kept[field.name] = self._placed(field, values)
        return Series(self._span, self._counts, self._expected, mean, low, high)

    def _placed(self, field: Any, values: Sequence[Any]) -> list[float | None]:
        placed: list[float | None] = [None] * self._span.points
        for step, value in zip(self._steps, values, strict=True):
            placed[step] = in_units(field, value)
        return placed


def _joined(one: list[Any], other: list[Any]) -> list[Any]:
    """Two groups of (sum, least, greatest, number) per figure as one."""
    found: list[Any] = []
    for n in range(0, len(one), FIGURES):
        greatest = _of(max, one[n + 2], other[n + 2])
        if one[n + 3] is None:
            found += (greatest, None, greatest, None)
        else:
            sums, least = _of(sum, one[n], other[n]), _of(min, one[n + 1], other[n + 1])
            found += (sums, least, greatest, one[n + 3] + other[n + 3])
    return found


def _of(join: Callable[[list[Any]], Any], *values: Any) -> Any:
    known = [value for value in values if value is not None]
    return join(known) if known else None
