"""The names of keys: they tell which keys belong to a backup, and nothing about them."""

import hashlib
from collections.abc import Mapping

from django.conf import settings


def of_key(key: bytes) -> str:
    return hashlib.sha256(b"tomo-monitor key fingerprint\n" + key).hexdigest()[:16]


def of_activity_key() -> str:
    return of_key(settings.ACTIVITY_KEY)


def of_credential_keys(keys: Mapping[str, bytes] | None = None) -> dict[str, str]:
    """By key id."""
    return {key_id: of_key(key) for key_id, key in (keys or settings.CREDENTIAL_KEYS).items()}
