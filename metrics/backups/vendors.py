"""Which kind of database the product has, with all that backups need of it."""

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol

from django.db import connection

from metrics.backups import postgresql, sqlite
from metrics.backups.archive import Archive
from metrics.backups.facts import Facts
from metrics.backups.progress import Tell


class Vendor(Protocol):
    """What sqlite.py and postgresql.py can do, where it is described."""

    def size_bytes(self) -> int: ...
    def room_bytes(self) -> int: ...
    def dumped(self, draft: Path, tell: Tell, /) -> AbstractContextManager[tuple[IO[bytes], Facts, int]]: ...
    def unpack(self, archive: Archive, tell: Tell) -> str: ...
    def check(self) -> None: ...
    def discard(self, scratch: str) -> None: ...
    def aside(self, at: datetime) -> str: ...
    def replace(self, scratch: str, kept: str) -> None: ...


VENDORS: dict[str, Vendor] = {"sqlite": sqlite, "postgresql": postgresql}


def own() -> Vendor:
    return VENDORS[connection.vendor]
