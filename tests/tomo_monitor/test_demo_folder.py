"""A demo lives in a folder of its own and cannot reach real data; each of its pages says that it is one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.serve import ROOT
from tomo_monitor import demo_folder


def test_it_turns_away_from_everything_real(tmp_path: Path) -> None:
    environment = {
        "TOMO_DATA_DIR": str(tmp_path / "data"),
        "TOMO_DATABASE_URL": "postgres://real",
        "TOMO_LISTEN": "127.0.0.1:8001",
        "HOME": "/root",
    }
    demo_folder.turn_to(environment)
    assert environment == {
        "TOMO_DATA_DIR": str(tmp_path / "data-demo"),
        "TOMO_LISTEN": "127.0.0.1:8001",
        "TOMO_WATCH_SELF": "off",
        "TOMO_BACKUPS_KEPT": "0",
        "HOME": "/root",
    }
    assert demo_folder.begun_at(tmp_path / "data-demo")


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    real = tmp_path / "data-demo" / "tomo.sqlite3"
    real.parent.mkdir()
    real.touch()
    with pytest.raises(demo_folder.NoDemo, match="no demo"):
        demo_folder.turn_to({"TOMO_DATA_DIR": str(tmp_path / "data")})
    assert real.exists()


def test_one_that_was_not_finished_is_begun_anew_and_a_whole_one_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "data-demo"
    demo_folder.turn_to({"TOMO_DATA_DIR": str(tmp_path / "data")})
    (folder / "half").touch()
    demo_folder.turn_to({"TOMO_DATA_DIR": str(tmp_path / "data")})
    assert not (folder / "half").exists()
    (folder / "keys").mkdir()
    (folder / "keys" / demo_folder.PASSWORD).touch()
    (folder / "demo").write_text("1")
    demo_folder.turn_to({"TOMO_DATA_DIR": str(tmp_path / "data")})
    assert demo_folder.begun_at(folder) == 1


def test_the_command_makes_one_and_goes_on_with_it(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "TOMO_DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "manage.py", "demo", "--servers", "1", "--days", "1", "--fill-only"]
    first, second = (
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True) for _ in range(2)
    )
    assert "Figures of every sample" in first.stderr
    assert "as demo with the password " in first.stdout
    assert (second.stdout, second.stderr) == (first.stdout, "")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("begun_at", "is_told"), [(1, True), (None, False)])
def test_each_page_of_a_demo_says_so(client: Client, settings: Any, db: None, begun_at: Any, *, is_told: bool) -> None:
    settings.DEMO_BEGUN_AT = begun_at
    page = client.get("/sign-in/", follow=True).content.decode()
    assert ("Demo: made-up servers" in page) == is_told
    assert ("Tomo Monitor (demo)</title>" in page) == is_told
