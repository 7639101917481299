"""The page as a browser shows it: on a phone, a tablet and a desktop, light and dark, and on paper."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.report_parts import write_parts

from medattngan.data.store import SliceStore
from medattngan.stages.report.report import report

pytestmark = pytest.mark.slow

SCREENS = {"phone": (375, 812), "tablet": (820, 1180), "desktop": (1440, 900)}
OVERFLOW = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
COLOURS = """() => {
  const style = getComputedStyle(document.body);
  return [style.color, style.backgroundColor].map((one) => one.match(/\\d+/g).slice(0, 3).map(Number));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"], timeout=120_000)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def address(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("report")
    return report(write_parts(tiny_store, folder), tiny_store, folder / "page.html").as_uri()


def luminance(rgb: list[int]) -> float:
    """WCAG 2.2, relative luminance."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (one / 255 for one in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_the_page_fits_every_screen_and_can_be_read_in_light_and_dark(
    browser: Any, address: str, screen: str, scheme: str
) -> None:
    width, height = SCREENS[screen]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.goto(address)
    assert page.evaluate(OVERFLOW) <= 0
    ink, paper = (luminance(rgb) for rgb in page.evaluate(COLOURS))
    assert (paper < ink) == (scheme == "dark")
    assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) > 7
    assert page.locator(".verdict").bounding_box()["y"] < height / 2
    context.close()


def test_on_paper_the_page_is_dark_on_white_whatever_the_screen_is(browser: Any, address: str) -> None:
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(address)
    page.emulate_media(media="print", color_scheme="dark")
    ink, paper = page.evaluate(COLOURS)
    assert luminance(ink) < 0.1
    assert paper == [255, 255, 255]
    assert not page.locator("nav").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")
    context.close()
