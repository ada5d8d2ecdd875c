"""The log as files: what a spreadsheet gets, what can be checked without this program, and that it costs no memory."""

import csv
import io
import json
import subprocess
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from activity import export
from activity.context import Acting
from activity.models import ActivityLog
from activity.queries import ActivityFilter
from activity.record import record
from activity.types import ActivityType, ActorKind, Origin, Result
from tests.activity.bulk import bulk
from tests.activity.logs import ADA, Web, write
from tests.serve import ROOT

pytestmark = pytest.mark.django_db
AT = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
EXPORT = "/activity/export?format="
BULK = 50_000
HOSTILE = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C calc'!A0"),
    *('"quoted", and\r\nbroken\n', "\u2028\u2029\x85\x0b\x0c\x1c", "Größe ✔️ 👩‍💻 שלום", "<script>alert(1)</script>"),
    *('{"mac":"0"}', '","mac":"' + "0" * 64 + '"}', "\\", "\x00\x7f", "{{ 7*7 }}", "%s %(a)s", "", " =1"),
]


@pytest.fixture
def admin(administrator: Any) -> Client:
    admin = Client()
    admin.force_login(administrator)
    return admin


@pytest.fixture
def administrator(db: None, django_user_model: Any) -> Any:
    """Without a password, which takes its time."""
    return django_user_model.objects.create_superuser("admin")


@pytest.fixture
def hostile() -> list[ActivityLog]:
    """A row of each hostile text in every field that takes one."""
    return [_with(text) for text in HOSTILE]


def _with(text: str) -> ActivityLog:
    class Named:
        id, name = 5, text

    actor = Acting(ActorKind.USER, Origin.WEB, text, 7, "2001:db8::7", text, "r-1")
    row = record(ActivityType.SERVER_UPDATED, text, server=Named, app=Named, actor=actor, details={text: [text]}, at=AT)
    assert row
    return row


def downloaded(admin: Client, address: str) -> str:
    response = admin.get(address)
    assert response.status_code == 200
    return b"".join(response).decode()


def lines(wanted: ActivityFilter | None = None) -> str:
    return "".join(export.json_lines((wanted or ActivityFilter()).rows()))


# CSV ---------------------------------------------------------------------------------------------


def table(text: str) -> list[dict[str, str]]:
    """As a strict reader has it; each row has every column and no other."""
    found = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert all(None not in row and None not in row.values() for row in found)
    return found


def test_a_strict_reader_gets_every_field_back(admin: Client, hostile: list[ActivityLog]) -> None:
    found = table(downloaded(admin, f"{EXPORT}csv&server=5"))
    assert len(found) == len(hostile)
    for got, row in zip(found, hostile, strict=True):
        for name in ("message", "actor_name", "server_name", "app_name", "user_agent"):
            assert got[name].removeprefix("'") == getattr(row, name)
        assert json.loads(got["details"]) == row.details
        assert (got["id"], got["timestamp"], got["source_ip"]) == (
            str(row.pk),
            "2026-01-31T12:00:00.000000Z",
            "2001:db8::7",
        )


