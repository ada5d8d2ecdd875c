"""A PostgreSQL server of the tests' own on a loopback port, and a new empty database for each test that asks."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.serve import _free_port, until
from tomo_monitor.processes import die_with_parent

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
USER, PASSWORD = "tomo", "planted-database-password"


class Postgresql:
    """A cluster whose role `tomo` signs in with a password and may create databases. It runs as postgres under root."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tomo-postgresql-"))
        self.port = _free_port()
        self._databases = 0
        self._account: dict[str, Any] = (
            {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        )
        if self._account:
            shutil.chown(self.folder, "postgres", "postgres")
        data = self.folder / "data"
        init = ["initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run([_program(init[0]), *init[1:]], check=True, capture_output=True, cwd="/", **self._account)
        # Passwords over TCP; whoever reaches the socket in the private folder is its master.
        (data / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        self.start()
        self.run(f"CREATE ROLE {USER} LOGIN CREATEDB PASSWORD '{PASSWORD}'")

    def start(self) -> None:
        data, options = self.folder / "data", [f"-cport={self.port}", f"-cunix_socket_directories={self.folder}"]
        with (self.folder / "log").open("ab") as said:
            self._server = subprocess.Popen(
                [_program("postgres"), "-D", data, "-clisten_addresses=127.0.0.1", "-cfsync=off", *options],
                stdout=said,
                stderr=said,
                cwd="/",
                preexec_fn=lambda: die_with_parent(signal.SIGQUIT),
                **self._account,
            )
        until(self._answers, 30, "PostgreSQL answers")

    def restart(self) -> None:
        """Break off whatever runs in it, and be there again."""
        self.end()
        self.start()

    @property
    def pid(self) -> int:
        return self._server.pid

    def run(self, statement: str, database: str = "postgres") -> list[Any]:
        """As its master; the rows, if there are any."""
        with psycopg.connect(self._master(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def new_database(self) -> str:
        """The URL of an empty database, as TOMO_DATABASE_URL takes it."""
        self._databases += 1
        name = f"tomo{self._databases}"
        self.run(f"CREATE DATABASE {name} OWNER {USER}")
        return f"postgres://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    def end(self) -> None:
        """At once, as if its machine had failed; it may be started again."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(30)

    def stop(self) -> None:
        self.end()
        shutil.rmtree(self.folder)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._master("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _master(self, database: str) -> str:
        return f"host={self.folder} port={self.port} user=postgres dbname={database}"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """The server: started once, when the first test asks."""
    server = Postgresql()
    yield server
    server.stop()


@pytest.fixture
def postgresql_url(postgresql: Postgresql) -> str:
    """An empty database."""
    return postgresql.new_database()


def _program(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join([*map(str, PROGRAMS), os.environ["PATH"]]))
    assert found, f"{name} is missing: apt install postgresql"
    return found
