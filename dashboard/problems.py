"""What is wrong now, with the monitor itself and with the fleet: one list for every face."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from activity import verification
from dashboard.app_table import broken_apps
from dashboard.summary import DashboardSummary
from metrics import queries, room
from metrics.models import App, Server
from metrics.models.server import ServerQuerySet


@dataclass(frozen=True)
class Problem:
    """`kind` is poller_silent, disk_full, log_broken, server_offline or app_error; `level` critical, offline or error;
    `message` says why, and what mends it."""

    kind: str
    level: str
    name: str
    message: str
    since: datetime | None = None
    server: Server | None = None
    app: App | None = None


@dataclass(frozen=True)
class FleetProblems:
    """The first of them, and of how many servers and apps there are more."""

    listed: list[Problem]
    more_servers: int
    more_apps: int

    @property
    def total(self) -> int:
        return len(self.listed) + self.more_servers + self.more_apps


def of_monitor(at: datetime) -> Iterator[Problem]:
    """What each page has a banner for."""
    for site, silence in queries.poller_silence(at).items():
        what = "what is shown is getting old" if silence else "nothing is polled"
        setting = f" with TOMO_SITE={site}" if site else ""
        message = f"It gives no sign of life, so {what}: check that `manage.py serve` runs{setting}, and its log."
        name = f"poller of {site}" if site else "poller"
        yield Problem("poller_silent", "critical", name, message, at - silence if silence else None)
    if room.is_short():
        message = "The disk of the data folder is full, so no samples are stored: make room; it goes on by itself."
        yield Problem("disk_full", "critical", "disk", message)
    if verification.is_broken():
        message = "It does not verify, as it was changed from outside: `manage.py verify_activity` tells where."
        yield Problem("log_broken", "critical", "activity log", message)


def of_fleet(servers: ServerQuerySet, summary: DashboardSummary) -> FleetProblems:
    """Servers that are offline, those that are longest so first, and apps in error; it is these servers' summary."""
    offline = [_offline(server) for server in summary.offline]
    broken = [_broken(row.app) for row in broken_apps(servers, summary.at)] if summary.apps.error else []
    more_servers, more_apps = summary.fleet.offline - len(offline), summary.apps.error - len(broken)
    return FleetProblems([*offline, *broken], more_servers, more_apps)


def _offline(server: Server) -> Problem:
    state = server.state
    return Problem("server_offline", "offline", server.name, state.explanation, state.since, server)


def _broken(app: App) -> Problem:
    message = f"{app.ending[0].upper()}{app.ending[1:]} on {app.server.name}"
    since = app.unhealthy_since if app.state == "running" else app.finished_at
    return Problem("app_error", "error", app.name, message, since, app.server, app)
