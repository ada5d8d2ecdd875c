"""The parameters of a query: each is known, given once, and of its kind."""

import ipaddress
import re
from collections.abc import Collection, Mapping
from datetime import datetime

from django.http import HttpRequest

from activity.types import ActivityType, Result
from dashboard import wire
from dashboard.api.envelope import bad

WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
MOST_CHARACTERS = 1000


def given(request: HttpRequest, allowed: tuple[str, ...]) -> dict[str, str]:
    """The query's parameters, each known and given once."""
    for name, values in request.GET.lists():
        if name not in allowed:
            raise bad(name, f"There is no such parameter. Allowed: {', '.join(allowed) or 'no parameters'}.")
        if len(values) > 1:
            raise bad(name, "Give it once.")
        if "\0" in values[0]:
            raise bad(name, "It has a NUL character.")
        if len(values[0]) > MOST_CHARACTERS:
            raise bad(name, f"Allowed: at most {MOST_CHARACTERS} characters.")
    return request.GET.dict()


def number(given: Mapping[str, str], name: str, most: int = 10**15) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not WHOLE.fullmatch(text) or int(text) > most:
        raise bad(name, f"Allowed: a whole number from 0 to {most}.")
    return int(text)


def whole(given: Mapping[str, str], name: str, default: int, most: int = 10**15) -> int:
    found = number(given, name, most)
    return default if found is None else found


def instant(given: Mapping[str, str], name: str) -> datetime | None:
    text = given.get(name)
    if text is None:
        return None
    found = wire.instant(text.replace(" ", "+"))  # a + of an address is a space
    if found is None:
        raise bad(name, "Allowed: a time with its zone, such as 2026-01-31T12:00:00Z.")
    return found


def kinds(given: Mapping[str, str], name: str) -> list[str]:
    found = sorted({kind for kind in given.get(name, "").split(",") if kind})
    for kind in found:
        _one_of(name, kind, [str(known) for known in ActivityType])
    return found


def name(given: Mapping[str, str], name: str) -> str:
    if given.get(name) == "":
        raise bad(name, "Allowed: a whole name.")
    return given.get(name, "")


def result(given: Mapping[str, str], name: str) -> str:
    return _one_of(name, given[name], [str(known) for known in Result]) if name in given else ""


def address(given: Mapping[str, str], name: str) -> str:
    if name not in given:
        return ""
    try:
        found = ipaddress.ip_address(given[name])
    except ValueError:
        found = None
    if found is None or "%" in given[name]:
        raise bad(name, "Allowed: an IP address, such as 192.0.2.1 or 2001:db8::1.")
    return str(found)


def _one_of(name: str, text: str, allowed: Collection[str]) -> str:
    if text not in allowed:
        raise bad(name, f"{text[:50]!r} is not known. Allowed: {', '.join(allowed)}.")
    return text
