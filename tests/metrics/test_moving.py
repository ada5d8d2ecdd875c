"""Moving a whole monitor to PostgreSQL and back, by its command."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from activity import locks
from activity.types import ActivityType
from tests.activity.kinds import proves
from tests.metrics.product import SECRET, Product
from tests.metrics.test_backups_postgresql import LEFT
from tests.metrics.test_backups_postgresql import Product as Moved
from tests.postgresql import PASSWORD, Postgresql
from tests.serve import until

LOG = "SELECT id, details, mac FROM activity_activitylog ORDER BY id"
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
QUEUE = "django_q_"


@pytest.fixture
def target(product: Product, postgresql: Postgresql) -> Moved:
    """The product's data folder over an empty database."""
    return Moved(postgresql, postgresql.new_database(), product.data)


@pytest.fixture
def url(target: Moved) -> str:
    return target.environment["TOMO_DATABASE_URL"]


def content(file: Path) -> dict[str, list[Any]]:
    """All that is in a file, table by table; JSON as what it says."""
    with closing(sqlite3.connect(file)) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        rows = {name: database.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for (name,) in names}
    return {name: [[plain(value) for value in row] for row in found] for name, found in rows.items()}


def plain(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value[:1] in ("{", "[") else value


def test_all_of_it_arrives_and_works_and_what_was_left_is_as_it_was(product: Product, target: Moved, url: str) -> None:
    before = content(product.file)
    said = product.manage("move_database", url)
    assert said.splitlines()[-1] == f"TOMO_DATABASE_URL={url.replace(PASSWORD, '•••')}"
    assert content(product.file) == before
    assert target.rows(LOG)[:-1] == product.rows(LOG)
    assert target.rows("SELECT (SELECT count(*) FROM django_session), count(*) FROM dashboard_apitoken") == [(1, 1)]
    assert target.rows("SELECT name FROM metrics_server") == [("web-01",)]
    assert target.manage("shell", "--no-imports", "-c", LEFT) == f"True {SECRET}\n"
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"):
        target.rows("UPDATE activity_activitylog SET message = ''")


def test_there_and_back_again_nothing_has_changed(product: Product, target: Moved, url: str, tmp_path: Path) -> None:
    product.manage("move_database", url)
    target.manage("move_database", f"sqlite:///{tmp_path / 'back'}")
    before, after = content(product.file), content(tmp_path / "back")
    log, sequences = "activity_activitylog", "sqlite_sequence"
    assert after.pop(log)[:-2] == before.pop(log)
    assert {table: rows for table, rows in after.items() if table not in (sequences, "django_migrations")} == {
        table: rows for table, rows in before.items() if table not in (sequences, "django_migrations")
    }


def test_no_number_of_a_row_that_is_gone_is_given_again(product: Product, target: Moved, url: str) -> None:
    product.change("INSERT INTO metrics_tag (id, name) VALUES (41, 'gone')")
    product.change("DELETE FROM metrics_tag")
    product.manage("move_database", url)
    assert target.rows("INSERT INTO metrics_tag (name) VALUES ('new') RETURNING id") == [(42,)]


@proves(ActivityType.DATABASE_MOVED)
def test_it_says_in_the_log_what_was_moved(product: Product, tmp_path: Path) -> None:
    old, new = product.file, tmp_path / "new.sqlite3"
    product.manage("move_database", f"sqlite:///{new}")
    product.file = new
    said = json.loads(product.rows(LOG)[-1][1])
    assert (said["before"], said["after"]) == ({"database": f"sqlite {old}"}, {"database": f"sqlite {new}"})
    assert said["rows"] > len(product.rows(LOG))
    assert (new.stat().st_mode & 0o777, list(tmp_path.glob("*.moving*"))) == (0o600, [])


def test_it_is_refused_while_the_product_runs_or_when_the_new_one_is_not_empty(
    product: Product, target: Moved, url: str, tmp_path: Path
) -> None:
    (tmp_path / "there").touch()
    assert "is there already" in product.refusal("move_database", f"sqlite:///{tmp_path / 'there'}")
    target.rows("CREATE TABLE something (id integer)")
    assert "is not empty, something is in it" in product.refusal("move_database", url)
    assert "Allowed: " in product.refusal("move_database", "mysql://host/name")
    running = locks.take(product.data / "serve.lock")
    assert running
    with running:
        assert "stop it first" in product.refusal("move_database", url)


def test_one_that_was_killed_leaves_an_empty_database_and_can_be_repeated(
    product: Product, target: Moved, url: str, postgresql: Postgresql
) -> None:
    working = f"SELECT 1 FROM pg_stat_activity WHERE datname = '{target.name}' AND backend_xid IS NOT NULL"
    running = product.start("move_database", url)
    until(lambda: postgresql.run(working), 60, "it makes tables")
    running.kill()
    running.wait()
    until(lambda: not postgresql.run(working), 30, "PostgreSQL noticed")
    assert target.rows(TABLES) == []
    product.manage("move_database", url)
    assert target.rows("SELECT name FROM metrics_server") == [("web-01",)]


def test_a_log_that_does_not_verify_is_moved_only_when_that_is_known(product: Product, target: Moved, url: str) -> None:
    product.change("DROP TRIGGER activity_activitylog_no_update")
    product.change("UPDATE activity_activitylog SET message = 'changed' WHERE id = 3")
    assert "does not verify (row 3 was changed" in product.refusal("move_database", url)
    assert target.rows(TABLES) == []
    product.manage("move_database", url, "--broken-log")
    assert target.rows("SELECT message FROM activity_activitylog WHERE id = 3") == [("changed",)]


def test_a_value_that_does_not_fit_is_told_with_its_table(product: Product, target: Moved, url: str) -> None:
    product.change("UPDATE metrics_server SET port = 99999999999")
    assert "A row of metrics_server does not fit: " in product.refusal("move_database", url)
    product.change("UPDATE metrics_server SET port = 22, notes = 'half' || char(0)")
    assert "A row of metrics_server does not fit: " in product.refusal("move_database", url)
    assert target.rows(TABLES) == []


def test_a_database_that_does_not_answer_is_told(product: Product, free_port: int) -> None:
    said = product.refusal("move_database", f"postgres://tomo:{PASSWORD}@127.0.0.1:{free_port}/tomo")
    assert said.startswith("Nothing was moved. The database says: ")
    assert PASSWORD not in said
