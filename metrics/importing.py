"""Servers out of a file: YAML, CSV, or the syntax of ~/.ssh/config. All is checked before anything is added."""

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from django.core.exceptions import ValidationError

from metrics import servers, ssh
from metrics.models import Server, Tag
from metrics.servers import Secret

FIELDS = ("name", "hostname", "port", "user", "site", "tags", "notes", "key")
MOST_SERVERS = 10_000

Tell = Callable[[float], None]
"""Told which share is done, from 0 to 1."""


class WrongFile(ValueError):
    """The file as a whole cannot be read; the text says what to do."""


@dataclass(frozen=True)
class Entry:
    """One server of the file: as it would be added, or why it cannot be."""

    name: str
    server: Server | None
    secret: Secret | None
    tags: tuple[str, ...]
    error: str = ""
    is_known: bool = False

    @property
    def verdict(self) -> str:
        return self.error or ("is there already" if self.is_known else "can be added")


def entries(path: Path, text: str, tell: Tell = lambda _share: None) -> list[Entry]:
    """What is in a file, by its ending: .yaml and .yml, .csv, anything else is ssh_config. Raises WrongFile."""
    read = {".yaml": _yaml, ".yml": _yaml, ".csv": _csv}.get(path.suffix.lower(), _ssh_config)
    rows = list(read(text))
    if not rows:
        raise WrongFile("There is no server in the file.")
    if len(rows) > MOST_SERVERS:
        raise WrongFile(f"There are more than {MOST_SERVERS} servers in the file: split it.")
    seen: set[str] = set()
    found = []
    for row in rows:
        found.append(_entry(row, seen, path.parent))
        seen.add(found[-1].name)
        tell(len(found) / len(rows))
    return found


def add(found: Iterable[Entry], at: datetime, tell: Tell = lambda _share: None) -> int:
    """Add those that can be added; returns how many."""
    good = [entry for entry in found if entry.server and not entry.error and not entry.is_known]
    for number, entry in enumerate(good, 1):
        assert entry.server
        servers.add(entry.server, entry.secret, entry.tags, at)
        tell(number / len(good))
    return len(good)


def _entry(row: dict[str, Any], seen: set[str], folder: Path) -> Entry:
    name = str(row.get("name") or "")
    if Server.objects.filter(name=name).exists():
        return Entry(name, None, None, (), is_known=True)
    try:
        if name in seen:
            raise ValidationError("the name stands twice in the file")
        if "jump" in row:
            raise ValidationError("it is reached over another host (ProxyJump, ProxyCommand), which is not supported")
        if unknown := sorted(str(field) for field in row if field not in FIELDS):
            raise ValidationError(f"{unknown[0]} is not a field; there are {', '.join(FIELDS)}")
        server = Server(
            name=name,
            hostname=str(row.get("hostname") or name),
            port=row.get("port") or 22,
            username=row.get("user") or "tomo",
            site=row.get("site") or "",
            notes=row.get("notes") or "",
        )
        server.full_clean()
        tags = _tags(row.get("tags"))
        secret = _secret(row.get("key"), folder)
    except (ValidationError, ValueError, OSError, RuntimeError) as wrong:
        return Entry(name or "(no name)", None, None, (), error=_told(wrong))
    return Entry(name, server, secret, tags)


def _secret(key: Any, folder: Path) -> Secret:
    """The key of the named file, or one made for this server."""
    if not key:
        return Secret.generated()
    path = folder / Path(str(key)).expanduser()
    return Secret.from_key(path.read_text())


def _tags(value: Any) -> tuple[str, ...]:
    names = value if isinstance(value, list) else str(value or "").replace(";", " ").replace(",", " ").split()
    for name in names:
        Tag._meta.get_field("name").clean(str(name), None)
    return tuple(sorted({str(name) for name in names}))


def _told(wrong: Exception) -> str:
    if isinstance(wrong, ValidationError):
        if hasattr(wrong, "error_dict"):
            return " ".join(f"{field}: {' '.join(texts)}" for field, texts in wrong.message_dict.items())
        return " ".join(wrong.messages)
    return f"key: {wrong}"


def _yaml(text: str) -> Iterable[dict[str, Any]]:
    """A list of servers, or one under `servers:`."""
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as wrong:
        raise WrongFile(f"This is not YAML: {str(wrong).splitlines()[0]}.") from None
    found = found.get("servers") if isinstance(found, dict) else found
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise WrongFile("The file holds a list of servers, each with a name and a hostname.")
    return found


def _csv(text: str) -> Iterable[dict[str, Any]]:
    """A heading line with the fields' names, then a line per server."""
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    if not reader.fieldnames or "name" not in reader.fieldnames:
        raise WrongFile(f"The first line names the columns: {', '.join(FIELDS)}.")
    for row in reader:
        yield {name: value for name, value in row.items() if name is not None and value}


def _ssh_config(text: str) -> Iterable[dict[str, Any]]:
    """The named hosts, with what ssh would use for each."""
    names = {"name": "name", "hostname": "hostname", "port": "port", "user": "user", "identityfile": "key"}
    try:
        found = ssh.config_entries(text)
    except ValueError as wrong:
        raise WrongFile(f"This is no ssh_config that can be read: {wrong}.") from None
    for entry in found:
        row = {names[key]: value for key, value in entry.items() if key in names}
        jump = entry.get("proxyjump") or entry.get("proxycommand")
        yield row | ({"jump": jump} if jump and jump != "none" else {})
