"""Logs of their own, apart from the database of the other tests."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from activity import anchors
from tests.activity.logs import AT, ROWS, Log, write
from tests.activity.rows import ADDRESS
from tests.dashboard.conftest import PASSWORD


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


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Log:
    """Twenty rows, with anchors at the tenth and at the last."""
    with django_db_blocker.unblock():
        log = Log.created(tmp_path_factory.mktemp("whole") / "data")
        with log.opened():
            for since in (AT, AT + timedelta(minutes=ROWS // 2)):
                write(ROWS // 2, since)
                anchors.drop(since)
    return log


@pytest.fixture
def written(tmp_path: Path, whole: Log, unblocked: None) -> Iterator[Log]:
    """A copy of it."""
    copy = whole.copied(tmp_path / "data")
    with copy.opened():
        yield copy


@pytest.fixture
def admin(administrator: Any) -> Client:
    """An administrator's, from an address and with a browser of its own."""
    client = Client(REMOTE_ADDR=ADDRESS, headers={"user-agent": "Firefox"})
    client.post("/sign-in", {"username": "admin", "password": PASSWORD})
    return client
