"""Instants as people and programs write them. Pure."""

from datetime import UTC, datetime, tzinfo

EXAMPLES = "2026-01-31T12:00:00Z, 2026-01-31T12:00 or 2026-01-31"


class WrongInstant(ValueError):
    """The text shows how an instant is written."""


def parse_instant(text: str, zone: tzinfo) -> datetime:
    """RFC 3339; without an offset a time in this zone, without a time the begin of the day. Raises WrongInstant."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise WrongInstant(f"{text[:40]!r} is no time. Write {EXAMPLES}.") from None
