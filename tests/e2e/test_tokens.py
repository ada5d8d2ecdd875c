"""A token in a real browser: made, copied, used by a script, revoked; with scripts blocked, too."""

import re
import urllib.request
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import Open
from tests.e2e.test_pages import TOO_WIDE
from tests.serve import Serve

pytestmark = pytest.mark.slow
TOKEN = re.compile(r"tomo_\d+_[\w-]{43}")


def make(page: Page, name: str) -> str:
    """The text that the page shows."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("summary:read").check()
    page.get_by_text("1 year").click()
    page.get_by_role("button", name="Make the token").click()
    text = page.get_by_label("The token").inner_text()
    assert TOKEN.fullmatch(text)
    return text


def summary(serve: Serve, text: str) -> int:
    """The status that a script gets."""
    asked = urllib.request.Request(f"{serve.url}/api/v1/summary", headers={"Authorization": f"Bearer {text}"})
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return int(answer.status)
    except HTTPError as refused:
        with refused:
            return refused.code


def test_a_token_is_made_copied_used_and_revoked(signed_in: Open, product: Serve) -> None:
    page = signed_in("/", permissions=["clipboard-read", "clipboard-write"])
    page.locator(".menu summary").click()
    page.get_by_role("link", name="Tokens").click()
    page.get_by_role("link", name="Make a token").click()
    text = make(page, "script")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == text
    assert summary(product, text) == 200
    page.get_by_role("link", name="I have it").click()
    row = page.get_by_role("row", name=re.compile("^script"))
    expect(row).to_contain_text("from 127.0.0.1")
    expect(page.locator("main")).not_to_contain_text(text)
    row.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke script").click()
    expect(page.get_by_role("status")).to_have_text("script is revoked.")
    expect(row).to_contain_text("revoked")
    assert summary(product, text) == 401


def test_the_form_is_sent_once_however_often_it_is_asked_to(signed_in: Open) -> None:
    page = signed_in("/tokens/add")
    sent: list[Route] = []
    page.route("**/tokens/add", lambda route: sent.append(route))
    page.get_by_label("Name").fill("twice")
    page.get_by_label("summary:read").check()
    for _ in range(2):
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
    assert len(sent) == 1
    sent[0].continue_()
    expect(page.get_by_label("The token")).to_have_text(TOKEN)


def test_a_reload_makes_no_second_token(signed_in: Open, product: Serve) -> None:
    page = signed_in("/tokens/add")
    make(page, "reloaded")
    page.reload()
    expect(page.get_by_text("admin has a token of this name")).to_be_visible()
    expect(page.get_by_label("The token")).to_have_count(0)
    assert product.rows("SELECT count(*) FROM dashboard_apitoken WHERE name = 'reloaded'") == [(1,)]


def test_without_a_clipboard_it_is_copied_all_the_same(signed_in: Open) -> None:
    page = signed_in("/tokens/add")
    text = make(page, "plain-http")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.evaluate("document.addEventListener('copy', () => (window.copied = String(getSelection())))")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("window.copied") == text


def test_with_scripts_blocked_one_click_selects_it(signed_in: Open, product: Serve) -> None:
    page = signed_in("/tokens/add", java_script_enabled=False)
    text = make(page, "no-scripts")
    expect(page.get_by_label("The token")).to_have_css("user-select", "all")
    assert summary(product, text) == 200


def test_the_list_is_seen_whole_from_phone_to_desktop(signed_in: Open) -> None:
    page = signed_in("/tokens/add")
    make(page, "a-name-as-long-as-it-may-be-" + "n" * 36)
    page.get_by_role("link", name="I have it").click()
    for width in (390, 768, 910, 1110, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.locator("html, .card").evaluate_all(TOO_WIDE) == []
