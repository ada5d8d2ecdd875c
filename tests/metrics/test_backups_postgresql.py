"""Backup and restore of a whole monitor on PostgreSQL, by its commands, on a real server."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.metrics.test_backups import unpacked
from tests.postgresql import PASSWORD, USER, Postgresql
from tests.serve import ROOT, until

FILL = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib.sessions.backends.db import SessionStore
from activity.record import record
from activity.types import ActivityType
from metrics import servers
from metrics.models import Server
from metrics.models.credential import CredentialKind
from metrics.queue import enqueue
from metrics.servers import Secret
from datetime import UTC, datetime
SessionStore().save()
secret = Secret(CredentialKind.PASSWORD, "planted-credential-secret")
servers.add(Server(name="web-01", hostname="192.0.2.10", username="tomo"), secret, [], datetime.now(UTC))
for number in range(20):
    record(ActivityType.REPORTED, f"Row {number}")
enqueue("beat")
"""
LEFT = """
from activity import verification
from metrics.models import Credential
print(verification.verify().is_whole, Credential.objects.get().open())
"""


class Product:
    """A data folder over a database of its own."""

    def __init__(self, server: Postgresql, url: str, data: Path) -> None:
        self._server, self.name = server, urlsplit(url).path[1:]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOMO_", "DJANGO_"))}
        self.environment = kept | {"TOMO_DATA_DIR": str(data), "TOMO_DATABASE_URL": url}

    def start(self, *command: str, **more: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=self.environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def manage(self, *command: str) -> str:
        running = self.start(*command)
        said, errors = running.communicate(timeout=120)
        assert running.returncode == 0, errors
        return said

    def refusal(self, *command: str, **more: str) -> str:
        running = self.start(*command, **more)
        _said, errors = running.communicate(timeout=120)
        assert running.returncode == 1
        return errors.strip().splitlines()[-1]

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return self._server.run(query, self.name)


@pytest.fixture(scope="module")
def filled(postgresql: Postgresql, tmp_path_factory: pytest.TempPathFactory) -> Product:
    product = Product(postgresql, postgresql.new_database(), tmp_path_factory.mktemp("filled") / "data")
    product.manage("shell", "--no-imports", "-c", FILL)
    return product


@pytest.fixture(scope="module")
def backup(filled: Product) -> Path:
    return Path(filled.manage("backup").partition(" ")[0])


def test_what_was_there_is_there_again_and_nobody_is_let_in(
    filled: Product, backup: Path, postgresql: Postgresql
) -> None:
    filled.rows("UPDATE metrics_server SET name = 'another'")
    said = filled.manage("restore", str(backup))
    assert filled.rows("SELECT name FROM metrics_server") == [("web-01",)]
    assert filled.rows("SELECT count(*) FROM django_session") == [(0,)]
    assert filled.rows("SELECT count(*) FROM django_q_ormq") == [(0,)]
    assert filled.rows("SELECT activity_type FROM activity_activitylog ORDER BY id DESC LIMIT 1") == [
        ("backup_restored",)
    ]
    assert filled.manage("shell", "--no-imports", "-c", LEFT) == "True planted-credential-secret\n"
    kept = said.partition("kept as ")[2].partition(";")[0]
    assert postgresql.run("SELECT name FROM metrics_server", kept) == [("another",)]


def test_the_log_is_still_append_only_after_a_restore(filled: Product, backup: Path) -> None:
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"):
        filled.rows("UPDATE activity_activitylog SET message = ''")


def test_no_session_and_no_password_of_the_database_is_in_it(filled: Product, backup: Path, tmp_path: Path) -> None:
    dump = unpacked(backup, tmp_path)
    text = subprocess.run(["pg_restore", "-f", "-", dump], capture_output=True, text=True, check=True).stdout
    assert "web-01" in text
    assert "COPY public.django_session " not in text
    assert PASSWORD not in text


def test_a_session_that_uses_the_database_is_told_and_nothing_is_replaced(
    filled: Product, backup: Path, postgresql: Postgresql
) -> None:
    with psycopg.connect(filled.environment["TOMO_DATABASE_URL"]):
        said = filled.refusal("restore", str(backup))
    assert said.startswith("CommandError: Nothing was replaced. 1 other sessions use the database")
    assert postgresql.run("SELECT datname FROM pg_database WHERE datname LIKE '%restoring'") == []


def test_a_restore_that_was_killed_leaves_the_old_database_and_can_be_repeated(
    filled: Product, backup: Path, postgresql: Postgresql
) -> None:
    scratch = "SELECT 1 FROM pg_database WHERE datname LIKE '%restoring'"
    running = filled.start("restore", str(backup))
    until(lambda: postgresql.run(scratch), 60, "it restores")
    running.kill()
    running.communicate()
    assert filled.rows("SELECT name FROM metrics_server") == [("web-01",)]
    filled.manage("restore", str(backup))
    assert not postgresql.run(scratch)


def test_a_role_that_may_not_create_databases_is_told_what_to_do(
    filled: Product, backup: Path, postgresql: Postgresql
) -> None:
    postgresql.run(f"ALTER ROLE {USER} NOCREATEDB")
    try:
        assert f'ALTER ROLE "{USER}" CREATEDB, then try again.' in filled.refusal("restore", str(backup))
    finally:
        postgresql.run(f"ALTER ROLE {USER} CREATEDB")


def test_missing_programs_are_named_with_their_package(filled: Product) -> None:
    assert "pg_dump is missing: apt install postgresql-client" in filled.refusal("backup", PATH="/nowhere")
