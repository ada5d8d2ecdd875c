"""`manage.py record_activity`: what a script on this machine reports, as the API takes it."""

import os
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from activity.context import current
from activity.types import REPORTABLE, Result
from dashboard import reports
from dashboard.api import bodies
from dashboard.api.parameters import WHOLE
from dashboard.fields import WrongField, checked
from metrics.management.commands._arguments import as_command
from metrics.models import App, Server

Row = TypeVar("Row", Server, App)


class Command(BaseCommand):
    help = "Records what has happened in the activity log and prints the row's id. Exit code 1: it was not recorded."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", help=f"one of {', '.join(sorted(REPORTABLE))}")
        parser.add_argument("message", help="what happened, in one line")
        parser.add_argument("--server", help="the server that it is about, by name or id")
        parser.add_argument("--app", help="the app on that server, by name or id")
        parser.add_argument("--result", choices=list(Result), default=str(Result.SUCCESS))
        details = parser.add_mutually_exclusive_group()
        details.add_argument("--details", help="more about it: a JSON object")
        details.add_argument("--details-file", metavar="FILE", help="the same out of a file; - is standard input")
        parser.add_argument("--idempotency-key", metavar="KEY", help="given again within a day, it records nothing new")

    def handle(self, **options: Any) -> None:
        server = _named(Server.objects.all(), options["server"], "--server") if options["server"] else None
        app = _app(options["app"], server) if options["app"] else None
        fields = {
            "activity_type": options["kind"],
            "message": options["message"],
            "server_id": server.pk if server else None,
            "app_id": app.pk if app else None,
            "result": options["result"],
            "details": _details(options["details"], options["details_file"]),
        }
        try:
            with as_command():
                reporter = reports.Reporter(f"command {current().name}", Server.objects.all())
                report, at = reports.report(checked(fields, reports.FIELDS)), datetime.now(UTC)
                row, _is_new = reports.record_once(report, reporter, options["idempotency_key"], at)
        except (WrongField, reports.UnknownThing, reports.Conflict) as wrong:
            raise CommandError(str(wrong)) from None
        self.stdout.write(str(row.pk))


def _app(text: str, server: Server | None) -> App:
    if server is None:
        raise CommandError("--app: Name its server as well, with --server.")
    return _named(server.apps.all(), text, "--app")


def _named(rows: QuerySet[Row], text: str, option: str) -> Row:
    """The one row of this name, or else of this id."""
    found = list(rows.filter(name=text)) or list(rows.filter(pk=text) if WHOLE.fullmatch(text) else ())
    if len(found) == 1:
        return found[0]
    there = ", ".join(f"{row} ({row.pk})" for row in (found or rows[:20])) or "none yet"
    raise CommandError(f"{option}: There {'are several' if found else 'is no'} {text!r}. By name and id: {there}.")


def _details(text: str | None, file: str | None) -> dict[str, Any] | None:
    option = "--details" if file is None else "--details-file"
    try:
        body = os.fsencode(text or "") if file is None else _read(file)
        return None if text is None and file is None else bodies.parsed(body)
    except (bodies.WrongJson, OSError) as wrong:
        raise CommandError(f"{option}: {wrong}") from None


def _read(file: str) -> bytes:
    """No more than is allowed, and a byte that tells that there is more."""
    with sys.stdin.buffer if file == "-" else Path(file).open("rb") as source:
        body = source.read(bodies.MOST_BYTES + 1)
    if len(body) > bodies.MOST_BYTES:
        raise bodies.WrongJson(f"It is too large. Allowed: at most {bodies.MOST_BYTES} bytes.")
    return body
