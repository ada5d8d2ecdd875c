"""`manage.py backup`: the whole monitor in one file, while it runs."""

from argparse import ArgumentParser
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from activity.plain import text
from metrics.backups import files, making
from metrics.backups.errors import BackupError
from metrics.management.commands._arguments import as_command
from metrics.management.commands._progress import Progress


class Command(BaseCommand):
    help = "Makes a backup of servers, samples, apps, activity and users, without keys, while the product runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", nargs="?", type=Path, help="a folder or a new file; else the folder of backups")

    def handle(self, **options: Any) -> None:
        at = datetime.now(UTC)
        try:
            with as_command(), closing(Progress(self.stderr)) as progress:
                made = making.run(making.begin(at), files.path_at(at, options["path"]), at, progress)
        except BackupError as wrong:
            raise CommandError(str(wrong)) from None
        self.stdout.write(f"{text(str(made))} is whole: {made.stat().st_size:,} bytes.")
        self.stdout.write("The keys are not in it: keep them apart, with `manage.py export_keys FILE`.")
