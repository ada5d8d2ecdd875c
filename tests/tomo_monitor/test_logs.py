"""Log lines: one JSON object per event in whatever process, with no secret and no control character in it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from activity.masking import MASK
from tests.metrics.test_masking import KEY
from tomo_monitor.log_values import clean

ROOT = Path(__file__).parents[2]
HOSTILE = "a\nb\rc\x1b[31md\x00e\u202ef\u2028g\x85h\u200bi"
HARMLESS = "a\ufffdb\ufffdc\ufffd[31md\ufffde\ufffdf\ufffdg\ufffdh\ufffdi"
TOKEN = "tomo_12_" + "aB3-" * 10 + "xyz"
SESSION = "q8f0p2k4h6j1z3x5c7v9b0n2m4l6k8j0"
START = "import django, logging, structlog; django.setup(); log = structlog.get_logger('x')\n"


def run(folder: Path, code: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """This code in a process of the product."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TOMO_", "DJANGO_"))}
    settings = {
        "TOMO_DATA_DIR": str(folder),
        "TOMO_LOG_FORMAT": "json",
        "DJANGO_SETTINGS_MODULE": "tomo_monitor.settings",
        **settings,
    }
    return subprocess.run(
        [sys.executable, "-c", START + code], cwd=ROOT, env=clean | settings, capture_output=True, text=True
    )


def logged(folder: Path, code: str, **settings: str) -> list[dict[str, Any]]:
    """What this code logs in a process of the product."""
    return [json.loads(line) for line in run(folder, code, **settings).stderr.split("\n") if line]


def test_an_event_is_one_line_whatever_its_values_hold(tmp_path: Path) -> None:
    [line] = logged(tmp_path, f"log.info('poll.failed', server={HOSTILE!r}, details={{{HOSTILE!r}: [{HOSTILE!r}]}})")
    assert (line["event"], line["server"]) == ("poll.failed", HARMLESS)
    assert line["details"] == {HARMLESS: [HARMLESS]}
    assert (line["level"], line["logger"], line["part"]) == ("info", "x", "command")
    assert line["timestamp"].endswith("Z")


def test_a_terminal_gets_no_control_character_either(tmp_path: Path) -> None:
    code = (
        f"log.info('poll.failed', server={HOSTILE!r})\n"
        f"try: raise ValueError({HOSTILE!r})\n"
        "except ValueError: log.exception('x')"
    )
    text = run(tmp_path, code, TOMO_LOG_FORMAT="console").stderr
    assert HARMLESS in text
    assert "Traceback (most recent call last):\n" in text
    assert not set(text) & set(HOSTILE.replace("\n", "")) - set("abcdefghi[31m")


def test_the_standard_library_logs_the_same_way(tmp_path: Path) -> None:
    [line] = logged(tmp_path, "logging.getLogger('other').warning('from %s', 'a\\nb\\x1b[2J')")
    assert (line["event"], line["level"], line["logger"]) == ("from a\ufffdb\ufffd[2J", "warning", "other")
    assert line["part"] == "command"


def test_a_traceback_stays_on_the_line_of_its_event_and_shows_no_variables(tmp_path: Path) -> None:
    code = (
        "def f(): unseen = 'inner' + ' value'; 1 / 0\ntry: f()\nexcept ZeroDivisionError: log.exception('poll.crashed')"
    )
    [line] = logged(tmp_path, code)
    assert line["exception"].endswith("\nZeroDivisionError: division by zero")
    assert "inner value" not in str(line)


def test_the_noise_of_the_parts_is_kept_down(tmp_path: Path) -> None:
    code = (
        "for name in ('paramiko', 'paramiko.transport', 'django-q', 'django.request', 'urllib3'):\n"
        "  logging.getLogger(name).info('noise'); logging.getLogger(name).debug('noise')\n"
        "logging.getLogger('paramiko.transport').error('Exception (client): banner\\n\\x1b[31m')\n"
        "logging.getLogger('django.request').warning('Not Found: /x')\n"
        "logging.getLogger('django-q').error('told')"
    )
    assert [line["event"] for line in logged(tmp_path, code) if line["logger"] != "urllib3"] == ["told"]


