"""From the first start to the first server, as somebody new meets them."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import NAME, PASSWORD, Open, sign_in
from tests.serve import Serve
from tests.sshd import Sshd

pytestmark = pytest.mark.slow
INTERVAL_MS = 10_000


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Started for the first time."""
    serve = Serve(tmp_path_factory.mktemp("fresh"), TOMO_WATCH_SELF="off")
    try:
        serve.start()
        yield serve
    finally:
        serve.kill()


@pytest.fixture(scope="module")
def session(browser: Browser, product: Serve) -> Any:
    """The first administrator, made by the printed link and signed in by it."""
    context = browser.new_context(base_url=product.url)
    page = context.new_page()
    page.goto(product.set_up_path())
    page.get_by_label("Username").fill(NAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Create and sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    state = context.storage_state()
    context.close()
    return state


def add_server(page: Page, name: str, sshd: Sshd) -> None:
    """Fills in the form that the first page leads to."""
    page.get_by_role("link", name=re.compile("Add (the first )?server")).first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Address").fill("127.0.0.1")
    page.get_by_label("Port").fill(str(sshd.port))
    page.get_by_label("User", exact=True).fill(sshd.user)
    page.get_by_role("button", name="Add and go on").click()


def prepare(page: Page, sshd: Sshd) -> None:
    """Asks for the host key, compares it and confirms it."""
    page.get_by_role("button", name="Ask for the host key").click()
    expect(page.locator(".keys code").filter(has_text=sshd.fingerprint)).to_be_visible(timeout=15_000)
    page.get_by_role("button", name="It matches: sign in").click()


def test_an_empty_overview_says_what_to_do_next(signed_in: Open) -> None:
    page = signed_in("/")
    expect(page.get_by_text("There are no servers yet.")).to_be_visible()
    expect(page.get_by_role("link", name="Add the first server")).to_be_visible()


def test_the_set_up_link_works_once(signed_in: Open, product: Serve) -> None:
    signed_in("/")
    assert product.get(product.set_up_path())[0] == 404


def test_signing_out_and_in_again(visit: Open, session: Any) -> None:
    page = visit("/sign-in")
    sign_in(page)
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.goto("/servers")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.mark.parametrize(("name", "line"), [("restricted-01", 'restrict,command="'), ("simple-01", "restrict ssh-")])
def test_a_server_is_added_by_one_pasted_line(signed_in: Open, sshd: Sshd, name: str, line: str) -> None:
    page = signed_in("/")
    add_server(page, name, sshd)
    page.locator("summary", has_text="Simple").click()
    sshd.authorize(page.locator("pre", has_text=line).inner_text() + "\n")
    prepare(page, sshd)
    report = page.locator("table.report")
    expect(report.get_by_role("row", name=re.compile("^Memory yes"))).to_be_visible(timeout=30_000)
    page.get_by_role("link", name="Open its page").click()
    expect(page.locator("#live .status")).to_have_text("Online", timeout=2 * INTERVAL_MS)
    expect(page.locator('[data-now="memory"]')).to_contain_text("GiB", timeout=3 * INTERVAL_MS)


def test_the_wrong_line_is_explained(signed_in: Open, sshd: Sshd) -> None:
    page = signed_in("/")
    add_server(page, "locked-01", sshd)
    prepare(page, sshd)
    expect(page.get_by_role("alert")).to_contain_text("authorized_keys", timeout=30_000)
    expect(page.get_by_role("button", name="Test again")).to_be_visible()


def test_a_server_that_stops_is_shown_offline_with_the_reason(signed_in: Open, sshd: Sshd) -> None:
    page = signed_in("/")
    add_server(page, "stops-01", sshd)
    sshd.authorize(page.locator("pre", has_text="restrict,command").inner_text() + "\n")
    prepare(page, sshd)
    page.get_by_role("link", name="Open its page").click(timeout=30_000)
    expect(page.locator("#live .status")).to_have_text("Online", timeout=3 * INTERVAL_MS)
    sshd.stop()
    expect(page.get_by_role("alert")).to_contain_text(f"Nothing listens at 127.0.0.1:{sshd.port}", timeout=90_000)
    expect(page.locator("#live .status")).to_have_text("Offline")
    page.goto("/")
    problem = page.locator(".problems li", has_text="stops-01")
    expect(problem).to_contain_text("Nothing listens at")
