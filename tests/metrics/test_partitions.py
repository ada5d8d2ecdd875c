"""On PostgreSQL samples and roll-ups lie in partitions by time, which are there before they are needed and go whole."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from metrics import partitions, retention, rollups
from metrics.models import Server, ServerMetrics, TemperatureMetrics
from metrics.models.fields import first_key, slot_key
from metrics.models.rollups import SAMPLES, table_of
from metrics.periods import DAY, DAY_SECONDS, FIVE_MINUTES, HOUR, RAW, RESOLUTIONS
from tests.dashboard import fleet
from tests.metrics.test_rollups import BEGIN, sample

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

TABLE = ServerMetrics._meta.db_table


def names(table: str = TABLE) -> list[str]:
    with connection.cursor() as cursor:
        return [name for name, _begin, _end in partitions.partitions_of(cursor, table)]


def asked(query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_every_table_of_history_is_partitioned() -> None:
    tables = {table_of(model, resolution)._meta.db_table for model in SAMPLES for resolution in RESOLUTIONS}
    assert tables == {name for (name,) in asked("SELECT relname FROM pg_class WHERE relkind = 'p'")}


def test_the_next_ones_are_there_before_they_are_needed() -> None:
    partitions.make_ahead(BEGIN)
    assert names() == [f"{TABLE}_{BEGIN}", f"{TABLE}_{BEGIN + DAY_SECONDS}"]
    for resolution in (FIVE_MINUTES, HOUR, DAY):
        assert len(names(table_of(ServerMetrics, resolution)._meta.db_table)) == 2


def test_making_them_again_changes_nothing() -> None:
    for _ in range(2):
        partitions.make_ahead(BEGIN)
    assert len(names()) == 2


def test_a_poll_is_stored_whatever_the_clock_says() -> None:
    server = fleet.pending()
    for at in (datetime(2031, 5, 6, tzinfo=UTC), datetime(2019, 5, 6, tzinfo=UTC)):
        fleet.polled(server, at)
    assert ServerMetrics.objects.count() == 2
    days = (datetime(2019, 5, 6, tzinfo=UTC), datetime(2031, 5, 6, tzinfo=UTC))
    assert {f"{TABLE}_{int(day.timestamp())}" for day in days} <= set(names())


def test_what_is_old_goes_with_its_partition_once_it_is_rolled_up() -> None:
    for day in range(4):
        sample(day * DAY_SECONDS, cpu_percent=1.0)
    at = datetime.fromtimestamp(BEGIN + 4 * DAY_SECONDS, UTC)
    retention.prune(at, lambda: False)
    assert len(names()) == 4, "nothing is rolled up yet"
    rollups.roll(at, lambda: False)
    retention.prune(at, lambda: False)
    assert names() == [f"{TABLE}_{BEGIN + day * DAY_SECONDS}" for day in (2, 3)]
    assert ServerMetrics.objects.count() == 2


def test_pruning_again_finds_nothing_to_do() -> None:
    sample(0)
    rollups.roll(datetime.fromtimestamp(BEGIN + 2 * DAY_SECONDS, UTC), lambda: False)
    for _ in range(2):
        retention.prune(datetime.fromtimestamp(BEGIN + 10 * DAY_SECONDS, UTC), lambda: False)
    assert names() == []


def test_a_plain_table_is_converted_with_all_that_is_in_it() -> None:
    keys = [slot_key(BEGIN + seconds, 7) for seconds in (0, 10, DAY_SECONDS, 40 * DAY_SECONDS)]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE old_samples (LIKE {TemperatureMetrics._meta.db_table} INCLUDING DEFAULTS)")
        cursor.execute("ALTER TABLE old_samples ADD PRIMARY KEY (id)")
        cursor.executemany("INSERT INTO old_samples (id, celsius) VALUES (%s, 215)", [(key,) for key in keys])
        partitions.convert(cursor, "old_samples", RAW)
    assert asked("SELECT id, celsius FROM old_samples ORDER BY id") == [(key, 215) for key in keys]
    assert len(names("old_samples")) == 3


def test_a_look_up_by_key_touches_its_own_partition_alone() -> None:
    for day in range(3):
        sample(day * DAY_SECONDS)
    plan = " ".join(line for (line,) in asked(f"EXPLAIN SELECT * FROM {TABLE} WHERE id = {first_key(BEGIN) + 1}"))
    assert f"{TABLE}_{BEGIN}" in plan
    assert f"{TABLE}_{BEGIN + DAY_SECONDS}" not in plan


def test_a_table_is_covered_from_its_first_key_to_its_last() -> None:
    partitions.cover(TABLE, slot_key(BEGIN, 1), slot_key(BEGIN + 2 * DAY_SECONDS, 1))
    assert len(names()) == 3
    partitions.cover(Server._meta.db_table, 0, 10)
    assert timedelta(seconds=partitions.WIDTHS[RAW]) == timedelta(days=1)
