"""The parameters of a query: each is known, given once, and of its kind."""

import ipaddress
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from dashboard import wire
from dashboard.api.envelope import ApiError, bad
from dashboard.reports import NO_TEXT

WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
MOST_CHARACTERS = 1000
MOST_ID = 10**15

Given = Mapping[str, Any]
"""The parameters that were given, or have a value without, by name."""


class NotAllowed(ValueError):
    """The text says what is allowed."""


@dataclass(frozen=True)
class Parameter:
    """One parameter: what it is for, what `read` makes of its text (or raises NotAllowed), and the JSON Schema of what
    it takes. `usual` is its value where it is not given; None is none. `code` tells what is not
    allowed."""

    name: str
    says: str
    read: Callable[[str], Any]
    schema: Mapping[str, Any] = field(default_factory=dict)
    usual: Any = None
    code: str = "BAD_PARAMETER"


def given(request: HttpRequest, allowed: Collection[Parameter]) -> dict[str, Any]:
    """The query's parameters, each known, given once, and read. Raises ApiError."""
    return read(dict(request.GET.lists()), allowed)


def read(texts: Mapping[str, list[str]], allowed: Collection[Parameter]) -> dict[str, Any]:
    """The same from texts by name. Raises ApiError."""
    known = {one.name: one for one in allowed}
    found = {one.name: one.usual for one in allowed if one.usual is not None}
    for name, values in texts.items():
        if NO_TEXT.search(name + values[0]):
            raise bad(ascii(name)[1:-1], "It has a NUL character, or half of another.")
        if name not in known:
            raise bad(name, f"There is no such parameter. Allowed: {', '.join(known) or 'no parameters'}.")
        if len(values) > 1:
            raise bad(name, "Give it once.")
        if len(values[0]) > MOST_CHARACTERS:
            raise bad(name, f"Allowed: at most {MOST_CHARACTERS} characters.")
        try:
            found[name] = known[name].read(values[0])
        except NotAllowed as wrong:
            raise ApiError(400, known[name].code, f"{name}: {wrong}") from None
    return found


# Kinds of parameters -----------------------------------------------------------------------------


def number(name: str, says: str, *, least: int = 0, most: int = MOST_ID, usual: int | None = None) -> Parameter:
    def checked(text: str) -> int:
        if not WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise NotAllowed(f"Allowed: a whole number from {least} to {most}.")
        return int(text)

    schema = {"type": "integer", "minimum": least, "maximum": most}
    return Parameter(name, says, checked, schema | ({} if usual is None else {"default": usual}), usual)


def instant(name: str, says: str) -> Parameter:
    def checked(text: str) -> Any:
        found = wire.instant(text.replace(" ", "+"))  # a + of an address is a space
        if found is None:
            raise NotAllowed("Allowed: a time with its zone, such as 2026-01-31T12:00:00Z.")
        return found

    return Parameter(name, says, checked, {"type": "string", "format": "date-time"})


def text(name: str, says: str, *, least: int = 0, most: int = MOST_CHARACTERS) -> Parameter:
    def checked(value: str) -> str:
        if not least <= len(value) <= most:
            raise NotAllowed(f"Allowed: {least} to {most} characters.")
        return value

    schema = {"type": "string", "minLength": least, "maxLength": most, "pattern": r"^[^\u0000]*$"}
    return Parameter(name, says, checked, schema)


def choice(name: str, says: str, allowed: Collection[str]) -> Parameter:
    return Parameter(name, says, lambda value: _one_of(value, allowed), {"type": "string", "enum": list(allowed)})


def choices(name: str, says: str, allowed: Collection[str]) -> Parameter:
    """Several, separated by commas."""

    def checked(value: str) -> list[str]:
        return sorted({_one_of(one, allowed) for one in value.split(",") if one})

    return Parameter(name, says, checked, {"type": "array", "items": {"type": "string", "enum": list(allowed)}})


def address(name: str, says: str) -> Parameter:
    def checked(value: str) -> str:
        try:
            found = ipaddress.ip_address(value)
        except ValueError:
            found = None
        if found is None or "%" in value:
            raise NotAllowed("Allowed: an IP address, such as 192.0.2.1 or 2001:db8::1.")
        return str(found)

    schema = {"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]}
    return Parameter(name, says, checked, schema)


def _one_of(value: str, allowed: Collection[str]) -> str:
    if value not in allowed:
        raise NotAllowed(f"{value[:50]!r} is not known. Allowed: {', '.join(allowed)}.")
    return value
