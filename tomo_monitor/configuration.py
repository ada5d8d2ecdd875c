"""The TOMO_* environment variables: what each is for, its default, and what it may be."""

import ipaddress
import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ

from metrics import sites

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class WrongSetting(ValueError):
    """A setting's value is not allowed; the text names the setting, the value and what is."""


@dataclass(frozen=True)
class Setting:
    """One environment variable. `parse` raises ValueError for a value that is not allowed."""

    name: str
    default: str
    parse: Callable[[str], Any]
    allowed: str
    purpose: str


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError
        return int(text)

    return parse


def _switch(text: str) -> bool:
    return {"on": True, "off": False}[text]


def _one_of(*values: str) -> Callable[[str], str]:
    return lambda text: values[values.index(text)]


def _some_of(*values: str) -> Callable[[str], list[str]]:
    """In the order of `values`."""

    def parse(text: str) -> list[str]:
        given = {values.index(part.strip()) for part in text.split(",")}
        return [values[index] for index in sorted(given)]

    return parse


def _listen(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    ipaddress.ip_address(bare)
    return bare, _integer(1, 65535)(port)


def _hosts(text: str) -> list[str]:
    hosts = [host.strip() for host in text.split(",") if host.strip()]
    if any("/" in host or " " in host for host in hosts):
        raise ValueError
    return hosts


def _networks(text: str) -> list[Network]:
    return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]


def _url(text: str) -> str:
    parts = urlsplit(text)
    origin = f"{parts.scheme}://{parts.netloc}"
    is_origin = parts.scheme in ("http", "https") and parts.hostname and text.rstrip("/") == origin
    if text and (not is_origin or parts.port == 0 or "@" in origin or " " in origin):
        raise ValueError
    return text.rstrip("/")


def _database(text: str) -> dict[str, Any]:
    if not text:
        return {}
    if not text.startswith(("postgres://", "postgresql://", "sqlite:///")):
        raise ValueError
    database = dict(environ.Env.db_url_config(text))  # type: ignore[no-untyped-call]
    if database["NAME"] in ("", ":memory:"):
        raise ValueError
    return database


def _redis(text: str) -> str:
    parts = urlsplit(text)
    if text and not (parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0 and " " not in text):
        raise ValueError
    return text


def _time_zone(text: str) -> str:
    return zoneinfo.ZoneInfo(text).key


def _directory(text: str) -> Path:
    path = Path(text).expanduser().absolute()
    if not text or (path.exists() and not path.is_dir()):
        raise ValueError
    return path


def _backup_directory(text: str) -> Path | None:
    return _directory(text) if text else None


def _address(text: str) -> str:
    parts = urlsplit(text)
    if text and not (parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and " " not in text):
        raise ValueError
    return text


