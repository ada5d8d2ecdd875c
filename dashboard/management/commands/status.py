"""`manage.py status`: is all well? The overview in a terminal. With --check it ends with 2 if something is wrong."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models.functions import Lower

from activity.queries import ActivityFilter
from dashboard import problems, wire
from dashboard.management.commands._reading import NO_SERVERS, ReadingCommand, coloured
from dashboard.management.commands.activity import cells_of
from dashboard.management.commands.servers import FIGURES, figures
from dashboard.problems import FleetProblems
from dashboard.summary import DashboardSummary, dashboard_summary
from dashboard.templatetags.units import ago, number, percent
from dashboard.terminal import Cell, Column
from metrics import queries
from metrics.app_queries import AppCounts
from metrics.models import Heartbeat, Server
from metrics.queries import SILENT, ServerRow

WRONG = 2
MOST_SERVERS = 100
COLUMNS = (
    Column("status"),
    Column("server", gives_way=True),
    *FIGURES,
    Column("apps", is_number=True),
    Column("since", is_number=True),
)


class Command(ReadingCommand):
    help = (
        "Shows the overview: servers, apps, averages, problems, what happened last, and how the monitor itself fares."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--check", action="store_true", help="say only what is wrong, and end with 2 if anything is, for scripts"
        )

    def read(self, at: datetime, options: dict[str, Any]) -> None:
        summary = dashboard_summary(Server.objects.all(), ActivityFilter(), at)
        of_monitor, of_fleet = list(problems.of_monitor(at)), problems.of_fleet(Server.objects.all(), summary)
        wrong = replace(of_fleet, listed=[*of_monitor, *of_fleet.listed])
        if options["json"]:
            self.print_json(wire.summary(summary))
        elif options["check"]:
            self._tell_problems(wrong)
        else:
            self._tell_all(summary, wrong)
        if options["check"] and wrong.total:
            sys.exit(WRONG)

    def _tell_all(self, summary: DashboardSummary, wrong: FleetProblems) -> None:
        zone = f"{summary.at.astimezone(self.zone):%Z}"
        demo = " of a demo, whose servers are made up" if settings.DEMO_BEGUN_AT else ""
        self.print_line(f"Tomo Monitor {settings.VERSION}{demo}, {self.clock(summary.at)} {zone}")
        self.stdout.write()
        tiles = [*_tiles(summary), _monitor(summary.at)]
        widest = max(len(figure) for _name, figure, _note in tiles)
        for name, figure, note in tiles:
            self.print_line(Cell(f"{name:8}", "HTTP_INFO"), f"{figure:{widest}}", note)
        self.stdout.write()
        if wrong.total:
            self._tell_problems(wrong)
            self.stdout.write()
        self._tell_servers(summary)
        self.stdout.write()
        for row in reversed(summary.recent):
            self.print_line(*cells_of(row, self.clock(row.timestamp)))

    def _tell_problems(self, wrong: FleetProblems) -> None:
        for one in wrong.listed:
            since = f", for {ago(one.since)}" if one.since else ""
            self.print_wrapped(coloured(one.level, f"{one.level:8}"), f"{one.name}{since}: {one.message}")
        if wrong.more_servers:
            self.say(f"… and {wrong.more_servers} more servers: manage.py servers --status offline")
        if wrong.more_apps:
            self.say(f"… and {wrong.more_apps} more apps: manage.py apps")

    def _tell_servers(self, summary: DashboardSummary) -> None:
        rows = queries.server_rows(Server.objects.order_by(Lower("name"), "pk")[:MOST_SERVERS], summary.at)
        if not rows:
            self.say(NO_SERVERS)
            return
        apps = summary.apps_by_server
        self.print_table(COLUMNS, [_cells(row, apps.get(row.server.pk, AppCounts())) for row in rows])
        if more := summary.fleet.total - len(rows):
            self.say(f"… and {more} more: manage.py servers")


def _tiles(summary: DashboardSummary) -> Iterator[tuple[str, str, str]]:
    """Name, figure and note, as the overview has them."""
    fleet, apps = summary.fleet, summary.apps
    yield "Servers", f"{fleet.online} / {fleet.total} online", _counted(fleet, "offline", "pending", "paused")
    yield "Apps", f"{apps.running} / {apps.total} running", _counted(apps, "stopped", "error", "unknown")
    for name, value, worst in (
        ("CPU", fleet.cpu_percent, fleet.busiest),
        ("Memory", fleet.memory_percent, fleet.fullest_memory),
        ("Disk /", fleet.disk_percent, fleet.fullest_disk),
    ):
        yield name, percent(value), f"highest on {worst[0]}: {percent(worst[1])}" if worst else "no current figures"


def _counted(of: Any, *names: str) -> str:
    """Those that there are, such as "1 offline, 2 paused"."""
    return ", ".join(f"{number} {name}" for name in names if (number := getattr(of, name)))


def _monitor(at: datetime) -> tuple[str, str, str]:
    """How the pollers fare."""
    living = [beat for beat in Heartbeat.objects.pollers() if at - beat.at <= SILENT]
    if not living:
        return "Monitor", "does not poll", ""
    polls = [beat.polls_a_minute for beat in living if beat.polls_a_minute is not None]
    late = sum(beat.late_polls for beat in living)
    note = f"last sign of life {ago(max(beat.at for beat in living))} ago, {late} late polls since its start"
    return "Monitor", f"{number(sum(polls) if polls else None)} polls a minute", note


def _cells(row: ServerRow, apps: AppCounts) -> list[Cell | str]:
    told = f"{apps.running} / {apps.total}" if apps.total else "–"
    return [
        coloured(row.status),
        row.name,
        *figures(row),
        coloured("error" if apps.error else "", told),
        ago(row.server.state.since),
    ]
