"""Whatever is done to the log's table behind the program's back, verifying names the first row that is not as written.

Who does it here may do anything to the database, triggers included, and knows this code, but has not the key.
"""

import hashlib
import hmac
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activity import anchors, chain, verification, walk
from activity.models import ActivityLog
from activity.pruning import prune
from activity.types import Category
from tests.activity.logs import AT, ROWS, Log

TABLE, SEGMENTS = "activity_activitylog", "activity_prunedsegment"
NOTHING = hashlib.sha256().hexdigest()


@pytest.fixture(scope="module")
def pruned_once(tmp_path_factory: pytest.TempPathFactory, whole: Log, django_db_blocker: Any) -> Log:
    """The same, after the rows of events were pruned: 1, 3, 5 … are gone, 2, 4, 6 … stand in the stretch 1 to 19."""
    log = whole.copied(tmp_path_factory.mktemp("pruned") / "data")
    with django_db_blocker.unblock(), log.opened():
        prune({Category.SECURITY: 1000, Category.CHANGES: 1000, Category.EVENTS: 1}, AT + timedelta(days=2))
        anchors.drop(AT + timedelta(days=2))
    return log


@pytest.fixture
def log(written: Log) -> Log:
    return written


@pytest.fixture
def pruned(tmp_path: Path, pruned_once: Log, unblocked: None) -> Iterator[Log]:
    copy = pruned_once.copied(tmp_path / "data")
    with copy.opened():
        yield copy


def verified(anchored: bool = True) -> tuple[int | None, str]:
    """Where the log is broken, and how."""
    verdict = verification.verify(anchored=anchors.read(anchors.path()) if anchored else ())
    assert not verdict.missing_triggers
    return verdict.broken_at, verdict.explanation


def the_row(values: str, row: int = 7) -> str:
    return f"UPDATE {TABLE} SET {values} WHERE id = {row}"


def copy_of(row: int, number: int, **exchanged: str) -> str:
    """Another row with the same values but for these, which are SQL."""
    exchanged |= {"id": str(number)}
    values = ", ".join(exchanged.get(column, column) for column in chain.STORED)
    return f"INSERT INTO {TABLE} ({', '.join(chain.STORED)}) SELECT {values} FROM {TABLE} WHERE id = {row}"


def moved(row: int, to: int) -> str:
    return f"UPDATE {TABLE} SET id = {to} WHERE id = {row}"


def mac_of(row: int) -> str:
    return f"(SELECT mac FROM {TABLE} WHERE id = {row})"


def gone(rows: str) -> str:
    return f"DELETE FROM {TABLE} WHERE id {rows}"


def pretended_segment(first: int, last: int) -> str:
    """A pruned stretch as the program writes it, but for the signature, which nobody can make without the key."""
    values = f"1, {first}, {last}, {mac_of(first - 1)}, {mac_of(last)}, 0, '{NOTHING}', '{AT}', '{NOTHING}'"
    columns = "id, first_id, last_id, previous, mac, kept, kept_digest, pruned_at, signature"
    return f"INSERT INTO {SEGMENTS} ({columns}) VALUES ({values})"


LOOSENED = (
    "PRAGMA writable_schema = ON",
    f"UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '') WHERE name = '{TABLE}'",
    "PRAGMA writable_schema = RESET",
)
CHANGED, EXCHANGED = "was changed, or written by somebody without the key", "does not follow row"
RENUMBERED = [gone("= 7"), *(moved(row, row - 1) for row in range(8, ROWS + 1))]

