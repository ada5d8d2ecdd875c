"""The one-time link with which the first administrator is made."""

import hmac
import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.urls import reverse


def link() -> str | None:
    """The link while there is no administrator, else None."""
    if get_user_model().objects.filter(is_superuser=True, is_active=True).exists():
        close()
        return None
    path = _path()
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return settings.PUBLIC_URL + reverse("set_up", args=[path.read_text()])


def is_open(token: str) -> bool:
    """Whether this is the link's token and there is still no administrator."""
    return link() is not None and hmac.compare_digest(token.encode(), _path().read_text().encode())


def close() -> None:
    _path().unlink(missing_ok=True)


def _path() -> Path:
    return Path(settings.DATA_DIR) / "keys" / "set_up_token"
