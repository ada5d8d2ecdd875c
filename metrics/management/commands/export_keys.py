"""`manage.py export_keys`: the keys of this installation in one file, under a passphrase."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from metrics.backups import keys
from metrics.backups.errors import BackupError
from metrics.management.commands import _passphrase
from metrics.management.commands._arguments import as_command


class Command(BaseCommand):
    help = "Writes the keys, which no backup holds, into a new file that a passphrase opens."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        _passphrase.add_argument(parser)

    def handle(self, **options: Any) -> None:
        try:
            with as_command():
                given = _passphrase.passphrase(options["passphrase_file"], is_new=True)
                keys.export(options["file"], given, datetime.now(UTC))
        except BackupError as wrong:
            raise CommandError(str(wrong)) from None
        self.stdout.write(
            f"{options['file']} holds the keys. Keep it apart from the backups, and the passphrase in mind."
        )
