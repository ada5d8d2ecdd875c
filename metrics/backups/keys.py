"""The keys, apart from the backups: in one file under a passphrase, and back from it."""

import base64
import ctypes
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from django.conf import settings
from django.db import connection, transaction

from activity import locks
from activity.models import ActivityLog
from activity.record import record
from activity.types import ActivityType
from metrics.backups import files, fingerprints
from metrics.backups.errors import BackupError

FORMAT = "tomo-monitor keys 1"
NAMES = ("activity_key", "credential_keys", "secret_key")
SHORTEST_PASSPHRASE = 12
LARGEST_FILE_BYTES = 1 << 18
COST, BLOCK, LANES = 1 << 16, 8, 1  # of scrypt: 64 MiB and a quarter of a second a guess
RENAME_EXCHANGE, HERE = 2, -100
WRONG_FILE = "{} is not a file of exported keys: give one that `manage.py export_keys` has made."


@dataclass(frozen=True)
class Imported:
    """Where the keys that were there are; "" if they are the same."""

    replaced: str
    activity_key: str


def export(path: Path, passphrase: str, at: datetime) -> None:
    """Write a new file, 0600, with the keys of this installation. Raises BackupError."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise BackupError(f"The passphrase is too short: give {SHORTEST_PASSPHRASE} characters or more.")
    contents = json.dumps({name: (_folder() / name).read_text() for name in NAMES}).encode()
    salt, nonce = os.urandom(16), os.urandom(12)
    sealed = AESGCM(_derived(passphrase, salt)).encrypt(nonce, contents, FORMAT.encode())
    file = {
        "format": FORMAT,
        "made_at": at.astimezone(UTC).isoformat(timespec="seconds"),
        "activity_key": fingerprints.of_activity_key(),
        "salt": base64.b64encode(salt).decode(),
        "nonce": base64.b64encode(nonce).decode(),
        "sealed": base64.b64encode(sealed).decode(),
    }
    details = {"file": str(path), "activity_key": fingerprints.of_activity_key()}
    try:
        with transaction.atomic():  # no keys leave without a row, and no row is left without keys
            record(ActivityType.KEYS_EXPORTED, "The keys were exported", details=details, at=at)
            _write(path, json.dumps(file, indent=1) + "\n")
    except OSError as wrong:
        raise BackupError(f"{path} cannot be made ({wrong.strerror}): give another name.") from wrong


def import_(path: Path, passphrase: Callable[[], str], at: datetime) -> Imported:
    """Put the keys of a file in the place of those that are there, which are kept. Raises BackupError."""
    product = locks.take_product()
    if product is None:
        raise BackupError(f"Tomo Monitor runs with the data in {settings.DATA_DIR}: stop it first.")
    with product:
        contents = _opened(path, passphrase)
        activity_key = fingerprints.of_key(_checked(path, contents))
        if all((_folder() / name).read_text().strip() == contents[name].strip() for name in NAMES):
            return Imported("", activity_key)
        kept = f"keys.replaced-{files.stamp(at)}"
        if ActivityLog._meta.db_table in connection.introspection.table_names():
            details = {"file": str(path), "activity_key": activity_key, "replaced": kept}
            record(ActivityType.KEYS_IMPORTED, "The keys of an export were put in place", details=details, at=at)
        _exchange(contents, kept)
    return Imported(str(_folder().with_name(kept)), activity_key)


def _opened(path: Path, passphrase: Callable[[], str]) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(LARGEST_FILE_BYTES))
        if said["format"] != FORMAT:
            raise ValueError
        salt, nonce, sealed = (base64.b64decode(said[name], validate=True) for name in ("salt", "nonce", "sealed"))
        contents = json.loads(AESGCM(_derived(passphrase(), salt)).decrypt(nonce, sealed, FORMAT.encode()))
    except InvalidTag:
        raise BackupError("The passphrase does not open it, or the file is damaged: try again.") from None
    except OSError as wrong:
        raise BackupError(f"{path} cannot be read ({wrong.strerror}): give the file of exported keys.") from wrong
    except (ValueError, KeyError, TypeError) as wrong:
        raise BackupError(WRONG_FILE.format(path)) from wrong
    return {name: str(contents[name]) for name in NAMES} if set(NAMES) == set(contents) else _refused(path)


def _checked(path: Path, contents: dict[str, str]) -> bytes:
    """The activity key, once every key is one that a start would take."""
    try:
        activity_key = bytes.fromhex(contents["activity_key"].strip())
        ring = [line.split(":", 1)[1] for line in contents["credential_keys"].splitlines() if line.strip()]
        lengths = {len(activity_key), *(len(base64.b64decode(key, validate=True)) for key in ring)}
        if lengths != {32} or not ring or len(contents["secret_key"].strip()) < 32:
            raise ValueError
    except (ValueError, IndexError) as wrong:
        raise BackupError(WRONG_FILE.format(path)) from wrong
    return activity_key


def _refused(path: Path) -> Any:
    raise BackupError(WRONG_FILE.format(path))


def _exchange(contents: dict[str, str], kept: str) -> None:
    """Both folders change their names in one instant, so that there is never half a set of keys."""
    folder, draft = _folder(), _folder().with_name("keys.importing")
    if draft.exists():  # of an import that was killed: it may be the old keys
        draft.rename(draft.with_name(f"{kept}-unfinished"))
    draft.mkdir(mode=0o700)
    for name in NAMES:
        _write(draft / name, contents[name].strip() + "\n")
    files.keep(draft)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(HERE, os.fsencode(draft), HERE, os.fsencode(folder), RENAME_EXCHANGE):
        why = os.strerror(ctypes.get_errno())
        raise BackupError(f"The disk of {folder.parent} cannot exchange folders ({why}): rename {draft} to {folder}.")
    files.rename(draft, draft.with_name(kept))


def _write(path: Path, text: str) -> None:
    """A new file, 0600, on the disk for good."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _derived(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=COST, r=BLOCK, p=LANES).derive(passphrase.encode())


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "keys"
