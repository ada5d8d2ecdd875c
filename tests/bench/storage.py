"""Storage of a thousand servers"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from django.db import connection

from metrics import retention, rollups, store
from metrics.collect import Collected
from metrics.known import Known
from metrics.models import ContainerMetrics, FilesystemMetrics, InterfaceMetrics, Server, ServerMetrics
from metrics.probe.reading import Reading
from tests.bench import fleet, naive
from tests.bench.alone import Found, measured
from tests.bench.processes import cpu_seconds, family
from tests.bench.tables import bytes_a_row
from tests.bench.targets import Target, at_most
from tests.postgresql import Postgresql

MINUTE = timedelta(minutes=1)
LIMIT_MS = {"sqlite": 150, "postgresql": 400}
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
PROMETHEUS_BYTES_A_VALUE = 4.1  # its two-hour blocks with node_exporter's series, measured once


@dataclass(frozen=True)
class Minute:
    """What storing a round took: CPU of this process, and the longest of its transactions, on the clock and in CPU."""

    cpu_ms: float
    longest_ms: float
    longest_cpu_ms: float


def measure(servers: int = 1000, apps: int = 20, rounds: int = 10) -> Iterator[Found]:
    at = datetime.now(UTC) - timedelta(minutes=3 * rounds)
    fleet.add(servers, at)
    collected, known = fleet.one_poll(), Known()
    _stored(collected, at, known)  # whose parts are new
    bare = [_stored(collected, at + number * MINUTE, known) for number in range(1, rounds)]
    yield _told(f"a round of {servers} servers (with filesystems, interfaces, states)", bare)
    collected, at = fleet.with_apps(collected, apps, at), at + rounds * MINUTE
    _stored(collected, at, known)  # the apps are new
    full = [_stored(collected, at + number * MINUTE, known) for number in range(1, rounds)]
    yield _told(f"the same with {apps} apps on each", full)
    yield from _targets(full, servers, apps)
    yield from _sizes(collected.reading)
    yield _deleted(at)
    if connection.vendor == "sqlite":
        yield from naive.measure(servers, rounds)
        yield from _on_postgresql({"servers": servers, "apps": apps, "rounds": rounds})


def _told(what: str, minutes: list[Minute]) -> Found:
    cpu, longest = median(one.cpu_ms for one in minutes), max(one.longest_ms for one in minutes)
    return f"{what}, on {NAMES[connection.vendor]}", f"{cpu:.0f} ms CPU, longest transaction {longest:.0f} ms"


def _targets(minutes: list[Minute], servers: int, apps: int) -> Iterator[Target]:
    what = f"storage work of a minute, {servers} servers × {apps} containers, on {NAMES[connection.vendor]}"
    yield at_most(what, median(one.cpu_ms for one in minutes), LIMIT_MS[connection.vendor], "ms of CPU")
    # The median of the rounds' longest ones: on a busy machine the very longest says more about the others there.
    longest, cpu = median(one.longest_ms for one in minutes), median(one.longest_cpu_ms for one in minutes)
    what = f"longest write transaction of it, on {NAMES[connection.vendor]}"
    yield at_most(
        what, longest, 20, "ms", why=f"{cpu:.0f} ms of it CPU, the rest waiting for disk, database and others"
    )


def _stored(collected: Collected, at: datetime, known: Known) -> Minute:
    """As a poller does it, which knows its servers' parts and apps from the polls before."""
    batches = fleet.batches(list(Server.objects.select_related("state")), collected, at)
    cpu, wall = [], []
    for batch in batches:
        began = time.process_time()
        wall.append(_milliseconds(lambda batch=batch: store.save(batch, fleet.INTERVAL, None, known)))
        cpu.append((time.process_time() - began) * 1000)
    return Minute(sum(cpu), max(wall), max(cpu))


def _deleted(at: datetime) -> Found:
    """All samples, once they are older than they are kept."""
    rollups.roll(at + timedelta(hours=2), lambda: False)
    count = ServerMetrics.objects.count() + ContainerMetrics.objects.count()
    took = _milliseconds(lambda: retention.prune(at + timedelta(days=3), lambda: False))
    return f"{count:,} samples with their parts deleted, on {NAMES[connection.vendor]}", f"{took:.0f} ms"


def _milliseconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return (time.perf_counter() - began) * 1000


def _sizes(reading: Reading) -> Iterator[Found]:
    models = (ServerMetrics, ContainerMetrics, FilesystemMetrics, InterfaceMetrics)
    sizes = {model: bytes_a_row(model) for model in models}
    for model, size in sizes.items():
        yield f"a row of {model._meta.db_table}, on {NAMES[connection.vendor]}", f"{size:.0f} bytes"
    if connection.vendor != "sqlite":
        return
    newest = ServerMetrics.objects.values_list().last()
    values = sum(value is not None for value in newest or ()) - 2 + len(reading.cores)  # the key; a byte each
    what = "bytes on disk of a host sample"
    yield at_most(what, sizes[ServerMetrics], 80, "bytes", why=f"it has {values} values, not 21")
    yield at_most("bytes on disk of a container sample", sizes[ContainerMetrics], 32, "bytes")
    a_value = sizes[ServerMetrics] / values
    yield at_most("bytes on disk a value, as Prometheus takes", a_value, PROMETHEUS_BYTES_A_VALUE, "bytes")


def _on_postgresql(options: dict[str, int]) -> Iterator[Found]:
    server = Postgresql()
    try:
        before = cpu_seconds(family(server.pid))
        yield from measured("storage", options, server.new_database())
        yield "PostgreSQL's own CPU meanwhile", f"{cpu_seconds(family(server.pid)) - before:.1f} s"
    finally:
        server.stop()
