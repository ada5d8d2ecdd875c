"""The summary of everything: servers and activity, joined once for every face."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from activity.models import ActivityLog
from activity.queries import ActivityFilter
from metrics import app_queries, queries
from metrics.app_queries import AppCounts
from metrics.models.server import ServerQuerySet
from metrics.queries import Fleet, ServerRow

RECENT = 10


@dataclass(frozen=True)
class DashboardSummary:
    """The fleet at an instant, its servers and apps, and what happened last (newest first)."""

    at: datetime
    fleet: Fleet
    rows: Sequence[ServerRow]
    apps: AppCounts
    apps_by_server: Mapping[int, AppCounts]
    recent: list[ActivityLog]


def dashboard_summary(servers: ServerQuerySet, seen: ActivityFilter, at: datetime) -> DashboardSummary:
    """The summary of these servers; `seen` is the activity that may be looked at."""
    rows = queries.server_rows(servers, at)
    apps = app_queries.app_counts_by_server(servers, at)
    return DashboardSummary(
        at, queries.fleet(rows), rows, app_queries.sum_of(apps.values()), apps, recent=list(seen.rows()[:RECENT])
    )
