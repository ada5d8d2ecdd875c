"""What the tests share: real servers, real people, and no skipping where it counts."""

import os
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db.backends.base.operations import BaseDatabaseOperations

from activity import triggers
from tests.postgresql import postgresql, postgresql_url  # noqa: F401  # fixtures
from tests.redis import redis  # noqa: F401  # fixture
from tests.sshd import Sshd

AT = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Any:
    """In CI a part that is missing is a failure: nothing is skipped there."""
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


LONGEST = """
    test_supervisor.py test_schemathesis.py test_docker_daemon.py test_secrets.py test_hostile_servers.py
""".split()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files begin first, so that no worker still has one of them when the other has nothing left."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


_flush = BaseDatabaseOperations.execute_sql_flush


def _flush_with_the_log(self: Any, statements: list[str]) -> None:
    """Between tests the log is emptied, too, which its triggers refuse to everybody else."""
    with self.connection.cursor() as cursor:
        for table in (triggers.LOG, triggers.SEGMENTS):
            for trigger in triggers.names(table).values():
                if self.connection.vendor == "sqlite":
                    cursor.execute(f"DROP TRIGGER IF EXISTS {trigger}")
                else:
                    cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    _flush(self, statements)
    triggers.ensure(self.connection.alias)


BaseDatabaseOperations.execute_sql_flush = _flush_with_the_log  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """What one test asked is no answer in another."""
    cache.clear()


@pytest.fixture
def at() -> datetime:
    """An instant that is always the same."""
    return AT


@pytest.fixture(scope="session")
def keys_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ed25519 key `id` that test servers let in, and another one, `stranger`."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("id", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    return folder


@pytest.fixture
def sshd(tmp_path: Path, keys_folder: Path) -> Iterator[Sshd]:
    """A real OpenSSH server on a loopback port of its own that lets `id` in."""
    server = Sshd(tmp_path / "sshd", (keys_folder / "id.pub").read_text())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def administrator(db: None, django_user_model: Any) -> Any:
    return django_user_model.objects.create_superuser("admin", password="correct horse battery")


@pytest.fixture
def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
