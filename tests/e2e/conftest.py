"""A running product, real servers, and a browser whose every complaint fails the test."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.serve import ROOT, Serve, until
from tests.sshd import Sshd

CHROMIUM = "/usr/bin/chromium"
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
NAME, PASSWORD = "admin", "correct horse battery"
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one file: Playwright's event loop must not run beside tests that use the database."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory, keys_folder: Path) -> Iterator[Sshd]:
    """A server that is watched by every test and stays up."""
    sshd = Sshd(tmp_path_factory.mktemp("machine"), (keys_folder / "id.pub").read_text())
    sshd.start()
    yield sshd
    sshd.stop()


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory, machine: Sshd, keys_folder: Path) -> Iterator[Serve]:
    """Runs, has an administrator, and polls this machine, web-01 (with tags) and, prepared never, db-01."""
    serve = Serve(tmp_path_factory.mktemp("product"))
    try:
        serve.start()
        add_administrator(serve)
        add = ("add_server", "--hostname", "127.0.0.1", "--user", machine.user, "--key", str(keys_folder / "id"))
        tags = ("--tag", "production", "--tag", "frankfurt")
        manage(serve, *add, "web-01", "--port", str(machine.port), *tags, "--accept-host-key", machine.fingerprint)
        manage(serve, *add, "db-01", "--port", "1")
        until(lambda: serve.samples() >= 6, 90, "a few samples of both servers")
        yield serve
    finally:
        serve.kill()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about."""
    return []


@pytest.fixture
def visit(browser: Browser, product: Serve, complaints: list[str]) -> Iterator[Open]:
    """Opens a page of the product in a browser of its own; at the end there must be no complaint."""
    contexts = []

    def open_page(path: str, **options: Any) -> Page:
        context = browser.new_context(base_url=product.url, **options)
        contexts.append(context)
        page = context.new_page()
        _listen(page, complaints)
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def session(browser: Browser, product: Serve) -> Any:
    """The cookies of the signed-in administrator."""
    context = browser.new_context(base_url=product.url)
    page = context.new_page()
    page.goto("/sign-in")
    sign_in(page)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def signed_in(visit: Open, session: Any) -> Open:
    """Opens a page as the administrator."""
    return lambda path, **options: visit(path, storage_state=session, **options)


def add_administrator(serve: Serve) -> None:
    maker = "from django.contrib.auth import get_user_model as model; model().objects.create_superuser"
    run(serve, f"{maker}({NAME!r}, password={PASSWORD!r})")


def run(serve: Serve, code: str) -> None:
    """Beside the product that runs, over its own database."""
    manage(serve, "shell", "--no-imports", "-c", code)


def manage(serve: Serve, *command: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=serve.environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def sign_in(page: Page, name: str = NAME, password: str = PASSWORD) -> None:
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()


def drawn(page: Page) -> Page:
    """The page of a server, as soon as every chart is there."""
    expect(page.locator(".plot:not(:has(.main-svg))")).to_have_count(0, timeout=20_000)
    return page


def _listen(page: Page, complaints: list[str]) -> None:
    """Script errors, refusals by the content security policy, requests that fail or are answered by an error."""
    page.on("console", lambda said: said.type in ("error", "warning") and complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda answer: answer.status >= 400 and complaints.append(f"{answer.status} {answer.url}"))
    page.on("requestfailed", lambda asked: _was_left(asked) or complaints.append(f"{asked.failure} {asked.url}"))


def _was_left(asked: Any) -> bool:
    """Whether the page was left before the answer came."""
    return "ERR_ABORTED" in str(asked.failure)
