"""What one asks the activity log: one filter and one page object behind every face."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Q

from activity import chain, floods
from activity.models import ActivityLog, ActivityLogQuerySet
from activity.plain import address, neighbourhood

MOST_SEARCHED = 200_000


@dataclass(frozen=True)
class ActivityFilter:
    """Which rows are meant; an empty filter means all of them."""

    activity_types: Sequence[str] = ()
    user_id: int | None = None
    actor: str = ""
    server_id: int | None = None
    app_id: int | None = None
    source_ip: str = ""
    result: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    request_id: str = ""
    only_servers: bool = False
    servers: Iterable[int] | None = None  # of these alone; None is of all

    @property
    def is_searched_lately(self) -> bool:
        """Whether every row would have to be looked into: then only the newest are, unless a time is given."""
        return bool((self.text or self.request_id) and not self.since)

    def about(self, server_id: int, since: datetime, until: datetime) -> "ActivityFilter":
        """The same of one server in a stretch of time."""
        return replace(self, server_id=server_id, since=since, until=until)

    def rows(self) -> ActivityLogQuerySet:
        """The rows that match, newest first."""
        wanted = {
            "activity_type__in": self.activity_types,
            "user_id": self.user_id,
            "actor_name": self.actor,
            "server_id": self.server_id,
            "app_id": self.app_id,
            "source_ip": self.source_ip,
            "result": self.result,
            "request_id": self.request_id,
            "timestamp__gte": self.since,
            "timestamp__lt": self.until,
        }
        rows = ActivityLog.objects.filter(**{name: value for name, value in wanted.items() if value or value == 0})
        if self.only_servers:
            rows = rows.filter(server_id__isnull=False)
        if self.servers is not None:
            rows = rows.filter(server_id__in=self.servers)
        if self.text:
            rows = rows.filter(containing(self.text))
        if self.is_searched_lately:
            rows = rows.filter(lately())
        return rows.newest_first()


def containing(text: str) -> Q:
    """Rows that say this, as the address they came from or in words."""
    says = (
        Q(message__icontains=text)
        | Q(actor_name__icontains=text)
        | Q(server_name__icontains=text)
        | Q(app_name__icontains=text)
    )
    source_ip = address(text.strip())
    return says | Q(source_ip=source_ip) if source_ip else says


def lately() -> Q:
    """The newest MOST_SEARCHED rows, by their time, which an index finds."""
    older = ActivityLog.objects.filter(id__lte=chain.head()[0] - MOST_SEARCHED).order_by("-id")
    newest_of_them = older.values_list("timestamp", flat=True).first()
    return Q(timestamp__gt=newest_of_them) if newest_of_them else Q()


class UnknownRow(LookupError):
    """A page was asked for that begins after a row which is not there (any more)."""


@dataclass(frozen=True)
class ActivityPage:
    """One page of the log: `rows` newest first, `total` of the same filter, `before` = where the next page starts."""

    rows: list[ActivityLog]
    total: int
    before: int | None

    @property
    def newest(self) -> ActivityLog:
        """The row that was written last; what comes after it is new."""
        return max(self.rows, key=lambda row: row.pk)


def page(wanted: ActivityFilter, *, limit: int, offset: int = 0, before: int | None = None) -> ActivityPage:
    """`limit` rows older than the row with the id `before`, skipping `offset`. Raises UnknownRow."""
    rows = older = wanted.rows()
    if before is not None:
        last = ActivityLog.objects.filter(pk=before).first()
        if last is None:
            raise UnknownRow(f"There is no row {before} (any more): start with the newest.")
        older = rows.before(last)
    found = list(older[offset : offset + limit + 1])
    return ActivityPage(
        rows=found[:limit], total=rows.count(), before=found[limit - 1].pk if 0 < limit < len(found) else None
    )


def newer(wanted: ActivityFilter, after: int, limit: int) -> list[ActivityLog]:
    """The `limit` rows that were written next after the row `after`, the last written first."""
    return list(wanted.rows().filter(id__gt=after).order_by("id")[:limit])[::-1]


def between(server_id: int, since: datetime, until: datetime, limit: int) -> list[ActivityLog]:
    """What happened to a server in a stretch of time, newest first."""
    return list(ActivityFilter(server_id=server_id, since=since, until=until).rows()[:limit])


def recent_failures(kind: str, since: datetime, source_ip: str, actor_name: str = "") -> int:
    """How often this failed since then from an address (an IPv6 one: from its neighbourhood), of one actor if named.

    What a flood left out counts as well.
    """
    place = neighbourhood(address(source_ip) or "")
    lately = ActivityLog.objects.filter(activity_type=kind, timestamp__gte=since)
    near = lately if ":" in place else lately.filter(source_ip=place or None)
    rows = [
        (name, details)
        for ip, name, details in near.values_list("source_ip", "actor_name", "details")
        if neighbourhood(ip or "") == place
    ]
    listed = sum(1 for name, _ in rows if actor_name in ("", name))
    told = sum(_left_out(details, actor_name) for _, details in rows)
    return listed + told + floods.left_out(floods.refused_from(kind, address(source_ip)), since, actor_name)


def _left_out(details: Any, name: str) -> int:
    found = details.get("counts" if name else "left_out") if isinstance(details, dict) else None
    found = found.get(name) if name and isinstance(found, dict) else found
    return found if isinstance(found, int) else 0
