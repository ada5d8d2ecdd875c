"""What the commands about servers share."""

import getpass
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from difflib import get_close_matches
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db.models import QuerySet

from activity import plain
from activity.context import Acting, acting, new_request_id
from activity.types import ActorKind, Origin
from metrics.instants import WrongInstant, parse_instant
from metrics.models import App, Server
from metrics.probe.text import clean, whole

Row = TypeVar("Row", Server, App)
MOST_NAMED, MOST_NEAR = 20, 3
AGO = re.compile(r"([0-9]{1,6})(s|m|min|h|d|w)", re.ASCII)
UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@contextmanager
def as_command() -> Iterator[None]:
    """What happens inside was done by the person at the terminal."""
    person = Acting(ActorKind.COMMAND, Origin.COMMAND, getpass.getuser(), request_id=new_request_id())
    with acting(person):
        yield


def server_named(text: str) -> Server:
    """The server of this name, or else of this id."""
    return _named(Server.objects.select_related("state"), text, "server")


def app_named(text: str, server: Server) -> App:
    """The app on a server likewise."""
    return _named(server.apps.all(), text, f"app on {server.name}")


def _named(rows: QuerySet[Row], text: str, what: str) -> Row:
    number = whole(text)
    found = list(rows.filter(name=plain.text(text))) or list(rows.filter(pk=number) if number is not None else ())
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(str(row.pk) for row in found)
        raise CommandError(f"There are several called {text!r}: give the id of one of them, {ids}.")
    names = rows.order_by("name").values_list("name", flat=True)
    if near := nearest(text, names):
        raise CommandError(f"There is no {what} {text!r}. Did you mean {' or '.join(near)}?")
    there = ", ".join(clean(name) for name in names[:MOST_NAMED]) or "none yet"
    raise CommandError(f"There is no {what} {text!r}. There are: {there}.")


def nearest(text: str, names: Iterable[str]) -> list[str]:
    """The few of these names that somebody may have meant, the nearest first."""
    known = {name.lower(): clean(name) for name in names}
    near = get_close_matches(text.lower(), known) or [name for name in known if text.lower() in name][:MOST_NEAR]
    return [known[name] for name in near]


def instant_of(text: str, option: str, zone: tzinfo, at: datetime) -> datetime:
    """A time, or how long ago it was: 24h, 30min, 7d."""
    try:
        if ago := AGO.fullmatch(text):
            return at - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        return parse_instant(text, zone)
    except OverflowError:
        raise CommandError(f"{option}: {text} is longer ago than any time is known.") from None
    except WrongInstant as wrong:
        raise CommandError(f"{option}: {str(wrong)[:-1]}; or how long ago, such as 30min, 24h or 7d.") from None


def told(wrong: ValidationError) -> str:
    """A validation error as one line."""
    if not hasattr(wrong, "error_dict"):
        return " ".join(wrong.messages)
    return " ".join(f"{field}: {' '.join(messages)}" for field, messages in wrong.message_dict.items())
