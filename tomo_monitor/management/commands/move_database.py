"""`manage.py move_database`: from SQLite to PostgreSQL, back, or to another machine's."""

import re
from argparse import ArgumentParser
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from metrics.backups.errors import BackupError
from metrics.backups.moving import move
from metrics.management.commands._arguments import as_command
from metrics.management.commands._progress import Progress
from tomo_monitor import databases
from tomo_monitor.configuration import WrongSetting, configuration

SETTING = "TOMO_DATABASE_URL"


class Command(BaseCommand):
    help = "Copies all that is in the database into another, empty one, and compares both. The product must not run."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", nargs="?", help=f"as {SETTING} takes it; else it is read from standard input")
        parser.add_argument(
            "--broken-log", action="store_true", help="although the activity log does not verify: it stays visible"
        )

    def handle(self, **options: Any) -> None:
        url = options["url"] or input()
        try:
            to = configuration({SETTING: url})["database_url"]
            if not to:
                raise BackupError(f"Give an address, as {SETTING} takes it.")
            with as_command(), closing(Progress(self.stderr)) as progress:
                moved = move(databases.complete(to), datetime.now(UTC), progress, broken_log=options["broken_log"])
        except (BackupError, WrongSetting) as wrong:
            raise CommandError(f"Nothing was moved. {wrong}") from None
        self.stdout.write(
            f"{moved.rows:,} rows of {moved.tables} tables are in the new database, the same as here. The old one stays"
            " as it is: delete it when you miss nothing. From the next start on, use\n"
        )
        self.stdout.write(f"{SETTING}={_without_password(url)}")


def _without_password(url: str) -> str:
    return re.sub(r"(//[^/:]*:).*@", r"\1•••@", url)
