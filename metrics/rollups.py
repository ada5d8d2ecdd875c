"""Samples into buckets of five minutes, an hour and a day: each once when it is over, again when a sample came late.

A bucket is first claimed, then read, then done. What is stored into a claimed one is noted as late, so nothing is lost
between reading and writing, whoever is killed when; a bucket that is made twice is the same twice.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import structlog
from django.db import connection, transaction

from metrics import bulk, fleet_series, partitions, retention
from metrics.models import LateBucket, Resolved, ServerMetrics
from metrics.models.app import STATUS_BITS
from metrics.models.fields import OWNER_BITS, first_key
from metrics.models.rollups import ROLLUPS, SAMPLES, figures_of, table_of
from metrics.periods import BUCKETS, FIVE_MINUTES, RESOLUTIONS, Resolution

log = structlog.get_logger(__name__)

SETTLED_SECONDS = 90  # after its end a bucket counts as over
AT_ONCE = 2000  # rows written in one transaction, so that nobody waits long
LATE_AT_ONCE = 1000
OWNER = (1 << OWNER_BITS) - 1
UNKNOWN_CORE = 255

Tell = Callable[[Resolution, int], None]
"""Told of each bucket that was made: its resolution and its begin in epoch seconds."""


def roll(at: datetime, is_over: Callable[[], bool]) -> int:
    """Make what is due, the finest first, until `is_over`; returns how many buckets were made."""
    made = 0
    now = int(at.timestamp())
    for resolution in BUCKETS:
        for make in (_make_late_ones, _make_new_ones):
            made += make(resolution, now - SETTLED_SECONDS, is_over)
    fleet_series.sum_up(_state(FIVE_MINUTES).done_until, now)
    return made


def reroll(start: int, end: int, tell: Tell) -> None:
    """Make again every bucket from one instant to another (epoch seconds) that can_be_made_again()."""
    for resolution in BUCKETS:
        for begin in can_be_made_again(resolution, start, end):
            _make(resolution, begin)
            tell(resolution, begin)


def can_be_made_again(resolution: Resolution, start: int, end: int) -> range:
    """The begins of the buckets that were made, and of which all that they are made of is still kept."""
    width = resolution.seconds
    first = max(start // width * width, -(-_state(_finer(resolution)).pruned_until // width) * width)
    return range(first, min(end, _state(resolution).done_until), width)


def note_late(slots: Sequence[int]) -> None:
    """In the transaction that stores samples of these slots: note those whose bucket was claimed before.

    On PostgreSQL a claim waits for the end of the transaction (SQLite has one writer at a time anyhow).
    """
    lock = " FOR SHARE" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT claimed_until FROM {Resolved._meta.db_table} WHERE seconds = %s{lock}", [FIVE_MINUTES.seconds]
        )
        claimed = (cursor.fetchone() or [0])[0]
    _note(FIVE_MINUTES, {slot for slot in slots if slot < claimed})


def _note(resolution: Resolution, slots: set[int]) -> None:
    starts = {slot // resolution.seconds * resolution.seconds for slot in slots}
    LateBucket.objects.bulk_create(LateBucket(seconds=resolution.seconds, start=start) for start in sorted(starts))


def _make_late_ones(resolution: Resolution, _now: int, is_over: Callable[[], bool]) -> int:
    """Those that samples came into afterwards, and then what is made of them."""
    noted = defaultdict(list)
    for key, start in (
        LateBucket.objects.filter(seconds=resolution.seconds).order_by("pk").values_list("pk", "start")[:LATE_AT_ONCE]
    ):
        noted[start].append(key)
    made = 0
    for start, keys in noted.items():
        if is_over():
            break
        if start >= _state(_finer(resolution)).pruned_until:
            _make(resolution, start)
            made += 1
        else:  # what it was made of is gone: it stays as it is
            log.warning("rollup.too_late", resolution=resolution.name, start=start)
        with transaction.atomic():
            LateBucket.objects.filter(pk__in=keys).delete()
            for coarser in BUCKETS[BUCKETS.index(resolution) + 1 :][:1]:
                _note(coarser, {start} if start < _state(coarser).claimed_until else set())
    return made


def _make_new_ones(resolution: Resolution, now: int, is_over: Callable[[], bool]) -> int:
    """Those that are over and whose own buckets are made."""
    made, finer, width = 0, _finer(resolution), resolution.seconds
    ready = (_state(finer).done_until if finer.seconds else now) // width * width
    start = _next(resolution, ready)
    while start < ready and not is_over():
        state = Resolved.objects.filter(seconds=width)
        state.update(claimed_until=start + width)
        _make(resolution, start)
        state.update(done_until=start + width)
        made += 1
        start = _next(resolution, ready)
    return made


def _next(resolution: Resolution, ready: int) -> int:
    """The begin of the next bucket that there is anything for; what lies before it is done."""
    state, width = _state(resolution), resolution.seconds
    model: Any = table_of(ServerMetrics, _finer(resolution))
    oldest = model.objects.filter(pk__gte=first_key(state.done_until)).order_by("pk").values_list("pk", flat=True)
    found = oldest.first()
    start = ready if found is None else min((found >> OWNER_BITS) // width * width, ready)
    if start > state.done_until:
        Resolved.objects.filter(seconds=width).update(claimed_until=start, done_until=start)
    return max(start, state.done_until)


def _make(resolution: Resolution, start: int) -> None:
    """One bucket of every owner, written over the one that may be there."""
    if resolution is FIVE_MINUTES:
        fleet_series.sum_up(start, start + resolution.seconds)
    partitions.ensure(resolution, [start])
    for model in SAMPLES:
        rows = list(_rows(model, resolution, start))
        for first in range(0, len(rows), AT_ONCE):
            with transaction.atomic():
                bulk.upsert(ROLLUPS[model][resolution], rows[first : first + AT_ONCE])


def _rows(model: Any, resolution: Resolution, start: int) -> Iterator[tuple[Any, ...]]:
    """A row for each owner, in the order of the roll-up's columns; figures as their columns keep them."""
    finer = _finer(resolution)
    columns = ["COUNT(*)" if not finer.seconds else "SUM(count)"]
    for field in figures_of(model):
        columns += _aggregates(field.column, is_counter=field.name in model.COUNTERS, is_rolled=bool(finer.seconds))
    if hasattr(model, "status"):
        columns.append(f"MAX((id << {STATUS_BITS}) | status) & {(1 << STATUS_BITS) - 1}")
    cores = _cores(model, resolution, start) if hasattr(model, "cores_percent") else None
    expected = max(resolution.seconds // retention.interval_seconds(), 1)
    for owner, count, *values in _select(model, resolution, start, ", ".join(columns), " GROUP BY id & %s"):
        more = () if cores is None else (cores.get(owner),)
        yield ((start << OWNER_BITS) | owner, count, expected, *values, *more)


def _aggregates(column: str, *, is_counter: bool, is_rolled: bool) -> list[str]:
    end = "_max" if is_rolled else ""
    if is_counter:
        return [f"MAX({column}{end})"]
    if is_rolled:
        return [f"SUM({column}_sum)", f"MIN({column}_min)", f"MAX({column}_max)", f"SUM({column}_count)"]
    return [f"SUM({column})", f"MIN({column})", f"MAX({column})", f"COUNT({column})"]


def _cores(model: Any, resolution: Resolution, start: int) -> dict[int, bytes]:
    """The mean of each core by owner, in half percents; 255 where it is not known."""
    weight = "count" if _finer(resolution).seconds else "1"
    sums: dict[int, list[list[int]]] = defaultdict(list)
    for owner, cores, count in _select(model, resolution, start, f"cores_percent, {weight}"):
        known = sums[owner]
        for number, half in enumerate(bytes(cores or b"")):
            if number == len(known):
                known.append([0, 0])
            if half != UNKNOWN_CORE:
                known[number][0] += half * count
                known[number][1] += count
    return {
        owner: bytes(round(total / count) if count else UNKNOWN_CORE for total, count in known)
        for owner, known in sums.items()
        if known
    }


def _select(model: Any, resolution: Resolution, start: int, columns: str, grouped: str = "") -> list[tuple[Any, ...]]:
    """(owner, *columns) of what a bucket is made of: one stretch of the table."""
    table = table_of(model, _finer(resolution))._meta.db_table
    sql = f"SELECT id & %s, {columns} FROM {table} WHERE id >= %s AND id < %s{grouped}"
    begin, end = first_key(start), first_key(start + resolution.seconds)
    with connection.cursor() as cursor:
        cursor.execute(sql, [OWNER, begin, end, *([OWNER] if grouped else [])])
        return list(cursor.fetchall())


def _finer(resolution: Resolution) -> Resolution:
    return RESOLUTIONS[RESOLUTIONS.index(resolution) - 1]


def _state(resolution: Resolution) -> Resolved:
    return Resolved.objects.get_or_create(seconds=resolution.seconds)[0]
