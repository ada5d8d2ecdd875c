"""What one asks about servers; the answers are frozen, and every face renders the same ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, models

from metrics import samples
from metrics.models import (
    Filesystem,
    FilesystemMetrics,
    Heartbeat,
    Interface,
    InterfaceMetrics,
    Sensor,
    Server,
    ServerMetrics,
    Status,
    TemperatureMetrics,
)
from metrics.models.fields import OWNER_BITS, slot_key
from metrics.models.parts import Part
from metrics.models.server import ServerQuerySet
from metrics.models.server_metrics import share_of
from metrics.periods import Span
from metrics.samples import OWNERS, SLOTS
from metrics.series import Series

SILENT = timedelta(seconds=60)  # after which a site whose pollers gave no sign of life counts as not polled


@dataclass(frozen=True)
class ServerRow:
    """A server with its state and its newest sample; `latest` is None where there is none that may be shown.

    `is_fresh` says whether the sample is current; one that is not is shown as old, with its age.
    """

    server: Server
    status: Status
    tags: tuple[str, ...]
    latest: ServerMetrics | None
    is_fresh: bool
    age: timedelta | None

    @property
    def name(self) -> str:
        return self.server.name

    @property
    def traffic(self) -> float | None:
        """Bytes per second in both directions, of a current sample."""
        if not self.latest or not self.is_fresh or self.latest.network_rx_bytes_per_second is None:
            return None
        return float(self.latest.network_rx_bytes_per_second + (self.latest.network_tx_bytes_per_second or 0))


@dataclass(frozen=True)
class Fleet:
    """The servers together. Averages are over fresh samples of servers that are online: `counted` of them.

    `cpu_percent` is weighted by cores, memory and disk are sums; `mean_*` are plain means of the servers' percents.
    """

    total: int
    online: int
    offline: int
    pending: int
    paused: int
    counted: int
    cpu_percent: float | None
    memory_percent: float | None
    disk_percent: float | None
    mean_cpu_percent: float | None
    mean_memory_percent: float | None
    mean_disk_percent: float | None
    busiest: tuple[str, float] | None
    fullest_memory: tuple[str, float] | None
    fullest_disk: tuple[str, float] | None


def interval() -> timedelta:
    return timedelta(seconds=settings.TOMO["poll_seconds"])


def server_rows(servers: ServerQuerySet, at: datetime) -> list[ServerRow]:
    """These servers with their newest samples: three queries, however many they are."""
    return [_row(server, at) for server in servers.with_latest()]


def server_row(server: Server, at: datetime) -> ServerRow:
    return _row(server, at)


def fleet(rows: Sequence[ServerRow]) -> Fleet:
    """The sums of server_rows()."""
    statuses = [row.status for row in rows]
    fresh = [(row, row.latest) for row in rows if row.latest and row.is_fresh and row.status == Status.ONLINE]
    current = [sample for _, sample in fresh]
    weighted = [(s.cpu_percent, len(s.cores_percent or b"") or 1) for s in current if s.cpu_percent is not None]
    return Fleet(
        total=len(rows),
        online=statuses.count(Status.ONLINE),
        offline=statuses.count(Status.OFFLINE),
        pending=statuses.count(Status.PENDING),
        paused=statuses.count(Status.PAUSED),
        counted=len(fresh),
        cpu_percent=sum(p * cores for p, cores in weighted) / sum(c for _, c in weighted) if weighted else None,
        memory_percent=_together((s.memory_used_bytes, s.memory_total_bytes) for s in current),
        disk_percent=_together(
            (s.disk_used_bytes, None if s.disk_available_bytes is None else s.disk_used_bytes + s.disk_available_bytes)
            for s in current
            if s.disk_used_bytes is not None
        ),
        mean_cpu_percent=_mean(s.cpu_percent for s in current),
        mean_memory_percent=_mean(s.memory_percent for s in current),
        mean_disk_percent=_mean(s.disk_percent for s in current),
        busiest=_worst((row.name, sample.cpu_percent) for row, sample in fresh),
        fullest_memory=_worst((row.name, sample.memory_percent) for row, sample in fresh),
        fullest_disk=_worst((row.name, sample.disk_percent) for row, sample in fresh),
    )


def server_series(server_id: int, span: Span) -> Series:
    """All figures of one server."""
    return samples.owner_series(ServerMetrics, server_id, server_id, span)


def part_series(part: Part, span: Span) -> Series:
    """The figures of one filesystem, interface or sensor."""
    return samples.owner_series(SAMPLES_OF[type(part)], part.server_id, part.pk, span)


def core_series(server_id: int, span: Span) -> list[list[float | None]]:
    """Busy percent per core (outer list) and step, as means."""
    sums: list[list[list[float]]] = []
    for step, cores in samples.owner_rows(ServerMetrics, server_id, server_id, span, "m.cores_percent"):
        for number, half in enumerate(bytes(cores or b"")):
            while len(sums) <= number:
                sums.append([[] for _ in range(span.points)])
            if half != 255:
                sums[number][step].append(half / 2)
    return [[sum(values) / len(values) if values else None for values in core] for core in sums]


def parts_now(server: Server) -> dict[type[Part], list[tuple[Any, Any]]]:
    """The parts that the newest sample saw, each with its figures: [(Filesystem, FilesystemMetrics), …] by type."""
    latest = server.state.latest_id
    if latest is None:
        return {model: [] for model in SAMPLES_OF}
    slot = latest >> OWNER_BITS
    found: dict[type[Part], list[tuple[Any, Any]]] = {}
    for model, figures_of in SAMPLES_OF.items():
        parts = {slot_key(slot, part.pk): part for part in model._default_manager.filter(server=server)}
        figures = figures_of._default_manager.in_bulk(list(parts))
        found[model] = sorted(((parts[key], row) for key, row in figures.items()), key=lambda pair: str(pair[0]))
    return found


def sparklines(name: str, servers: Sequence[int], span: Span) -> dict[int, list[float | None]]:
    """One figure of many servers in each step's first round, by server id: as many rows as points, no scan."""
    field = next(field for field in ServerMetrics._meta.concrete_fields if field.name == name)
    found: dict[int, list[float | None]] = {server: [None] * span.points for server in servers}
    for slot, server, value in _first_rounds(span, f"slot, m.id & {OWNERS - 1}, m.{field.column}"):
        if server in found:
            found[server][(slot - span.start) // span.step] = samples.in_units(field, value)
    return found


def fleet_sparklines(span: Span) -> dict[str, list[float | None]]:
    """Percent of CPU (weighted by cores), memory and disk over all servers in each step's first round."""
    names = ("cpu", "memory", "disk")
    found: dict[str, list[float | None]] = {name: [None] * span.points for name in names}
    cores = "COALESCE(LENGTH(m.cores_percent), 1)"
    columns = (
        f"slot, SUM(m.cpu_percent * {cores}) / 10.0 / SUM(CASE WHEN m.cpu_percent IS NULL THEN NULL ELSE {cores} END), "
        "100.0 * SUM(m.memory_used_bytes) / SUM(m.memory_total_bytes), "
        "100.0 * SUM(m.disk_used_bytes) / SUM(m.disk_used_bytes + m.disk_available_bytes)"
    )
    for slot, *values in _first_rounds(span, columns, "GROUP BY slot"):
        for name, value in zip(names, values, strict=True):
            found[name][(slot - span.start) // span.step] = None if value is None else float(value)
    return found


def _first_rounds(span: Span, columns: str, grouped: str = "") -> list[tuple[Any, ...]]:
    """The samples of servers that are still monitored, in the first interval of each step: each server once."""
    sql = (
        SLOTS + f"SELECT {columns} FROM slots CROSS JOIN metrics_servermetrics m CROSS JOIN metrics_server owner "
        f"WHERE m.id > slot * {OWNERS} AND m.id < (slot + {samples.first_round(span)}) * {OWNERS} "
        f"AND owner.id = (m.id & {OWNERS - 1}) AND NOT owner.paused {grouped}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [span.start, span.step, span.step, span.end])
        return list(cursor.fetchall())


def has_history(seconds: int, at: datetime) -> bool:
    """Whether the oldest sample is older than that."""
    oldest = ServerMetrics.objects.order_by("pk").values_list("pk", flat=True).first()
    return oldest is not None and (oldest >> OWNER_BITS) < at.timestamp() - seconds


SAMPLES_OF: dict[type[Part], type[models.Model]] = {
    Filesystem: FilesystemMetrics,
    Interface: InterfaceMetrics,
    Sensor: TemperatureMetrics,
}


def _row(server: Server, at: datetime) -> ServerRow:
    state = server.state
    age = at - state.polled_at if state.polled_at else None
    return ServerRow(
        server=server,
        status=server.status,
        tags=tuple(tag.name for tag in server.tags.all()),
        latest=state.latest,
        is_fresh=server.status == Status.ONLINE and state.is_fresh(at, interval()),
        age=age,
    )


def _together(pairs: Iterable[tuple[int | None, int | None]]) -> float | None:
    known = [(part, total) for part, total in pairs if part is not None and total]
    return share_of(sum(part for part, _ in known), sum(total for _, total in known))


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _worst(values: Iterable[tuple[str, float | None]]) -> tuple[str, float] | None:
    known = [(name, value) for name, value in values if value is not None]
    return max(known, key=lambda pair: pair[1]) if known else None


def poller_silence(at: datetime) -> dict[str, timedelta | None]:
    """The sites with monitored servers none of whose pollers gave a sign of life lately: for how long; None is ever."""
    beats = Heartbeat.objects.pollers().filter(site=models.OuterRef("site")).order_by("-at").values("at")
    sites = Server.objects.monitored().order_by("site").values_list("site").distinct()
    signs = dict(sites.annotate(beat=models.Subquery(beats[:1])))
    return {site: beat and at - beat for site, beat in signs.items() if beat is None or at - beat > SILENT}
