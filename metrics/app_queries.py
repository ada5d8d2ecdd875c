"""What one asks about apps; the answers are frozen, and every face renders the same ones."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import models
from django.db.models import Case, Count, F, Q, Value, When

from metrics import samples
from metrics.models import App, Container, ContainerMetrics, LatestContainerMetrics, Server, Status
from metrics.models.app import STATES, AppQuerySet
from metrics.models.server_metrics import share_of
from metrics.periods import Span
from metrics.probe.reading import State
from metrics.queries import interval
from metrics.series import Series

UNKNOWN = "unknown"


@dataclass(frozen=True)
class AppRow:
    """An app with its newest sample. `is_current` says whether what is shown of it may be taken for what is now: its
    server is online and its engine lists its containers. Figures that are not are None."""

    app: App
    latest: LatestContainerMetrics | None
    is_current: bool

    @property
    def condition(self) -> str:
        """running, stopped or error; unknown while its server cannot tell."""
        return self.app.condition if self.is_current else UNKNOWN

    @property
    def cpu_percent(self) -> float | None:
        """Of one core: two busy cores are 200."""
        return self.latest.cpu_percent if self.latest else None

    @property
    def cpu_of_host_percent(self) -> float | None:
        cores = self.app.server.state.facts.get("cores")
        return None if self.cpu_percent is None or not cores else self.cpu_percent / cores

    @property
    def cpu_of_limit_percent(self) -> float | None:
        """None without a limit."""
        limit = self.latest and self.latest.cpu_limit_cores
        return None if self.cpu_percent is None or not limit else self.cpu_percent / limit

    @property
    def memory_percent(self) -> float | None:
        """Of its limit or, without one, of the server's memory."""
        return share_of(self.latest.memory_used_bytes, self.memory_ceiling_bytes) if self.latest else None

    @property
    def memory_ceiling_bytes(self) -> int | None:
        server = getattr(self.app.server, "latest", None)
        own = self.latest.memory_limit_bytes if self.latest else None
        return own or (server.memory_total_bytes if server else None)

    @property
    def traffic(self) -> int | None:
        """Bytes per second in both directions; None on the server's own network."""
        if not self.latest or self.latest.network_rx_bytes_per_second is None:
            return None
        return int(self.latest.network_rx_bytes_per_second) + int(self.latest.network_tx_bytes_per_second or 0)

    @property
    def up_since(self) -> datetime | None:
        return self.app.started_at if self.app.state == State.RUNNING else None


@dataclass(frozen=True)
class AppCounts:
    """How many apps there are and how they fare: running + stopped + error = total. `unknown` come on top: apps of
    servers that cannot tell at present."""

    running: int = 0
    stopped: int = 0
    error: int = 0
    unknown: int = 0

    @property
    def total(self) -> int:
        return self.running + self.stopped + self.error


@dataclass(frozen=True)
class AppHistory:
    """An app over a span: its figures and, for each step, its last state and the container that it had."""

    app: App
    series: Series
    states: list[State | None]
    instances: list[Container | None]


def is_current(at: datetime) -> Q:
    """The apps whose server is online, polled lately, and able to list its containers."""
    return Q(
        Q(is_bare=True) | Q(server__state__apps_answered__contains=F("engine")),
        server__paused=False,
        server__state__status=Status.ONLINE,
        server__state__polled_at__gte=at - 2 * interval(),
    )


def apps_of(servers: models.QuerySet[Server], at: datetime) -> AppQuerySet:
    """The apps of these servers, also those that were removed, ready for app_rows()."""
    return (
        App.objects.filter(server__in=servers)
        .select_related("latest", "server__state", "server__latest")
        .annotate(is_current=Case(When(is_current(at), removed_at__isnull=True, then=True), default=False))
    )


def app_rows(apps: AppQuerySet) -> list[AppRow]:
    """These apps (out of apps_of()) with their newest samples: one query, however many they are."""
    found: Iterable[Any] = apps
    return [AppRow(app, _newest(app) if app.is_current else None, app.is_current) for app in found]


def _newest(app: App) -> LatestContainerMetrics | None:
    """Its sample of its server's newest poll."""
    latest, server = getattr(app, "latest", None), getattr(app.server, "latest", None)
    return latest if latest and server and latest.slot == server.slot else None


def app_counts(servers: models.QuerySet[Server], at: datetime) -> AppCounts:
    """The apps of these servers together."""
    return sum_of(app_counts_by_server(servers, at).values())


def app_counts_by_server(servers: models.QuerySet[Server], at: datetime) -> dict[int, AppCounts]:
    """The apps of each of these servers; one that has none is left out. One query."""
    condition = Case(When(is_current(at), then=F("condition")), default=Value(UNKNOWN))
    present = App.objects.present().filter(server__in=servers).annotate(now=condition)
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for server_id, now, number in present.values_list("server_id", "now").annotate(n=Count("pk")).order_by():
        found[server_id][now] = number
    return {server_id: AppCounts(**numbers) for server_id, numbers in found.items()}


def sum_of(counts: Iterable[AppCounts]) -> AppCounts:
    each = [(one.running, one.stopped, one.error, one.unknown) for one in counts]
    return AppCounts(*map(sum, zip(*each, strict=True))) if each else AppCounts()


def app_series(app: App, span: Span, names: Collection[str] = (), extremes: Collection[str] | None = None) -> Series:
    """The figures (these, or all) of one app; lowest and highest of these alone, or of all."""
    return samples.series(ContainerMetrics, {app.pk: app.server_id}, span, names, extremes)[app.pk]


def app_history(
    app: App, span: Span, names: Collection[str] = (), extremes: Collection[str] | None = None
) -> AppHistory:
    return AppHistory(app, app_series(app, span, names, extremes), _states(app, span), _instances(app, span))


def _states(app: App, span: Span) -> list[State | None]:
    """The last state in each step; None is a gap."""
    found: list[State | None] = [None] * span.points
    rows = samples.rows(ContainerMetrics, {app.pk: app.server_id}, span, lambda _part: "slot, m.status")
    for _part, _owner, step, _slot, status in sorted(rows, key=lambda row: row[3]):
        found[step] = STATES[status]
    return found


def _instances(app: App, span: Span) -> list[Container | None]:
    """The container that an app had at the end of each step; None before it is known of any."""
    start, end = datetime.fromtimestamp(span.start, UTC), datetime.fromtimestamp(span.end, UTC)
    known = list(app.containers.filter(Q(replaced_at=None) | Q(replaced_at__gt=start), first_seen_at__lt=end))
    since = [one.first_seen_at.timestamp() for one in known]
    places = [bisect_left(since, span.start + (step + 1) * span.step) for step in range(span.points)]
    return [known[place - 1] if place else None for place in places]


def app_sparklines(apps: Iterable[App], span: Span) -> dict[int, list[float | None]]:
    """CPU percent by app id."""
    owners = {app.pk: app.server_id for app in apps}
    found = samples.series(ContainerMetrics, owners, span, ["cpu_percent"], ())
    return {app_id: series.mean["cpu_percent"] for app_id, series in found.items()}
