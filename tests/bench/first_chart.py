"""A server's page in a browser, until its first chart is seen and until it can be zoomed."""

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, sync_playwright

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
        run(serve, "from tests.bench import history; history.fill()")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
            yield from figures(browser, serve.url)
            browser.close()
    finally:
        serve.kill()


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
