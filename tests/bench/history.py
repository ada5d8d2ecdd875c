"""Any period of one server, with months of a fleet stored"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from django.db import connection, models, transaction
from django.test import Client

from metrics import store
from metrics.models import App, ContainerMetrics, FilesystemMetrics, InterfaceMetrics, Server, ServerMetrics
from metrics.models.fields import OWNER_BITS, SLOT_SECONDS, slot_at, slot_key
from tests.bench import fleet
from tests.bench.alone import Found
from tests.bench.pages import cpu_ms, signed_in, wire_bytes
from tests.bench.targets import at_most

PERIODS = "1h", "24h", "7d", "30d"
GAUGES = ("percent", "per_second", "used_bytes", "memory_bytes")
AT_ONCE = timedelta(hours=1)
SAMPLES = ServerMetrics, FilesystemMetrics, InterfaceMetrics, ContainerMetrics
# Each older layer of history: a table, how far apart its rows are, and for how long it is kept.
TIERS: list[tuple[type[models.Model], timedelta, timedelta]] = []


def measure(servers: int = 1000, apps: int = 3, days: float = 1, runs: int = 5) -> Iterator[Found]:
    client = signed_in()
    began = time.monotonic()
    rows = fill(servers, apps, days)
    yield f"{servers} servers with {apps} apps each, {days:g} days of samples", f"{rows:,} rows"
    yield "filled within", f"{time.monotonic() - began:.0f} s"
    server, app = Server.objects.earliest("pk"), App.objects.earliest("pk")
    for what, address in {
        "a server": f"/servers/{server.pk}",
        "an app": f"/servers/{server.pk}/apps/{app.pk}",
    }.items():
        slowest = dict.fromkeys(("database", "page", "wire"), 0.0)
        for period in PERIODS:
            url = f"{address}?period={period}"
            page = median(cpu_ms(client, url, runs))
            database, size = _database_ms(client, url), wire_bytes(client, url) / 1024
            yield f"{what}, {period}", f"{page:.0f} ms CPU, {database:.0f} ms in the database, {size:.0f} KiB"
            for name, figure in zip(slowest, (database, page, size), strict=True):
                slowest[name] = max(slowest[name], figure)
        yield at_most(f"any period of {what}: in the database", slowest["database"], 15, "ms")
        yield at_most(f"any period of {what}: the page", slowest["page"], 60, "ms of CPU")
        yield at_most(f"any period of {what}: on the wire", slowest["wire"], 120, "KiB")


def fill(servers: int = 10, apps: int = 3, days: float = 1, step: timedelta = timedelta(minutes=1)) -> int:
    """Servers with apps and so many days of samples until now, in every tier as far back as it goes; how many rows.

    One real round is stored as the poller does it; what is older repeats it, each figure a little different. Servers
    that are there already get the same history; samples that are there stand.
    """
    now = datetime.now(UTC)
    fleet.add(servers, now)
    collected = fleet.with_apps(fleet.one_poll(), apps, now)
    for batch in fleet.batches(list(Server.objects.select_related("state")), collected, now):
        store.save(batch, fleet.INTERVAL)
    layers = [(model, step, timedelta(days=days)) for model in SAMPLES] + TIERS
    return sum(_repeat(model, now, apart, back) for model, apart, back in layers)


def _repeat(model: type[models.Model], now: datetime, apart: timedelta, back: timedelta) -> int:
    """The newest round of a table again and again into the past, oldest first, an hour in each transaction."""
    count, at_once = 0, max(int(AT_ONCE / apart), 1)
    slot = slot_at(now)
    newest = f"CREATE TEMPORARY TABLE newest AS SELECT * FROM {model._meta.db_table} WHERE id >= %s AND id < %s"
    with connection.cursor() as cursor:
        cursor.execute(newest, [slot_key(slot, 1), slot_key(slot + SLOT_SECONDS, 1)])
        for first in range(int(back / apart), 0, -at_once):
            with transaction.atomic():
                for number in range(first, max(first - at_once, 0), -1):
                    cursor.execute(_earlier(model, int(number * apart.total_seconds()), number % 37))
                    count += cursor.rowcount
        cursor.execute("DROP TABLE newest")
    return count


def _earlier(model: type[models.Model], seconds: int, less: int) -> str:
    """The INSERT of the newest round so many seconds earlier, its figures so many thousandths less."""
    columns = {field.column: _varied(field, less) for field in model._meta.concrete_fields[1:]}
    names, values = ", ".join(columns), ", ".join(columns.values())
    key = f"id - {seconds << OWNER_BITS}"
    chosen = f"SELECT {key}, {values} FROM newest WHERE true ORDER BY id"
    return f"INSERT INTO {model._meta.db_table} (id, {names}) {chosen} ON CONFLICT DO NOTHING"


def _varied(column: Any, less: int) -> str:
    is_gauge = isinstance(column, models.IntegerField) and column.name.endswith(GAUGES)
    return f"{column.column} * {1000 - less} / 1000" if is_gauge else str(column.column)


def _database_ms(client: Client, url: str) -> float:
    """What the page's queries take with all their rows read, each run again by itself."""
    asked: list[tuple[str, Any]] = []

    def noted(execute: Callable[..., object], sql: str, parameters: Any, *rest: object) -> object:
        asked.append((sql, parameters))
        return execute(sql, parameters, *rest)

    with connection.execute_wrapper(noted):
        client.get(url)
    began = time.process_time()
    with connection.cursor() as cursor:
        for sql, parameters in asked:
            if sql.startswith(("SELECT", "WITH")):
                cursor.execute(sql, parameters)
                cursor.fetchall()
    return (time.process_time() - began) * 1000