MANIPULATIONS: dict[str, tuple[list[str], int, str]] = {
    "a message": ([the_row("message = 'nothing happened'")], 7, CHANGED),
    "a value of the details": ([the_row("details = replace(details, '2222', '2223')", 8)], 8, CHANGED),
    "a space after the details": ([the_row("details = details || ' '")], 7, CHANGED),
    "spaces in the details": ([the_row("details = replace(details, ':', ': ')", 8)], 8, CHANGED),
    "details that are no JSON": ([the_row("details = '{'")], 7, CHANGED),
    "details that are bytes": ([the_row("details = CAST(details AS BLOB)")], 7, CHANGED),
    "a timestamp by a millisecond": ([the_row("timestamp = '2026-01-31 12:06:00.001000'")], 7, CHANGED),
    "a timestamp into another zone": ([the_row("timestamp = '2026-01-31 14:06:00+02:00'")], 7, CHANGED),
    "a timestamp into another spelling": ([the_row("timestamp = '2026-W05-6 12:06:00'")], 7, CHANGED),
    "a timestamp that is none": ([the_row("timestamp = 'yesterday'")], 7, CHANGED),
    "a timestamp before all times": ([the_row("timestamp = '0001-01-01 00:00:00+14:00'")], 7, CHANGED),
    "a message into bytes that are no text": ([the_row("message = CAST(x'ff' AS TEXT)")], 7, "cannot be read"),
    "an actor": ([the_row("actor_name = 'bob', user_id = 8", 8)], 8, CHANGED),
    "an address away": ([the_row("source_ip = NULL", 8)], 8, CHANGED),
    "a result": ([the_row("result = 'success'")], 7, CHANGED),
    "nothing written where nothing was known": ([the_row("source_ip = ''")], 7, CHANGED),
    "nothing known where nothing was written": ([*LOOSENED, the_row("user_agent = NULL")], 7, CHANGED),
    "a mac": ([the_row("mac = 'é'")], 7, CHANGED),
    "a mac into bytes": ([the_row("mac = CAST(mac AS BLOB)")], 7, CHANGED),
    "a row in the middle away": ([gone("= 7")], 7, "row 7 is missing"),
    "the first row away": ([gone("= 1")], 1, "row 1 is missing"),
    "several rows away": ([gone("IN (3, 4, 9)")], 3, "rows 3 to 4 are missing"),
    "the last rows away": ([gone("> 17")], 18, "the end was cut off after row 17: row 20 was there at"),
    "the last rows away and others added": ([gone("> 19"), copy_of(19, 20, previous=mac_of(19))], 20, CHANGED),
    "all rows away": ([gone("> 0")], 1, "the end was cut off after row 0"),
    "two rows swapped": ([moved(7, 99), moved(8, 7), moved(99, 8)], 7, EXCHANGED),
    "the last row doubled": ([copy_of(20, 21)], 21, EXCHANGED),
    "a row added, its mac made up": ([copy_of(20, 21, previous=mac_of(20), mac=f"'{NOTHING}'")], 21, CHANGED),
    "a row added with the mac of another": ([copy_of(20, 21, previous=mac_of(20))], 21, CHANGED),
    "a row added far behind": ([copy_of(20, 2**60, previous=mac_of(20))], 21, "are missing"),
    "a row put before the first": ([copy_of(20, 0)], 0, "before the first"),
    "a row put far before the first": ([copy_of(20, -(2**63))], -(2**63), "before the first"),
    "a row replaced by an older one": ([gone("= 7"), copy_of(3, 7)], 7, EXCHANGED),
    "a row replaced in its place": ([gone("= 7"), copy_of(3, 7, previous=mac_of(6))], 7, CHANGED),
    "numbers closed up after a deletion": (RENUMBERED, 7, EXCHANGED),
    "the chain closed up as well": ([*RENUMBERED, the_row(f"previous = {mac_of(6)}")], 7, CHANGED),
    "a pruned stretch made up": ([pretended_segment(7, 7), gone("= 7")], 7, "was changed or made up"),
    "all as if pruned": ([pretended_segment(2, 19), gone("BETWEEN 2 AND 19")], 2, "was changed or made up"),
}


@pytest.mark.parametrize("name", MANIPULATIONS)
def test_a_manipulation_is_found_in_its_row(log: Log, name: str) -> None:
    statements, row, words = MANIPULATIONS[name]
    assert verified() == (None, "")
    log.attack(*statements)
    broken_at, explanation = verified()
    assert (broken_at, words in explanation) == (row, True), explanation


OF_PRUNED = {
    "the segment away": ([f"DELETE FROM {SEGMENTS}"], 1, "row 1 is missing"),
    "a kept row away": ([gone("= 4")], 1, "9 were kept, not these 8"),
    "a kept row changed": ([the_row("message = 'nothing happened'", 4)], 4, CHANGED),
    "a kept row twice": ([copy_of(4, 5)], 5, CHANGED),
    "kept rows swapped": ([moved(4, 5), moved(6, 4), moved(5, 6)], 4, CHANGED),
    "the row behind the stretch away": ([gone("= 20")], 20, "row 20 is missing"),
    "fewer kept": ([gone("= 4"), f"UPDATE {SEGMENTS} SET kept = 8"], 1, "was changed or made up"),
    "a longer stretch": ([gone("= 20"), f"UPDATE {SEGMENTS} SET last_id = 20"], 1, "was changed or made up"),
    "a signature that is none": ([f"UPDATE {SEGMENTS} SET signature = 'é'"], 1, "cannot be read"),
    "a day that is none": ([f"UPDATE {SEGMENTS} SET pruned_at = 'yesterday'"], 1, "cannot be read"),
    "another spelling of the day": ([f"UPDATE {SEGMENTS} SET pruned_at = pruned_at || '+00:00'"], None, ""),
    "a signature of no text": ([f"UPDATE {SEGMENTS} SET signature = CAST(x'ff' AS TEXT)"], 1, "cannot be read"),
    "a place that is none": ([f"UPDATE {SEGMENTS} SET first_id = 'one'"], 1, "cannot be read"),
    "a count that is none": ([f"UPDATE {SEGMENTS} SET kept = 'nine'"], 1, "was changed or made up"),
}


