"""What is wrong now, in one list for every face."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.app_table import broken_apps
from dashboard.summary import DashboardSummary
from metrics import queries
from metrics.models import App, Server
from metrics.models.server import ServerQuerySet


@dataclass(frozen=True)
class Problem:
    """`kind` is server_offline, app_error or poller_silent; `message` says why, with the remedy."""

    kind: str
    message: str
    since: datetime | None
    server: Server | None = None
    app: App | None = None


@dataclass(frozen=True)
class Problems:
    """The first of them, and how many there are."""

    listed: list[Problem]
    total: int


def problems(servers: ServerQuerySet, summary: DashboardSummary) -> Problems:
    """Of these servers, whose summary it is: pollers first, then servers, then apps."""
    silent = list(_silent_pollers(summary.at))
    broken = list(_broken_apps(servers, summary.at)) if summary.apps.error else []
    listed = [*silent, *(_offline(server) for server in summary.offline), *broken]
    return Problems(listed, len(silent) + summary.fleet.offline + summary.apps.error)


def _silent_pollers(at: datetime) -> Iterator[Problem]:
    for site, silence in queries.poller_silence(at).items():
        pollers = f"The pollers of the site {site}" if site else "The pollers"
        message = f"{pollers} give no sign of life: start the product again, and look at its log."
        yield Problem("poller_silent", message, at - silence if isinstance(silence, timedelta) else None)


def _offline(server: Server) -> Problem:
    return Problem("server_offline", server.state.explanation, server.state.since, server)


def _broken_apps(servers: ServerQuerySet, at: datetime) -> Iterator[Problem]:
    for row in broken_apps(servers, at):
        message = f"{row.app.ending[0].upper()}{row.app.ending[1:]} on {row.app.server.name}"
        since = row.app.finished_at if row.app.state != "running" else row.app.unhealthy_since
        yield Problem("app_error", message, since, row.app.server, row.app)
