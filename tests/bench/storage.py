"""Storage of a thousand servers on SQLite."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db import connection

from metrics.models import FilesystemMetrics, InterfaceMetrics, Server, ServerMetrics
from tests.bench import fleet

SERVERS = 1000
ROUNDS = 10


def measure() -> Iterator[tuple[str, str]]:
    at = datetime.now(UTC) - timedelta(minutes=ROUNDS)
    fleet.add(SERVERS, at)
    collected = fleet.one_poll()
    spent = []
    for number in range(ROUNDS):
        servers = list(Server.objects.select_related("state"))
        started = time.process_time()
        fleet.store_round(servers, collected, at + number * timedelta(minutes=1))
        spent.append(time.process_time() - started)
    steady = sorted(spent)[len(spent) // 2]
    yield f"a round of {SERVERS} servers (with filesystems, interfaces, states)", f"{steady * 1000:.0f} ms CPU"
    yield "a poll, stored", f"{steady / SERVERS * 1000:.2f} ms CPU"
    for model in (ServerMetrics, FilesystemMetrics, InterfaceMetrics):
        yield f"a row of {model._meta.db_table}", f"{_bytes_a_row(model):.0f} bytes"


def _bytes_a_row(model: type) -> float:
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SELECT SUM(pgsize) FROM dbstat WHERE name = %s", [table])
        return float(cursor.fetchone()[0]) / model._default_manager.count()
