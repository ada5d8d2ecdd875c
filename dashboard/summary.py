"""The summary of everything: servers, apps and activity, joined once for every face."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from activity.models import ActivityLog
from activity.queries import ActivityFilter
from metrics import app_queries, queries
from metrics.app_queries import AppCounts
from metrics.models import Server, Status
from metrics.models.server import ServerQuerySet
from metrics.queries import Fleet

RECENT = 10
MOST_OFFLINE = 20


@dataclass(frozen=True)
class DashboardSummary:
    """The fleet at an instant, the first servers that are offline (the longest first), the apps, and what happened last
    (newest first)."""

    at: datetime
    fleet: Fleet
    offline: Sequence[Server]
    apps: AppCounts
    apps_by_server: Mapping[int, AppCounts]
    recent: list[ActivityLog]


def dashboard_summary(servers: ServerQuerySet, seen: ActivityFilter, at: datetime) -> DashboardSummary:
    """The summary of these servers; `seen` is the activity that may be looked at."""
    fleet, apps = queries.fleet(servers, at), app_queries.app_counts_by_server(servers, at)
    offline = servers.monitored().filter(state__status=Status.OFFLINE).select_related("state")
    return DashboardSummary(
        at,
        fleet,
        list(offline.order_by("state__since", "name")[:MOST_OFFLINE]) if fleet.offline else [],
        app_queries.sum_of(apps.values()),
        apps,
        recent=list(seen.rows()[:RECENT]),
    )
