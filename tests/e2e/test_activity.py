"""The activity page in a real browser: rows that come in, details, filters, the address, files, the keyboard."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Open, manage
from tests.serve import Serve

pytestmark = pytest.mark.slow


def happened(serve: Serve, message: str, *more: str) -> None:
    """Reported on the machine itself."""
    manage(serve, "record_activity", "reported", message, *more)


def messages(page: Page) -> Any:
    return page.locator(".log summary > span:last-child")


def test_a_row_comes_in_without_a_reload_opens_and_leads_on(signed_in: Open, product: Serve) -> None:
    happened(product, "Deployed 1.5.0", "--details", '{"commit": "4f2a9c1"}')
    page = signed_in("/activity?kind=reported")
    page.evaluate("window.loaded = true")
    page.locator(".log details").first.locator("summary").click()
    expect(page.get_by_text('"commit": "4f2a9c1"')).to_be_visible()
    happened(product, "Deployed 1.6.0")
    expect(messages(page).first).to_contain_text("Deployed 1.6.0", timeout=10_000)
    expect(page.locator(".log tbody tr").first).to_have_class(re.compile("day"))
    expect(page.get_by_text('"commit": "4f2a9c1"')).to_be_visible()
    assert page.evaluate("window.loaded")
    page.get_by_title(re.compile("^Only what")).first.click()
    expect(page).to_have_url(re.compile(r"/activity\?kind=reported&actor=\w+$"))
    expect(page.get_by_role("link", name=re.compile("^Who: "))).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile(r"/activity\?kind=reported$"))
    expect(messages(page).first).to_contain_text("Deployed 1.6.0")


def test_filters_change_the_list_and_the_address_and_back_undoes_them(signed_in: Open, product: Serve) -> None:
    happened(product, "Needle in the hay")
    page = signed_in("/activity")
    page.evaluate("window.loaded = true")
    page.get_by_label("Text").fill("needle in")
    expect(messages(page)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/activity\?q=needle(%20|\+)in$"))
    page.get_by_label("Text").fill("")
    page.get_by_label("Server", exact=True).select_option("web-01")
    expect(page).to_have_url(re.compile(r"/activity\?server=2$"))
    assert page.evaluate("window.loaded")
    page.locator(".kinds summary").click()
    page.get_by_role("checkbox", name="Server added").check()
    expect(page.locator("#kinds-chosen")).to_have_text("1")
    expect(messages(page)).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("checkbox", name="Server added")).to_be_hidden()
    expect(page.locator(".kinds summary")).to_be_focused()
    page.go_back()
    expect(page).to_have_url(re.compile(r"/activity\?server=2$"))
    expect(page.get_by_label("Server", exact=True)).to_have_value("2")
    expect(page.get_by_role("link", name="Server: web-01")).to_be_visible()


def test_an_export_is_a_file_of_what_is_shown(signed_in: Open, product: Serve) -> None:
    happened(product, "Exported")
    page = signed_in("/activity?q=exported&kind=reported")
    for link, begins in (("CSV", "id,"), ("JSON lines", '{"id":')):
        with page.expect_download() as started:
            page.get_by_role("link", name=link).click()
        text = started.value.path().read_text()
        assert re.fullmatch(r"activity-\d{8}T\d{6}Z\.(csv|jsonl)", started.value.suggested_filename)
        assert text.startswith(begins)
        assert "Exported" in text


def test_verify_now_tells_that_the_log_is_whole(signed_in: Open, product: Serve) -> None:
    page = signed_in("/activity/trust")
    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_text(re.compile(r"^\s*Whole: \d+ rows up to row \d+"))).to_be_visible(timeout=15_000)
    expect(page.get_by_text(re.compile("Verified up to row"))).to_be_visible()
    expect(page).to_have_url(re.compile("/activity/trust$"))
