"""Charts in a real browser: seen at once, taken over by Plotly where they are, zoomed into, kept in the address."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Open, drawn

pytestmark = pytest.mark.slow
PAGE = "/servers/2?period=1h"
PAST = "/servers/2?from=2026-01-31T09:00:00Z&to=2026-01-31T12:00:00Z"
PLACES = """(selector) => [...document.querySelectorAll(selector)].map(text => {
    const [box, plot] = [text.getBoundingClientRect(), text.closest('.plot').getBoundingClientRect()];
    return [text.textContent, (box.left + box.right) / 2 - plot.left, (box.top + box.bottom) / 2 - plot.top];
})"""
SHIFTS = """() => {
    const observer = new PerformanceObserver(() => {});
    observer.observe({ type: 'layout-shift', buffered: true });
    const moved = observer.takeRecords().flatMap(shift => shift.sources.map(source => source.node));
    return moved.filter(node => document.getElementById('charts').contains(node)).length;
}"""

SHOWN = "[...document.querySelectorAll('.chart:not([hidden]) .plot')]"
RANGES = f"() => new Set({SHOWN}.map(plot => String(plot.layout.xaxis.range))).size"


def zoom(page: Page) -> None:
    """Drag across the left half of the first chart."""
    area = page.locator('[data-chart="cpu"] .nsewdrag').bounding_box()
    assert area
    middle = area["y"] + area["height"] / 2
    page.mouse.move(area["x"] + 5, middle)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] / 2, middle, steps=8)
    page.mouse.up()


def asked_for(page: Page) -> str:
    return page.url.partition("?")[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_are_there_without_scripts_in_the_colours_of_the_page(signed_in: Open, scheme: str) -> None:
    page = signed_in(PAGE, java_script_enabled=False, color_scheme=scheme)
    assert page.locator(".plot .drawing").count() >= 6
    expect(page.locator('[data-chart="load"] .shapes path').first).to_be_visible()
    colors = {"light": "rgb(207, 58, 58)", "dark": "rgb(240, 113, 107)"}
    expect(page.locator('[data-chart="load"] .shapes path').first).to_have_css("stroke", colors[scheme])
    expect(page.get_by_text("need scripts")).to_have_count(0)


def test_charts_are_seen_before_plotly_has_come(signed_in: Open) -> None:
    page = signed_in("/")
    waiting: list[Any] = []
    page.route("**/plotly.min.*.js", lambda route: waiting.append(route))
    page.goto(PAGE)
    expect(page.locator('[data-chart="cpu"] .shapes path').first).to_be_visible()
    page.wait_for_function("() => document.querySelector('script[src*=plotly]')")
    expect(page.locator(".plot:has(.drawing)")).not_to_have_count(0)
    waiting[0].continue_()
    drawn(page)
    expect(page.locator(".plot .drawing")).to_have_count(0)


def test_static_files_are_compressed_and_kept_for_good(signed_in: Open) -> None:
    page = signed_in("/")
    answers: list[Any] = []
    page.on("response", lambda answer: "/static/" in answer.url and answers.append(answer))
    page.reload()
    drawn(page.goto(PAGE) and page)
    assert any("plotly.min" in answer.url for answer in answers)
    for answer in answers:
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers.get("content-encoding") == "gzip" or "image" in answer.headers["content-type"]


def test_plotly_takes_over_where_the_drawing_was(signed_in: Open) -> None:
    still = signed_in(PAGE, java_script_enabled=False)
    page = drawn(signed_in(PAGE))
    assert page.evaluate(SHIFTS) == 0
    before = still.evaluate(PLACES, '[data-chart="disk"] .drawing > svg > text:not(.time)')
    after = page.evaluate(PLACES, '[data-chart="disk"] .ytick text')
    assert [text for text, *_ in before] == [text for text, *_ in after] == ["0%", "50%", "100%"]
    for (_, x, y), (_, other_x, other_y) in zip(before, after, strict=True):
        assert abs(x - other_x) < 3
        assert abs(y - other_y) < 3


def test_zooming_one_chart_asks_for_finer_figures_of_all_and_is_kept_in_the_address(signed_in: Open) -> None:
    page = drawn(signed_in("/servers/2?period=30d"))
    coarse = page.evaluate("() => document.querySelector('.plot').data[0].dx")
    with page.expect_response("**/charts?from=*") as answered:
        zoom(page)
    query, label = asked_for(page), answered.value.json()["label"]
    assert re.fullmatch(r"from=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ&to=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", query)
    assert answered.value.url.endswith(f"/charts?{query}")
    page.wait_for_function(f"coarse => {SHOWN}.every(plot => plot.data[0].dx < coarse)", arg=coarse)
    assert page.evaluate(RANGES) == 1
    expect(page.locator("#range summary")).to_have_text(label)
    expect(page.get_by_role("link", name="CPU as CSV")).to_have_attribute("href", re.compile(re.escape(query)))
    page.reload()
    expect(page.locator("#range summary")).to_have_text(label)
    assert asked_for(page) == query


def test_back_and_a_double_click_lead_out_of_a_zoom(signed_in: Open) -> None:
    page = drawn(signed_in(PAGE))
    current = page.locator('[aria-label="Period"] [aria-current]')
    zoom(page)
    expect(current).to_have_count(0)
    page.go_back()
    expect(current).to_have_text("1 h")
    page.go_forward()
    expect(current).to_have_count(0)
    page.locator('[data-chart="cpu"] .nsewdrag').dblclick()
    expect(current).to_have_text("1 h")
    assert asked_for(page) == "period=1h"


def test_a_range_that_ended_is_not_refreshed(signed_in: Open) -> None:
    page = signed_in("/")
    page.clock.install()
    page.goto(PAST)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/charts?" in request.url else None)
    page.clock.run_for(2000)
    drawn(page)
    page.clock.run_for(3_600_000)
    assert asked == []


def test_a_range_is_chosen_by_a_form_without_scripts(signed_in: Open) -> None:
    page = signed_in(PAGE, java_script_enabled=False)
    page.locator("#range summary").click()
    page.get_by_label("From").fill("2026-01-31T09:00")
    page.get_by_label("To", exact=True).fill("2026-01-31T12:00")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#range summary")).to_have_text("31 Jan 09:00 – 12:00")
    expect(page.locator('[data-chart="cpu"] .time').first).to_have_text(re.compile("31 Jan"))


def test_a_line_is_hidden_and_shown_by_its_name(signed_in: Open) -> None:
    page = drawn(signed_in(PAGE))
    key = page.locator('.chart:has([data-chart="load"]) .legend').get_by_role("button", name="5 min", exact=True)
    lines = page.locator('[data-chart="load"] .scatterlayer .js-line')
    expect(lines).to_have_count(3)
    key.click()
    expect(lines).to_have_count(2)
    expect(key).to_have_attribute("aria-pressed", "false")
    key.press("Enter")
    expect(lines).to_have_count(3)
