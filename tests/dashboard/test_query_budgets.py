"""What every page and endpoint costs in queries: a recorded number, however many servers there are."""

from types import SimpleNamespace

import pytest
from django.core.cache.backends import locmem
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.dashboard.addresses import LIVE, PAGES, filled, grow, look

pytestmark = pytest.mark.django_db(databases=["default", "queue"])


@pytest.fixture(autouse=True)
def _nothing_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was looked up a moment ago is still known, however slow the machine is."""
    monkeypatch.setattr(locmem, "time", SimpleNamespace(time=lambda: 0.0))


def queries(browser: Client, address: str, *, is_live: bool) -> int:
    """How many it costs whoever has looked at it before."""
    address = filled(address)
    look(browser, address, is_live=is_live)
    with CaptureQueriesContext(connection) as asked:
        look(browser, address, is_live=is_live)
    return len(asked)


def test_every_page_costs_its_number_of_queries_whatever_the_size_of_the_fleet(admin_browser: Client) -> None:
    for number in (10, 30):
        grow(number)
        assert {one: queries(admin_browser, one, is_live=False) for one in PAGES} == PAGES
        assert {one: queries(admin_browser, one, is_live=True) for one in LIVE} == LIVE
    assert PAGES["/"] <= 10
