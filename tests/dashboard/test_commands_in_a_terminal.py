"""The commands that read, run as people run them: into a pipe that closes, on a terminal, until Ctrl-C."""

import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ
from typing import Any

import pytest

from tests.serve import ROOT, until

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """A demo of two servers, as an environment without any setting but where it is."""
    folder = tmp_path_factory.mktemp("demo")
    bare = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    made = ["demo", "--servers=2", "--days=1", "--fill-only"]
    subprocess.run(
        _command(*made), cwd=ROOT, env=bare | {"TOMO_DATA_DIR": f"{folder}/data"}, capture_output=True, check=True
    )
    return bare | {"TOMO_DATA_DIR": f"{folder}/data-demo"}


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


def piped(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(*arguments), cwd=ROOT, env=environment, capture_output=True, text=True)


def on_terminal(environment: Mapping[str, str], *arguments: str, columns: int = 100) -> str:
    """What it shows on a terminal so wide."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(_command(*arguments), cwd=ROOT, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # which is how the end of a terminal reads
        while part := os.read(ours, 65536):
            shown += part
    os.close(ours)
    assert process.wait() == 0, shown
    return shown.decode().replace("\r\n", "\n")


def test_a_terminal_gets_colours_and_lines_that_fit(environment: Mapping[str, str]) -> None:
    shown = on_terminal(environment, "status", columns=60)
    assert COLOUR.search(shown)
    assert max(len(line) for line in COLOUR.sub("", shown).splitlines()) <= 60
    assert "…" in shown


@pytest.mark.parametrize("setting", [{"NO_COLOR": "1"}, {}])
def test_no_colour_where_it_is_not_wanted(environment: Mapping[str, str], setting: Mapping[str, str]) -> None:
    options = [] if setting else ["--no-color"]
    assert not COLOUR.search(on_terminal({**environment, **setting}, "status", *options))


def test_a_pipe_gets_whole_lines_without_colours(environment: Mapping[str, str]) -> None:
    told = piped(environment, "status").stdout
    assert "\x1b" not in told
    assert "…" not in told
    assert COLOUR.search(piped({**environment, "NO_COLOR": "1"}, "status", "--force-color").stdout)


def test_a_width_that_is_set_counts_in_a_pipe_too(environment: Mapping[str, str]) -> None:
    told = piped({**environment, "COLUMNS": "50"}, "servers").stdout
    assert max(map(len, told.splitlines())) <= 50


def test_a_terminal_without_unicode_gets_the_figures_without_blocks(environment: Mapping[str, str]) -> None:
    told = piped({**environment, "PYTHONIOENCODING": "ascii"}, "metrics", "web-01", "--period=1h")
    assert told.returncode == 0, told.stderr
    assert "HISTORY" not in told.stdout
    assert "cpu " in told.stdout


def test_a_reader_who_has_seen_enough_ends_it_quietly(environment: Mapping[str, str]) -> None:
    for command in ("activity --limit 100000", "metrics web-01 --json --period 24h", "servers"):
        shell = f"{sys.executable} manage.py {command} | head -n 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
        ended = subprocess.run(["bash", "-c", shell], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert (ended.stderr, ended.returncode) in (("", 0), ("", 128 + signal.SIGPIPE)), command


def test_following_prints_what_happens_until_ctrl_c(environment: Mapping[str, str]) -> None:
    process: Any = subprocess.Popen(
        _command("activity", "--follow", "--limit=0", "--json", "--type=reported"),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: _has_begun(process.pid), 60, "it asks the database")
    piped(environment, "record_activity", "reported", "deployed")
    piped(environment, "record_activity", "backup_created", "made")
    piped(environment, "record_activity", "reported", "deployed again")
    assert [json.loads(process.stdout.readline())["message"] for _ in range(2)] == ["deployed", "deployed again"]
    process.send_signal(signal.SIGINT)
    told, wrong = process.communicate(timeout=30)
    assert (told, wrong, process.returncode) == ("", "", -signal.SIGINT)


def test_wrong_ends_with_1_and_misuse_with_2(environment: Mapping[str, str]) -> None:
    ended = piped(environment, "metrics", "web-1")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "CommandError: There is no server 'web-1'. Did you mean web-01 or web-02?\n"
    assert piped(environment, "status", "--nonsense").returncode == 2


def test_a_check_ends_with_2_while_nothing_polls(environment: Mapping[str, str]) -> None:
    ended = piped(environment, "status", "--check")
    assert (ended.returncode, ended.stdout[:16]) == (2, "critical  poller")


def test_a_folder_without_a_database_says_what_makes_one(environment: Mapping[str, str], tmp_path: Path) -> None:
    ended = piped({**environment, "TOMO_DATA_DIR": str(tmp_path)}, "status")
    assert ended.returncode == 1
    assert ended.stderr.startswith("CommandError: The database cannot be read (no such table: ")
    assert "`manage.py serve` makes or updates it." in ended.stderr


def _has_begun(pid: int) -> bool:
    """Whether it has its database open."""
    return any(file.readlink().name == "tomo.sqlite3" for file in Path(f"/proc/{pid}/fd").iterdir())
