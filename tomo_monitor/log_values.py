"""What may stand in a log line: no secret, no control character, at any depth. Pure."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from activity.masking import MASK, SECRET_NAME
from metrics.masking import masked

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
CONTROL_BUT_NEWLINE = re.compile(CONTROL.pattern.replace(r"\x00-\x1f", r"\x00-\x09\x0b-\x1f"))
MULTILINE = ("exception", "stack_info", "written")
# What no other program has: the link that makes the first administrator, keys of sessions and of forms.
OURS = re.compile(
    r"""(?x)
    ( /set-up/ | (?: tomo_ | __Host- ) (?: session | csrf ) ["']? [=:]\s? ["']? ) [^\s;,&?"'/<]+
    | \b (?= (?: [A-Za-z0-9]{64} | [A-Za-z0-9]{32} ) \b ) (?= [0-9a-fA-F]* [g-zG-Z] ) (?= [a-zA-Z]* \d ) \w+
    """
)
LONGEST_LINE = 1000
MOST_LINES = 200
SHORT = 100
DEEPEST = 8


def clean(values: Mapping[str, Any]) -> dict[str, Any]:
    """An event as it may be written."""
    return {_text(name): _clean(value, name) for name, value in values.items()}


def _clean(value: Any, name: str = "", depth: int = 0) -> Any:
    if value and name and _is_secret(name):
        return MASK
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return _lines(value) if name in MULTILINE else _text(value)
        case dict() if depth < DEEPEST:
            return {_text(str(key)): _clean(one, str(key), depth + 1) for key, one in value.items()}
        case list() | tuple() | set() | frozenset() if depth < DEEPEST:
            return [_clean(one, depth=depth + 1) for one in value]
        case BaseException():
            return _text(repr(value))
        case _:
            return _text(str(value))


@lru_cache(2000)
def _is_secret(name: str) -> bool:
    return bool(SECRET_NAME.search(name))


def _text(value: str) -> str:
    return _known(value) if len(value) <= SHORT else _plain(value)


def _plain(value: str) -> str:
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", _without_secrets(value))


_known = lru_cache(2000)(_plain)  # names, addresses and events come again and again


def _lines(value: str) -> str:
    return CONTROL_BUT_NEWLINE.sub("\N{REPLACEMENT CHARACTER}", _without_secrets(value))


def _without_secrets(value: str) -> str:
    lines = [line[:LONGEST_LINE] for line in value.split("\n")[-MOST_LINES:]]
    return OURS.sub(rf"\1{MASK}", "\n".join(masked(lines)))
