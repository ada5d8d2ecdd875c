"""The table of apps: searched, filtered, sorted and paged by the database, a sparkline for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, F, Q, When
from django.db.models.functions import Lower

from dashboard.server_table import Column, number_of, spark_span
from metrics import app_queries
from metrics.app_queries import UNKNOWN, AppCounts, AppRow
from metrics.models import Condition, Server, Tag
from metrics.models.app import AppQuerySet
from metrics.models.server import ServerQuerySet
from metrics.periods import LABELS
from metrics.queries import ServerRow


def _current(figure: str) -> Case:
    """A figure of the newest sample, where it is shown."""
    return Case(When(is_current=True, then=F(f"latest__{figure}")))


PAGE = 100
MOST_BROKEN = 5
LONGEST_TEXT = 100
STATES: tuple[str, ...] = (*Condition.values, UNKNOWN)
TROUBLE_FIRST = (Condition.ERROR, Condition.RUNNING, Condition.STOPPED, UNKNOWN)
SORTS: Mapping[str, Any] = {
    "name": Lower("name"),
    "server": Lower("server__name"),
    "status": F("condition"),
    "cpu": _current("cpu_percent"),
    "memory": _current("memory_used_bytes"),
    "network": _current("network_rx_bytes_per_second"),
    "restarts": F("restart_count"),
    "up": F("started_at"),
}
COLUMNS = (
    ("status", "Status", ""),
    ("name", "App", ""),
    ("server", "Server", ""),
    ("cpu", "CPU", "number"),
    ("memory", "Memory", ""),
    ("", "", ""),
    ("network", "Network", "number"),
    ("restarts", "Restarts", "number"),
    ("up", "Up", "number"),
)


@dataclass(frozen=True)
class AppTable:
    """A page of rows with the sparkline of each; `shown` of `total` apps match what is asked for."""

    rows: Sequence[tuple[AppRow, Sequence[float | None]]]
    columns: Sequence[Column]
    counts: AppCounts
    total: int
    shown: int
    text: str
    tag: str
    state: str
    server: int | None
    sort: str
    page: int
    period: str
    tags: Sequence[str]
    servers: Sequence[tuple[int, str]]

    @property
    def is_filtered(self) -> bool:
        return bool(self.text or self.tag or self.state or self.server)

    @property
    def pages(self) -> int:
        return max(-(-self.shown // PAGE), 1)

    def asked(self, **other: object) -> str:
        """The query of an address that asks for the same but `other`."""
        asked = {
            "q": self.text,
            "server": self.server,
            "tag": self.tag,
            "state": self.state,
            "sort": self.sort,
            "period": self.period,
        }
        return urlencode({name: value for name, value in (asked | other).items() if value})

    @property
    def earlier(self) -> str:
        return self.asked(page=self.page - 1) if self.page > 1 else ""

    @property
    def later(self) -> str:
        return self.asked(page=self.page + 1) if self.page < self.pages else ""


def app_table(servers: ServerQuerySet, asked: Mapping[str, str], period: str, at: datetime) -> AppTable:
    """What of these servers' apps is asked for by q, server, tag, state, sort and page; a sort with a dash in front
    goes down."""
    text = asked.get("q", "").replace("\0", "").strip()[:LONGEST_TEXT]
    tag, state, sort = asked.get("tag", ""), asked.get("state", ""), asked.get("sort", "name")
    server = number_of(asked.get("server", ""))
    apps = app_queries.apps_of(servers, at).present()
    counts = app_queries.app_counts(servers, at)
    wanted = _wanted(apps, text, server, tag, state, app_queries.is_current(at))
    shown = wanted.count()
    page = min(number_of(asked.get("page", "")) or 1, max(-(-shown // PAGE), 1))
    rows = app_queries.app_rows(_sorted(wanted, sort)[(page - 1) * PAGE : page * PAGE])
    sparks = app_queries.app_sparklines([row.app for row in rows], spark_span(period, at))
    table = AppTable(
        rows=[(row, sparks[row.app.pk]) for row in rows],
        columns=[],
        counts=counts,
        total=counts.total + counts.unknown,
        shown=shown,
        text=text,
        tag=tag,
        state=state,
        server=server,
        sort=sort,
        page=page,
        period=period,
        tags=list(Tag.objects.filter(servers__apps__isnull=False).distinct().values_list("name", flat=True)),
        servers=list(servers.filter(apps__removed_at=None, apps__isnull=False).distinct().values_list("pk", "name")),
    )
    columns = [_column(table, key, label, style) for key, label, style in COLUMNS]
    return AppTable(**vars(table) | {"columns": columns})


def server_apps(row: ServerRow, period: str, at: datetime) -> list[tuple[AppRow, Sequence[float | None]]]:
    """The apps of one server, those in trouble first, with the sparkline of each."""
    apps = app_queries.apps_of(Server.objects.filter(pk=row.server.pk), at).present()
    rows = app_queries.app_rows(apps.order_by(Lower("name"), "pk"))
    sparks = app_queries.app_sparklines([one.app for one in rows], spark_span(period, at))
    rows.sort(key=lambda one: TROUBLE_FIRST.index(one.condition))
    return [(one, sparks[one.app.pk]) for one in rows]


def broken_apps(servers: ServerQuerySet, at: datetime) -> list[AppRow]:
    """The first few apps in error."""
    apps = app_queries.apps_of(servers, at).present().filter(app_queries.is_current(at), condition=Condition.ERROR)
    return app_queries.app_rows(apps.order_by(F("finished_at").desc(nulls_last=True), "pk")[:MOST_BROKEN])


def _wanted(apps: AppQuerySet, text: str, server: int | None, tag: str, state: str, current: Q) -> AppQuerySet:
    for word in text.split():
        apps = apps.filter(
            Q(name__icontains=word)
            | Q(container_name__icontains=word)
            | Q(image__icontains=word)
            | Q(server__name__icontains=word)
            | Q(container_id__startswith=word.lower())
        )
    if server:
        apps = apps.filter(server=server)
    if tag:
        apps = apps.filter(server__tags__name=tag)
    if state == UNKNOWN:
        return apps.exclude(current)
    return apps.filter(current, condition=state) if state in Condition.values else apps


def _sorted(apps: AppQuerySet, sort: str) -> AppQuerySet:
    """By the asked figure, then by name; what is unknown comes last either way."""
    key = SORTS.get(sort.removeprefix("-"), SORTS["name"])
    order = key.desc(nulls_last=True) if sort.startswith("-") else key.asc(nulls_last=True)
    return apps.order_by(order, Lower("name"), "pk")


def _column(table: AppTable, key: str, label: str, style: str) -> Column:
    if not key:
        return Column(f"CPU, {LABELS[table.period]}", style, "", "")
    is_sorted, is_down = table.sort.removeprefix("-") == key, table.sort.startswith("-")
    starts_down = key not in ("name", "server", "status")
    wanted = ("" if is_down else "-") if is_sorted else "-" if starts_down else ""
    order = ("descending" if is_down else "ascending") if is_sorted else ""
    return Column(label, style, table.asked(sort=wanted + key), order)
