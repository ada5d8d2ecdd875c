"""What one asks about servers; the answers are frozen, and every face renders the same ones."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length

from metrics import samples
from metrics.known_parts import SEEN_STEP
from metrics.models import (
    FleetMetrics,
    Heartbeat,
    LatestServerMetrics,
    Server,
    ServerMetrics,
    Status,
)
from metrics.models.fields import first_key, slot_key
from metrics.models.fleet_metrics import FLEET
from metrics.models.parts import Part
from metrics.models.rollups import SAMPLES_OF, table_of
from metrics.models.server import ServerQuerySet
from metrics.models.server_metrics import share_of
from metrics.periods import DAY, RAW, Span
from metrics.series import Series

MOST_PARTS = 12
SILENT = timedelta(seconds=60)  # after which a site whose pollers gave no sign of life counts as not polled


@dataclass(frozen=True)
class ServerRow:
    """A server with its state and its newest sample; `latest` is None where there is none that may be shown.

    `is_fresh` says whether the sample is current; one that is not is shown as old, with its age.
    """

    server: Server
    status: Status
    latest: LatestServerMetrics | None
    is_fresh: bool
    age: timedelta | None

    @property
    def name(self) -> str:
        return self.server.name

    @property
    def tags(self) -> tuple[str, ...]:
        """A query each, unless they came with the servers."""
        return tuple(tag.name for tag in self.server.tags.all())

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


class _Figures(NamedTuple):
    """What the fleet's figures are made of, of one server."""

    name: str
    cores: int
    cpu_percent: float | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    disk_used_bytes: int | None
    disk_available_bytes: int | None

    @property
    def memory_percent(self) -> float | None:
        return share_of(self.memory_used_bytes, self.memory_total_bytes)

    @property
    def disk_capacity_bytes(self) -> int | None:
        used, available = self.disk_used_bytes, self.disk_available_bytes
        return None if used is None or available is None else used + available

    @property
    def disk_percent(self) -> float | None:
        return share_of(self.disk_used_bytes, self.disk_capacity_bytes)


FLEET_FIGURES = tuple(f"latest__{name}" for name in _Figures._fields[2:])


def interval() -> timedelta:
    return timedelta(seconds=settings.TOMO["poll_seconds"])


def is_fresh(at: datetime) -> Q:
    """The servers whose newest sample may be shown as current."""
    return Q(paused=False, state__status=Status.ONLINE, state__polled_at__gte=at - 2 * interval())


def server_rows(servers: ServerQuerySet, at: datetime) -> list[ServerRow]:
    """These servers with their newest samples: one query, however many they are."""
    return [_row(server, at) for server in servers.with_latest()]


def server_row(server: Server, at: datetime) -> ServerRow:
    return _row(server, at)


def fleet(servers: ServerQuerySet, at: datetime) -> Fleet:
    """These servers together: one query."""
    statuses: Counter[str] = Counter()
    current = []
    for name, paused, status, polled_at, cores, *figures in servers.order_by().values_list(
        "name", "paused", "state__status", "state__polled_at", Length("latest__cores_percent"), *FLEET_FIGURES
    ):
        statuses[Status.PAUSED if paused else status] += 1
        if not paused and status == Status.ONLINE and polled_at and at - polled_at <= 2 * interval():
            current.append(_Figures(name, cores or 1, *figures))
    weighted = [(one.cpu_percent, one.cores) for one in current if one.cpu_percent is not None]
    return Fleet(
        total=statuses.total(),
        online=statuses[Status.ONLINE],
        offline=statuses[Status.OFFLINE],
        pending=statuses[Status.PENDING],
        paused=statuses[Status.PAUSED],
        counted=len(current),
        cpu_percent=sum(p * cores for p, cores in weighted) / sum(c for _, c in weighted) if weighted else None,
        memory_percent=_together((one.memory_used_bytes, one.memory_total_bytes) for one in current),
        disk_percent=_together((one.disk_used_bytes, one.disk_capacity_bytes) for one in current),
        mean_cpu_percent=_mean(one.cpu_percent for one in current),
        mean_memory_percent=_mean(one.memory_percent for one in current),
        mean_disk_percent=_mean(one.disk_percent for one in current),
        busiest=_worst((one.name, one.cpu_percent) for one in current),
        fullest_memory=_worst((one.name, one.memory_percent) for one in current),
        fullest_disk=_worst((one.name, one.disk_percent) for one in current),
    )


