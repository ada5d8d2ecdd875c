"""Secrets at rest: AES-256-GCM, bound to the place they are for, under a key ring outside the database."""

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE_BYTES = 12


class Unreadable(Exception):
    """A sealed secret cannot be opened here: it belongs to another place, or its key is gone."""


def seal(secret: str, place: str) -> str:
    """`key id:base64`, opened only with the same `place`: a row that is moved or re-addressed opens no more."""
    key_id, key = list(settings.CREDENTIAL_KEYS.items())[-1]
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, secret.encode(), place.encode())
    return f"{key_id}:{base64.b64encode(sealed).decode()}"


def open_sealed(sealed: str, place: str) -> str:
    """The secret that was sealed for this place. Raises Unreadable."""
    key_id, _, text = sealed.partition(":")
    try:
        raw = base64.b64decode(text, validate=True)
        return (
            AESGCM(settings.CREDENTIAL_KEYS[key_id])
            .decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.encode())
            .decode()
        )
    except (KeyError, ValueError, InvalidTag):
        raise Unreadable(
            "The stored credential cannot be opened: it was sealed for another address or with a key that is not in"
            " keys/credential_keys. Enter the credential again."
        ) from None
