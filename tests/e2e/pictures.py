"""`python -m tests.e2e.pictures http://127.0.0.1:8000 PASSWORD 2 8`: docs/pictures of a running demo, its second server
and an app of that, number 8."""

import os
import sys

from playwright.sync_api import sync_playwright

from tests.e2e.conftest import CHROMIUM, QUIET, drawn, sign_in
from tests.serve import ROOT

PICTURES = ROOT / "docs" / "pictures"


def main(url: str, password: str, server: str, app: str) -> None:
    os.umask(0o022)
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(base_url=url, viewport={"width": 1280, "height": 860}, color_scheme="light")
        page.goto("/sign-in")
        sign_in(page, "demo", password)
        page.screenshot(path=PICTURES / "overview.png")
        page.goto(f"/servers/{server}?period=24h")
        drawn(page)
        page.screenshot(path=PICTURES / "server.png")
        page.goto("/apps?period=24h")
        page.screenshot(path=PICTURES / "apps.png")
        page.goto(f"/servers/{server}/apps/{app}?period=24h")
        drawn(page)
        page.screenshot(path=PICTURES / "app.png")
        page.locator(".crash").first.screenshot(path=PICTURES / "crash.png")
        page.goto("/activity")
        page.screenshot(path=PICTURES / "activity.png")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
