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


def dashboard_summary(servers: ServerQuerySet, seen: ActivityFilter, at: datetime) -> DashboardSummary:
    """The summary of these servers; `seen` is the activity that may be looked at."""
    rows = queries.server_rows(servers, at)
    return DashboardSummary(at, queries.fleet(rows), rows, recent=list(seen.rows()[:RECENT]))
