"""`manage.py import_keys`: the keys of another installation, or of this one before it was lost."""

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
    help = "Puts exported keys in place; those that were there are kept beside. The product must not run."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        _passphrase.add_argument(parser)

    def handle(self, **options: Any) -> None:
        def given() -> str:
            return _passphrase.passphrase(options["passphrase_file"], is_new=False)

        try:
            with as_command():
                done = keys.import_(options["file"], given, datetime.now(UTC))
        except BackupError as wrong:
            raise CommandError(str(wrong)) from None
        if not done.replaced:
            self.stdout.write("These keys are in place already: nothing was changed.")
            return
        self.stdout.write(f"The keys are in place (activity key {done.activity_key}). Those before: {done.replaced}.")
        self.stdout.write("Next, restore a backup that belongs to them: manage.py restore FILE")