def test_lines_of_a_request_carry_its_id(tmp_path: Path) -> None:
    code = (
        "from activity.context import Acting, acting\n"
        "with acting(Acting(request_id='abc')): log.info('in')\n"
        "log.info('out')"
    )
    inside, outside = logged(tmp_path, code)
    assert inside["request_id"] == "abc"
    assert "request_id" not in outside


def test_what_nobody_caught_and_what_does_not_log_is_logged_as_well(tmp_path: Path) -> None:
    code = (
        "import warnings, threading, multiprocessing\n"
        f"def f(): raise ValueError({TOKEN!r})\n"
        "warnings.warn('mind\\n')\n"
        "for kind in (threading.Thread, multiprocessing.Process): one = kind(target=f); one.start(); one.join()\n"
        "f()"
    )
    lines = logged(tmp_path, code, _TOMO_SUPERVISED="poll-2")
    assert {line["part"] for line in lines} == {"poll-2"}
    crashed = [line["exception"] for line in lines if line["event"] == "process.crashed"]
    assert [text.splitlines()[-1] for text in crashed] == [f"ValueError: {MASK}"] * 2
    assert [line["message"] for line in lines if line["event"] == "python.warned"] == ["mind\ufffd"]
    assert f"ValueError: {MASK}" in [line.get("written") for line in lines]


def test_why_the_product_did_not_start_is_one_line_too(tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "serve"]
    wrong = {"TOMO_DATA_DIR": str(tmp_path), "TOMO_LOG_FORMAT": "json", "TOMO_DATABASE_URL": "mysql://a:hunter2@b/c"}
    ended = subprocess.run(command, cwd=ROOT, env=os.environ | wrong, capture_output=True, text=True)
    [line] = map(json.loads, ended.stderr.splitlines())
    assert "TOMO_DATABASE_URL is 'mysql://" in line["written"]
    assert "hunter2" not in ended.stdout + ended.stderr


# Secrets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["password", "csrf_token", "Authorization", "private_key", "set-cookie"])
def test_what_is_called_like_a_secret_is_masked_at_any_depth(name: str) -> None:
    assert clean({name: "x", "a": [{"b": {name: ["x"]}}]}) == {name: MASK, "a": [{"b": {name: MASK}}]}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"with {TOKEN} now", f"with {MASK} now"),
        ("postgres://tomo:hunter2@db/tomo", f"postgres://tomo:{MASK}@db/tomo"),
        ("{'Authorization': 'Bearer abc'}", f"{{'Authorization': {MASK}}}"),
        (f"session {SESSION} ended", f"session {MASK} ended"),
        (f"tomo_session={SESSION}; path=/", f"tomo_session={MASK}; path=/"),
        ("{'__Host-csrf': 'abc'}", f"{{'__Host-csrf': '{MASK}'}}"),
        ("GET /set-up/abc-DEF_1 failed", f"GET /set-up/{MASK} failed"),
    ],
)
def test_a_secret_of_known_shape_is_masked_wherever_it_stands(text: str, kept: str) -> None:
    wrong = ValueError(text)
    assert clean({"a": text, "b": [text], text: "", "exception": f"x\n{text}", "wrong": wrong}) == {
        "a": kept, "b": [kept], kept: "", "exception": f"x\n{kept}", "wrong": repr(wrong).replace(text, kept)
    }  # fmt: skip


def test_a_private_key_is_masked_with_all_its_lines() -> None:
    assert not any(line in str(clean({"a": "\n".join(KEY), "exception": "\n".join(KEY)})) for line in KEY[1:3])


@pytest.mark.parametrize(
    "text",
    [
        "5c72a1d89c654050be81a83bec8a0e3c",  # an id of a request
        "88ca028ed5d2e7fb5bcf2d2bddc7aa7a89968e3b2bd3bcaa86ee34b2dc804b87",
        "SHA256:uNiVztksCsDhcc0u9e8BrrJXVGDsyCxE1uTrSGPjOeU",
        "Nothing listens at 10.0.0.7:22: check that sshd runs, and the port.",
        "/servers/12/charts",
        "/set-up/<str:token>",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert clean({"a": text}) == {"a": text}


def test_numbers_stay_numbers_and_what_is_unknown_stays_unknown() -> None:
    assert clean({"a": 1.5, "b": None, "c": True, "d": (1, 2)}) == {"a": 1.5, "b": None, "c": True, "d": [1, 2]}
