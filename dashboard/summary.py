"""The summary of everything: servers and activity, joined once for every face."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from activity.models import ActivityLog
from activity.queries import ActivityFilter
from metrics import queries
from metrics.models.server import ServerQuerySet
from metrics.queries import Fleet, ServerRow

RECENT = 10


@dataclass(frozen=True)
class DashboardSummary:
    """The fleet at an instant, its servers, and what happened last (newest first)."""

    at: datetime
    fleet: Fleet
    rows: Sequence[ServerRow]
    recent: list[ActivityLog]


def dashboard_summary(servers: ServerQuerySet, at: datetime, *, only_servers: bool) -> DashboardSummary:
    """`only_servers`: leave out activity that is not about a server."""
    rows = queries.server_rows(servers, at)
    recent = list(ActivityFilter(only_servers=only_servers).rows()[:RECENT])
    return DashboardSummary(at, queries.fleet(rows), rows, recent)
