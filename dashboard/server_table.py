"""The table of servers: searched, filtered, sorted and paged by the database, a sparkline for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, Count, F, FloatField, Q, Value, When
from django.db.models.functions import Cast, Lower

from metrics import periods, queries, samples
from metrics.app_queries import AppCounts
from metrics.models import Server, Status, Tag
from metrics.models.server import ServerQuerySet
from metrics.periods import Span
from metrics.queries import ServerRow

PAGE = 100
SPARK_POINTS = 60
LONGEST_TEXT = 100
STATUS_ORDER = [Status.OFFLINE, Status.PENDING, Status.PAUSED, Status.ONLINE]


def _status_order() -> Case:
    places = [When(state__status=status, paused=False, then=Value(n)) for n, status in enumerate(STATUS_ORDER)]
    return Case(*places, default=Value(STATUS_ORDER.index(Status.PAUSED)))


def _share(part: str, whole: Any) -> Any:
    return Cast(F(f"latest__{part}"), FloatField()) / whole


SORTS: Mapping[str, Any] = {
    "name": Lower("name"),
    "status": _status_order(),
    "cpu": F("latest__cpu_percent"),
    "memory": _share("memory_used_bytes", F("latest__memory_total_bytes")),
    "disk": _share("disk_used_bytes", F("latest__disk_used_bytes") + F("latest__disk_available_bytes")),
    "network": F("latest__network_rx_bytes_per_second") + F("latest__network_tx_bytes_per_second"),
    "apps": Count("apps", filter=Q(apps__removed_at=None)),
    "up": F("latest__uptime_seconds"),
}
OF_NOW = ("cpu", "memory", "disk", "network", "up")
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
    """A page of rows with the sparkline of each; `shown` of `total` servers match what is asked for."""

    rows: Sequence[tuple[ServerRow, Sequence[float | None]]]
    columns: Sequence[Column]
    apps: Mapping[int, AppCounts]
    total: int
    shown: int
    text: str
    tag: str
    status: str
    sort: str
    page: int
    period: str
    tags: Sequence[str]

    @property
    def is_filtered(self) -> bool:
        return bool(self.text or self.tag or self.status)

    @property
    def pages(self) -> int:
        return max(-(-self.shown // PAGE), 1)

    def asked(self, **other: object) -> str:
        """The query of an address that asks for the same but `other`."""
        asked = {"q": self.text, "tag": self.tag, "status": self.status, "sort": self.sort, "period": self.period}
        return urlencode({name: value for name, value in (asked | other).items() if value})

    @property
    def earlier(self) -> str:
        return self.asked(page=self.page - 1) if self.page > 1 else ""

    @property
    def later(self) -> str:
        return self.asked(page=self.page + 1) if self.page < self.pages else ""


def server_table(
    servers: ServerQuerySet,
    total: int,
    apps: Mapping[int, AppCounts],
    asked: Mapping[str, str],
    period: str,
    at: datetime,
) -> ServerTable:
    """What of these servers (`total` of them) is asked for by q, tag, status, sort and page; a sort with a dash in
    front goes down."""
    table = ServerTable(
        rows=[],
        columns=[],
        apps=apps,
        total=total,
        shown=total,
        text=asked.get("q", "").replace("\0", "").strip()[:LONGEST_TEXT],
        tag=asked.get("tag", ""),
        status=asked.get("status", ""),
        sort=asked.get("sort", "name"),
        page=1,
        period=period,
        tags=list(Tag.objects.filter(servers__isnull=False).distinct().values_list("name", flat=True)),
    )
    wanted = _wanted(servers, table)
    table = replace(table, shown=wanted.count() if table.is_filtered else total)
    table = replace(table, page=min(number_of(asked.get("page", "")) or 1, table.pages))
    page = _sorted(wanted, table.sort, at)[(table.page - 1) * PAGE : table.page * PAGE]
    rows = queries.server_rows(page, at)
    sparks = queries.sparklines("cpu_percent", [row.server.pk for row in rows], spark_span(period, at))
    columns = [_column(table, key, label, style) for key, label, style in COLUMNS]
    return replace(table, rows=[(row, sparks[row.server.pk]) for row in rows], columns=columns)


def spark_span(period: str, at: datetime) -> Span:
    return samples.period_span(period, at, SPARK_POINTS)


def chosen_period(asked: Mapping[str, str], at: datetime) -> str:
    """The period of the address; without one a day, or an hour while there is little history."""
    period = asked.get("period", "")
    if period in periods.PERIODS:
        return period
    return "24h" if queries.has_history(3 * 3600, at) else "1h"


def number_of(text: str) -> int | None:
    """A whole number out of an address; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _wanted(servers: ServerQuerySet, table: ServerTable) -> ServerQuerySet:
    for word in table.text.split():
        tagged = Server.tags.through._default_manager.filter(tag__name__icontains=word).values("server_id")
        servers = servers.filter(
            Q(name__icontains=word)
            | Q(hostname__icontains=word)
            | Q(state__facts__os__icontains=word)
            | Q(pk__in=tagged)
        )
    if table.tag:
        servers = servers.filter(tags__name=table.tag)
    if table.status == Status.PAUSED:
        return servers.filter(paused=True)
    return servers.filter(paused=False, state__status=table.status) if table.status else servers


def _sorted(servers: ServerQuerySet, sort: str, at: datetime) -> ServerQuerySet:
    """By the asked figure, then by name; what is unknown, or not of now, comes last either way."""
    name = sort.removeprefix("-")
    key = SORTS.get(name, SORTS["name"])
    if name in OF_NOW:
        key = Case(When(queries.is_fresh(at), then=key))
    order = key.desc(nulls_last=True) if sort.startswith("-") else key.asc(nulls_last=True)
    return servers.order_by(order, Lower("name"), "pk")


def _column(table: ServerTable, key: str, label: str, style: str) -> Column:
    if not key:
        return Column(f"CPU, {periods.LABELS[table.period]}", style, "", "")
    is_sorted, is_down = table.sort.removeprefix("-") == key, table.sort.startswith("-")
    starts_down = key not in ("name", "status")
    wanted = ("" if is_down else "-") if is_sorted else "-" if starts_down else ""
    order = ("descending" if is_down else "ascending") if is_sorted else ""
    return Column(label, style, table.asked(sort=wanted + key), order)