def server_series(
    server_id: int, span: Span, names: Collection[str] = (), extremes: Collection[str] | None = None
) -> Series:
    """The figures (these, or all) of one server; lowest and highest of these alone, or of all."""
    return samples.series(ServerMetrics, {server_id: server_id}, span, names, extremes)[server_id]


def parts_series(server_id: int, parts: Sequence[Part], span: Span, names: Collection[str] = ()) -> dict[Part, Series]:
    """Means of these figures (or of all) of some filesystems, or interfaces, or sensors of one server."""
    if not parts:
        return {}
    found = samples.series(SAMPLES_OF[type(parts[0])], {part.pk: server_id for part in parts}, span, names, ())
    return {part: found[part.pk] for part in parts}


def core_series(server_id: int, span: Span) -> list[list[float | None]]:
    """Busy percent per core (outer list) and step, as means."""
    sums: list[list[list[float]]] = []
    found = samples.rows(
        ServerMetrics,
        {server_id: server_id},
        span,
        lambda part: f"m.cores_percent, {'m.count' if part.resolution.seconds else 1}",
    )
    for _part, _owner, step, cores, count in found:
        for number, half in enumerate(bytes(cores or b"")):
            if number == len(sums):
                sums.append([[0.0, 0.0] for _ in range(span.points)])
            if half != 255:
                sums[number][step][0] += half / 2 * count
                sums[number][step][1] += count
    return [[total / count if count else None for total, count in core] for core in sums]


def parts_of(server: Server, span: Span) -> dict[type[Part], list[Any]]:
    """The parts that were seen in a span, by type and in order."""
    since = datetime.fromtimestamp(span.start, UTC) - SEEN_STEP
    return {
        model: list(model._default_manager.filter(server=server, seen_at__gte=since).order_by("name")[:MOST_PARTS])
        for model in SAMPLES_OF
    }


def parts_now(
    server: Server, models: Collection[type[Part]] = tuple(SAMPLES_OF)
) -> dict[type[Part], list[tuple[Any, Any]]]:
    """The parts that the newest sample saw, each with its figures: [(Filesystem, FilesystemMetrics), …] by type."""
    latest = getattr(server, "latest", None)
    if latest is None:
        return {model: [] for model in models}
    found: dict[type[Part], list[tuple[Any, Any]]] = {}
    for model in models:
        figures_of = SAMPLES_OF[model]
        parts = {slot_key(latest.slot, part.pk): part for part in model._default_manager.filter(server=server)}
        figures = figures_of._default_manager.in_bulk(list(parts))
        found[model] = sorted(((parts[key], row) for key, row in figures.items()), key=lambda pair: str(pair[0]))
    return found


def sparklines(name: str, servers: Sequence[int], span: Span) -> dict[int, list[float | None]]:
    """One figure of many servers, by server id."""
    found = samples.series(ServerMetrics, {server: server for server in servers}, span, [name], ())
    return {server: series.mean[name] for server, series in found.items()}


def fleet_sparklines(span: Span) -> dict[str, list[float | None]]:
    """Percent of CPU (weighted by cores), memory and disk over all servers."""
    sums = samples.series(FleetMetrics, {FLEET: FLEET}, span)[FLEET].mean
    shares = {
        "cpu": ("busy_cores", "cores"),
        "memory": ("memory_used_bytes", "memory_total_bytes"),
        "disk": ("disk_used_bytes", "disk_capacity_bytes"),
    }
    return {
        name: [share_of(part, whole) for part, whole in zip(sums[used], sums[total], strict=True)]
        for name, (used, total) in shares.items()
    }


def has_history(seconds: int, at: datetime) -> bool:
    """Whether anything that is kept is older than that."""
    tables = (table_of(ServerMetrics, resolution) for resolution in (DAY, RAW))
    before = first_key(int(at.timestamp()) - seconds)
    return any(table._default_manager.filter(pk__lt=before).exists() for table in tables)


def _row(server: Server, at: datetime) -> ServerRow:
    state = server.state
    age = at - state.polled_at if state.polled_at else None
    return ServerRow(
        server=server,
        status=server.status,
        latest=getattr(server, "latest", None),
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
