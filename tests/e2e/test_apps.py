"""Apps in a real browser: found, sorted, drawn, refreshed, copied, on a phone, by keyboard, in both themes."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Open, add_administrator, drawn, run
from tests.e2e.test_contrast import contrasts
from tests.e2e.test_pages import POINTS, TOO_WIDE
from tests.serve import Serve, until

pytestmark = pytest.mark.slow

NAMES = {"web-01": 1, "crash-01": 2, "closed-01": 3, "hostile-01": 4}
HOSTILE = """<img src=x onerror="document.title='hacked'"><b>bold</b>"""
LONG = "registry.example.org:5000/a-team/with/a-deep/path/to-its-image:2026.01.31-" + "f" * 60
SEEDED = f"""
from datetime import UTC, datetime, timedelta
from django.db import transaction
from metrics.probe.reading import Health
from tests.dashboard import fleet
from tests.dashboard.fleet import MINUTE, container, exited

with transaction.atomic():
    captured = fleet.captured("docker-24").values()
    web = fleet.with_apps(*captured, container("long", image={LONG!r}), name="web-01", tags=("production",), polls=5)
    fleet.kept_current(web)
    crash = fleet.with_apps(container("crashing"), container("calm"), name="crash-01", ago=40 * MINUTE, polls=5)
    ended = exited("crashing", 137, is_out_of_memory=True)
    fleet.looked(crash, datetime.now(UTC) - 39 * MINUTE, ended, container("calm"))
    fleet.kept_current(crash)
    fleet.kept_current(fleet.with_apps(answer=fleet.DENIED, usages={{"ab" * 32: {{}}}}, name="closed-01"))
    text = {HOSTILE!r}
    hostile = [container(text, image=text, project=text, service=text, health=Health.UNHEALTHY)]
    server = fleet.with_apps(*hostile, name="hostile-01", ago=2 * MINUTE)
    ended = exited(text, 1, image=text, project=text, service=text)
    for logs in (None, {{ended.id: [text]}}):
        fleet.looked(server, datetime.now(UTC) - MINUTE, ended, logs=logs)
    fleet.kept_current(server)
"""
CRASHES_AGAIN = """
from django.db import transaction
from tests.dashboard.fleet import *

with transaction.atomic():
    server = Server.objects.get(name="crash-01")
    now, ended = datetime.now(UTC), exited("crashing", 139)
    looked(server, now - MINUTE, container("crashing"), container("calm"))
    looked(server, now - MINUTE / 2, ended, container("calm"))
    looked(server, now, ended, container("calm"), logs={ended.id: ["API_TOKEN=hunter2", "segmentation fault"]})
    kept_current(server)
"""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Has servers with apps in its database, as polls stored them, and polls none of them."""
    serve = Serve(tmp_path_factory.mktemp("apps"), TOMO_WATCH_SELF="off")
    try:
        serve.start()
        add_administrator(serve)
        run(serve, SEEDED)
        yield serve
    finally:
        serve.kill()


def path_of(serve: Serve, name: str) -> str:
    [(server_id, app_id)] = serve.rows(f"SELECT server_id, id FROM metrics_app WHERE name = '{name}'")
    return f"/servers/{server_id}/apps/{app_id}"


def rows(page: Page) -> list[str]:
    return page.locator("table.apps tbody th a").all_inner_texts()


def pages(serve: Serve) -> list[str]:
    apps = [path_of(serve, name) for name in ("shop/web", "crashing", "abababababab", "long")]
    log = f"/activity?app={apps[1].rpartition('/')[2]}"
    return ["/", "/apps", "/servers", *(f"/servers/{number}" for number in NAMES.values()), *apps, log]


def test_apps_are_filtered_without_a_reload_and_the_address_keeps_it(signed_in: Open) -> None:
    page = signed_in("/apps")
    page.evaluate("window.isTheSamePage = true")
    page.get_by_label("Search", exact=True).fill("shop/w")
    expect(page.locator("table.apps tbody tr")).to_have_count(3)
    page.get_by_label("State").select_option("Error")
    expect(page.locator("table.apps tbody th a")).to_have_text(["shop/worker"])
    expect(page).to_have_url(re.compile(r"q=shop%2Fw.*state=error"))
    page.get_by_label("Server", exact=True).select_option("crash-01")
    expect(page.get_by_text("No app matches.")).to_be_visible()
    assert page.evaluate("window.isTheSamePage")
    page.reload()
    expect(page.get_by_text("No app matches.")).to_be_visible()
    expect(page.get_by_label("State")).to_have_value("error")
    page.get_by_role("link", name=re.compile("Show all")).click()
    expect(page.locator("table.apps tbody tr").nth(12)).to_be_visible()


