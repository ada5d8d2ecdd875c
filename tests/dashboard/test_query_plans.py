"""No page, endpoint, round or roll-up reads through a table of samples: every row is found by its key."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from metrics import retention, rollups
from metrics.models import Server
from metrics.models.rollups import SAMPLES, table_of
from metrics.periods import BUCKETS, RESOLUTIONS
from tests.dashboard import fleet
from tests.dashboard.addresses import LIVE, PAGES, filled, grow, look, with_history

pytestmark = [
    pytest.mark.django_db(databases=["default", "queue"]),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="the plans are SQLite's"),
]

TABLES = "|".join(table_of(model, one)._meta.db_table for model in SAMPLES for one in RESOLUTIONS)
AT_AN_END = re.compile(r'FROM "(\w+)" ORDER BY "\1"."id" (ASC|DESC) LIMIT 1$')  # a scan that stops at the first row
EXPLAINED = re.compile(r"\s*(SELECT|WITH|INSERT|REPLACE|UPDATE|DELETE)\b")


class Plans:
    """How SQLite looks up what is asked meanwhile: each step that reads samples or roll-ups."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, str]] = []

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if EXPLAINED.match(sql) and not AT_AN_END.search(sql):
            cursor = context["cursor"].cursor
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params[0] if many else params)
            self.steps += [(table, step) for *_, step in cursor.fetchall() if (table := _table_of(step, sql))]
        return execute(sql, params, many, context)

    def scans(self) -> list[tuple[str, str]]:
        return [one for one in self.steps if not re.match(r"SEARCH \S+ USING INTEGER PRIMARY KEY", one[1])]


def _table_of(step: str, sql: str) -> str | None:
    """The table of samples or roll-ups that a step reads, by its own name or by its alias in the statement."""
    if not (read := re.match(r"(?:SCAN|SEARCH) (\S+)", step)):
        return None
    found = re.fullmatch(TABLES, read[1]) or re.search(rf'\b({TABLES})"? (?:AS )?"?{re.escape(read[1])}\b', sql)
    return found[0] if found else None


@contextmanager
def explained() -> Iterator[Plans]:
    plans = Plans()
    with connection.execute_wrapper(plans):
        yield plans


@pytest.fixture(params=[False, True], ids=["fresh", "analyzed"])
def history(request: pytest.FixtureRequest, db: None) -> None:
    grow(4)
    with_history()
    if request.param:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def test_every_page_and_endpoint_finds_samples_by_their_keys(history: None, admin_browser: Client) -> None:
    with explained() as plans:
        for address in PAGES:
            look(admin_browser, filled(address))
        for address in LIVE:
            look(admin_browser, filled(address), is_live=True)
    assert len({table for table, _step in plans.steps}) > len(SAMPLES), "samples and roll-ups are looked at"
    assert plans.scans() == []


def test_a_round_and_what_is_made_of_it_find_samples_by_their_keys(history: None, settings: Any) -> None:
    settings.TOMO = settings.TOMO | {"keep_daily_days": 400}
    server, at = Server.objects.earliest("pk"), datetime.now(UTC)
    with explained() as plans:
        fleet.polled(server, at + timedelta(minutes=1))
        assert rollups.roll(at + timedelta(days=2), lambda: False)
        rollups.reroll(int(at.timestamp()) - 7200, int(at.timestamp()), lambda *_: None)
        assert retention.prune(at + timedelta(days=500), lambda: False)
    assert {table for table, _step in plans.steps} == set(TABLES.split("|")), "all of them are read"
    assert plans.scans() == []


def test_a_statement_that_scans_is_found_out(db: None) -> None:
    with explained() as plans:
        for resolution in BUCKETS:
            table_of(SAMPLES[0], resolution)._default_manager.filter(count=7).exists()
    assert len(plans.scans()) == len(BUCKETS)
