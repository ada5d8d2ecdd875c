"""What narrows the activity page, and how one gets rid of it."""

import html
import re

import pytest
from django.test import Client

from activity.models import ActivityLog
from activity.record import record
from activity.types import ActivityType
from tests.dashboard import fleet
from tests.dashboard.activity.log import AT, ids, shown
from tests.dashboard.fleet import container

pytestmark = pytest.mark.django_db


# Chips -------------------------------------------------------------------------------------------


def chips(page: str) -> dict[str, str]:
    """What each chip says, and where it leads."""
    found = re.findall(r'<a class="chip" href="([^"]*)"[^>]*>(.*?) <svg', page, re.S)
    return {html.unescape(says): html.unescape(link) for link, says in found}


def test_each_filter_has_a_chip_that_takes_it_away_alone(admin: Client, rows: list[ActivityLog]) -> None:
    query = "q=added&kind=server_added&kind=user_login&actor=ada&result=success&before=999"
    record(ActivityType.REPORTED, "so that there is a row", at=AT - fleet.MINUTE)
    found = chips(shown(admin, query.replace("&before=999", "")))
    assert found.keys() == {"Text: added", "Kinds: Server added, Signed in", "Who: ada", "Result: success"}
    assert found["Kinds: Server added, Signed in"] == "?q=added&actor=ada&result=success"
    assert ids(shown(admin, found["Text: added"][1:])) == [rows[5].pk, rows[4].pk, rows[0].pk]


def test_a_server_and_an_app_that_are_gone_can_still_be_asked_for(admin: Client, rows: list[ActivityLog]) -> None:
    page = shown(admin, "server=501&app=601")
    assert ids(page) == [rows[3].pk, rows[2].pk]
    assert '<option value="501" selected>' in page
    assert '<option value="601" selected>' in page
    assert chips(page).keys() == {"Server: web-501", "App: shop on web-501"}


def test_a_server_is_chosen_by_name_and_then_its_apps(admin: Client) -> None:
    server = fleet.with_apps(container())
    fleet.with_apps(container("other"), name="web-02")
    page = shown(admin, f"server={server.pk}&app={fleet.app().pk}")
    assert f'<option value="{server.pk}" selected>web-01</option>' in page
    assert f'<option value="{fleet.app().pk}" selected>web</option>' in page
    assert ">other</option>" not in page
    assert chips(page).keys() == {"Server: web-01", "App: web"}


def test_a_row_leads_to_what_its_actor_did_and_keeps_the_other_filters(admin: Client, rows: list[ActivityLog]) -> None:
    page = html.unescape(shown(admin, "result=success&server=502&after="))
    assert 'href="/activity?result=success&server=502&actor=ada"' in page
    assert 'href="/activity?result=success&server=502&address=198.51.100.7"' in page
    assert 'href="/activity?result=success&server=502&request=request-1"' in page


def test_each_control_has_a_name_for_those_who_hear_the_page(admin: Client, rows: list[ActivityLog]) -> None:
    page = shown(admin)
    form = page[page.index('<form class="filters') : page.index("</form>", page.index('<form class="filters'))]
    for control in re.findall(r"<(?:select|input)[^>]*>", form):
        named = "aria-label=" in control or 'type="hidden"' in control or 'type="checkbox"' in control
        known = re.search(r'id="(\w+)"', control)
        assert named or (known and f'<label for="{known[1]}"' in form), control
