"""The table of servers: searched, filtered, sorted, a sparkline for each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from metrics import periods, queries
from metrics.app_queries import AppCounts
from metrics.models import Status, Tag
from metrics.periods import Span
from metrics.queries import ServerRow

SPARK_POINTS = 60
Key = Callable[[ServerRow], Any]


def _figure(name: str) -> Key:
    return lambda row: getattr(row.latest, name) if row.latest and row.is_fresh else None


STATUS_ORDER = [Status.OFFLINE, Status.PENDING, Status.PAUSED, Status.ONLINE]
SORTS: Mapping[str, Key] = {
    "name": lambda row: row.name.lower(),
    "status": lambda row: STATUS_ORDER.index(row.status),
    "cpu": _figure("cpu_percent"),
    "memory": _figure("memory_percent"),
    "disk": _figure("disk_percent"),
    "network": lambda row: row.traffic,
    "up": _figure("uptime_seconds"),
}
COLUMNS = (
    ("status", "Status", ""),
    ("name", "Server", ""),
    ("cpu", "CPU", ""),
    ("memory", "Memory", ""),
    ("disk", "Disk /", ""),
    ("", "", ""),
    ("network", "Network", "number"),
    ("apps", "Apps", "number"),
    ("up", "Up", "number"),
)


@dataclass(frozen=True)
class Column:
    """A heading: `sort` is what a click on it asks for, `order` its present direction for assistive technology."""

    label: str
    style: str
    sort: str
    order: str


@dataclass(frozen=True)
class ServerTable:
    """Rows with the sparkline of each. `shown` of `total` match what is asked for."""

    rows: Sequence[tuple[ServerRow, Sequence[float | None]]]
    columns: Sequence[Column]
    apps: Mapping[int, AppCounts]
    total: int
    text: str
    tag: str
    status: str
    sort: str
    period: str
    tags: Sequence[str]

    @property
    def shown(self) -> int:
        return len(self.rows)

    @property
    def is_filtered(self) -> bool:
        return bool(self.text or self.tag or self.status)


def server_table(
    rows: Sequence[ServerRow], apps: Mapping[int, AppCounts], asked: Mapping[str, str], period: str, at: datetime
) -> ServerTable:
    """What of these rows is asked for by q, tag, status and sort; a sort with a dash in front goes down."""
    text, tag, status = asked.get("q", "").strip(), asked.get("tag", ""), asked.get("status", "")
    sort = asked.get("sort", "name")
    found = [row for row in rows if _matches(row, text.lower(), tag, status)]
    shown = _sorted(found, sort, apps)
    sparks = queries.sparklines("cpu_percent", [row.server.pk for row in shown], spark_span(period, at))
    return ServerTable(
        rows=[(row, sparks[row.server.pk]) for row in shown],
        apps=apps,
        columns=[_column(key, label, style, sort, period) for key, label, style in COLUMNS],
        total=len(rows),
        text=text,
        tag=tag,
        status=status,
        sort=sort,
        period=period,
        tags=list(Tag.objects.filter(servers__isnull=False).distinct().values_list("name", flat=True)),
    )


def spark_span(period: str, at: datetime) -> Span:
    return periods.span(
        period, at.timestamp(), interval=int(queries.interval().total_seconds()), most_points=SPARK_POINTS
    )


def chosen_period(asked: Mapping[str, str], at: datetime) -> str:
    """The period of the address; without one a day, or an hour while there is little history."""
    period = asked.get("period", "")
    if period in periods.PERIODS:
        return period
    return "24h" if queries.has_history(3 * 3600, at) else "1h"


def _matches(row: ServerRow, text: str, tag: str, status: str) -> bool:
    server = row.server
    words = " ".join((server.name, server.hostname, *row.tags, str(server.state.facts.get("os") or ""))).lower()
    return text in words and (not tag or tag in row.tags) and (not status or row.status == status)


def _sorted(rows: Sequence[ServerRow], sort: str, apps: Mapping[int, AppCounts]) -> list[ServerRow]:
    """By the asked figure, then by name; what is unknown comes last either way."""

    def number_of_apps(row: ServerRow) -> int | None:
        return apps[row.server.pk].total or None if row.server.pk in apps else None

    sorts: Mapping[str, Key] = {**SORTS, "apps": number_of_apps}
    key = sorts.get(sort.removeprefix("-"), SORTS["name"])
    by_name = sorted(rows, key=SORTS["name"])
    known = sorted((row for row in by_name if key(row) is not None), key=key, reverse=sort.startswith("-"))
    return known + [row for row in by_name if key(row) is None]


def _column(key: str, label: str, style: str, sort: str, period: str) -> Column:
    if not key:
        return Column(f"CPU, {periods.LABELS[period]}", style, "", "")
    is_sorted, is_down = sort.removeprefix("-") == key, sort.startswith("-")
    starts_down = key not in ("name", "status")
    wanted = ("" if is_down else "-") if is_sorted else "-" if starts_down else ""
    return Column(label, style, wanted + key, ("descending" if is_down else "ascending") if is_sorted else "")
