"""What the commands about servers share."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from activity.context import Acting, acting, new_request_id
from activity.types import ActorKind, Origin
from metrics.models import Server


@contextmanager
def as_command() -> Iterator[None]:
    """What happens inside was done by the person at the terminal."""
    person = Acting(ActorKind.COMMAND, Origin.COMMAND, getpass.getuser(), request_id=new_request_id())
    with acting(person):
        yield


def server_named(name: str) -> Server:
    try:
        return Server.objects.select_related("state").get(name=name)
    except Server.DoesNotExist:
        names = ", ".join(Server.objects.values_list("name", flat=True)[:20]) or "none yet"
        raise CommandError(f"There is no server {name!r}. There are: {names}.") from None


def told(wrong: ValidationError) -> str:
    """A validation error as one line."""
    if not hasattr(wrong, "error_dict"):
        return " ".join(wrong.messages)
    return " ".join(f"{field}: {' '.join(messages)}" for field, messages in wrong.message_dict.items())
