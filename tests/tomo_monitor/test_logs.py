"""Log lines: one JSON object per event, whatever is in it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def logged(folder: Path, code: str) -> list[dict[str, Any]]:
    """What this code logs in a process of the product."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TOMO_", "DJANGO_"))}
    settings = {
        "TOMO_DATA_DIR": str(folder),
        "TOMO_LOG_FORMAT": "json",
        "DJANGO_SETTINGS_MODULE": "tomo_monitor.settings",
    }
    start = "import django, logging, structlog; django.setup()\n"
    ended = subprocess.run(
        [sys.executable, "-c", start + code], cwd=ROOT, env=clean | settings, capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in ended.stderr.split("\n") if line]


def test_an_event_is_one_line_whatever_its_values_hold(tmp_path: Path) -> None:
    hostile = "a\nb\rc\x1b[31md\x00e\u202ef\u2028g\x85h\u200bi"
    [line] = logged(tmp_path, f"structlog.get_logger('x').info('poll.failed', server={hostile!r})")
    assert line["event"] == "poll.failed"
    assert line["server"] == "a\ufffdb\ufffdc\ufffd[31md\ufffde\ufffdf\ufffdg\ufffdh\ufffdi"
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")


def test_nested_values_do_not_split_a_line_either(tmp_path: Path) -> None:
    [line] = logged(tmp_path, "structlog.get_logger('x').info('x', details={'a': ['b\\nc\\x1b[0m']})")
    assert line["details"] == {"a": ["b\nc\x1b[0m"]}


def test_the_standard_library_logs_the_same_way(tmp_path: Path) -> None:
    [line] = logged(tmp_path, "logging.getLogger('other').warning('from %s', 'a\\nb\\x1b[2J')")
    assert (line["event"], line["level"], line["logger"]) == ("from a\ufffdb\ufffd[2J", "warning", "other")


def test_an_exception_stays_on_the_line_of_its_event(tmp_path: Path) -> None:
    code = "try: 1 / 0\nexcept ZeroDivisionError: structlog.get_logger('x').exception('poll.crashed')"
    [line] = logged(tmp_path, code)
    assert "ZeroDivisionError" in line["exception"]


def test_the_noise_of_the_parts_is_kept_down(tmp_path: Path) -> None:
    code = (
        "for name in ('paramiko', 'paramiko.transport', 'django-q', 'django.request', 'urllib3'):\n"
        "  logging.getLogger(name).info('noise'); logging.getLogger(name).debug('noise')\n"
        "logging.getLogger('paramiko.transport').error('Exception (client): banner\\n\\x1b[31m')\n"
        "logging.getLogger('django-q').error('told')"
    )
    assert [line["event"] for line in logged(tmp_path, code) if line["logger"] != "urllib3"] == ["told"]


def test_lines_of_a_request_carry_its_id(tmp_path: Path) -> None:
    code = (
        "from activity.context import Acting, acting\n"
        "with acting(Acting(request_id='abc')): structlog.get_logger('x').info('in')\n"
        "structlog.get_logger('x').info('out')"
    )
    inside, outside = logged(tmp_path, code)
    assert inside["request_id"] == "abc"
    assert "request_id" not in outside
