"""A server's page in a browser, until its first chart is seen and until it can be zoomed."""

import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from metrics import store
from metrics.models import Server
from metrics.store import Polled
from tests.bench import fleet
from tests.e2e.conftest import CHROMIUM, QUIET, add_administrator, run, sign_in
from tests.serve import Serve

RUNS = 5
PAGE = "/servers/1?period=24h"
SEEN, ZOOMABLE = ".plot :is(.drawing, .main-svg) path", ".plot .nsewdrag"
WATCH = f"""
window.first = {{}};
const look = () => {{
    for (const [name, what] of [["seen", "{SEEN}"], ["zoomable", "{ZOOMABLE}"]])
        if (document.querySelector(what)) first[name] ??= performance.now();
    if (!first.zoomable) requestAnimationFrame(look);
}};
requestAnimationFrame(look);
"""


def measure() -> Iterator[tuple[str, str]]:
    serve = Serve(Path(tempfile.mkdtemp(prefix="tomo-bench-")))
    try:
        serve.start()
        add_administrator(serve)
        run(serve, "from tests.bench import first_chart; first_chart.fill()")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
            yield from figures(browser, serve.url)
            browser.close()
    finally:
        serve.kill()


def fill() -> None:
    """A day of samples of this machine, within the product's own database."""
    server, collected, at = Server.objects.get(pk=1), fleet.one_poll(), datetime.now(UTC)
    for minutes in range(24 * 60, 0, -1):
        polled = at - timedelta(minutes=minutes)
        store.save([Polled(server, polled, replace(collected, received_at=polled))], fleet.INTERVAL)


def figures(browser: Browser, url: str) -> Iterator[tuple[str, str]]:
    """Medians; cold is a browser that was never there, warm one that has the static files."""
    context = browser.new_context(base_url=url)
    page = context.new_page()
    page.goto("/sign-in")
    sign_in(page)
    cookies = context.storage_state()
    cold = [_visit(browser.new_context(base_url=url, storage_state=cookies)) for _ in range(RUNS)]
    _visit(context)
    warm = [_visit(context) for _ in range(RUNS)]
    for name, visits in (("cold", cold), ("warm", warm)):
        seen, zoomable = (statistics.median(visit[what] for visit in visits) for what in ("seen", "zoomable"))
        yield f"first chart seen, {name}", f"{seen:.0f} ms"
        yield f"first chart zoomable, {name}", f"{zoomable:.0f} ms"


def _visit(context: BrowserContext) -> dict[str, float]:
    """Milliseconds since the address was asked for, at the first frame that has it."""
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(PAGE)
    page.wait_for_function("() => window.first.zoomable")
    found: dict[str, float] = page.evaluate("window.first")
    page.close()
    return found
