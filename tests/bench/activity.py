"""The activity log with a million rows, on SQLite."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import Client

from activity import chain
from activity.models import ActivityLog
from activity.queries import ActivityFilter, page
from activity.record import record
from activity.types import ActivityType
from tests.serve import ROOT

ROWS = 1_000_000
AT_ONCE = 20_000
WRITTEN = 2000
PAGE = 50
RUNS = 3
END = datetime(2026, 1, 31, 12, tzinfo=UTC)
STEP = timedelta(seconds=30)
PEAK = """
import atexit, re, sys
from pathlib import Path
atexit.register(lambda: print(re.search("VmHWM.*", Path("/proc/self/status").read_text())[0], file=sys.__stderr__))
"""
VERIFY = """
import django
django.setup()
from django.core.management import call_command
call_command("verify_activity")
"""
EXPORT = """
import django
django.setup()
from activity import export
from activity.queries import ActivityFilter
for chunk in export.exported(ActivityFilter().rows(), {form!r}):
    pass
"""


def measure() -> Iterator[tuple[str, str]]:
    yield "rows written a second, one writer", f"{_written_by_one():.0f}"
    yield "rows written a second, four processes", f"{_written_by_four():.0f}"
    _fill()
    yield "in the table now", f"{chain.head()[0]:,} rows"
    yield "a process that does nothing", _cost("import django; django.setup()")
    yield "`manage.py verify_activity`", _cost(VERIFY)
    for form in ("jsonl", "csv"):
        yield f"exported as {form}", _cost(EXPORT.format(form=form))
    for what, wanted in _filters().items():
        yield f"first page of {PAGE}, {what}", _milliseconds(lambda wanted=wanted: page(wanted, limit=PAGE))
    yield from _admin()


def _written_by_one() -> float:
    started = time.perf_counter()
    for number in range(WRITTEN):
        record(ActivityType.REPORTED, f"number {number}", details={"number": number})
    return WRITTEN / (time.perf_counter() - started)


def _written_by_four() -> float:
    """Each by one thread that takes a fourth of its rows back; only what stays is counted."""
    before = chain.head()[0]
    command = [sys.executable, "-m", "tests.activity.writers", "4", "1", str(WRITTEN // 4)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as running:
        assert running.stdout
        running.stdout.readline()
        started = time.perf_counter()
        running.wait()
    return (chain.head()[0] - before) / (time.perf_counter() - started)


def _fill() -> None:
    """Many rows of many kinds, servers, users and addresses, in one chain with those that are there."""
    table, places = ActivityLog._meta.db_table, ", ".join(["%s"] * len(chain.STORED))
    query = f"INSERT INTO {table} ({', '.join(chain.STORED)}) VALUES ({places})"
    first, previous = chain.head()
    for start in range(first + 1, ROWS + 1, AT_ONCE):
        rows = []
        for number in range(start, min(start + AT_ONCE, ROWS + 1)):
            stored = _row(number, previous)
            previous = chain.mac(chain.content(stored))
            rows.append((*stored, previous))
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(query, rows)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _row(number: int, previous: str) -> tuple[Any, ...]:
    kinds = list(ActivityType)
    server, user = number % 1000, number % 20
    values = {
        "id": number,
        "timestamp": str((END - (ROWS - number) * STEP).replace(tzinfo=None)),
        "activity_type": str(kinds[number % len(kinds)]),
        "actor_kind": "user",
        "actor_name": f"user-{user}",
        "user_id": user,
        "source_ip": f"198.51.100.{number % 250}",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "origin": "web",
        "server_id": server,
        "server_name": f"server-{server:04}",
        "app_id": number % 20_000,
        "app_name": f"shop-web-{number % 20}",
        "result": "failure" if number % 50 == 0 else "success",
        "message": f"shop-web-{number % 20} of server-{server:04} crashed: exit code {number % 256}",
        "request_id": f"{number:032x}",
        "previous": previous,
        "details": f'{{"after":{{"port":2222}},"before":{{"port":22}},"exit_code":{number % 256}}}',
    }
    return tuple(values[column] for column in chain.STORED[:-1])


def _filters() -> dict[str, ActivityFilter]:
    half = END - ROWS * STEP / 2
    return {
        "all": ActivityFilter(),
        "one kind": ActivityFilter(activity_types=["app_crashed"]),
        "five kinds": ActivityFilter(activity_types=list(ActivityType)[:5]),
        "one user": ActivityFilter(user_id=7),
        "one actor": ActivityFilter(actor="user-7"),
        "one server": ActivityFilter(server_id=7),
        "one app": ActivityFilter(app_id=7),
        "one address": ActivityFilter(source_ip="198.51.100.7"),
        "failures": ActivityFilter(result="failure"),
        "a day": ActivityFilter(since=half, until=half + timedelta(days=1)),
        "the older half": ActivityFilter(until=half),
        "a word": ActivityFilter(text="server-0007"),
        "a word that is nowhere": ActivityFilter(text="nowhere"),
        "a word in the older half": ActivityFilter(text="server-0007", since=END - ROWS * STEP, until=half),
        "one request": ActivityFilter(request_id=f"{ROWS - 7:032x}"),
        "ten servers": ActivityFilter(servers=range(10)),
        "server, kind and result": ActivityFilter(server_id=50, activity_types=["app_crashed"], result="failure"),
    }


def _admin() -> Iterator[tuple[str, str]]:
    settings.ALLOWED_HOSTS.append("testserver")
    client = Client()
    client.force_login(get_user_model().objects.filter(is_superuser=True).first() or _superuser())
    for what, query in {
        "": "",
        ", one kind": "?activity_type__exact=app_crashed",
        ", a day": "?timestamp__year=2026&timestamp__month=1&timestamp__day=31",
        ", a word": "?q=server-0007",
    }.items():
        address = f"/admin/activity/activitylog/{query}"
        assert client.get(address).status_code == 200, address
        yield f"admin's list{what}", _milliseconds(lambda address=address: client.get(address))


def _superuser() -> Any:
    return get_user_model().objects.create_superuser("auditor", password="not a real password")


def _milliseconds(run: Callable[[], object]) -> str:
    run()
    spent = []
    for _ in range(RUNS):
        started = time.perf_counter()
        run()
        spent.append(time.perf_counter() - started)
    return f"{median(spent) * 1000:.1f} ms"


def _cost(code: str) -> str:
    """CPU, wall time and the most memory of a process of its own."""
    started = time.perf_counter()
    command = [sys.executable, "-c", PEAK + code]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        peak_kib = process.stderr.read().split()[-2]
        _, code_of_end, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(code_of_end)
    wall = time.perf_counter() - started
    assert process.returncode in (0, 2), code  # 2: this log has no anchors
    return f"{used.ru_utime + used.ru_stime:.1f} s CPU, {wall:.1f} s wall, {int(peak_kib) / 1024:.0f} MB at most"
