"""Backup and restore of a whole monitor on SQLite, by its commands."""

import json
import os
import re
import sqlite3
import stat
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from activity import locks
from activity.types import ActivityType
from tests.activity.kinds import proves
from tests.metrics.product import SECRET, Product
from tests.serve import until

WRITER = """
from activity.record import record
from activity.types import ActivityType
number = 0
while True:
    record(ActivityType.REPORTED, f"Written meanwhile {number}")
    number += 1
"""


@pytest.fixture
def large(product: Product) -> Product:
    """Large enough that it can be killed while it works."""
    product.change("CREATE TABLE ballast AS SELECT randomblob(40000000) AS bytes")
    return product


def unpacked(backup: Path, to: Path) -> Path:
    with zipfile.ZipFile(backup) as archive:
        return Path(archive.extract("database", to))


def killed(product: Product, *command: str, when: Path) -> None:
    """The command, killed as soon as this path is there and grows."""
    running = product.start(*command)
    until(lambda: any(path.stat().st_size > 0 for path in when.parent.glob(when.name)), 30, f"{when} grows")
    running.kill()
    running.wait()


def test_what_was_there_is_there_again_and_nobody_is_let_in(product: Product, backup: Path) -> None:
    (product.data / "anchors.jsonl").write_text("{}\n")
    product.change("DELETE FROM metrics_credential")
    product.change("UPDATE metrics_server SET name = 'another'")
    said = product.manage("restore", str(backup))
    left = product.left()
    assert (left["servers"], left["secrets"]) == (["web-01"], [SECRET])
    assert (left["is_whole"], left["last"], left["ways_in"]) == (True, "backup_restored", 0)
    assert list(product.data.glob("anchors-until-*"))
    assert "is whole: " in product.manage("verify_activity")
    kept = Path(re.findall(r"kept as (\S+);", said)[0])
    with closing(sqlite3.connect(kept)) as database:
        assert database.execute("SELECT name FROM metrics_server").fetchall() == [("another",)]


@proves(ActivityType.BACKUP_RESTORED)
def test_it_says_in_the_log_what_was_made_and_what_was_restored(product: Product, backup: Path) -> None:
    made = product.rows("SELECT details FROM activity_activitylog WHERE activity_type = 'backup_created'")
    assert Path(json.loads(made[0][0])["file"]).name == backup.name
    product.manage("restore", str(backup))
    said = json.loads(product.rows("SELECT details FROM activity_activitylog ORDER BY id DESC LIMIT 1")[0][0])
    assert (said["file"], said["head_before"][0]) == (str(backup), said["head_after"][0] + 1)
    assert Path(said["replaced"]).exists()


def test_no_key_session_or_token_is_in_it_and_only_its_owner_can_read_it(product: Product, backup: Path) -> None:
    planted = [value for row in product.rows("SELECT session_key, session_data FROM django_session") for value in row]
    planted += [value for (value,) in product.rows("SELECT digest FROM dashboard_apitoken")]
    planted += [key.read_text().strip().rpartition(":")[2] for key in (product.data / "keys").iterdir()]
    planted += [SECRET, bytes.fromhex((product.data / "keys" / "activity_key").read_text()).decode("latin-1")]
    inside = backup.read_bytes() + unpacked(backup, product.data).read_bytes()
    assert len(planted) >= 7
    assert not [text for text in planted if text.encode("latin-1") in inside]
    assert (stat.S_IMODE(backup.stat().st_mode), stat.S_IMODE(backup.parent.stat().st_mode)) == (0o600, 0o700)


def test_one_made_while_others_write_has_a_whole_log(product: Product) -> None:
    writer = product.start("shell", "--no-imports", "-c", WRITER)
    try:
        count = "SELECT count(*) FROM activity_activitylog WHERE message LIKE 'Written%'"
        until(lambda: product.rows(count)[0][0] > 5, 30, "it writes")
        backup = product.backup()
    finally:
        writer.kill()
        writer.wait()
    written = product.rows(count)[0][0]
    product.manage("restore", str(backup))
    assert 5 < product.rows(count)[0][0] < written
    assert product.left()["is_whole"]


def test_one_that_was_killed_leaves_nothing_that_counts_and_the_next_one_works(large: Product) -> None:
    before = set(large.backups.glob("*.tomo"))
    killed(large, "backup", when=large.backups / ".tomo-*.draft*")
    assert set(large.backups.glob("*.tomo")) == before
    assert list(large.backups.glob(".tomo-*"))
    assert large.backup() not in before
    assert not list(large.backups.glob(".tomo-*"))


def test_a_restore_that_was_killed_leaves_the_old_database_and_can_be_repeated(large: Product) -> None:
    backup = large.backup()
    large.change("UPDATE metrics_server SET name = 'another'")
    killed(large, "restore", str(backup), when=large.data / "tomo.sqlite3.restoring")
    assert large.rows("SELECT name FROM metrics_server") == [("another",)]
    assert large.rows("PRAGMA integrity_check") == [("ok",)]
    large.manage("restore", str(backup))
    assert large.rows("SELECT name FROM metrics_server") == [("web-01",)]
    assert not list(large.data.glob("*.restoring*"))


def test_it_is_refused_while_the_product_runs(product: Product, backup: Path) -> None:
    running = locks.take(product.data / "serve.lock")
    assert running
    with running:
        assert f"runs with the data in {product.data}: stop it first." in product.refusal("restore", str(backup))


def test_it_is_refused_while_another_program_has_the_database_open(product: Product, backup: Path) -> None:
    anchors = product.data / "anchors.jsonl"
    anchors.write_text("of the log that stays")
    with closing(sqlite3.connect(product.file)) as other:
        other.execute("SELECT count(*) FROM metrics_server").fetchone()
        said = product.refusal("restore", str(backup))
        assert said.startswith("Nothing was replaced. Another program has")
    assert not list(product.data.glob("*.re*"))
    assert anchors.read_text() == "of the log that stays"


def test_a_damaged_database_is_replaced_and_kept(product: Product, backup: Path) -> None:
    product.file.write_bytes(b"no database at all " * 1000)
    said = product.manage("restore", str(backup))
    assert product.left()["servers"] == ["web-01"]
    assert Path(re.findall(r"kept as (\S+);", said)[0]).read_bytes().startswith(b"no database at all")


def test_a_backup_whose_log_does_not_verify_is_taken_only_when_that_is_known(product: Product) -> None:
    product.change("DROP TRIGGER activity_activitylog_no_update")
    product.change("UPDATE activity_activitylog SET message = 'changed' WHERE id = 3")
    backup = product.backup()
    assert "does not verify (row 3 was changed" in product.refusal("restore", str(backup))
    product.manage("restore", str(backup), "--broken-log")


def test_a_new_one_never_replaces_a_file(product: Product, backup: Path) -> None:
    before = backup.read_bytes()
    assert "exists already: give another name, or a folder." in product.refusal("backup", str(backup))
    assert backup.read_bytes() == before


def test_a_name_that_is_no_text_is_a_name_all_the_same(product: Product) -> None:
    file = os.fsdecode(os.fsencode(product.data) + b"/\xff.tomo")
    assert "is whole" in product.manage("backup", file)
    assert product.left()["last"] == "backup_created"
    assert "is in a folder that is not there" in product.refusal("backup", f"{file}/none.tomo")
    assert product.left()["last"] == "backup_failed"


def test_a_lost_key_of_credentials_is_named_with_the_remedy(product: Product, backup: Path) -> None:
    (product.data / "keys" / "credential_keys").unlink()
    assert "not here (1): import them with `manage.py import_keys FILE`" in product.refusal("restore", str(backup))
