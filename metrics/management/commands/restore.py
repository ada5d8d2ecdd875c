"""`manage.py restore`: the whole monitor out of a backup, after everything in it was checked."""

from argparse import ArgumentParser
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from metrics.backups.errors import BackupError
from metrics.backups.restoring import Accepted, restore
from metrics.management.commands._arguments import as_command
from metrics.management.commands._progress import Progress


class Command(BaseCommand):
    help = "Puts a backup in the place of the database, which is kept beside. The product must not run."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help="the file of the backup")
        parser.add_argument(
            "--without-credentials",
            action="store_true",
            help="although their keys are lost: enter each again afterwards",
        )
        parser.add_argument(
            "--broken-log",
            action="store_true",
            help="although the activity log in it does not verify: it stays visible",
        )

    def handle(self, **options: Any) -> None:
        accepted = Accepted(lost_credentials=options["without_credentials"], broken_log=options["broken_log"])
        try:
            with as_command(), closing(Progress(self.stderr)) as progress:
                done = restore(options["path"], datetime.now(UTC), progress, accepted)
        except BackupError as wrong:
            raise CommandError(f"Nothing was replaced. {wrong}") from None
        rows = sum(done.manifest.facts.rows.values())
        self.stdout.write(f"The backup of {done.manifest.made:%Y-%m-%d %H:%M} UTC is in place, with {rows:,} rows.")
        if done.replaced:
            self.stdout.write(f"What was there is kept as {done.replaced}; delete it when you miss nothing.")
        self.stdout.write("Everybody signs in again; tokens have to be made again.")
