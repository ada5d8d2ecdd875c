"""The table of servers: searched, filtered, sorted and paged by the database, a sparkline for each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, F, FloatField, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Cast, Lower

from dashboard.tables import Table, order_of, page_of, spark_span, text_of
from metrics import queries
from metrics.app_queries import AppCounts
from metrics.models import App, Server, Status, Tag
from metrics.models.server import ServerQuerySet
from metrics.queries import ServerRow

STATUS_ORDER = [Status.OFFLINE, Status.PENDING, Status.PAUSED, Status.ONLINE]


def _status_order() -> Case:
    places = [When(state__status=status, paused=False, then=Value(n)) for n, status in enumerate(STATUS_ORDER)]
    return Case(*places, default=Value(STATUS_ORDER.index(Status.PAUSED)))


def _apps() -> Subquery:
    """How many it has; none is as good as unknown."""
    here = App.objects.present().filter(server=OuterRef("pk")).order_by()
    return Subquery(here.values("server").annotate(number=Count("pk")).values("number"))


def _share(part: str, whole: Any) -> Any:
    return Cast(F(f"latest__{part}"), FloatField()) / whole


SORTS: Mapping[str, Any] = {
    "name": Lower("name"),
    "status": _status_order(),
    "cpu": F("latest__cpu_percent"),
    "memory": _share("memory_used_bytes", F("latest__memory_total_bytes")),
    "disk": _share("disk_used_bytes", F("latest__disk_used_bytes") + F("latest__disk_available_bytes")),
    "network": F("latest__network_rx_bytes_per_second") + F("latest__network_tx_bytes_per_second"),
    "apps": _apps(),
    "up": F("latest__uptime_seconds"),
}
OF_NOW = ("cpu", "memory", "disk", "network", "up")


@dataclass(frozen=True, kw_only=True)
class ServerTable(Table):
    """A page of servers with the sparkline of each. `tags` are looked up where they are listed."""

    ASKED = {"q": "text", "tag": "tag", "status": "status"}
    START_UP = frozenset({"name", "status"})
    COLUMNS = (
        ("status", "Status", ""),
        ("name", "Server", ""),
        ("cpu", "CPU", ""),
        ("memory", "Memory", ""),
        ("disk", "Disk /", ""),
        ("", "CPU", ""),
        ("network", "Network", "number"),
        ("apps", "Apps", "number"),
        ("up", "Up", "number"),
    )

    text: str
    tag: str
    status: str
    apps: Mapping[int, AppCounts]
    tags: Iterable[str]
    rows: Sequence[tuple[ServerRow, Sequence[float | None]]] = ()


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
        total=total,
        shown=total,
        sort=asked.get("sort", "name"),
        period=period,
        text=text_of(asked, "q"),
        tag=text_of(asked, "tag"),
        status=text_of(asked, "status"),
        apps=apps,
        tags=Tag.objects.filter(servers__isnull=False).distinct().values_list("name", flat=True),
    )
    wanted = matching(servers, table.text, table.tag, table.status)
    shown = wanted.count() if table.is_filtered else total
    table = replace(table, shown=shown, page=page_of(asked, shown))
    rows = queries.server_rows(_sorted(wanted, table.sort, at)[table.stretch], at)
    sparks = queries.sparklines("cpu_percent", [row.server.pk for row in rows], spark_span(period, at))
    return replace(table, rows=[(row, sparks[row.server.pk]) for row in rows])


def matching(servers: ServerQuerySet, text: str, tag: str, status: str) -> ServerQuerySet:
    """Those of these servers that have every word of the text, the tag and the status; "" narrows nothing."""
    for word in text.split():
        tagged = Server.tags.through._default_manager.filter(tag__name__icontains=word).values("server_id")
        servers = servers.filter(
            Q(name__icontains=word)
            | Q(hostname__icontains=word)
            | Q(state__facts__os__icontains=word)
            | Q(pk__in=tagged)
        )
    if tag:
        servers = servers.filter(tags__name=tag)
    if status == Status.PAUSED:
        return servers.filter(paused=True)
    return servers.filter(paused=False, state__status=status) if status else servers


def _sorted(servers: ServerQuerySet, sort: str, at: datetime) -> ServerQuerySet:
    """By the asked figure, then by name; what is unknown, or not of now, comes last either way."""
    name = sort.removeprefix("-")
    key = SORTS.get(name, SORTS["name"])
    if name in OF_NOW:
        key = Case(When(queries.is_fresh(at), then=key))
    return servers.order_by(*order_of(key, sort))
