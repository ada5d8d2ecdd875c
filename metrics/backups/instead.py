"""Another database in the place of the product's own, while it is worked on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connections


@contextmanager
def instead(other: str | Mapping[str, Any]) -> Iterator[None]:
    """Whatever uses the default database uses another one: of this name, or of these settings.

    For commands, which have one thread.
    """
    own = connections.databases["default"]
    _use(
        own | {"NAME": other}
        if isinstance(other, str)
        else connections.configure_settings({"default": dict(other)})["default"]
    )
    try:
        yield
    finally:
        _use(own)


def _use(database: dict[str, object]) -> None:
    connections["default"].close()
    del connections["default"]
    connections.databases["default"] = database
