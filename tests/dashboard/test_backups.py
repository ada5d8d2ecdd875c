"""The page of backups: for administrators, with the password."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django_q.models import OrmQ

from activity import locks
from activity.models import ActivityLog
from activity.types import ActivityType
from metrics.backups import archive, files, making
from metrics.backups.facts import Facts
from metrics.models import Backup
from tests.activity.kinds import proves

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.BACKUP_DIR = tmp_path / "backups"
    return files.folder()


@pytest.fixture
def backup(folder: Path, at: Any) -> Path:
    """A small one; what it holds does not matter here."""
    path = files.path_at(at)
    facts = Facts("sqlite", [], {"metrics_server": 1}, (0, ""))
    with (folder / "database").open("w+b") as database:
        database.write(b"a database" * 100_000)
        database.seek(0)
        archive.write(path, database, facts, at, 1, lambda stage, share: None)
    return path


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


@pytest.mark.parametrize("path", ["/backups", "/backups/make", "/backups/x.tomo/download"])
def test_a_viewer_is_refused_and_that_is_recorded(viewer_browser: Client, folder: Path, path: str) -> None:
    answer = viewer_browser.get(path) if path == "/backups" else viewer_browser.post(path)
    assert answer.status_code == 403
    assert ActivityLog.objects.latest("id").activity_type == "permission_denied"


@pytest.mark.parametrize("path", ["/backups", "/backups/make", "/backups/x.tomo/download"])
def test_the_password_is_asked_for_again(administrator: Any, folder: Path, path: str) -> None:
    browser = Client()
    browser.force_login(administrator)
    session = browser.session
    session["confirmed_at"] = 0
    session.save()
    answer = browser.get(path) if path == "/backups" else browser.post(path)
    assert answer["Location"] == "/confirm?next=%2Fbackups"


def test_without_any_it_says_how_to_make_one_and_how_to_restore(admin_browser: Client, folder: Path) -> None:
    page = admin_browser.get("/backups").content.decode()
    assert "There is no backup yet." in page
    assert f"manage.py restore {folder}/FILE" in page
    assert "manage.py export_keys" in page


def test_asking_for_one_puts_it_into_the_queue_once_and_shows_how_far_it_is(
    admin_browser: Client, folder: Path
) -> None:
    for _ in range(2):
        admin_browser.post("/backups/make")
    run = Backup.objects.get()
    assert (OrmQ.objects.count(), run.asked_by) == (1, "admin")
    assert "Waiting for the background process" in admin_browser.get("/backups").content.decode()
    Backup.objects.update(state="running", stage="Copying the database", percent=37)
    with files.alone():
        page = admin_browser.get("/backups", headers={"HX-Request": "true"}).content.decode()
    assert "Copying the database" in page
    assert 'value="37"' in page
    assert "every 1s" in page


def test_a_run_that_failed_says_why(admin_browser: Client, folder: Path, at: Any) -> None:
    making.begin(at)
    Backup.objects.update(state="running")
    assert making.BROKEN_OFF in admin_browser.get("/backups").content.decode()


def test_the_list_tells_which_can_be_used_newest_first(admin_browser: Client, backup: Path) -> None:
    (backup.parent / "tomo-20260201T031500Z-daily.tomo").write_bytes(b"cut off")
    (backup.parent / "not-a-backup.tomo").write_bytes(b"")
    page = admin_browser.get("/backups").content.decode()
    shown = re.findall(r'<th scope="row">(\S+?)[ <]', page)
    assert shown == ["tomo-20260201T031500Z-daily.tomo", backup.name]
    assert (page.count("genuine"), page.count("not usable")) == (1, 1)


@proves(ActivityType.BACKUP_DOWNLOADED)
def test_a_download_is_the_file_and_is_recorded(admin_browser: Client, backup: Path) -> None:
    answer = admin_browser.post(f"/backups/{backup.name}/download", headers={"Accept-Encoding": "gzip"})
    assert body(answer) == backup.read_bytes()
    assert answer["Content-Length"] == str(backup.stat().st_size)
    assert "no-store" in answer["Cache-Control"]
    assert answer["Content-Disposition"] == f'attachment; filename="{backup.name}"'
    assert ActivityLog.objects.latest("id").message == f"Backup {backup.name} downloaded"


@pytest.mark.parametrize("name", ["..", "database", ".lock", "tomo-20990101T000000Z.tomo", "%2e%2e%2fkeys"])
def test_nothing_but_what_is_listed_is_handed_out(admin_browser: Client, backup: Path, name: str) -> None:
    assert admin_browser.post(f"/backups/{name}/download").status_code == 404


def test_one_at_a_time_is_handed_out(admin_browser: Client, backup: Path) -> None:
    first = admin_browser.post(f"/backups/{backup.name}/download")
    second = admin_browser.post(f"/backups/{backup.name}/download")
    assert (second.status_code, second["Retry-After"]) == (503, "60")
    assert "Another download is running" in second.content.decode()
    first.close()
    third = admin_browser.post(f"/backups/{backup.name}/download")
    assert third.status_code == 200
    third.close()  # or the next test waits for it to be collected


def test_a_download_that_was_left_frees_its_place(admin_browser: Client, backup: Path) -> None:
    answer = admin_browser.post(f"/backups/{backup.name}/download")
    next(iter(answer.streaming_content))
    answer.close()
    lock = locks.take(Path(settings.DATA_DIR) / "download.lock")
    assert lock
    lock.close()
