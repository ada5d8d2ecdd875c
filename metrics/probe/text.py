"""Names and numbers out of text that every byte of may be hostile."""

import re
from collections.abc import Iterable

HIGHEST = 2**63 - 1
MOST_DIGITS = 19
DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff]"
)


def clean(text: str, most: int = 128) -> str:
    """A name from a server, without control, direction and zero-width characters, cut to `most` characters."""
    return UNPRINTABLE.sub("", text).strip()[:most]


def whole(text: str) -> int | None:
    """A whole number of at most 64 bits, or None."""
    if text.isdigit() and text.isascii() and len(text) <= MOST_DIGITS and (number := int(text)) <= HIGHEST:
        return number
    return None


def wholes(texts: Iterable[str]) -> list[int] | None:
    """All of them, or None if one is not a number."""
    numbers: list[int] = []
    for text in texts:
        if (number := whole(text)) is None:
            return None
        numbers.append(number)
    return numbers


def decimal(text: str) -> float | None:
    """A finite number without sign or exponent, or None."""
    return float(text) if DECIMAL.fullmatch(text) else None
