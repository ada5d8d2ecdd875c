"""The chain on PostgreSQL: the same promises, kept by other means."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from hypothesis import given

from activity import anchors, chain, triggers, verification
from activity.floods import MOST_A_MINUTE
from activity.models import ActivityLog
from activity.pruning import prune
from activity.record import record
from activity.types import ActivityType
from tests.activity.logs import AT, Log, write
from tests.activity.test_chain import (
    ANYTHING,
    REFUSED,
    anything,
    is_whole,
    killed_while_writing,
    refuses,
    wrote_at_once,
)
from tests.activity.test_floods import flooded_from_all_sides
from tests.activity.test_pruning import ONLY_EVENTS

TABLE = ActivityLog._meta.db_table


@pytest.fixture
def log(tmp_path: Path, postgresql_url: str, unblocked: None) -> Iterator[Log]:
    log = Log.created(tmp_path / "data", postgresql_url)
    with log.opened():
        yield log


def test_fifty_writers_at_once_make_one_chain(log: Log) -> None:
    assert is_whole(wrote_at_once(log))


def test_writers_that_are_killed_leave_a_whole_chain_and_a_log_that_goes_on(log: Log) -> None:
    killed_while_writing(log)
    with connection.cursor() as cursor:  # until the server has seen that they are gone
        cursor.execute("SELECT pg_advisory_lock(%s), pg_advisory_unlock(%s)", [chain.LOCK, chain.LOCK])
    rows = chain.head()[0]
    assert is_whole(rows)
    write(1)
    assert is_whole(rows + 1)


def test_the_database_itself_refuses(log: Log) -> None:
    write(3)
    for name in ("UPDATE", "DELETE", "ON CONFLICT", "INSERT between"):
        refuses(REFUSED[name])
    refuses("TRUNCATE {table}")
    refuses("TRUNCATE {table} CASCADE")


@given(anything)
@ANYTHING
def test_whatever_is_recorded_verifies(log: Log, given: Any) -> None:
    record(ActivityType.REPORTED, **given)
    verdict = verification.verify()
    assert verdict.is_whole, verdict.explanation


def test_a_manipulation_is_found_in_its_row(log: Log) -> None:
    write(9)
    for statement, row in (
        (f"UPDATE {TABLE} SET timestamp = timestamp + interval '1 microsecond' WHERE id = 8", 8),
        (f"UPDATE {TABLE} SET details = details || ' ' WHERE id = 6", 6),
        (f"UPDATE {TABLE} SET source_ip = '198.51.100.7/24' WHERE id = 4", 4),
        (f"DELETE FROM {TABLE} WHERE id = 2", 2),
    ):
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER USER; {statement}")
        assert verification.verify().broken_at == row
    assert len(triggers.missing()) == 3
    triggers.ensure()
    assert not triggers.missing()


def test_the_command_verifies_it(log: Log, capsys: Any) -> None:
    write(3)
    anchors.drop(AT)
    call_command("verify_activity")
    assert "is whole: 3 rows" in capsys.readouterr().out


def test_a_flood_from_all_sides_is_counted_once_each(log: Log) -> None:
    assert flooded_from_all_sides(log) == (80, MOST_A_MINUTE)


def test_nobody_else_may_delete_while_rows_are_pruned(log: Log) -> None:
    write(3)
    with transaction.atomic(), triggers.deletion_allowed(), psycopg.connect(log.url, autocommit=True) as other:
        disabled = "SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'"
        assert other.execute(disabled).fetchone() == (0,)
        other.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(f"DELETE FROM {TABLE}")
    assert is_whole(3)
    assert not triggers.missing()


def test_what_is_pruned_while_others_write_leaves_one_chain(log: Log) -> None:
    write(20)
    writer = log.beside(lambda: write(30, AT + timedelta(days=1)))
    assert prune(ONLY_EVENTS, AT + timedelta(days=2)) >= 10
    writer.join()
    assert verification.verify().is_whole
    assert not triggers.missing()
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {TABLE}")


def test_a_time_that_no_calendar_has_is_found_in_its_row(log: Log) -> None:
    write(3)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER USER")
        cursor.execute(f"UPDATE {TABLE} SET timestamp = 'infinity' WHERE id = 2")
    verdict = verification.verify()
    assert (verdict.broken_at, verdict.explanation[:33]) == (2, "what follows row 1 cannot be read")


@pytest.mark.parametrize("state", ["DISABLE", "ENABLE REPLICA"])
def test_a_trigger_that_does_not_fire_is_missing(log: Log, state: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {TABLE} {state} TRIGGER {TABLE}_no_update")
    assert triggers.missing() == [f"{TABLE}_no_update"]
