"""The data folder and the keys in it, made at the first start and readable by their owner alone."""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path


def prepare(folder: Path) -> None:
    """Make the data folder and its keys folder, both 0700, if they are not there yet; what comes into them is 0600."""
    os.umask(0o077)
    for path in (folder, folder / "keys"):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def secret_key(folder: Path) -> str:
    """The key that signs sessions and queue packages: 64 random characters, made once."""
    return _kept(folder / "keys" / "secret_key", lambda: secrets.token_urlsafe(48))


def activity_key(folder: Path) -> bytes:
    """The key that chains the activity log and signs backups: 32 random bytes, made once."""
    return bytes.fromhex(_kept(folder / "keys" / "activity_key", lambda: secrets.token_hex(32)))


def credential_keys(folder: Path) -> dict[str, bytes]:
    """The key ring that seals credentials, by key id; the last line is the one that seals.

    Each line of the file is `id:base64 of 32 bytes`; add a line to change the key and keep the old readable.
    """
    text = _kept(folder / "keys" / "credential_keys", lambda: f"1:{base64.b64encode(secrets.token_bytes(32)).decode()}")
    pairs = (line.split(":", 1) for line in text.splitlines() if line.strip())
    return {key_id.strip(): base64.b64decode(key, validate=True) for key_id, key in pairs}


def _kept(path: Path, make: Callable[[], str]) -> str:
    """The file's text; made whole or not at all, by whichever process comes first."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(make() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
