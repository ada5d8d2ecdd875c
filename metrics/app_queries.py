"""What one asks about apps; the answers are frozen, and every face renders the same ones."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection, models
from django.db.models import BigIntegerField, Case, Count, ExpressionWrapper, F, OuterRef, Q, Subquery, Value, When

from metrics import samples
from metrics.models import App, Container, ContainerMetrics, Server, Status
from metrics.models.app import STATES, AppQuerySet
from metrics.models.fields import OWNER_BITS, SLOT_SECONDS
from metrics.models.server_metrics import share_of
from metrics.periods import Span
from metrics.probe.reading import State
from metrics.queries import interval
from metrics.samples import OWNERS
from metrics.series import Series

UNKNOWN = "unknown"


@dataclass(frozen=True)
class AppRow:
    """An app with its newest sample. `is_current` says whether what is shown of it may be taken for what is now: its
    server is online and its engine lists its containers. Figures that are not are None."""

    app: App
    latest: ContainerMetrics | None
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
        server = self.app.server.state.latest
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
    slot = F("server__state__latest_id").bitrightshift(OWNER_BITS)
    return (
        App.objects.filter(server__in=servers)
        .select_related("server__state__latest")
        .annotate(
            latest_key=ExpressionWrapper(slot * OWNERS + F("pk"), output_field=BigIntegerField()),
            is_current=Case(When(is_current(at), removed_at__isnull=True, then=True), default=False),
        )
    )


def app_rows(apps: AppQuerySet) -> list[AppRow]:
    """These apps (out of apps_of()) with their newest samples: two queries, however many they are."""
    found: list[Any] = list(apps)
    newest = ContainerMetrics.objects.in_bulk([app.latest_key for app in found if app.is_current and app.latest_key])
    return [AppRow(app, newest.get(app.latest_key) if app.is_current else None, app.is_current) for app in found]


def newest(figure: str) -> Subquery:
    """A figure of the newest sample, for sorting apps_of() by it."""
    return Subquery(ContainerMetrics.objects.filter(pk=OuterRef("latest_key")).values(figure)[:1])


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


def app_series(app: App, span: Span) -> Series:
    """All figures of one app."""
    return samples.owner_series(ContainerMetrics, app.server_id, app.pk, span)


def app_history(app: App, span: Span) -> AppHistory:
    return AppHistory(app, app_series(app, span), _states(app, span), _instances(app, span))


def _states(app: App, span: Span) -> list[State | None]:
    """The last state in each step; None is a gap."""
    found: list[State | None] = [None] * span.points
    for step, _, status in sorted(samples.owner_rows(ContainerMetrics, app.server_id, app.pk, span, "slot, m.status")):
        found[step] = STATES[status]
    return found


def _instances(app: App, span: Span) -> list[Container | None]:
    """The container that an app had at the end of each step; None before it is known of any."""
    start, end = datetime.fromtimestamp(span.start, UTC), datetime.fromtimestamp(span.end, UTC)
    known = list(app.containers.filter(Q(replaced_at=None) | Q(replaced_at__gt=start), first_seen_at__lt=end))
    since = [one.first_seen_at.timestamp() for one in known]
    places = [bisect_left(since, span.start + (step + 1) * span.step) for step in range(span.points)]
    return [known[place - 1] if place else None for place in places]


def app_sparklines(app_ids: Sequence[int], span: Span) -> dict[int, list[float | None]]:
    """CPU percent in each step's first round, by app id."""
    found: dict[int, list[float | None]] = {app_id: [None] * span.points for app_id in app_ids}
    if not app_ids:
        return found
    marks = ", ".join(["%s"] * len(app_ids))
    offsets = range(0, samples.first_round(span), SLOT_SECONDS)
    sql = (
        f"{samples.SLOTS}, offsets(after) AS (VALUES {', '.join(f'({after})' for after in offsets)}) "
        "SELECT slot, a.id, m.cpu_percent FROM slots CROSS JOIN offsets CROSS JOIN metrics_app a "
        f"JOIN metrics_containermetrics m ON m.id = (slot + after) * {samples.OWNERS} + a.id WHERE a.id IN ({marks})"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [span.start, span.step, span.step, span.end, *app_ids])
        for slot, app_id, tenths in cursor.fetchall():
            found[app_id][(slot - span.start) // span.step] = None if tenths is None else tenths / 10
    return found
