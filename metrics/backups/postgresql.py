"""Backups of PostgreSQL: pg_dump of one snapshot; restored into a scratch database, then both are renamed at once."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.db import DatabaseError, connection, connections, transaction

from metrics.backups import facts, files
from metrics.backups.archive import Archive
from metrics.backups.errors import BackupError
from metrics.backups.facts import EMPTIED, Facts
from metrics.backups.instead import instead
from metrics.backups.progress import UNPACKING, WRITING, Tell

LONGEST_NAME = 63
SCRATCH = "_restoring"
ENVIRONMENT = {"HOST": "PGHOST", "PORT": "PGPORT", "USER": "PGUSER", "PASSWORD": "PGPASSWORD"}
OPTIONS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "service", "passfile")


def size_bytes() -> int:
    return int(_answer("SELECT pg_database_size(current_database())"))


def room_bytes() -> int:
    """What a backup may need: it is written compressed, so no more than the database."""
    return size_bytes()


@contextmanager
def dumped(_draft: Path, tell: Tell) -> Iterator[tuple[IO[bytes], Facts, int]]:
    """What pg_dump says, what the same snapshot holds, and a guess at the size."""
    program = _program("pg_dump")
    command = [program, "--format=custom", "--no-owner", "--no-privileges"]
    command += [f"--exclude-table-data={table}" for table in EMPTIED]
    tell(WRITING, 0.0)
    with _snapshot() as (snapshot, found), tempfile.TemporaryFile() as said:
        dump = subprocess.Popen(
            [*command, f"--snapshot={snapshot}"], env=_environment(_own()), stdout=subprocess.PIPE, stderr=said
        )
        with dump:
            assert dump.stdout
            try:
                yield dump.stdout, found, size_bytes() // 4
            except BaseException:
                dump.kill()
                raise
        _must_be_well("pg_dump", dump.returncode, said)


def unpack(archive: Archive, tell: Tell) -> str:
    """Into an empty database beside the product's; its name."""
    program, own = _program("pg_restore"), _own()
    scratch = f"{own[: LONGEST_NAME - len(SCRATCH)]}{SCRATCH}"
    _check_rights()
    check_alone()
    query = "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname = %s"
    with _elsewhere() as cursor:
        cursor.execute(query, [own])
        encoding, collate, ctype = cursor.fetchone()
        cursor.execute(f"DROP DATABASE IF EXISTS {_quoted(scratch)} WITH (FORCE)")  # of one that was killed
        cursor.execute(
            f"CREATE DATABASE {_quoted(scratch)} TEMPLATE template0 ENCODING %s LC_COLLATE %s LC_CTYPE %s",
            [encoding, collate, ctype],
        )
    try:
        _restore([program, "--no-owner", "--no-privileges", "--exit-on-error", f"--dbname={scratch}"], archive, tell)
    except BaseException:
        discard(scratch)
        raise
    return scratch


def check() -> None:
    """Whatever is wrong with what was read in, pg_restore has said already."""


def discard(scratch: str) -> None:
    with _elsewhere() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {_quoted(scratch)} WITH (FORCE)")


def aside(at: datetime) -> str:
    suffix = f"_replaced_{files.stamp(at).lower()}"
    return f"{_own()[: LONGEST_NAME - len(suffix)]}{suffix}"


def replace(scratch: str, kept: str) -> None:
    """Both names change in one transaction: whenever this is killed, either the old or the new one is in place."""
    own = _own()
    try:
        with _elsewhere() as cursor, transaction.atomic():
            cursor.execute(f"ALTER DATABASE {_quoted(own)} RENAME TO {_quoted(kept)}")
            cursor.execute(f"ALTER DATABASE {_quoted(scratch)} RENAME TO {_quoted(own)}")
    except DatabaseError as wrong:
        raise BackupError(f"PostgreSQL does not rename the databases ({_line(wrong)}): end what uses {own}.") from wrong


@contextmanager
def _snapshot() -> Iterator[tuple[str, Facts]]:
    """A snapshot that pg_dump can take, and what it holds; over a connection of its own, as progress is written."""
    beside = connections["default"].copy()
    try:
        with beside.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute("SELECT pg_export_snapshot()")
            yield cursor.fetchone()[0], facts.read(cursor, "postgresql")
    finally:
        beside.close()


@contextmanager
def _elsewhere() -> Iterator[Any]:
    """A cursor in another database, as nobody renames or drops the one they are in."""
    with instead(NAME="postgres"), connection.cursor() as cursor:
        yield cursor


def _restore(command: list[str], archive: Archive, tell: Tell) -> None:
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(command, env=_environment(""), stdin=subprocess.PIPE, stderr=said) as restore:
            assert restore.stdin
            try:
                for chunk in archive.chunks(tell, UNPACKING):
                    restore.stdin.write(chunk)
                restore.stdin.close()
            except BrokenPipeError:
                restore.stdin = None  # it has ended; what it said tells why
            except BaseException:
                restore.kill()
                raise
        _must_be_well("pg_restore", restore.returncode, said)


def _must_be_well(program: str, code: int, said: IO[bytes]) -> None:
    if code:
        said.seek(0)
        lines = said.read(4000).decode(errors="replace").strip().splitlines() or [f"it ended with {code}"]
        raise BackupError(f"{program} failed: {lines[0]}")


def _program(name: str) -> str:
    """Where it is; new enough for the server."""
    server = connection.cursor().connection.info.server_version // 10000
    path = shutil.which(name)
    if path is None:
        raise BackupError(f"{name} is missing: apt install postgresql-client (version {server} or newer).")
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    version = int((re.search(r"(\d+)[.\d]*", told) or [0, 0])[1])
    if version < server:
        raise BackupError(
            f"{name} is version {version} and the server {server}: install postgresql-client-{server} or newer."
        )
    return path


def _check_rights() -> None:
    owner = "SELECT pg_get_userbyid(datdba) = current_user FROM pg_database WHERE datname = current_database()"
    user = _answer("SELECT current_user")
    if not _answer("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"):
        raise BackupError(f'{user} may not create databases: ALTER ROLE "{user}" CREATEDB, then try again.')
    if not _answer(f"SELECT rolsuper OR ({owner}) FROM pg_roles WHERE rolname = current_user"):
        raise BackupError(f'{user} does not own {_own()}: ALTER DATABASE "{_own()}" OWNER TO "{user}", then try again.')


def check_alone() -> None:
    """Now, as it would be a pity to find it out in the end."""
    others = _answer(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    if others:
        raise BackupError(f"{others} other sessions use the database {_own()}: end them, then try again.")


def _environment(database: str) -> dict[str, str]:
    """How the programs find the server: never on a command line, which others can read."""
    own = connection.settings_dict
    found = {name: str(own[key]) for key, name in ENVIRONMENT.items() if own.get(key)}
    found |= {f"PG{name.upper()}": str(own["OPTIONS"][name]) for name in OPTIONS if name in own["OPTIONS"]}
    return os.environ | found | ({"PGDATABASE": database} if database else {})


def _own() -> str:
    return str(connection.settings_dict["NAME"])


def _answer(query: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name.replace('"', '""'))


def _line(wrong: Exception) -> str:
    return str(wrong).strip().splitlines()[0]