def test_no_cell_is_a_formula(admin: Client, hostile: list[ActivityLog]) -> None:
    cells = [cell for row in table(downloaded(admin, f"{EXPORT}csv&server=5")) for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
    assert "'=1+1" in cells


def test_the_columns_are_named_and_an_empty_log_has_but_their_names(admin: Client) -> None:
    text = downloaded(admin, f"{EXPORT}csv&since=2100-01-01T00:00")
    assert text.strip().split(",") == list(export.COLUMNS)
    assert {"id", "timestamp", "activity_type", "actor_name", "source_ip", "message", "details"} <= set(export.COLUMNS)


# JSON lines, checked by Python alone -------------------------------------------------------------


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Runs the program that the documentation gives, over this text; its exit code and what it says."""

    def run(text: str | bytes, *more: str, key: str = settings.ACTIVITY_KEY.hex()) -> tuple[int, str]:
        (tmp_path / "key").write_text(f"{key}\n")
        (tmp_path / "lines").write_bytes(text.encode() if isinstance(text, str) else text)
        command = ["python3", "-I", ROOT / "docs/check_activity.py", tmp_path / "key", tmp_path / "lines", *more]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.stderr == ""
        return done.returncode, done.stdout

    return run


Check = Callable[..., tuple[int, str]]


def test_a_whole_export_checks(check: Check, hostile: list[ActivityLog]) -> None:
    assert check(lines(), "--whole") == (0, f"{len(HOSTILE)} lines, 0 wrong\n")


def test_an_export_that_was_filtered_checks_line_by_line(check: Check) -> None:
    write(6)
    text = lines(ActivityFilter(result=Result.FAILURE))
    assert check(text) == (0, "3 lines, 0 wrong\n")
    code, says = check(text, "--whole")
    assert code == 1
    assert "line 2 does not follow the line before" in says


def test_every_byte_counts(check: Check) -> None:
    write(3)
    text = lines().encode()
    begin = text.index(b"\n") + 1
    wanted = [begin + 9, text.index(b"web-01", begin), text.index(b'"mac"', begin) + 9, text.index(b"\n", begin) - 1]
    for at in wanted:
        for changed in (text[at] ^ 1, 0xFF):
            code, says = check(text[:at] + bytes([changed]) + text[at + 1 :])
            assert code == 1
            assert says.startswith("line 2 was changed, or belongs to another key")
            assert says.endswith("3 lines, 1 wrong\n")


@pytest.mark.parametrize("which", [[1, 2, 3], [0, 2, 3], [1, 0, 2, 3], [0, 1, 1, 2, 3]])
def test_whole_means_that_each_line_follows_the_one_before(check: Check, which: list[int]) -> None:
    write(4)
    found = lines().splitlines(keepends=True)
    text = "".join(found[number] for number in which)
    assert check(text)[0] == 0
    code, says = check(text, "--whole")
    assert code == 1
    assert "does not follow the line before" in says


def test_with_another_key_every_line_is_wrong(check: Check) -> None:
    write(2)
    code, says = check(lines(), key="00" * 32)
    assert code == 1
    assert "2 lines, 2 wrong" in says


def test_nothing_is_not_taken_for_a_whole_log(check: Check) -> None:
    assert check("") == (1, "0 lines, 0 wrong\n")
    assert check("\n")[0] == 1


def test_a_line_is_what_json_has_and_what_the_row_says(hostile: list[ActivityLog]) -> None:
    for line, row in zip(lines().split("\n"), hostile, strict=False):
        found = json.loads(line)
        assert (found["id"], found["message"], found["details"]) == (row.pk, row.message, row.details)
        assert (found["mac"], found["previous"]) == (row.mac, row.previous)


# How it goes out ---------------------------------------------------------------------------------


def test_fifty_thousand_rows_take_no_memory(admin: Client) -> None:
    bulk(BULK, AT, message="m" * 400)
    tracemalloc.start()
    size = sum(len(chunk) for chunk in admin.get(f"{EXPORT}jsonl"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > BULK * 400
    assert peak < size / 3


def test_it_begins_before_it_is_all_read(admin: Client) -> None:
    bulk(3 * export.AT_ONCE, AT)
    response = admin.get(f"{EXPORT}jsonl&kind=reported")
    chunks: Iterator[bytes] = iter(response)
    assert next(chunks).count(b"\n") == export.AT_ONCE
    assert sum(chunk.count(b"\n") for chunk in chunks) == 2 * export.AT_ONCE


@pytest.mark.django_db(transaction=True)  # a response that is closed closes the connection, too
@pytest.mark.parametrize("read", [0, 1])
def test_one_goes_out_at_a_time_and_who_goes_away_makes_room(admin: Client, read: int) -> None:
    bulk(2 * export.AT_ONCE, AT)
    first = admin.get(f"{EXPORT}csv")
    for _, _chunk in zip(range(read), first, strict=False):
        pass
    other = admin.get(f"{EXPORT}jsonl")
    assert (other.status_code, other.headers["Retry-After"]) == (503, "60")
    assert b"Another download is running" in other.content
    assert ActivityLog.objects.filter(activity_type=ActivityType.LOG_EXPORTED).count() == 1
    first.close()
    assert downloaded(admin, f"{EXPORT}jsonl").count("\n") > 2 * export.AT_ONCE


def test_when_it_has_ended_the_next_one_may_begin(admin: Client) -> None:
    for form in ("csv", "jsonl", "csv"):
        assert downloaded(admin, f"{EXPORT}{form}")


def test_it_is_a_file_with_a_name_that_is_not_compressed_or_kept(admin: Client) -> None:
    response = admin.get(f"{EXPORT}jsonl", headers={"accept-encoding": "gzip"})
    name = response.headers["Content-Disposition"]
    assert name.startswith('attachment; filename="activity-2')
    assert name.endswith('Z.jsonl"')
    assert response.headers["Content-Type"] == "application/x-ndjson"
    assert "no-store" in response.headers["Cache-Control"]
    json.loads(b"".join(response).splitlines()[0])


def test_it_is_recorded_with_form_and_filter(admin: Client) -> None:
    record(ActivityType.SERVER_ADDED, "added", server=Web, actor=ADA)
    downloaded(admin, f"{EXPORT}csv&server=5&kind=server_added&q=&before=1")
    row = ActivityLog.objects.get(activity_type=ActivityType.LOG_EXPORTED)
    assert (row.actor_name, row.details) == ("admin", {"format": "csv", "filter": "kind=server_added&server=5"})
