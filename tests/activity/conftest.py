"""Logs of their own, apart from the database of the other tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.activity.logs import Log


@pytest.fixture
def unblocked(django_db_blocker: Any) -> Iterator[None]:
    """Databases may be used though the one of the other tests is not asked for."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def log(tmp_path: Path, unblocked: None) -> Iterator[Log]:
    """An empty log in a real SQLite file, which is the product's while the test runs."""
    log = Log.created(tmp_path / "data")
    with log.opened():
        yield log