def test_going_back_brings_back_what_was_asked_for(signed_in: Open) -> None:
    page = signed_in("/apps")
    page.get_by_label("Tag").select_option("production")
    expect(page.locator("table.apps tbody tr")).to_have_count(12)
    page.get_by_label("Search", exact=True).fill("batch")
    expect(page.locator("table.apps tbody tr")).to_have_count(1)
    page.go_back()
    expect(page.locator("table.apps tbody tr")).to_have_count(12)
    expect(page.get_by_label("Tag")).to_have_value("production")


def test_apps_are_sorted_by_a_click_on_a_heading_and_the_filter_stays(signed_in: Open) -> None:
    page = signed_in("/apps?tag=production&state=stopped")
    names = rows(page)
    page.locator("thead").get_by_text("App", exact=True).click()
    expect(page.locator("th[aria-sort=descending]")).to_have_text("App")
    assert rows(page) == names[::-1] != names
    expect(page).to_have_url(re.compile("tag=production.*state=stopped"))
    page.get_by_label("Search", exact=True).fill("next")
    expect(page.locator("table.apps tbody th a")).to_have_text(["next"])
    expect(page.locator("th[aria-sort=descending]")).to_have_text("App")


def test_an_app_is_found_from_the_search_at_the_top(signed_in: Open) -> None:
    page = signed_in("/")
    page.keyboard.press("/")
    page.keyboard.type("crashing")
    page.keyboard.press("Enter")
    page.get_by_role("link", name=re.compile("among the apps")).click()
    expect(page.locator("table.apps tbody th a")).to_have_text(["crashing"])


@pytest.mark.parametrize("period", ["1h", "24h", "7d", "30d"])
def test_every_chart_of_an_app_is_drawn_with_points(signed_in: Open, product: Serve, period: str) -> None:
    page = drawn(signed_in(f"{path_of(product, 'crashing')}?period={period}"))
    points = dict(page.locator(".plot").evaluate_all(POINTS))
    assert {"cpu", "cpu_share", "memory", "network", "disk_io", "restarts", "processes"} <= set(points)
    assert [name for name, count in points.items() if not count] == []


def test_a_chart_of_an_app_has_a_table_behind_it(signed_in: Open, product: Serve) -> None:
    page = signed_in(f"{path_of(product, 'crashing')}?period=1h")
    chart = page.locator("section.chart", has=page.locator("#chart-memory"))
    chart.locator("summary").click()
    expect(chart.locator("tbody tr").first).to_contain_text("64.0 MiB")


def test_the_minutes_before_stay_open_when_another_crash_comes_in(signed_in: Open, product: Serve) -> None:
    page = signed_in(f"{path_of(product, 'crashing')}?period=1h")
    cards = page.locator("section.crash")
    expect(cards).to_have_count(1)
    page.evaluate("window.isTheSamePage = true")
    before = cards.locator("details")
    name = before.get_attribute("id")
    before.locator("summary").click()
    expect(before.locator("tbody tr").first).to_be_visible()
    run(product, CRASHES_AGAIN)
    expect(cards).to_have_count(2, timeout=30_000)
    expect(cards.first.locator(".log-lines")).to_have_text("API_TOKEN=••••••\nsegmentation fault")
    expect(page.locator(f"#{name}")).to_have_js_property("open", True)
    expect(page.locator(f"#{name} tbody tr").first).to_be_visible()
    assert page.evaluate("window.isTheSamePage")
    with page.expect_response(lambda answer: "x-refresh" in answer.request.headers, timeout=30_000):
        pass
    expect(page.locator(f"#{name}")).to_have_js_property("open", True)
    expect(page.locator(f"#{name}")).to_have_count(1)


