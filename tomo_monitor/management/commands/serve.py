"""`manage.py serve`: the whole product on this machine."""

import os
import resource
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections
from django.db.models.functions import Now

from activity import anchors, chain, locks
from activity.context import Acting, acting
from activity.types import ActorKind, Origin, Result
from dashboard import set_up
from metrics import schedules, servers
from metrics.models import Heartbeat
from tomo_monitor import __version__, starts
from tomo_monitor.processes import KEPT, die_with_parent
from tomo_monitor.supervisor import Supervisor

SYSTEM = Acting(kind=ActorKind.SYSTEM, origin=Origin.COMMAND)
LOCK = 0x746F6D70  # of PostgreSQL
ROWS_CHECKED = 20


class Command(BaseCommand):
    help = "Runs the web server and the background processes (TOMO_PARTS), and starts again what stops working."
    requires_migrations_checks = False

    def handle(self, **_options: Any) -> None:
        if os.environ.get(KEPT):
            die_with_parent(signal.SIGTERM)
        lock = self._lock()
        try:
            with acting(SYSTEM):
                self._prepare()
                self._run()
        finally:
            lock.close()

    def _lock(self) -> BinaryIO:
        """One product per data folder."""
        lock = locks.take_product()
        if lock is None:
            raise CommandError(
                f"Tomo Monitor runs already with the data in {settings.DATA_DIR}: stop it, or set TOMO_DATA_DIR."
            )
        return lock

    def _prepare(self) -> None:
        """Database, static files, schedules: as they must be for this version."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a connection to each server, in one process
        with _one_at_a_time():
            for alias in connections:
                call_command("migrate", database=alias, verbosity=0, interactive=False)
        self._check_database()
        self._check_keys()
        self._claim()
        if "web" in settings.TOMO["parts"]:
            call_command("collectstatic", verbosity=0, interactive=False)
        schedules.sync()
        servers.follow_clock(datetime.now(UTC))
        site, node = settings.TOMO["site"], settings.TOMO["node"]
        if settings.TOMO["watch_self"] and settings.POLL_CLUSTERS:
            servers.watch_this_machine(datetime.now(UTC), site, node)
        else:
            servers.forget_this_machine(datetime.now(UTC), node)

    def _check_keys(self) -> None:
        """A further host with keys of its own could open no credential, and what it recorded would break the log."""
        lately = list(chain.rows_after(max(chain.head()[0] - ROWS_CHECKED, 0))) if settings.TOMO["node"] else []
        if lately and not any(row[-1] == chain.mac(chain.content(row)) for row in lately):
            raise CommandError(
                f"The keys in {settings.DATA_DIR / 'keys'} are not those of this database: "
                "copy the folder from the data folder of the first host."
            )

    def _claim(self) -> None:
        """Each name of a process is one host's."""
        for name in settings.CLUSTERS:
            if not Heartbeat.objects.claim(name, Now(), settings.TOMO["site"]):
                host = Heartbeat.objects.get(name=name).host.partition(":")[0]
                remedy = "leave tasks out of TOMO_PARTS" if name == "tasks" else "set TOMO_NODE to a name of its own"
                raise CommandError(f"Another host ({host}) runs {name!r} with this database: {remedy} on this one.")

    def _check_database(self) -> None:
        if connection.vendor != "sqlite":
            return
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA quick_check(1)")
            if (answer := cursor.fetchone()[0]) != "ok":
                raise CommandError(f"The database is damaged ({answer}): restore a backup.")
        fixed = sqlite3.sqlite_version_info
        if fixed < (3, 51, 3) and fixed not in ((3, 44, 6), (3, 50, 7)):
            self.stderr.write(
                f"SQLite {sqlite3.sqlite_version} can, very seldom, lose a write when its log is reset: "
                "update it to 3.51.3 or newer, or use PostgreSQL."
            )

    def _run(self) -> None:
        started_at, node = datetime.now(UTC), settings.TOMO["node"]
        starts.record_startup(settings.TOMO, started_at)
        anchors.drop(started_at)
        self._greet()
        try:
            reason = Supervisor().run()
        except BaseException as wrong:
            starts.record_shutdown(
                type(wrong).__name__, started_at, datetime.now(UTC), node=node, result=Result.FAILURE
            )
            raise
        starts.record_shutdown(reason, started_at, datetime.now(UTC), node=node)
        anchors.drop(datetime.now(UTC))

    def _greet(self) -> None:
        if "web" not in settings.TOMO["parts"]:
            self.stdout.write(f"\nTomo Monitor {__version__} runs {', '.join(settings.CLUSTERS)} here.\n")
            self.stdout.flush()
            return
        self.stdout.write(f"\nTomo Monitor {__version__} is at {settings.PUBLIC_URL}/")
        if link := set_up.link():
            self.stdout.write(f"Make the first administrator here (the link works once): {link}")
        self.stdout.write(f"Data is in {settings.DATA_DIR}. Ctrl-C stops it.\n")
        self.stdout.flush()


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hosts that start at once wait for each other; by trying, since one that waits in the database holds up others."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        while not cursor.fetchone()[0]:
            time.sleep(0.5)
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
