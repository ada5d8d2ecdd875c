"""The activity page as a browser has it, and a log with one row of each sort."""

import re
from datetime import UTC, datetime
from typing import Any

from django.test import Client

from activity.context import Acting
from activity.models import ActivityLog
from activity.record import record
from activity.types import ActivityType, ActorKind, Origin, Result
from tests.dashboard import fleet

AT = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
ADA = Acting(ActorKind.USER, Origin.WEB, "ada", 7, "198.51.100.7", "Firefox", "request-1")
BOB = Acting(ActorKind.TOKEN, Origin.API, "bob", 8, "2001:db8::7", "curl", "request-2")
ROW = re.compile(r"<dt>Row</dt><dd>(\d+)</dd>")


class Web:
    """A server that was deleted long ago."""

    id, name = 501, "web-501"


class Shop:
    """Its app."""

    id, name = 601, "shop"


class Db:
    id, name = 502, "db-502"


def varied() -> list[ActivityLog]:
    """One of each sort, a minute apart from AT on."""
    kind, failed = ActivityType, Result.FAILURE
    told: list[tuple[ActivityType, str, dict[str, Any]]] = [
        (kind.SERVER_ADDED, "web-501 added", {"server": Web, "actor": ADA}),
        (kind.SERVER_UPDATED, "web-501 changed", {"server": Web, "actor": BOB}),
        (kind.APP_CRASHED, "shop crashed", {"server": Web, "app": Shop, "result": failed}),
        (kind.APP_STARTED, "shop started", {"server": Web, "app": Shop}),
        (kind.SERVER_ADDED, "db-502 added at 203.0.113.9", {"server": Db, "actor": ADA}),
        (kind.USER_LOGIN, "ada signed in", {"actor": ADA}),
        (kind.USER_LOGIN_FAILED, "100% wrong_password", {"actor": BOB, "result": failed}),
        (kind.REPORTED, "Größe geändert", {"actor": BOB}),
    ]
    made = [record(which, says, at=AT + n * fleet.MINUTE, **more) for n, (which, says, more) in enumerate(told)]
    return [row for row in made if row]


def browser_of(user: Any) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def shown(browser: Client, query: str = "", **more: Any) -> str:
    response = browser.get(f"/activity?{query}", **more)
    assert response.status_code == 200
    return str(response.content.decode())


def ids(page: str) -> list[int]:
    """The numbers of the rows of a page, as they follow each other."""
    return [int(found) for found in ROW.findall(page)]


def total(page: str) -> int:
    [found] = re.findall(r'(?:Newest first|Older) <span class="count">(\d+)</span>', page)
    return int(found)


def from_file(text: str) -> list[int]:
    return [int(found) for found in re.findall(r'^\{"id":(\d+),', text, re.M)]


def exports(browser: Client, query: str) -> str:
    response = browser.get(f"/activity/export?format=jsonl&{query}")
    assert response.status_code == 200
    return b"".join(response).decode()


def told(message: str, at: datetime = AT) -> int:
    row = record(ActivityType.REPORTED, message, at=at)
    assert row
    return row.pk