@pytest.mark.parametrize("name", OF_PRUNED)
def test_a_manipulation_of_what_was_pruned_is_found(pruned: Log, name: str) -> None:
    statements, row, words = OF_PRUNED[name]
    assert verified() == (None, "")
    pruned.attack(*statements)
    broken_at, explanation = verified()
    assert (broken_at, words in explanation) == (row, True), explanation


def sealed_anew(log: Log, seal: Callable[[str], str]) -> None:
    """Every row chained again after a deletion, as the program does it, by somebody who seals in this way."""
    with closing(sqlite3.connect(log.file)) as database:
        columns, previous, statements = ", ".join(chain.STORED), chain.START, [gone("= 7")]
        rows = database.execute(f"SELECT {columns} FROM {TABLE} WHERE id <> 7 ORDER BY id").fetchall()
    for number, row in enumerate(rows, start=1):
        stored = [number, *row[1:]]
        stored[walk.PREVIOUS] = previous
        before, previous = previous, seal(f"{chain.content(stored)}}}")
        values = f"id = {number}, previous = '{before}', mac = '{previous}'"
        statements.append(f"UPDATE {TABLE} SET {values} WHERE id = {row[0]}")
    log.attack(*statements)


SEALS: dict[str, Callable[[str], str]] = {
    "without a key": lambda content: hashlib.sha256(content.encode()).hexdigest(),
    "with another key": lambda content: hmac.digest(b"guessed", content.encode(), "sha256").hex(),
    "with an empty key": lambda content: hmac.digest(b"", content.encode(), "sha256").hex(),
}


@pytest.mark.parametrize("name", SEALS)
def test_a_log_that_was_sealed_anew_is_broken_from_its_first_row(log: Log, name: str) -> None:
    sealed_anew(log, SEALS[name])
    broken_at, explanation = verified()
    assert (broken_at, CHANGED in explanation) == (1, True)


def test_only_the_key_makes_a_chain(log: Log) -> None:
    sealed_anew(log, lambda content: chain.mac(content[:-1]))
    assert verified(anchored=False) == (None, "")
    assert verified()[0] == 10  # the anchor's row is another now


def test_details_that_are_no_json_are_shown_as_they_are(log: Log) -> None:
    log.attack(the_row("details = '{'"))
    assert ActivityLog.objects.get(pk=7).details == {"unreadable": "{"}


@pytest.mark.parametrize("details", ["x'ff'", f"'{'[' * 100_000}'"], ids=["bytes", "depth"])
def test_so_are_details_that_are_no_text_or_without_end(log: Log, details: str) -> None:
    log.attack(the_row(f"details = {details}"))
    assert ActivityLog.objects.get(pk=7).pretty_details.strip("{ \n").startswith('"unreadable"')


# The anchors -------------------------------------------------------------------------------------


def test_without_anchors_only_a_lost_end_goes_unseen(log: Log) -> None:
    log.attack(gone("> 17"))
    assert verified(anchored=False) == (None, "")
    assert verified()[0] == 18


def test_a_changed_anchor_is_told_by_its_row(log: Log) -> None:
    log.anchors.write_text(log.anchors.read_text().replace('"row": 10', '"row": 11'))
    broken_at, explanation = verified()
    assert (broken_at, "is not the one that was there" in explanation) == (11, True)


def test_an_anchor_of_a_row_that_never_was_is_told(log: Log) -> None:
    log.anchors.write_text(log.anchors.read_text().replace('"row": 20', '"row": 25'))
    broken_at, explanation = verified()
    assert (broken_at, "row 25 was there" in explanation) == (21, True)
