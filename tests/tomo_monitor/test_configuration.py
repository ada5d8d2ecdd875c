"""Settings: their defaults, what a wrong value says, and the page that lists them."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tomo_monitor.configuration import SETTINGS, WrongSetting, configuration

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "configuration.md"
ROW = re.compile(r"^\| `(TOMO_\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)

DEFAULTS = {
    "data_dir": Path("data").absolute(),
    "listen": ("127.0.0.1", 8000),
    "public_url": "",
    "allowed_hosts": [],
    "trusted_proxies": [],
    "metrics_networks": [],
    "database_url": {},
    "redis_url": "",
    "mcp_token": "",
    "poll_seconds": 60,
    "pollers": 1,
    "site": "",
    "node": "",
    "parts": ["web", "tasks", "poll"],
    "watch_self": True,
    "keep_samples_hours": 48,
    "keep_5_minutes_days": 14,
    "keep_hourly_days": 395,
    "keep_daily_days": 0,
    "security_days": 1095,
    "changes_days": 1095,
    "events_days": 365,
    "anchor_url": "",
    "backup_dir": None,
    "backups_kept": 7,
    "time_zone": "UTC",
    "log_format": "auto",
}

WRONG = [
    ("TOMO_POLL_SECONDS", "9"),
    ("TOMO_POLL_SECONDS", "3601"),
    ("TOMO_POLL_SECONDS", "abc"),
    ("TOMO_POLL_SECONDS", "6 0"),
    ("TOMO_POLL_SECONDS", "６０"),  # full-width digits
    ("TOMO_POLL_SECONDS", "60.0"),
    ("TOMO_POLL_SECONDS", "+60"),
    ("TOMO_POLL_SECONDS", ""),
    ("TOMO_POLL_SECONDS", "9" * 5000),
    ("TOMO_POLLERS", "0"),
    ("TOMO_POLLERS", "17"),
    ("TOMO_KEEP_SAMPLES_HOURS", "1"),
    ("TOMO_KEEP_SAMPLES_HOURS", "8761"),
    ("TOMO_KEEP_5_MINUTES_DAYS", "0"),
    ("TOMO_KEEP_HOURLY_DAYS", "0"),
    ("TOMO_KEEP_DAILY_DAYS", "-1"),
    ("TOMO_SITE", "2"),
    ("TOMO_SITE", "frankfurt-2"),
    ("TOMO_SITE", "Frankfurt"),
    ("TOMO_SITE", "frankfurt-"),
    ("TOMO_SITE", "a@b"),
    ("TOMO_SITE", "a" * 25),
    ("TOMO_NODE", "b-2"),
    ("TOMO_PARTS", ""),
    ("TOMO_PARTS", "web,tasks,poller"),
    ("TOMO_SECURITY_DAYS", "0"),
    ("TOMO_EVENTS_DAYS", "36501"),
    ("TOMO_ANCHOR_URL", "file:///etc/passwd"),
    ("TOMO_ANCHOR_URL", "example.org"),
    ("TOMO_BACKUPS_KEPT", "-1"),
    ("TOMO_BACKUP_DIR", "/etc/passwd"),
    ("TOMO_WATCH_SELF", "yes"),
    ("TOMO_LISTEN", "127.0.0.1"),
    ("TOMO_LISTEN", "127.0.0.1:"),
    ("TOMO_LISTEN", "8000"),
    ("TOMO_LISTEN", "127.0.0.1:70000"),
    ("TOMO_LISTEN", "localhost:8000"),
    ("TOMO_TRUSTED_PROXIES", "10.0.0.1/8"),
    ("TOMO_TRUSTED_PROXIES", "proxy.example.org"),
    ("TOMO_TRUSTED_PROXIES", "10.0.0.0/33"),
    ("TOMO_ALLOWED_HOSTS", "https://tomo.example.org"),
    ("TOMO_PUBLIC_URL", "tomo.example.org"),
    ("TOMO_PUBLIC_URL", "ftp://tomo.example.org"),
    ("TOMO_PUBLIC_URL", "https://"),
    ("TOMO_PUBLIC_URL", "https://tomo.example.org/monitor"),
    ("TOMO_PUBLIC_URL", "https://tomo.example.org?a=b"),
    ("TOMO_PUBLIC_URL", "https://tomo.example.org:99999"),
    ("TOMO_PUBLIC_URL", "https://[::1"),
    ("TOMO_DATABASE_URL", "mysql://host/name"),
    ("TOMO_DATABASE_URL", "sqlite:///"),
    ("TOMO_DATABASE_URL", "postgres://host"),
    ("TOMO_DATABASE_URL", "postgres://host:port/name"),
    ("TOMO_REDIS_URL", "localhost:6379"),
    ("TOMO_REDIS_URL", "redis://host:port/0"),
    ("TOMO_TIME_ZONE", "Mars/Olympus"),
    ("TOMO_TIME_ZONE", "../../etc/passwd"),
    ("TOMO_TIME_ZONE", "Europe"),
    ("TOMO_LOG_FORMAT", "xml"),
    ("TOMO_DATA_DIR", "/etc/passwd"),
    ("TOMO_DATA_DIR", ""),
]


def test_every_setting_has_its_default() -> None:
    assert configuration({}) == DEFAULTS


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_names_the_setting_the_value_and_what_is_allowed(name: str, value: str) -> None:
    allowed = next(setting.allowed for setting in SETTINGS if setting.name == name)
    with pytest.raises(WrongSetting, match=re.escape(f"{name} is {value!r}. Allowed: {allowed}.")):
        configuration({name: value})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TOMO_POLL_SECONDS", " 10 ", 10),
        ("TOMO_POLL_SECONDS", "3600", 3600),
        ("TOMO_LISTEN", "[::]:8000", ("::", 8000)),
        ("TOMO_PUBLIC_URL", "https://tomo.example.org:8443/", "https://tomo.example.org:8443"),
        ("TOMO_ALLOWED_HOSTS", "a.example, b.example,", ["a.example", "b.example"]),
        ("TOMO_WATCH_SELF", "off", False),
        ("TOMO_SITE", "eu-west1", "eu-west1"),
        ("TOMO_PARTS", "poll, web", ["web", "poll"]),
        ("TOMO_TIME_ZONE", "Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_a_right_value_is_taken(name: str, value: str, expected: Any) -> None:
    assert configuration({name: value})[name.removeprefix("TOMO_").lower()] == expected


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(WrongSetting, match=r"^TOMO_POLL_SECOND is not a setting"):
        configuration({"TOMO_POLL_SECOND": "60", "PATH": "/bin"})


def test_the_password_of_a_wrong_database_address_is_not_repeated() -> None:
    with pytest.raises(WrongSetting, match="host:port/name'") as wrong:
        configuration({"TOMO_DATABASE_URL": "postgres://tomo:hunter2@host:port/name"})
    assert "hunter2" not in str(wrong.value)


def check(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`manage.py check`, or another command, with these settings and no others."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TOMO_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, "manage.py", *(command or ("check",))],
        cwd=ROOT,
        env=clean | {"TOMO_DATA_DIR": str(folder)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value"), [("TOMO_POLL_SECONDS", "9"), ("TOMO_TYPO", "1"), ("TOMO_DATA_DIR", "/proc/no/where")]
)
@pytest.mark.parametrize("command", ["check", "serve", "poll"])
def test_a_wrong_setting_stops_every_start_with_one_line(tmp_path: Path, name: str, value: str, command: str) -> None:
    ended = check(tmp_path / "data", command, **{name: value})
    assert ended.returncode != 0
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert name in ended.stderr


def test_a_right_configuration_passes_the_check(tmp_path: Path) -> None:
    ended = check(tmp_path / "data")
    assert ended.returncode == 0, ended.stderr


def test_the_first_start_makes_what_only_its_owner_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert check(folder, "migrate").returncode == 0
    assert check(folder, "migrate", "--database=queue").returncode == 0
    modes = {path.relative_to(folder).as_posix(): path.stat().st_mode & 0o777 for path in folder.rglob("*")}
    assert folder.stat().st_mode & 0o777 == modes.pop("keys") == 0o700
    assert {"tomo.sqlite3", "queue.sqlite3", "keys/secret_key", "keys/credential_keys"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_keys_are_made_once_and_two_folders_share_none(tmp_path: Path) -> None:
    def keys(folder: Path) -> list[str]:
        assert check(folder).returncode == 0
        return [(folder / "keys" / name).read_text() for name in ("secret_key", "credential_keys")]

    first = keys(tmp_path / "a")
    assert keys(tmp_path / "a") == first
    assert not set(keys(tmp_path / "b")) & set(first)
    assert all(len(key) > 40 for key in first)


def test_the_documentation_lists_the_settings_with_their_defaults() -> None:
    listed = [(name, default.strip("`")) for name, default, *_ in ROW.findall(PAGE.read_text())]
    assert listed == [(setting.name, setting.default or "empty") for setting in SETTINGS]


def test_the_documentation_says_what_is_allowed_and_what_for() -> None:
    for (name, _, allowed, purpose), setting in zip(ROW.findall(PAGE.read_text()), SETTINGS, strict=True):
        assert (name, allowed, purpose) == (setting.name, setting.allowed, setting.purpose)


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("[::]:8000", "http://[::1]:8000"),
        ("[fd00::1]:80", "http://[fd00::1]:80"),
    ],
)
def test_the_address_that_is_printed_can_be_opened(tmp_path: Path, listen: str, url: str) -> None:
    code = "from tomo_monitor import settings; print(settings.PUBLIC_URL)"
    environment = os.environ | {"TOMO_DATA_DIR": str(tmp_path), "TOMO_LISTEN": listen}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == url
