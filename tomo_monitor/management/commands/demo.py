"""`manage.py demo`: made-up servers with thirty days of history in a folder of their own, and the product over them."""

import logging
import secrets
from argparse import ArgumentParser
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from activity import locks
from activity.context import acting
from metrics.demo import fleet, history
from metrics.management.commands._progress import Progress
from tomo_monitor.demo_folder import PASSWORD

ADMINISTRATOR = "demo"


class Command(BaseCommand):
    help = "Shows the product over made-up servers with a month of history, apart from all real data."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--servers", type=int, default=len(fleet.NAMES), help="how many there are")
        parser.add_argument("--days", type=int, default=30, help="how much history they have")
        parser.add_argument("--fill-only", action="store_true", help="make the demo, and do not run the product")

    def handle(self, **options: Any) -> None:
        if not self._password_file().exists():
            self._make(fleet.names(options["servers"]), options["days"])
        self.stdout.write(
            f"\nA demo: its servers are made up. Sign in at {settings.PUBLIC_URL}/ as {ADMINISTRATOR}"
            f" with the password {self._password_file().read_text().strip()}"
        )
        if not options["fill_only"]:
            call_command("serve")

    def _make(self, names: list[str], days: int) -> None:
        if settings.DEMO_BEGUN_AT is None:
            raise CommandError(f"{settings.DATA_DIR} holds no demo: run make demo.")
        lock = locks.take_product()
        if lock is None:
            raise CommandError(f"The demo in {settings.DATA_DIR} is being made already: wait for it.")
        with lock, closing(Progress(self.stderr)) as progress:
            for alias in connections:
                progress("The database", 0)
                call_command("migrate", database=alias, verbosity=0, interactive=False)
            logging.disable(logging.INFO)  # each event of a month would be a line
            begun_at = datetime.fromtimestamp(settings.DEMO_BEGUN_AT, UTC)
            history.fill(names, begun_at, days, progress)
            history.catch_up(names, begun_at, datetime.now(UTC), progress)
            password = secrets.token_urlsafe(12)
            with acting(history.DEMO):
                get_user_model().objects.create_superuser(ADMINISTRATOR, password=password)
            logging.disable(logging.NOTSET)
            self._password_file().write_text(password)

    def _password_file(self) -> Path:
        return Path(settings.DATA_DIR) / "keys" / PASSWORD
