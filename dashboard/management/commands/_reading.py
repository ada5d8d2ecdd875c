"""What the commands that only read and print share."""

import csv
import json
import signal
import sys
import textwrap
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import StringIO, TextIOWrapper
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from activity.export import defused
from dashboard import terminal
from dashboard.terminal import Cell, Column

COLOURS = {
    **dict.fromkeys(("online", "running", "ok"), "SUCCESS"),
    **dict.fromkeys(("offline", "error", "critical"), "ERROR"),
    **dict.fromkeys(("pending", "warning"), "WARNING"),
}
NO_SERVERS = "There are no servers yet. Add the first one: manage.py add_server NAME --hostname ADDRESS --generate-key"


class ReadingCommand(BaseCommand):
    """Asks the database and prints the answer, as a table or as JSON; it changes nothing."""

    requires_system_checks = []  # they take longer than the answer

    def run_from_argv(self, argv: list[str]) -> None:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # who reads no further, such as head, ends it quietly
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a terminal without UTF-8 gets question marks
        super().run_from_argv(argv)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the answer as JSON, with the names of the API")

    def handle(self, **options: Any) -> None:
        self.style = terminal.styles(self.stdout, self.style, is_forced=options["force_color"])
        self.width = terminal.width(self.stdout)
        self.zone = ZoneInfo(settings.TIME_ZONE)
        try:
            self.read(datetime.now(UTC), options)
        except DatabaseError as wrong:
            raise CommandError(
                f"The database cannot be read ({terminal.plain(wrong)}). Check TOMO_DATA_DIR and TOMO_DATABASE_URL;"
                " `manage.py serve` makes or updates it."
            ) from None

    def read(self, at: datetime, options: dict[str, Any]) -> None:
        raise NotImplementedError

    def print_table(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell | str]]) -> None:
        for line in terminal.table(columns, rows, self.width, self.style):
            self.stdout.write(line)

    def print_line(self, *cells: Cell | str) -> None:
        """These next to each other, cut at the edge of the terminal."""
        told = [one if isinstance(one, Cell) else Cell(one) for one in cells]
        self.stdout.write(terminal.line(told, self.width, self.style))

    def print_wrapped(self, head: Cell, text: str) -> None:
        """A text beside its head, in as many lines as it needs."""
        before = terminal.places(head.text) + len(terminal.BETWEEN)
        for number, part in enumerate(textwrap.wrap(terminal.plain(text), max(self.width - before, 20))):
            self.print_line(Cell(" " * terminal.places(head.text)) if number else head, part)

    def say(self, text: str) -> None:
        """A sentence, however long."""
        self.stdout.write(terminal.plain(text))

    def print_json(self, data: Any, indent: int | None = 2) -> None:
        self.stdout.write(json.dumps(data, indent=indent, allow_nan=False))

    def print_csv(self, rows: Iterable[Sequence[Any]]) -> None:
        """Plain values, which neither a spreadsheet nor a terminal obeys."""
        buffer = StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        for row in rows:
            writer.writerow([defused(terminal.plain(one)) if isinstance(one, str) else one for one in row])
        self.stdout.write(buffer.getvalue(), ending="")

    def clock(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M:%S}"


def coloured(status: str, label: str = "") -> Cell:
    """A status, a condition or a level by its word, in its colour."""
    return Cell(label or status, COLOURS.get(status, ""))


def listed(name: str, rows: list[Any]) -> dict[str, Any]:
    """A whole list, as the API answers it in pages."""
    return {name: rows, "count": len(rows), "total": len(rows), "limit": None, "offset": 0, "next_after": None}
