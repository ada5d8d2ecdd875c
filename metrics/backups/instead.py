"""Another database in the place of the product's own, while it is worked on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections


@contextmanager
def instead(**other: Any) -> Iterator[None]:
    """Whatever uses the default database uses one with other settings: for commands, which have one thread."""
    own = connections.databases["default"]
    _use(own | other)
    try:
        yield
    finally:
        _use(own)


def _use(database: dict[str, object]) -> None:
    connections["default"].close()
    del connections["default"]
    connections.databases["default"] = database
