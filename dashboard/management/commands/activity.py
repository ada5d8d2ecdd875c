"""`manage.py activity`: who did what and what happened, like a log: the newest last."""

import json
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError

from activity import chain, plain, queries
from activity.models import ActivityLog
from activity.queries import ActivityFilter
from activity.types import ActivityType, Result
from dashboard import wire
from dashboard.management.commands._reading import ReadingCommand, coloured
from dashboard.terminal import Cell
from metrics.management.commands._arguments import instant_of, nearest, server_named
from metrics.models import Server
from metrics.probe.text import whole

LOOK_SECONDS = 1.0
AT_ONCE = 1000
LONGEST_KIND = max(map(len, ActivityType))


class Command(ReadingCommand):
    help = "Prints the activity log, the newest rows last."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--type", action="append", default=[], metavar="TYPE", help="kinds, separated by commas")
        parser.add_argument(
            "--server", metavar="NAME|ID", help="only about this server; by its id also one that is gone"
        )
        parser.add_argument("--actor", default="", help="only what this user, token or process did")
        parser.add_argument("--since", metavar="TIME", help="such as 24h, 7d or 2026-01-31T12:00:00Z")
        parser.add_argument("--until", metavar="TIME", help="likewise")
        parser.add_argument("--result", default="", choices=list(Result))
        parser.add_argument("--search", default="", help="only rows that say this")
        parser.add_argument("--limit", type=int, default=50, help="at most so many rows, the newest (default: 50)")
        parser.add_argument("--follow", action="store_true", help="go on with what happens; Ctrl-C ends it")
        forms = parser.add_mutually_exclusive_group()
        forms.add_argument("--json", action="store_true", help="an object in each line, with the names of the API")
        forms.add_argument("--csv", action="store_true", help="the same as a table for spreadsheets")

    def read(self, at: datetime, options: dict[str, Any]) -> None:
        wanted = self._wanted(at, options)
        last = chain.head()[0]
        rows = list(wanted.rows()[: options["limit"]])[::-1]
        if options["csv"]:
            self.print_csv([COLUMNS])
        self._tell(rows, options)
        if options["follow"]:
            self._follow(wanted, max([last, *(row.pk for row in rows)]), options)
        elif not rows and not options["json"] and not options["csv"]:
            self.say("No row matches. `manage.py activity` prints the newest of all.")

    def _wanted(self, at: datetime, options: dict[str, Any]) -> ActivityFilter:
        since, until = (
            instant_of(options[name], f"--{name}", self.zone, at) if options[name] else None
            for name in ("since", "until")
        )
        if since and until and since >= until:
            raise CommandError("--since has to be before --until.")
        if options["follow"] and until:
            raise CommandError("--until and --follow: give one of them.")
        if options["limit"] < 0:
            raise CommandError("--limit: a whole number, 0 or more.")
        return ActivityFilter(
            activity_types=_kinds(options["type"]),
            server_id=_server_id(options["server"]) if options["server"] else None,
            actor=plain.text(options["actor"]),
            since=since,
            until=until,
            result=options["result"],
            text=plain.text(options["search"]),
        )

    def _follow(self, wanted: ActivityFilter, last: int, options: dict[str, Any]) -> None:
        """For ever."""
        while True:
            self.stdout.flush()
            time.sleep(LOOK_SECONDS)
            rows = queries.newer(wanted, last, AT_ONCE)[::-1]
            self._tell(rows, options)
            last = max([last, *(row.pk for row in rows)])

    def _tell(self, rows: Sequence[ActivityLog], options: dict[str, Any]) -> None:
        if options["csv"]:
            self.print_csv([_csv(row) for row in rows])
            return
        for row in rows:
            if options["json"]:
                self.print_json(wire.activity(row), indent=None)
            else:
                self.print_line(*cells_of(row, self.clock(row.timestamp)))


COLUMNS = (
    "id timestamp activity_type message user_id actor_kind actor_name server_id server_name app_id app_name source_ip"
    " user_agent origin result request_id details"
).split()


def cells_of(row: ActivityLog, clock: str) -> list[Cell | str]:
    """When, what kind, what, and by whom unless the monitor saw it itself."""
    by = "" if row.actor_name == "system" else f" ({row.actor_name}{f' from {row.source_ip}' if row.source_ip else ''})"
    why = row.detail("explanation")
    said = f"{row.message}{f': {why}' if isinstance(why, str) and why not in row.message else ''}{by}"
    return [clock, coloured(row.level, f"{row.activity_type:{LONGEST_KIND}}"), said]


def _csv(row: ActivityLog) -> list[Any]:
    told = wire.activity(row)
    return [json.dumps(told[name]) if name == "details" else told[name] for name in COLUMNS]


def _kinds(given: Sequence[str]) -> list[str]:
    found = [kind for text in given for kind in text.split(",") if kind]
    for kind in found:
        if kind not in list(ActivityType):
            near = nearest(kind, ActivityType)
            told = f"Did you mean {' or '.join(near)}?" if near else f"Allowed: {', '.join(ActivityType)}."
            raise CommandError(f"--type: {kind!r} is not known. {told}")
    return found


def _server_id(text: str) -> int:
    """By its name, or its id, which the log knows even if the server is gone."""
    try:
        return server_named(text).pk
    except CommandError:
        if (number := whole(text)) is None or Server.objects.filter(name=text).exists():
            raise
        return number