def test_the_lines_of_the_helper_are_copied_whole(signed_in: Open) -> None:
    page = signed_in(f"/servers/{NAMES['closed-01']}", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="What mends it").first.click()
    lines = page.locator("#access pre").first
    expect(lines).to_be_in_viewport()
    page.locator("#access .copyable").first.get_by_role("button", name="Copy").click()
    expect(page.locator("#access .copyable").first.get_by_role("button")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == lines.text_content()
    assert copied.startswith("cat >/usr/local/sbin/tomo-containers <<'END'\n#!/bin/sh\n")
    assert copied.endswith("systemctl enable --now tomo-containers.timer")


def test_the_log_of_an_app_stays_its_own_until_it_is_dropped(signed_in: Open, product: Serve) -> None:
    page = signed_in(path_of(product, "crashing"))
    page.get_by_role("link", name="All of this app").click()
    chip = page.locator(".chip", has_text="App: crashing on crash-01")
    expect(chip).to_be_visible()
    page.locator("summary", has_text="Kinds").click()
    page.get_by_role("checkbox", name="App crashed").check()
    expect(page).to_have_url(re.compile(r"(?=.*kind=app_crashed)(?=.*app=\d+)"))
    chip.click()
    expect(page).to_have_url(re.compile(r"\?(?!.*app=\d).*kind=app_crashed"))
    expect(chip).not_to_be_visible()


def test_no_page_about_apps_scrolls_sideways_from_phone_to_desktop(signed_in: Open, product: Serve) -> None:
    for path in pages(product):
        page = signed_in(path, viewport={"width": 390, "height": 844})
        page.locator("main details").evaluate_all("all => all.forEach(one => one.open = true)")
        for width in (390, 768, 910, 1110, 1280):
            page.set_viewport_size({"width": width, "height": 844})
            frames = page.locator("html, .card, .tile")
            until(lambda frames=frames: not frames.evaluate_all(TOO_WIDE), 5, f"all of {path} is seen at {width} px")
        page.context.close()


def test_what_an_app_has_to_offer_is_reached_by_keyboard(signed_in: Open, product: Serve) -> None:
    page = signed_in(path_of(product, "crashing"))
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(({tagName, innerText, className}) => `${tagName} ${className || innerText}`)(document.activeElement)"
        )
        if focused.startswith("BODY"):
            break
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", focused
        reached.add(focused.split("\n")[0])
    assert {"A crash-01", "SUMMARY quiet small", "A more"} <= reached


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_about_apps_stands_out(signed_in: Open, product: Serve, scheme: str) -> None:
    for path in pages(product):
        page = signed_in(path, color_scheme=scheme)
        if "/apps/" in path:
            drawn(page)
        page.locator("summary").evaluate_all("all => all.forEach(one => one.parentElement.open = true)")
        assert [(path, round(ratio, 2), text) for ratio, text in contrasts(page) if ratio < 4.5] == []
        page.context.close()


def test_hostile_names_images_and_log_lines_of_an_app_are_text(signed_in: Open, product: Serve) -> None:
    [(server_id, app_id)] = product.rows("SELECT server_id, id FROM metrics_app WHERE container_name LIKE '<img%'")
    app = f"/servers/{server_id}/apps/{app_id}"
    for path in ("/", "/apps", f"/servers/{server_id}", app, f"{app}/table/cpu", f"/activity?app={app_id}"):
        page = signed_in(path)
        if path == app:
            drawn(page)
            expect(page.locator(".log-lines")).to_have_text(HOSTILE)
        if "/table/" not in path:
            assert HOSTILE in page.locator("main").inner_text()
        expect(page.locator("img[src=x], main b:text-is('bold')")).to_have_count(0)
        assert page.title() != "hacked"


def test_with_scripts_blocked_apps_are_in_tables(signed_in: Open, product: Serve) -> None:
    page = signed_in("/apps", java_script_enabled=False)
    page.get_by_role("link", name="crashing", exact=True).click()
    expect(page.locator("section.crash").first).to_contain_text("exit code")
    page.locator("summary", has_text="Table").first.click()
    page.get_by_role("link", name="Open the table").first.click()
    expect(page.locator("tbody")).to_contain_text("0.50")
