"""A full disk: what is left is for people, and it recovers by itself."""

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from metrics import room, servers
from metrics.models import ServerMetrics
from metrics.poller import Poller
from tests.conftest import AT


@pytest.fixture
def small_disk(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """A data folder on a disk of 80 MiB."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", tmp_path], check=True)
    settings.DATA_DIR = tmp_path
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def fill(disk: Path) -> Path:
    file = disk / "ballast"
    file.write_bytes(b"\0" * (20 * 2**20))
    return file


def test_a_disk_is_short_below_the_floor(small_disk: Path) -> None:
    assert not room.is_short()
    file = fill(small_disk)
    assert room.is_short()
    file.unlink()
    assert not room.is_short()


@pytest.mark.django_db(transaction=True)
def test_nothing_is_polled_while_the_disk_is_full_and_everything_after(small_disk: Path) -> None:
    servers.watch_this_machine(AT)
    poller = Poller("poll", "", timedelta(seconds=10))
    assert poller.renew(AT)
    file = fill(small_disk)
    poller.tick(AT)
    assert not ServerMetrics.objects.exists()
    file.unlink()
    poller.tick(AT)
    poller.close()
    assert ServerMetrics.objects.count() == 1


def test_pages_and_sign_in_go_on_and_say_so(small_disk: Path, administrator: Any, client: Client) -> None:
    fill(small_disk)
    assert client.login(username="admin", password="correct horse battery")
    assert "disk of the data folder is full" in client.get("/").content.decode()
    assert client.get("/healthz").json()["disk"] == "full"
