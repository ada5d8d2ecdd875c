"""Text can be read in both themes: at least 4.5 to 1 against what is behind it."""

from typing import Any

import pytest

from tests.e2e.conftest import Open, drawn
from tests.e2e.test_pages import PAGES, WEB_01

pytestmark = pytest.mark.slow

# Every visible text with its contrast, colours as the browser computed them; what is switched off in a legend is left.
CONTRASTS = """() => {
  const [width, height] = [1, 1];
  const canvas = Object.assign(document.createElement("canvas"), { width, height })
    .getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((one, i) => one * a + under[i] * (1 - a));
  const above = (element) => element ? [...above(element.parentElement), element] : [];
  const light = (color) => color.map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, i) => sum + one * [0.2126, 0.7152, 0.0722][i], 0);
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    const box = element.getBoundingClientRect();
    if (!text || !box.width || !box.height || element.closest("script, style, noscript, .unseen, .skip")) continue;
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const line = above(element);
    const opacity = line.reduce((product, one) => product * getComputedStyle(one).opacity, 1);
    if (element.closest(".legend") && opacity < 1) continue;
    const behind = line.map((one) => rgba(getComputedStyle(one).backgroundColor))
      .reduce((under, one) => over(one, under), [255, 255, 255]);
    const style = getComputedStyle(element);
    const [r, g, b, a] = rgba(element instanceof SVGElement ? style.fill : style.color);
    const [one, other] = [light(over([r, g, b, a * opacity], behind)), light(behind)].sort((x, y) => y - x);
    found.push([(one + 0.05) / (other + 0.05), text.slice(0, 40)]);
  }
  return found;
}"""


def contrasts(page: Any) -> list[Any]:
    found = list(page.evaluate(CONTRASTS))
    assert found
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_text_stands_out(signed_in: Open, path: str, scheme: str) -> None:
    page = signed_in(path, color_scheme=scheme)
    if path == WEB_01:
        drawn(page)
    page.locator("summary").evaluate_all("all => all.forEach(one => one.parentElement.open = true)")
    assert [(round(ratio, 2), text) for ratio, text in contrasts(page) if ratio < 4.5] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_page_stands_out(visit: Open, scheme: str) -> None:
    assert [one for one in contrasts(visit("/sign-in", color_scheme=scheme)) if one[0] < 4.5] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_stale_is_grey_and_still_stands_out(signed_in: Open, scheme: str) -> None:
    page = signed_in("/", color_scheme=scheme)
    fresh = page.locator("table.servers tr.online .meter").first.evaluate("one => getComputedStyle(one).color")
    page.locator("table.servers tr.online").evaluate_all("all => all.forEach(one => one.classList.add('stale'))")
    assert page.locator("table.servers tr.stale .meter").first.evaluate("one => getComputedStyle(one).color") != fresh
    assert [one for one in contrasts(page) if one[0] < 4.5] == []
