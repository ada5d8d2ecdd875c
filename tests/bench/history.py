"""Any period of one server, with thirteen months of a fleet stored"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from urllib.parse import urlencode

from django.db import connection, models, transaction
from django.test import Client

from metrics import bulk, rollups, store
from metrics.collect import Collected
from metrics.models import App, Resolved, Server, ServerMetrics
from metrics.models.fields import OWNER_BITS, SLOT_SECONDS, first_key, slot_at
from metrics.models.rollups import SAMPLES, table_of
from metrics.periods import DAY, FIVE_MINUTES, HOUR, RAW, Resolution
from tests.bench import fleet
from tests.bench.alone import Found
from tests.bench.pages import cpu_ms, signed_in, wire_bytes
from tests.bench.targets import Target, at_most

GAUGES = ("percent", "per_second", "used_bytes", "memory_bytes")
AT_ONCE = timedelta(hours=1)
MONTHS_DAYS = 395


def measure(servers: int = 1000, apps: int = 1, raw_hours: int = 12, days: int = MONTHS_DAYS) -> Iterator[Found]:
    client = signed_in()
    began = time.monotonic()
    rows = fill(servers, apps, timedelta(hours=raw_hours), timedelta(days=days))
    yield f"{servers} servers with {apps} apps each, {days} days", f"{rows:,} rows, {_database_bytes() / 2**30:.1f} GiB"
    yield "filled within", f"{time.monotonic() - began:.0f} s"
    server, app = Server.objects.earliest("pk"), App.objects.earliest("pk")
    for what, address in {
        "a server": f"/servers/{server.pk}",
        "an app": f"/servers/{server.pk}/apps/{app.pk}",
    }.items():
        slowest = dict.fromkeys(("database", "page", "wire"), 0.0)
        for period, query in _periods(days).items():
            url = f"{address}?{query}"
            page = median(cpu_ms(client, url, 9))
            database, size = _database_ms(client, url), wire_bytes(client, url) / 1024
            yield f"{what}, {period}", f"{page:.0f} ms CPU, {database:.0f} ms in the database, {size:.0f} KiB"
            for name, figure in zip(slowest, (database, page, size), strict=True):
                slowest[name] = max(slowest[name], figure)
        yield at_most(f"any period of {what}: in the database", slowest["database"], 15, "ms")
        yield at_most(f"any period of {what}: the page", slowest["page"], 60, "ms of CPU")
        yield at_most(f"any period of {what}: on the wire", slowest["wire"], 120, "KiB")
    yield f"the overview with {days} days stored", f"{median(cpu_ms(client, '/', 9)):.0f} ms CPU"
    yield from _peaks(client, server, days)


def _periods(days: int) -> dict[str, str]:
    """What the pages offer, a range in the middle of each resolution, and all of it."""
    now = datetime.now(UTC)

    def between(first: int, last: int) -> str:
        ends = {"from": now - timedelta(days=first), "to": now - timedelta(days=last)}
        return urlencode({name: f"{at:%Y-%m-%dT%H:%M:%SZ}" for name, at in ends.items()})

    return {
        **{period: f"period={period}" for period in ("1h", "24h", "7d", "30d")},
        "a day, ten days ago": between(10, 9),
        "90 days": between(90, 0),
        f"{days} days": between(days - 1, 0),
    }


def _peaks(client: Client, server: Server, days: int) -> Iterator[Found]:
    """One sample of a minute ago ten days, put into what it is rolled up to: on which periods it is seen."""
    at = int((datetime.now(UTC) - timedelta(hours=3)).timestamp()) // 3600 * 3600
    table = ServerMetrics._meta.db_table
    slot = ServerMetrics.objects.filter(pk__gte=first_key(at)).order_by("pk").values_list("pk", flat=True).first()
    assert slot
    key = slot >> OWNER_BITS << OWNER_BITS | server.pk
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET cpu_percent = 1000 WHERE id = %s", [key])
        seen_in = cursor.rowcount
    rollups.reroll(at - 86_400, at + 86_400, lambda *_: None)
    seen = [
        period
        for period in ("24h", "7d", "30d")
        if 100.0 in [one["cpu_percent_max"] for one in _samples(client, server, f"period={period}")]
    ]
    told = f"{len(seen)} of 3 periods" if seen_in else "no sample to change"
    yield Target("one-minute peaks visible on every period", "all", told, len(seen) == 3)


def _samples(client: Client, server: Server, query: str) -> list[dict[str, Any]]:
    return list(client.get(f"/api/v1/servers/{server.pk}/metrics?{query}").json()["data"]["metrics"])


def fill(servers: int, apps: int, raw: timedelta, back: timedelta) -> int:
    """Servers with apps and history until now, at every resolution as far back as it is kept; how many rows.

    One real round is stored and repeated into the past, each figure a little different; it is rolled up by the product,
    and then the oldest buckets are repeated.
    """
    now = datetime.now(UTC)
    fleet.add(servers, now)
    collected = fleet.with_apps(_small(fleet.one_poll()), apps, now)
    for batch in fleet.batches(list(Server.objects.select_related("state")), collected, now):
        store.save(batch, fleet.INTERVAL)
    count = sum(_repeat(model, RAW, slot_at(now), timedelta(minutes=1), raw) for model in SAMPLES)
    rollups.roll(now, lambda: False)
    for resolution, kept in ((FIVE_MINUTES, timedelta(days=14)), (HOUR, back)):
        count += sum(_backwards(model, resolution, now - kept) for model in SAMPLES)
        _note(resolution, pruned=now - kept)
    _note(RAW, pruned=now - raw)
    yesterday = int(now.timestamp()) // 86_400 * 86_400 - 86_400
    rollups._make(DAY, yesterday)
    count += sum(_backwards(model, DAY, now - back) for model in SAMPLES)
    Resolved.objects.update_or_create(
        seconds=DAY.seconds, defaults={"claimed_until": yesterday + 86_400, "done_until": yesterday + 86_400}
    )
    return count


def _small(collected: Collected) -> Collected:
    """With one filesystem and one interface, whatever this machine has."""
    sample = collected.sample
    name = next(iter(sample.interfaces))
    rates = {name: sample.interface_rates[name]} if name in sample.interface_rates else {}
    return replace(
        collected,
        sample=replace(
            sample,
            filesystems=(sample.filesystems or [])[:1],
            interfaces={name: sample.interfaces[name]},
            interface_rates=rates,
        ),
    )


def _note(resolution: Resolution, pruned: datetime) -> None:
    Resolved.objects.filter(seconds=resolution.seconds).update(pruned_until=int(pruned.timestamp()))


def _backwards(model: Any, resolution: Resolution, since: datetime) -> int:
    """The oldest whole bucket again and again until then."""
    table: Any = table_of(model, resolution)
    begins = sorted({key >> OWNER_BITS for key in table.objects.order_by("pk").values_list("pk", flat=True)[:2]})
    if not begins:
        return 0
    begin = begins[0] + (0 if resolution is DAY else resolution.seconds)
    width = timedelta(seconds=resolution.seconds)
    return _repeat(model, resolution, begin, width, datetime.fromtimestamp(begin, UTC) - since)


def _repeat(model: Any, resolution: Resolution, slot: int, apart: timedelta, back: timedelta) -> int:
    """A round or bucket again and again into the past, oldest first, an hour of rounds in each transaction."""
    table = table_of(model, resolution)
    count, at_once = 0, max(int(AT_ONCE / apart), 12)
    width = resolution.seconds or SLOT_SECONDS
    newest = f"CREATE TEMPORARY TABLE newest AS SELECT * FROM {table._meta.db_table} WHERE id >= %s AND id < %s"
    with connection.cursor() as cursor:
        cursor.execute(newest, [first_key(slot), first_key(slot + width)])
        for first in range(int(back / apart), 0, -at_once):
            with transaction.atomic():
                for number in range(first, max(first - at_once, 0), -1):
                    cursor.execute(_earlier(table, int(number * apart.total_seconds()), number % 37))
                    count += cursor.rowcount
        cursor.execute("DROP TABLE newest")
    return count


def _earlier(model: type[models.Model], seconds: int, less: int) -> str:
    """The INSERT of the newest round so many seconds earlier, its figures so many thousandths less."""
    columns = {field.column: _varied(field, less) for field in bulk.columns_of(model)[1:]}
    names, values = ", ".join(columns), ", ".join(columns.values())
    key = f"id - {seconds << OWNER_BITS}"
    chosen = f"SELECT {key}, {values} FROM newest WHERE true ORDER BY id"
    return f"INSERT INTO {model._meta.db_table} (id, {names}) {chosen} ON CONFLICT DO NOTHING"


def _varied(column: Any, less: int) -> str:
    is_gauge = isinstance(column, models.IntegerField) and column.name.endswith(GAUGES)  # of a roll-up they stay
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


def _database_bytes() -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return float(cursor.fetchone()[0])
