"""The table of apps: searched, filtered, sorted and paged by the database, a sparkline for each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Case, F, Q, When
from django.db.models.functions import Lower

from dashboard.tables import Table, number_of, order_of, page_of, spark_span, text_of
from metrics import app_queries
from metrics.app_queries import UNKNOWN, AppCounts, AppRow
from metrics.models import Condition, Server, Tag
from metrics.models.app import AppQuerySet
from metrics.models.server import ServerQuerySet
from metrics.queries import ServerRow


def _current(figure: str) -> Case:
    """A figure of the newest sample, where it is shown."""
    return Case(When(is_current=True, then=F(f"latest__{figure}")))


MOST_BROKEN = 5
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


@dataclass(frozen=True, kw_only=True)
class AppTable(Table):
    """A page of apps with the sparkline of each. `tags` and `servers` are looked up where they are listed."""

    ASKED = {"q": "text", "server": "server", "tag": "tag", "state": "state"}
    START_UP = frozenset({"name", "server", "status"})
    COLUMNS = (
        ("status", "Status", ""),
        ("name", "App", ""),
        ("server", "Server", ""),
        ("cpu", "CPU", "number"),
        ("memory", "Memory", ""),
        ("", "CPU", ""),
        ("network", "Network", "number"),
        ("restarts", "Restarts", "number"),
        ("up", "Up", "number"),
    )

    text: str
    tag: str
    state: str
    server: int | None
    counts: AppCounts
    tags: Iterable[str]
    servers: Iterable[tuple[int, str]]
    rows: Sequence[tuple[AppRow, Sequence[float | None]]] = ()


def app_table(servers: ServerQuerySet, asked: Mapping[str, str], period: str, at: datetime) -> AppTable:
    """What of these servers' apps is asked for by q, server, tag, state, sort and page; a sort with a dash in front
    goes down."""
    counts = app_queries.app_counts(servers, at)
    table = AppTable(
        total=counts.total + counts.unknown,
        shown=0,
        sort=asked.get("sort", "name"),
        period=period,
        text=text_of(asked, "q"),
        tag=text_of(asked, "tag"),
        state=asked.get("state", ""),
        server=number_of(asked.get("server", "")),
        counts=counts,
        tags=Tag.objects.filter(servers__apps__isnull=False).distinct().values_list("name", flat=True),
        servers=servers.filter(apps__removed_at=None, apps__isnull=False).distinct().values_list("pk", "name"),
    )
    wanted = _wanted(app_queries.apps_of(servers, at).present(), table, app_queries.is_current(at))
    shown = wanted.count()
    table = replace(table, shown=shown, page=page_of(asked, shown))
    rows = app_queries.app_rows(_sorted(wanted, table.sort)[table.stretch])
    sparks = app_queries.app_sparklines([row.app for row in rows], spark_span(period, at))
    return replace(table, rows=[(row, sparks[row.app.pk]) for row in rows])


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


def _wanted(apps: AppQuerySet, table: AppTable, current: Q) -> AppQuerySet:
    for word in table.text.split():
        apps = apps.filter(
            Q(name__icontains=word)
            | Q(container_name__icontains=word)
            | Q(image__icontains=word)
            | Q(server__name__icontains=word)
            | Q(container_id__startswith=word.lower())
        )
    if table.server:
        apps = apps.filter(server=table.server)
    if table.tag:
        apps = apps.filter(server__tags__name=table.tag)
    if table.state == UNKNOWN:
        return apps.exclude(current)
    return apps.filter(current, condition=table.state) if table.state in Condition.values else apps


def _sorted(apps: AppQuerySet, sort: str) -> AppQuerySet:
    return apps.order_by(*order_of(SORTS.get(sort.removeprefix("-"), SORTS["name"]), sort))
