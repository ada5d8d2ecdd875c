"""`manage.py import_servers`: many servers from a file."""

from argparse import ArgumentParser
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from metrics import authorized_keys, importing
from metrics.management.commands._arguments import as_command
from metrics.management.commands._progress import Progress


class Command(BaseCommand):
    help = (
        "Adds the servers of a YAML, CSV or ssh_config file. Without --yes it is a dry run. Known names are left alone;"
        " a server without a key gets one made, whose authorized_keys line is printed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--yes", action="store_true", help="add them; without it nothing is changed")

    def handle(self, **options: Any) -> None:
        try:
            with closing(Progress(self.stderr)) as progress:
                text = options["file"].read_text()
                found = importing.entries(options["file"], text, partial(progress, "Checking"))
        except (importing.WrongFile, OSError, UnicodeDecodeError) as wrong:
            raise CommandError(f"{options['file']}: {wrong}") from None
        for entry in found:
            where = f" ({entry.server.address})" if entry.server else ""
            self.stdout.write(f"{entry.name}{where}: {entry.verdict}")
        if not options["yes"]:
            self.stdout.write("A dry run: nothing was changed. Add --yes to add them.")
        else:
            with as_command(), closing(Progress(self.stderr)) as progress:
                added = importing.add(found, datetime.now(UTC), partial(progress, "Adding"))
            self.stdout.write(f"{added} added. Prepare each on its page, so that its host key is confirmed.")
            for entry in found:
                if entry.server and entry.server.pk and entry.secret:
                    self.stdout.write(f"# {entry.name}\n{authorized_keys.restricted(entry.secret.public_key)}")
        if any(entry.error for entry in found):
            raise CommandError("Some entries have errors: see above.")
