"""`manage.py servers`: the servers, with their newest figures."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from activity import plain
from dashboard import wire
from dashboard.management.commands._reading import NO_SERVERS, ReadingCommand, coloured, listed
from dashboard.templatetags.units import UNKNOWN, ago, load, percent, severity
from dashboard.terminal import Cell, Column
from metrics import queries
from metrics.models import Server, Status
from metrics.queries import ServerRow

FIGURES = tuple(Column(name, is_number=True) for name in ("CPU", "memory", "disk /", "load"))
COLUMNS = (
    Column("id", is_number=True),
    Column("name", gives_way=True),
    Column("address", gives_way=True),
    Column("status", gives_way=True),
    Column("tags", gives_way=True),
    *FIGURES,
    Column("polled", is_number=True),
)


class Command(ReadingCommand):
    help = "Lists the servers with their status, its reason, and their newest figures."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tag", default="", help="only those with this tag")
        parser.add_argument("--status", default="", choices=Status.values, help="only those with this status")
        parser.add_argument("--search", default="", help="only those with these words in name, address, system or tags")

    def read(self, at: datetime, options: dict[str, Any]) -> None:
        text, tag = plain.text(options["search"]), plain.text(options["tag"])
        wanted = Server.objects.matching(text, tag, options["status"])
        rows = queries.server_rows(wanted.order_by("name", "pk").prefetch_related("tags"), at)
        if options["json"]:
            self.print_json(listed("servers", [wire.server(row, at) for row in rows]))
        elif rows:
            self.print_table(COLUMNS, [_cells(row) for row in rows])
        elif number := Server.objects.count():
            self.say(f"No server matches. `manage.py servers` lists all {number}.")
        else:
            self.say(NO_SERVERS)


def figures(row: ServerRow) -> list[Cell]:
    """What FIGURES are, unknown unless they are current."""
    if row.latest is None or not row.is_fresh:
        return [Cell(UNKNOWN)] * len(FIGURES)
    percents = (row.latest.cpu_percent, row.latest.memory_percent, row.latest.disk_percent)
    return [*(coloured(severity(value), percent(value)) for value in percents), Cell(load(row.latest.load_average_1m))]


def _cells(row: ServerRow) -> list[Cell | str]:
    server, reason = row.server, row.server.state.reason
    return [
        str(server.pk),
        row.name,
        server.address,
        coloured(row.status, f"{row.status}: {reason}" if reason and row.status == Status.OFFLINE else ""),
        ", ".join(row.tags),
        *figures(row),
        f"{ago(polled_at)} ago" if (polled_at := server.state.polled_at) else "never",
    ]
