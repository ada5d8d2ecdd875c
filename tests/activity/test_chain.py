"""The chain: whole whoever writes at once, whoever is killed, and whatever is written."""

import json
import os
import signal
import sqlite3
import string
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activity import chain, verification
from activity.context import Acting
from activity.models import ActivityLog
from activity.record import record
from activity.types import ActivityType, ActorKind, Origin
from tests.activity.logs import ADA, AT, Log, Web, write
from tests.serve import ROOT, until

ANYTHING = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def is_whole(rows: int) -> bool:
    """Whether there are so many rows, numbered without a gap, in one unbroken chain."""
    verdict = verification.verify()
    assert verdict.is_whole, verdict.explanation
    return verdict.rows == verdict.last_id == rows


@contextmanager
def writers(log: Log, processes: int, threads: int, rows: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.activity.writers", str(processes), str(threads), str(rows)]
    environment = {**log.environment, "DJANGO_SETTINGS_MODULE": "tomo_monitor.settings"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def wrote_at_once(log: Log) -> int:
    """Ten processes with five threads each write, and take a fourth back; how many rows are to be there."""
    with writers(log, 10, 5, 8) as running:
        assert running.wait(60) == 0
    return 10 * 5 * 6


def killed_while_writing(log: Log) -> None:
    """Writers that go on for ever are killed one after the other, each while rows come in."""
    with writers(log, 5, 2, 10**9) as running:
        assert running.stdout
        for process in running.stdout.readline().split():
            before = chain.head()[0]
            until(lambda before=before: chain.head()[0] > before + 5, 30, "rows are written")
            os.kill(int(process), signal.SIGKILL)
        assert running.wait(30) != 0


def test_fifty_writers_at_once_make_one_chain(log: Log) -> None:
    assert is_whole(wrote_at_once(log))


def test_writers_that_are_killed_leave_a_whole_chain_and_a_log_that_goes_on(log: Log) -> None:
    killed_while_writing(log)
    rows = chain.head()[0]
    assert is_whole(rows)
    with closing(sqlite3.connect(log.file)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    write(1)
    assert is_whole(rows + 1)


def test_what_was_taken_back_leaves_no_gap(log: Log) -> None:
    write(3)
    with suppress(ZeroDivisionError), transaction.atomic():
        write(2)
        raise ZeroDivisionError
    write(2)
    assert is_whole(5)


def test_what_was_taken_back_in_part_leaves_no_gap(log: Log) -> None:
    with transaction.atomic():
        write(2)
        with suppress(ZeroDivisionError), transaction.atomic():
            write(2)
            raise ZeroDivisionError
        write(2)
    assert is_whole(4)


REFUSED = {
    "UPDATE": "UPDATE {table} SET message = 'x' WHERE id = 2",
    "UPDATE of the number": "UPDATE {table} SET id = 9 WHERE id = 2",
    "UPDATE OR REPLACE": "UPDATE OR REPLACE {table} SET id = 1 WHERE id = 2",
    "DELETE": "DELETE FROM {table} WHERE id = 2",
    "DELETE of all": "DELETE FROM {table}",
    "REPLACE": "REPLACE INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE id = 2",
    "INSERT OR REPLACE": "INSERT OR REPLACE INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE id = 2",
    "ON CONFLICT": "INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE id = 2"
    " ON CONFLICT (id) DO UPDATE SET message = 'x'",
    "INSERT between": "INSERT INTO {table} ({columns}) SELECT {shifted} FROM {table} WHERE id = 3",
    "INSERT without a number": "INSERT INTO {table} ({others}) SELECT {others} FROM {table} WHERE id = 2",
}
COLUMNS = ", ".join(chain.STORED)
FILLED_IN = {
    "table": ActivityLog._meta.db_table,
    "columns": COLUMNS,
    "shifted": COLUMNS.replace("id", "id - 5", 1),
    "others": ", ".join(chain.STORED[1:]),
}


def refuses(statement: str) -> None:
    """The database does not do it, and all is as it was."""
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(**FILLED_IN))
    assert is_whole(3)


@pytest.mark.parametrize("name", REFUSED)
def test_the_database_itself_refuses(log: Log, name: str) -> None:
    write(3)
    refuses(REFUSED[name])


def test_the_orm_replaces_nothing_in_bulk(log: Log) -> None:
    write(3)
    row = ActivityLog.objects.get(pk=2)
    row.message = "nothing happened"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        ActivityLog.objects.bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=["message"])
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        ActivityLog.objects.filter(pk=2)._raw_delete("default")
    assert is_whole(3)


# What a mac is taken of --------------------------------------------------------------------------


def test_every_field_is_part_of_what_the_mac_is_taken_of(log: Log) -> None:
    write(2)
    [stored] = chain.rows_after(1)
    said = json.loads(f"{chain.content(stored)}}}")
    assert set(said) == {field.name for field in ActivityLog._meta.get_fields()} - {"mac"}
    for place, name in enumerate(chain.STORED[:-1]):
        changed = [*stored]
        changed[place] = {"timestamp": "2026-01-01 00:00:00", "details": "{}"}.get(name, "another")
        assert chain.mac(chain.content(changed)) != stored[-1], name


def test_a_line_of_an_export_is_checked_by_itself(log: Log) -> None:
    write(2)
    for line in map(chain.line, chain.rows_after(0)):
        content, mac = line[:-1].rsplit(',"mac":', 1)
        assert chain.mac(content) == json.loads(mac) == json.loads(line)["mac"]


def test_the_order_of_details_does_not_matter_when_they_are_written(log: Log) -> None:
    write(1)
    record(ActivityType.REPORTED, "one", details={"b": 1, "a": {"d": [1, 2.5, None], "c": "é"}})
    assert next(chain.rows_after(1))[-2] == '{"a":{"c":"é","d":[1,2.5,null]},"b":1}'


# Whatever is recorded ----------------------------------------------------------------------------


def test_what_no_database_takes_is_made_fit(log: Log) -> None:
    actor = Acting(ActorKind.USER, Origin.WEB, "a\0b" * 100, 7, "no address", "\udc80" * 400)
    details = {"\0": "\ud800", "list": ("a", float("nan")), 7: float("-inf"), "deep": [{"\udfff": 1}]}
    record(ActivityType.REPORTED, "m\0" * 400, server=Web(), details=details, actor=actor, at=AT)
    row = ActivityLog.objects.get()
    assert (len(row.actor_name), len(row.user_agent), len(row.message), row.source_ip) == (150, 300, 500, None)
    assert row.details == {"\ufffd": "?", "list": ["a", None], "7": None, "deep": [{"?": 1}]}
    assert is_whole(1)


ADDRESSES = {
    "198.51.100.7": "198.51.100.7",
    "2001:DB8:0::1": "2001:db8::1",
    "fe80::1%eth0": "fe80::1",
    "": None,
    None: None,
    "198.51.100.7, 10.0.0.1": None,
    "198.51.100.300": None,
}


@pytest.mark.parametrize("given", ADDRESSES)
def test_an_address_is_one_or_none(log: Log, given: str | None) -> None:
    record(ActivityType.REPORTED, "one", actor=Acting(source_ip=given))
    assert (ActivityLog.objects.get().source_ip, is_whole(1)) == (ADDRESSES[given], True)


texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=600)
numbers = st.integers() | st.floats() | st.booleans() | st.none()
json_values = st.recursive(
    numbers | texts, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=9
)
actors = st.builds(
    Acting,
    kind=st.sampled_from(ActorKind),
    origin=st.sampled_from(Origin),
    name=texts,
    user_id=st.none() | st.integers(1, 2**63 - 1),
    source_ip=st.none() | texts | st.ip_addresses().map(str) | st.ip_addresses(network="::ffff:0:0/96").map(str),
    user_agent=texts,
    request_id=st.text(string.hexdigits, max_size=40),
)
anything = st.fixed_dictionaries(
    {
        "message": texts,
        "details": st.dictionaries(texts, json_values, max_size=5),
        "actor": actors,
        "at": st.datetimes(
            timezones=st.timezones() | st.just(UTC), min_value=datetime(1900, 1, 2), max_value=datetime(9000, 1, 1)
        ),
    }
)


@given(anything)
@ANYTHING
def test_whatever_is_recorded_verifies(log: Log, given: Any) -> None:
    record(ActivityType.REPORTED, **given)
    assert verification.verify().is_whole


def test_the_end_of_a_walk_is_where_the_next_row_begins(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "AT_ONCE", 3)
    for rows in range(8):
        assert is_whole(rows)
        record(ActivityType.REPORTED, "one", actor=ADA, at=AT + timedelta(days=rows))
