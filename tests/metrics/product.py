"""An installation with a bit of everything, with its commands: in this process, or in one that can be killed."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import override_settings
from django_q.models import OrmQ

from activity import verification
from activity.models import ActivityLog
from activity.record import record
from activity.types import ActivityType
from dashboard import tokens
from dashboard.models import ApiToken
from metrics import servers
from metrics.models import Credential, Server
from metrics.models.credential import CredentialKind
from metrics.queue import enqueue
from metrics.servers import Secret
from tests.serve import ROOT
from tomo_monitor import data_folder

SECRET = "planted-credential-secret"
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Product:
    """A data folder, and what can be done with it."""

    def __init__(self, folder: Path, blocker: Any) -> None:
        self.data, self._blocker = folder / "data", blocker
        self.file, self.backups = self.data / "tomo.sqlite3", self.data / "backups"

    def copy(self, folder: Path) -> "Product":
        shutil.copytree(self.data, folder / "data")
        return Product(folder, self._blocker)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This process works on its data, as a command does."""
        data_folder.prepare(self.data)
        own = override_settings(
            DATA_DIR=self.data,
            BACKUP_DIR=self.backups,
            SECRET_KEY=data_folder.secret_key(self.data),
            ACTIVITY_KEY=data_folder.activity_key(self.data),
            CREDENTIAL_KEYS=data_folder.credential_keys(self.data),
        )
        files = {"default": self.file, "queue": self.data / "queue.sqlite3"}
        before = {alias: (connections.databases[alias], connections[alias]) for alias in files}
        with own, self._blocker.unblock():
            for alias, file in files.items():
                connections.databases[alias] = before[alias][0] | {"NAME": file}
                del connections[alias]
            try:
                yield
            finally:
                for alias, (database, connection) in before.items():
                    connections[alias].close()
                    connections.databases[alias], connections[alias] = database, connection

    def fill(self) -> None:
        with self.entered():
            for alias in connections:
                call_command("migrate", database=alias, verbosity=0)
            admin = get_user_model().objects.create_superuser("admin", password="correct horse battery")
            SessionStore().save()
            tokens.create("script", admin, ["summary:read"], AT)
            server = Server(name="web-01", hostname="192.0.2.10", username="tomo")
            servers.add(server, Secret(CredentialKind.PASSWORD, SECRET), [], AT)
            for number in range(20):
                record(ActivityType.REPORTED, f"Row {number}")
            enqueue("beat")

    def left(self) -> dict[str, Any]:
        """What is to be found in it."""
        with self.entered():
            return {
                "servers": [server.name for server in Server.objects.all()],
                "secrets": [credential.open() for credential in Credential.objects.all()],
                "is_whole": verification.verify().is_whole,
                "last": ActivityLog.objects.latest("id").activity_type,
                "ways_in": Session.objects.count() + ApiToken.objects.count() + OrmQ.objects.count(),
            }

    def manage(self, *command: str) -> str:
        """What the command says."""
        said = StringIO()
        with self.entered():
            call_command(*command, stdout=said, stderr=StringIO())
        return said.getvalue()

    def refusal(self, *command: str) -> str:
        """Why the command does not do it."""
        with pytest.raises(CommandError) as refused:
            self.manage(*command)
        return str(refused.value)

    def backup(self) -> Path:
        return Path(self.manage("backup").partition(" ")[0])

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        """In a process of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOMO_", "DJANGO_"))}
        return subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=kept | {"TOMO_DATA_DIR": str(self.data)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.file, timeout=20)) as database:
            return database.execute(query).fetchall()

    def change(self, statement: str) -> None:
        with closing(sqlite3.connect(self.file, timeout=20)) as database, database:
            database.execute(statement)