SETTINGS = (
    Setting("TOMO_DATA_DIR", "./data", _directory, "a folder", "Where the database and the keys are kept."),
    Setting(
        "TOMO_LISTEN",
        "127.0.0.1:8000",
        _listen,
        "an address and a port, such as 127.0.0.1:8000 or [::]:8000",
        "Where the web server listens.",
    ),
    Setting(
        "TOMO_PUBLIC_URL",
        "",
        _url,
        "empty, or http(s)://host[:port] without a path",
        "The address in the browser, if a proxy stands before the product. With https, cookies are HTTPS-only.",
    ),
    Setting(
        "TOMO_ALLOWED_HOSTS",
        "",
        _hosts,
        "host names separated by commas",
        "Host names that are answered, besides the loopback names and those of TOMO_LISTEN and TOMO_PUBLIC_URL.",
    ),
    Setting(
        "TOMO_TRUSTED_PROXIES",
        "",
        _networks,
        "addresses or networks separated by commas, such as 10.0.0.5,172.16.0.0/12",
        "Reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.",
    ),
    Setting(
        "TOMO_METRICS_NETWORKS",
        "",
        _networks,
        "addresses or networks separated by commas, such as 127.0.0.1/32,10.0.0.0/8",
        "From where /metrics is read without a token, with all servers.",
    ),
    Setting(
        "TOMO_DATABASE_URL",
        "",
        _database,
        "empty (SQLite in the data folder), sqlite:////path or postgres://user:password@host:port/name",
        "The database.",
    ),
    Setting(
        "TOMO_REDIS_URL",
        "",
        _redis,
        "empty (a cache in each process) or redis://:password@host:port/0",
        "A cache that all web processes share. Nothing is lost when it is emptied or down.",
    ),
    Setting(
        "TOMO_MCP_TOKEN",
        "",
        str.strip,
        "empty or a token",
        "What `manage.py mcp` lets an assistant in with; a token of the page Tokens.",
    ),
    Setting(
        "TOMO_POLL_SECONDS", "60", _integer(10, 3600), "a whole number from 10 to 3600", "How often a server is polled."
    ),
    Setting(
        "TOMO_POLLERS",
        "1",
        _integer(1, 16),
        "a whole number from 1 to 16",
        "How many poller processes this host runs.",
    ),
    Setting(
        "TOMO_SITE",
        "",
        sites.slug,
        f"empty (the home site), or {sites.RULE}",
        "The site whose servers this host's pollers poll.",
    ),
    Setting(
        "TOMO_NODE",
        "",
        sites.slug,
        f"empty, or {sites.RULE}",
        "The name of this host, if several share one database: each has another one, and one of them may have none.",
    ),
    Setting(
        "TOMO_PARTS",
        "web,tasks,poll",
        _some_of("web", "tasks", "poll"),
        "some of web, tasks and poll, separated by commas",
        "Which parts this host runs. One host alone runs tasks.",
    ),
    Setting(
        "TOMO_WATCH_SELF",
        "on",
        _switch,
        "on or off",
        "Whether the machine that runs the product is watched as well, through a local shell.",
    ),
    Setting(
        "TOMO_KEEP_SAMPLES_HOURS",
        "48",
        _integer(2, 8760),
        "a whole number from 2 to 8760",
        "How long every sample is kept.",
    ),
    Setting(
        "TOMO_KEEP_5_MINUTES_DAYS",
        "14",
        _integer(1, 3650),
        "a whole number from 1 to 3650",
        "How long history is kept by five minutes.",
    ),
    Setting(
        "TOMO_KEEP_HOURLY_DAYS",
        "395",
        _integer(1, 36500),
        "a whole number from 1 to 36500",
        "How long history is kept by the hour, and what is known of apps and parts that are gone.",
    ),
    Setting(
        "TOMO_KEEP_DAILY_DAYS",
        "0",
        _integer(0, 36500),
        "a whole number from 0 to 36500",
        "How long history is kept by the day; 0 is for good.",
    ),
    Setting(
        "TOMO_SECURITY_DAYS",
        "1095",
        _integer(1, 36500),
        "a whole number from 1 to 36500",
        "How long activity about sign-ins, rights, keys and the log itself is kept.",
    ),
    Setting(
        "TOMO_CHANGES_DAYS",
        "1095",
        _integer(1, 36500),
        "a whole number from 1 to 36500",
        "How long activity about servers, settings, backups and the monitor itself is kept.",
    ),
    Setting(
        "TOMO_EVENTS_DAYS",
        "365",
        _integer(1, 36500),
        "a whole number from 1 to 36500",
        "How long activity that was observed (connections, reboots, apps) is kept.",
    ),
    Setting(
        "TOMO_ANCHOR_URL",
        "",
        _address,
        "empty, or an http(s) address",
        "Where the head of the activity log is posted to every few minutes, so that another machine has it, too.",
    ),
    Setting(
        "TOMO_BACKUP_DIR",
        "",
        _backup_directory,
        "empty (backups in the data folder) or a folder",
        "Where backups are kept.",
    ),
    Setting(
        "TOMO_BACKUPS_KEPT",
        "7",
        _integer(0, 1000),
        "a whole number from 0 to 1000",
        "How many daily backups are kept; 0 makes none.",
    ),
    Setting(
        "TOMO_TIME_ZONE", "UTC", _time_zone, "a name such as Europe/Berlin", "The time zone that pages and charts show."
    ),
    Setting(
        "TOMO_LOG_FORMAT",
        "auto",
        _one_of("auto", "json", "console"),
        "auto, json or console",
        "The shape of log lines: auto is readable on a terminal and JSON elsewhere.",
    ),
)


def configuration(environment: Mapping[str, str]) -> dict[str, Any]:
    """The value of every setting, by its name without `TOMO_` in lower case.

    Raises WrongSetting for a value that is not allowed and for a TOMO_ variable that is not a setting.
    """
    unknown = sorted(
        name for name in environment if name.startswith("TOMO_") and name not in {s.name for s in SETTINGS}
    )
    if unknown:
        raise WrongSetting(f"{unknown[0]} is not a setting. docs/configuration.md lists the settings.")
    return {setting.name.removeprefix("TOMO_").lower(): _value(setting, environment) for setting in SETTINGS}


def _value(setting: Setting, environment: Mapping[str, str]) -> Any:
    text = environment.get(setting.name, setting.default).strip()
    try:
        return setting.parse(text)
    except (ValueError, KeyError, OSError, RuntimeError):
        shown = re.sub(r"//.*@", "//•••@", text)  # a wrong address of the database may hold a password
        raise WrongSetting(f"{setting.name} is {shown!r}. Allowed: {setting.allowed}.") from None
