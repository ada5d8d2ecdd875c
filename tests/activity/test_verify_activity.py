"""`manage.py verify_activity`: what it says, and what it ends with."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from activity import verification
from tests.activity.logs import AT, Log, write
from tests.activity.test_manipulations import MANIPULATIONS, TABLE, gone, the_row
from tests.serve import ROOT


@pytest.fixture
def log(written: Log) -> Log:
    return written


def commanded(capsys: Any, *arguments: str) -> tuple[int, str]:
    """What `verify_activity` ends with, and what it says."""
    try:
        call_command("verify_activity", *arguments)
    except SystemExit as ended:
        return int(str(ended.code)), capsys.readouterr().out
    return 0, capsys.readouterr().out


def test_the_command_says_that_a_log_is_whole(log: Log, capsys: Any) -> None:
    assert commanded(capsys) == (0, "The activity log is whole: 20 rows, up to row 20.\n")


@pytest.mark.parametrize("name", ["a message", "a row in the middle away", "the last rows away", "all as if pruned"])
def test_the_command_names_the_broken_row(log: Log, capsys: Any, name: str) -> None:
    statements, row, words = MANIPULATIONS[name]
    log.attack(*statements)
    code, said = commanded(capsys)
    assert code == 1
    assert f"broken at row {row}:" in said
    assert words in said


@pytest.mark.parametrize("loss", [Path.unlink, lambda file: file.write_text("")], ids=["deleted", "emptied"])
def test_the_command_misses_the_anchors(log: Log, capsys: Any, loss: Callable[[Path], Any]) -> None:
    loss(log.anchors)
    code, said = commanded(capsys)
    assert (code, "cannot be told" in said) == (2, True)
    log.attack(the_row("message = 'nothing happened'"))
    assert commanded(capsys)[0] == 1


def test_the_command_compares_with_a_copy_kept_elsewhere(log: Log, tmp_path: Path, capsys: Any) -> None:
    copy = log.anchors.rename(tmp_path / "copy.jsonl")
    assert commanded(capsys)[0] == 2
    assert commanded(capsys, f"--anchor={copy}")[0] == 0
    log.attack(gone("> 17"))
    assert commanded(capsys, f"--anchor={copy}")[0] == 1
    assert commanded(capsys, f"--anchor={tmp_path / 'nothing'}")[0] == 2


def test_the_command_answers_in_json(log: Log, capsys: Any) -> None:
    log.attack(gone("IN (3, 4)"))
    code, said = commanded(capsys, "--json")
    assert (code, json.loads(said)) == (
        1,
        {
            "state": "broken",
            "rows": 2,
            "last_row": 2,
            "broken_at": 3,
            "explanation": "rows 3 to 4 are missing",
            "missing_triggers": [],
        },
    )


def test_the_command_looks_only_at_rows_since_then(log: Log, capsys: Any) -> None:
    log.attack(the_row("message = 'nothing happened'"))
    assert commanded(capsys, "--since=2026-01-31T12:06Z")[0] == 1
    assert commanded(capsys, "--since=2026-01-31T12:10Z")[0] == 0


def test_rows_moved_out_of_the_time_that_is_looked_at_are_found(log: Log, capsys: Any) -> None:
    log.attack(f"UPDATE {TABLE} SET timestamp = '2020-01-01 00:00:00' WHERE id > 12")
    assert commanded(capsys, "--since=2026-01-31T12:12Z")[0] == 1


def test_rows_since_then_are_found_though_the_clock_was_set_back(log: Log) -> None:
    for hours in (2, 1):
        write(3, AT + timedelta(hours=hours))
    assert verification.verify(since=AT + timedelta(minutes=30)).rows == 1 + 6  # and the one before


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01", "12:00", "1"])
def test_the_command_refuses_what_is_no_time(log: Log, since: str) -> None:
    with pytest.raises(CommandError, match=f"--since is '{since}'. Allowed: a day or a time"):
        call_command("verify_activity", f"--since={since}")


def test_the_command_tells_that_triggers_are_gone(log: Log, capsys: Any) -> None:
    with closing(sqlite3.connect(log.file)) as database:
        database.execute(f"DROP TRIGGER {TABLE}_no_delete")
    code, said = commanded(capsys)
    assert (code, "Its triggers are gone" in said) == (0, True)


def test_a_process_ends_with_the_same_code(log: Log) -> None:
    log.attack(gone("= 7"))
    command = [sys.executable, "manage.py", "verify_activity"]
    ended = subprocess.run(command, cwd=ROOT, env=log.environment, capture_output=True, text=True)
    assert (ended.returncode, "broken at row 7" in ended.stdout) == (1, True), ended.stderr
