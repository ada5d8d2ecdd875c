"""Activity logs of their own, each with a data folder and a database, for tests that ruin them."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import load_backend
from django.test import override_settings

from activity import triggers
from activity.context import Acting
from activity.record import record
from activity.types import ActivityType, ActorKind, Origin, Result
from tomo_monitor.configuration import configuration
from tomo_monitor.databases import SQLITE_OPTIONS

AT = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
ROWS = 20
ADA = Acting(ActorKind.USER, Origin.WEB, "ada", 7, "198.51.100.7", "Firefox", "0123abcd")


class Web:
    """A server."""

    id, name = 5, "web-01"


class Log:
    """The log of one installation. Inside `opened()` all that the product does in this thread, it does to this one."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.folder, self.url = folder, url
        self.file, self.anchors = folder / "tomo.sqlite3", folder / "anchors.jsonl"

    @classmethod
    def created(cls, folder: Path, url: str = "") -> "Log":
        log = cls(folder, url)
        (folder / "keys").mkdir(parents=True)
        (folder / "keys" / "activity_key").write_text(settings.ACTIVITY_KEY.hex())
        with log.opened() as connection:
            executor = MigrationExecutor(connection)
            executor.migrate([one for one in executor.loader.graph.leaf_nodes() if one[0] == "activity"])
            triggers.ensure()
        return log

    def copied(self, folder: Path) -> "Log":
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Log(folder)

    @contextmanager
    def opened(self) -> Iterator[Any]:
        with override_settings(DATA_DIR=self.folder), self.connected() as connection:
            yield connection

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """For one more thread of a test that has it opened."""
        sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": self.file, "OPTIONS": SQLITE_OPTIONS}
        given = configuration(self.environment)["database_url"] or sqlite
        complete = connections.configure_settings({"default": dict(given)})["default"]
        before = connections["default"]
        connections["default"] = load_backend(complete["ENGINE"]).DatabaseWrapper(complete, "default")
        try:
            yield connections["default"]
        finally:
            connections["default"].close()
            connections["default"] = before

    def beside(self, done: Callable[[], Any]) -> Thread:
        """Do it at the same time, in another thread over another connection."""

        def run() -> None:
            with self.connected():
                done()

        thread = Thread(target=run)
        thread.start()
        return thread

    @property
    def environment(self) -> Mapping[str, str]:
        """For the product's own commands."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOMO_", "DJANGO_"))}
        return kept | {"TOMO_DATA_DIR": str(self.folder), "TOMO_DATABASE_URL": self.url}

    def attack(self, *statements: str) -> None:
        """Change it behind the program's back, leaving its triggers as they were."""
        with closing(sqlite3.connect(self.file)) as database:
            guards = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _sql in guards:
                database.execute(f"DROP TRIGGER {name}")
            database.executescript("BEGIN;" + ";".join([*statements, *(sql for _name, sql in guards)]) + ";COMMIT;")


def write(rows: int, since: datetime = AT) -> None:
    """So many rows, a minute apart; one after the other of a server that came back, and of what a user did to it."""
    for number in range(rows):
        at = since + timedelta(minutes=number)
        if number % 2:
            details = {"before": {"port": 22}, "after": {"port": 2222}}
            record(ActivityType.SERVER_UPDATED, "web-01 changed", server=Web(), details=details, actor=ADA, at=at)
        else:
            record(ActivityType.SERVER_DISCONNECTED, "web-01 lost", server=Web(), result=Result.FAILURE, at=at)
