"""The pages of a product that runs, in a real browser: charts, periods, search, refresh, colours, hostile text."""

import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Open, drawn
from tests.serve import Serve, until

pytestmark = pytest.mark.slow
WEB_01 = "/servers/2"
POINTS = """plots => plots.map(plot => [plot.dataset.chart,
    (plot.data ?? []).flatMap(trace => [...(trace.z ?? [trace.y])].flatMap(row => [...(row ?? [])]))
        .filter(value => value !== null && !Number.isNaN(value)).length])"""
RANGES = "plots => plots.map(plot => plot.layout.xaxis.range.map(String))"
VALUES = "fields => fields.map(field => field.value)"
TOO_WIDE = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText.slice(0, 60))"
START = "document.querySelector('.plot').layout.xaxis.range[0]"
HOSTILE = """<img src=x onerror="document.title='hacked'"><b>bold</b>"""
PAGES = ["/", "/servers", WEB_01, f"{WEB_01}/edit", f"{WEB_01}/prepare", "/servers/3", "/servers/add"]
PAGES += ["/apps", "/activity", "/health", "/tokens", "/tokens/add", "/api/docs"]


def ranges(page: Page) -> list[Any]:
    return list(page.locator(".plot").evaluate_all(RANGES))


@pytest.mark.parametrize("period", ["1h", "24h", "7d", "30d"])
def test_every_chart_is_drawn_with_points(signed_in: Open, period: str) -> None:
    page = drawn(signed_in(f"{WEB_01}?period={period}"))
    points = dict(page.locator(".plot").evaluate_all(POINTS))
    assert {"cpu", "memory", "disk", "network", "disk_io", "load"} <= set(points)
    assert [name for name, count in points.items() if not count] == []


def test_the_period_is_chosen_by_a_click_and_kept_in_the_address(signed_in: Open) -> None:
    page = signed_in(WEB_01)
    page.get_by_role("navigation", name="Period").get_by_role("link", name="7 d").click()
    expect(page).to_have_url(re.compile("period=7d$"))
    expect(page.get_by_role("navigation", name="Period").locator("[aria-current]")).to_have_text("7 d")
    (start, end), *_ = ranges(drawn(page))
    assert page.evaluate("([start, end]) => (new Date(end) - new Date(start)) / 86400000", [start, end]) >= 7


def test_a_chart_has_a_table_behind_it(signed_in: Open) -> None:
    page = signed_in(f"{WEB_01}?period=1h")
    chart = page.locator("section.chart", has=page.locator("#chart-memory"))
    chart.locator("summary").click()
    expect(chart.locator("tbody tr").first).to_contain_text("%")


def test_dark_is_remembered_and_dark(signed_in: Open) -> None:
    page = signed_in("/", color_scheme="light")
    page.locator(".menu summary").click()
    page.get_by_text("Dark", exact=True).click()
    expect(page.locator("html")).to_have_css("background-color", "rgb(13, 17, 23)")
    page.goto("/activity")
    expect(page.locator("html")).to_have_css("background-color", "rgb(13, 17, 23)")


def test_without_a_choice_the_colours_are_those_of_the_system(signed_in: Open) -> None:
    for scheme, color in (("light", "rgb(246, 247, 249)"), ("dark", "rgb(13, 17, 23)")):
        expect(signed_in("/", color_scheme=scheme).locator("html")).to_have_css("background-color", color)


@pytest.mark.parametrize("path", [*PAGES, f"{WEB_01}/table/cpu"])
def test_nothing_is_cut_off_or_scrolls_sideways_from_phone_to_desktop(signed_in: Open, path: str) -> None:
    page = signed_in(path, viewport={"width": 390, "height": 844})
    if path == WEB_01:
        drawn(page)
    for width in (390, 768, 910, 1110, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        frames = page.locator("html, .card, .tile")
        until(lambda frames=frames: not frames.evaluate_all(TOO_WIDE), 5, f"all is seen at {width} px")


def test_a_slash_leads_to_the_search_which_filters(signed_in: Open) -> None:
    page = signed_in("/")
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type("frankfurt")
    page.keyboard.press("Enter")
    expect(page.locator("table.servers tbody tr")).to_have_count(1)
    page.locator('.filters [name="q"]').fill("no such server")
    expect(page.get_by_text("No server matches.")).to_be_visible()
    page.locator('.filters [name="q"]').fill("db")
    expect(page.locator("table.servers tbody th")).to_contain_text("db-01")


def test_the_page_refreshes_itself_without_a_reload(signed_in: Open) -> None:
    page = signed_in(WEB_01)
    page.evaluate("window.isTheSamePage = true")
    polled = page.locator("#live .facts").inner_text()
    expect(page.locator("#live .facts")).not_to_have_text(polled, timeout=20_000)
    assert page.evaluate("window.isTheSamePage")


def test_a_refresh_disturbs_nobody_who_types(signed_in: Open) -> None:
    page = signed_in("/servers")
    search = page.locator('.filters [name="q"]')
    search.press_sequentially("we")
    with page.expect_response(lambda answer: "x-refresh" in answer.request.headers, timeout=20_000):
        pass
    search.press_sequentially("b-01")
    expect(search).to_have_value("web-01")
    expect(search).to_be_focused()
    expect(page.locator("table.servers tbody tr")).to_have_count(1)


def test_the_log_is_filtered_by_kind_server_result_and_words(signed_in: Open) -> None:
    page = signed_in("/activity")
    rows = page.locator("table.log tbody tr:not(.tail, .day)")
    page.locator("summary", has_text="Kinds").click()
    page.get_by_role("checkbox", name="Server added").check()
    expect(rows).to_have_count(3)
    page.get_by_label("Server", exact=True).select_option("web-01")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("web-01 added")
    page.get_by_label("Result", exact=True).select_option("Failure")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    page.goto("/activity")
    page.get_by_label("Text", exact=True).fill("Host key")
    expect(rows).to_have_count(1)


def test_it_works_by_keyboard(signed_in: Open) -> None:
    page = signed_in("/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    for _ in range(12):
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Tab")


def test_with_scripts_blocked_the_figures_are_in_tables(signed_in: Open) -> None:
    page = signed_in("/", java_script_enabled=False)
    expect(page.locator("table.servers tbody tr")).to_have_count(3)
    page.get_by_role("link", name="web-01", exact=True).click()
    expect(page.locator("#parts").get_by_role("table").filter(has_text="Mount")).to_contain_text("GiB")
    page.locator("summary", has_text="Table").first.click()
    page.get_by_role("link", name="Open the table").first.click()
    expect(page.locator("tbody tr").first).to_contain_text("%")


def test_hostile_names_and_notes_are_text(signed_in: Open, product: Serve) -> None:
    _set(product, name=HOSTILE, notes=HOSTILE)
    try:
        for path in ("/", "/servers", "/servers/3", "/servers/3/edit", "/servers/3/prepare", "/servers/3/delete"):
            page = signed_in(path)
            shown = [page.locator("main").inner_text(), *page.locator("input, textarea").evaluate_all(VALUES)]
            assert HOSTILE in "".join(shown)
            expect(page.locator("img[src=x], main b:text-is('bold')")).to_have_count(0)
            assert page.title() != "hacked"
    finally:
        _set(product, name="db-01", notes="")


def _set(serve: Serve, **values: str) -> None:
    """Behind the product's back: its own forms refuse such a name."""
    with closing(sqlite3.connect(serve.data / "tomo.sqlite3", timeout=20)) as database, database:
        database.execute("UPDATE metrics_server SET name = :name, notes = :notes WHERE id = 3", values)
