"""The file of a backup: a zip of the database, a manifest of what is in it, and the manifest's MAC.

Only who has the activity key can make one, so that nothing of a stranger's is looked at. Reading is bounded: exactly
these three members, none of whose names is used as a path, and never more bytes than the manifest says.
"""

import hashlib
import hmac
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from django.conf import settings

from metrics.backups import fingerprints
from metrics.backups.errors import BackupError
from metrics.backups.facts import Facts
from metrics.backups.progress import READING, WRITING, Tell

FORMAT = 1
DATABASE, MANIFEST, MAC = "database", "manifest.json", "manifest.mac"
MEMBERS = [DATABASE, MANIFEST, MAC]
LARGEST_MANIFEST_BYTES = 1 << 20
CHUNK_BYTES = 1 << 20
SIGNED = re.compile(r"([0-9a-f]{16}) ([0-9a-f]{64})\n")
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, TypeError, RuntimeError, OverflowError)
DAMAGED = "{name} is damaged or not a backup of Tomo Monitor: take another one."


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself."""

    format: int
    version: str
    made_at: str
    facts: Facts
    activity_key: str
    credential_keys: dict[str, str]
    size_bytes: int = 0
    sha256: str = ""

    @property
    def made(self) -> datetime:
        return datetime.fromisoformat(self.made_at)


def write(path: Path, database: IO[bytes], facts: Facts, at: datetime, size_bytes: int, tell: Tell) -> Manifest:
    """A new file, 0600, on the disk for good when this returns. `size_bytes` is an estimate, for the progress."""
    manifest = Manifest(
        format=FORMAT,
        version=settings.VERSION,
        made_at=at.astimezone(UTC).isoformat(timespec="seconds"),
        facts=facts,
        activity_key=fingerprints.of_activity_key(),
        credential_keys=fingerprints.of_credential_keys(),
    )
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            digest, size = hashlib.sha256(), 0
            with archive.open(_member(DATABASE, at), "w", force_zip64=True) as member:
                while chunk := database.read(CHUNK_BYTES):
                    member.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                    tell(WRITING, size / max(size_bytes, 1))
            manifest = replace(manifest, size_bytes=size, sha256=digest.hexdigest())
            text = json.dumps(asdict(manifest), indent=1).encode()
            archive.writestr(_member(MANIFEST, at), text)
            archive.writestr(_member(MAC, at), f"{fingerprints.of_activity_key()} {_mac(text)}\n")
        file.flush()
        os.fsync(file.fileno())
    return manifest


class Archive:
    """A backup that is open for reading; its manifest is surely ours."""

    def __init__(self, name: str, archive: zipfile.ZipFile) -> None:
        self.name, self._archive = name, archive
        if sorted(archive.namelist()) != MEMBERS:
            raise BackupError(DAMAGED.format(name=name))
        self.manifest = self._manifest()
        if archive.getinfo(DATABASE).file_size != self.manifest.size_bytes:
            raise BackupError(DAMAGED.format(name=name))

    def chunks(self, tell: Tell, stage: str = READING) -> Iterator[bytes]:
        """The database, piece by piece; at its end it was surely whole, or BackupError is raised."""
        digest, size, expected = hashlib.sha256(), 0, self.manifest.size_bytes
        with _told(self.name), self._archive.open(DATABASE) as member:
            while chunk := member.read(CHUNK_BYTES):
                size += len(chunk)
                if size > expected:
                    break
                digest.update(chunk)
                tell(stage, size / max(expected, 1))
                yield chunk
        if size != expected or digest.hexdigest() != self.manifest.sha256:
            raise BackupError(DAMAGED.format(name=self.name))

    def verify(self, tell: Tell) -> None:
        """Read all of it."""
        for _chunk in self.chunks(tell):
            pass

    def _manifest(self) -> Manifest:
        text, signed = self._short(MANIFEST), SIGNED.fullmatch(self._short(MAC).decode("ascii"))
        if signed is None:
            raise BackupError(DAMAGED.format(name=self.name))
        if signed[1] != fingerprints.of_activity_key():
            raise BackupError(
                f"{self.name} belongs to other keys (activity key {signed[1]}, here it is"
                f" {fingerprints.of_activity_key()}): import them first with `manage.py import_keys FILE`."
            )
        if not hmac.compare_digest(signed[2], _mac(text)):
            raise BackupError(f"{self.name} was changed after it was made: take another one.")
        found = json.loads(text)
        if found["format"] > FORMAT:
            raise BackupError(
                f"{self.name} was made by a newer version ({found['version']}): update Tomo Monitor first."
            )
        facts = Facts(**found.pop("facts"))
        return Manifest(facts=replace(facts, head=(facts.head[0], facts.head[1])), **found)

    def _short(self, name: str) -> bytes:
        with self._archive.open(name) as member:
            text = member.read(LARGEST_MANIFEST_BYTES + 1)
        if len(text) > LARGEST_MANIFEST_BYTES:
            raise BackupError(DAMAGED.format(name=self.name))
        return text


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Raises BackupError for whatever is not a whole backup made with the keys of this installation."""
    try:
        file = path.open("rb")
    except OSError as wrong:
        raise BackupError(f"{path} cannot be read ({wrong.strerror}): give the file of a backup.") from wrong
    with file:
        with _told(path.name):
            found = Archive(path.name, zipfile.ZipFile(file))
        yield found


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Whatever breaks while it is read: the file is not what it should be."""
    try:
        yield
    except UNREADABLE as wrong:
        raise BackupError(DAMAGED.format(name=name)) from wrong


def _member(name: str, at: datetime) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, at.astimezone(UTC).timetuple()[:6])
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o600 << 16
    return member


def _mac(text: bytes) -> str:
    return hmac.digest(settings.ACTIVITY_KEY, b"tomo-monitor backup\n" + text, "sha256").hex()
