"""SSH keys: made, read and named."""

import base64
import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

SMALLEST_RSA_BITS = 2048
LARGEST_KEY_CHARACTERS = 20_000
COMMENT = "tomo-monitor"

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class WrongKey(ValueError):
    """A private key cannot be used; the text says what to do."""


class NeedsPassphrase(WrongKey):
    """The key is encrypted and the passphrase is missing or wrong."""


def generate() -> tuple[str, str]:
    """A new ed25519 key: its private half (OpenSSH's format) and its line for authorized_keys."""
    return _halves(ed25519.Ed25519PrivateKey.generate())


def parse(text: str, passphrase: str = "") -> tuple[str, str]:
    """The same two halves of a key that somebody has, without its passphrase. Raises WrongKey."""
    text = text.strip().replace("\r\n", "\n") + "\n"
    if text.startswith("PuTTY-User-Key-File"):
        raise WrongKey("This is a PuTTY key: convert it with `puttygen key.ppk -O private-openssh -o key`.")
    if "PRIVATE KEY" not in text.partition("\n")[0] or len(text) > LARGEST_KEY_CHARACTERS:
        hint = "public half of a key" if text.startswith(("ssh-", "ecdsa-")) else "something that is no private key"
        raise WrongKey(f"This is the {hint}: give the private key, which starts with -----BEGIN.")
    load = load_ssh_private_key if "OPENSSH" in text.partition("\n")[0] else load_pem_private_key
    try:
        key = load(text.encode(), passphrase.encode() or None)
    except TypeError:  # said so by cryptography: encrypted without, or plain with a passphrase
        if passphrase:
            return parse(text)
        raise NeedsPassphrase("The key is encrypted: enter its passphrase.") from None
    except (ValueError, UnsupportedAlgorithm) as wrong:
        raise _explained(wrong, passphrase) from None
    if not isinstance(key, PrivateKey):
        raise WrongKey("Keys of this type are not used any more: make one with `ssh-keygen -t ed25519`.")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < SMALLEST_RSA_BITS:
        raise WrongKey(f"An RSA key needs {SMALLEST_RSA_BITS} bits or more: make one with `ssh-keygen -t ed25519`.")
    return _halves(key)


def fingerprint(public_key: str) -> str:
    """SHA256:… of a raw public key in base64, as ssh-keygen -l prints it."""
    digest = hashlib.sha256(base64.b64decode(public_key)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _explained(wrong: Exception, passphrase: str) -> WrongKey:
    text = str(wrong).lower()
    if "password" in text or "decrypt" in text or "checksum" in text or "corrupt" in text:
        if passphrase:
            return NeedsPassphrase("The passphrase does not open this key: check it, or the key is damaged.")
        if "password" in text:
            return NeedsPassphrase("The key is encrypted: enter its passphrase.")
    return WrongKey("The key cannot be read: copy the whole file, from -----BEGIN to the last -----.")


def _halves(key: PrivateKey) -> tuple[str, str]:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return private, f"{public} {COMMENT}"
