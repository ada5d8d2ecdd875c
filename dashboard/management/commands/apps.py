"""`manage.py apps`: what runs in containers, with its newest figures."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from dashboard import wire
from dashboard.management.commands._reading import NO_SERVERS, ReadingCommand, coloured, listed
from dashboard.templatetags.units import ago, binary_bytes, number, percent
from dashboard.terminal import Cell, Column
from metrics import app_access, app_queries
from metrics.app_queries import AppRow
from metrics.management.commands._arguments import server_named
from metrics.models import Server

COLUMNS = (
    Column("id", is_number=True),
    Column("app", gives_way=True),
    Column("server", gives_way=True),
    Column("status"),
    Column("state", gives_way=True),
    Column("image", gives_way=True),
    Column("CPU", is_number=True),
    Column("memory", is_number=True),
    Column("limit", is_number=True),
    Column("restarts", is_number=True),
    Column("up", is_number=True),
)


class Command(ReadingCommand):
    help = "Lists the apps with their condition and their newest figures."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--server", metavar="NAME|ID", help="only those on this server")

    def read(self, at: datetime, options: dict[str, Any]) -> None:
        server = server_named(options["server"]) if options["server"] else None
        servers = Server.objects.filter(pk=server.pk) if server else Server.objects.all()
        wanted = app_queries.apps_of(servers, at).present().order_by("server__name", "name", "pk")
        rows = app_queries.app_rows(wanted)
        if options["json"]:
            self.print_json(_answer(server, [wire.app(row) for row in rows]))
        elif rows:
            self.print_table(COLUMNS, [_cells(row) for row in rows])
        elif server:
            self.say(f"No app was seen on {server.name}. {_why_not(server)}".rstrip())
        elif Server.objects.exists():
            self.say("No app was seen on any server. `manage.py apps --server NAME` says why not on this one.")
        else:
            self.say(NO_SERVERS)


def _answer(server: Server | None, apps: list[dict[str, Any]]) -> dict[str, Any]:
    """As the API answers for all servers, or for one."""
    if server is None:
        return listed("apps", apps)
    return {
        "server_id": server.pk,
        "apps": apps,
        "count": len(apps),
        "total": len(apps),
        "status": server.state.apps_status or None,
        "explanation": app_access.explanation(server.state.apps_way) or None,
    }


def _why_not(server: Server) -> str:
    return app_access.explanation(server.state.apps_way) or "The next poll tells more: manage.py poll " + server.name


def _cells(row: AppRow) -> list[Cell | str]:
    app, latest = row.app, row.latest
    return [
        str(app.pk),
        app.name,
        app.server.name,
        coloured(row.condition),
        app.ending if row.is_current else f"was {app.state}",
        app.image,
        percent(row.cpu_percent),
        binary_bytes(latest.memory_used_bytes if latest else None),
        binary_bytes(latest.memory_limit_bytes if latest else None),
        number(app.restart_count),
        ago(row.up_since) if row.is_current and row.up_since else "",
    ]
