"""Storage of a thousand servers on SQLite."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db import connection

from metrics.collect import Collected
from metrics.models import ContainerMetrics, FilesystemMetrics, InterfaceMetrics, Server, ServerMetrics
from tests.bench import fleet

SERVERS = 1000
ROUNDS = 10
APPS = 20


def measure() -> Iterator[tuple[str, str]]:
    at = datetime.now(UTC) - timedelta(minutes=2 * ROUNDS)
    fleet.add(SERVERS, at)
    collected = fleet.one_poll()
    bare = _steady(collected, at)
    yield f"a round of {SERVERS} servers (with filesystems, interfaces, states)", f"{bare * 1000:.0f} ms CPU"
    yield "a poll, stored", f"{bare / SERVERS * 1000:.2f} ms CPU"
    apps = _steady(fleet.with_apps(collected, APPS, at), at + ROUNDS * timedelta(minutes=1))
    yield (
        f"the same with {APPS} apps on each",
        f"{apps * 1000:.0f} ms CPU, {(apps - bare) / SERVERS / APPS * 1e6:.0f} µs an app",
    )
    for model in (ServerMetrics, FilesystemMetrics, InterfaceMetrics, ContainerMetrics):
        yield f"a row of {model._meta.db_table}", f"{_bytes_a_row(model):.0f} bytes"


def _steady(collected: Collected, at: datetime) -> float:
    """CPU seconds of storing a round, once everything is known."""
    spent = []
    for number in range(ROUNDS):
        servers = list(Server.objects.select_related("state"))
        started = time.process_time()
        fleet.store_round(servers, collected, at + number * timedelta(minutes=1))
        spent.append(time.process_time() - started)
    return sorted(spent)[len(spent) // 2]


def _bytes_a_row(model: type) -> float:
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SELECT SUM(pgsize) FROM dbstat WHERE name = %s", [table])
        return float(cursor.fetchone()[0]) / model._default_manager.count()
