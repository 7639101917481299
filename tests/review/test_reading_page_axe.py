"""WCAG 2.2 AA of the reading page and the owner's, judged by axe-core (npm, for development only; not shipped)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers.reading_window import Window
from helpers.review_cases import ANSWERS, Reader, make_stacks, make_study, serving

from medattngan.review.close import close_study

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
JUDGE = """(tags) => axe.run(document, {runOnly: {type: "tag", values: tags}}).then(({violations, passes}) => ({
  violations: violations.map(({id, nodes}) => [id, nodes.map((node) => node.target.join(" "))]),
  passes: passes.length,
}))"""


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core, from node_modules of the checkout or of npm's global folder, or from AXE_CORE."""
    found = [Path(os.environ["AXE_CORE"])] if "AXE_CORE" in os.environ else [ROOT / "node_modules/axe-core/axe.min.js"]
    if (npm := shutil.which("npm")) is not None:
        top = subprocess.run([npm, "root", "-g"], capture_output=True, text=True, check=False).stdout.strip()
        found.append(Path(top) / "axe-core/axe.min.js")
    for file in found:
        if file.is_file():
            return file.read_text(encoding="utf-8")
    pytest.skip("axe-core is not installed (npm install --no-save axe-core)")


def assert_accessible(window: Window, axe: str) -> None:
    """No rule of WCAG 2.2 A and AA that axe-core can judge is broken.

    The script comes by DevTools, past the page's policy, which forbids it for good reason.
    """
    window.page.evaluate(axe)
    window.page.wait_for_timeout(300)  # colours change within 0.1 s
    found = window.page.evaluate(JUDGE, TAGS)
    assert found["passes"] > 10
    assert found["violations"] == []


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("kind", ["slices", "pairs", "stacks"])
def test_the_reading_page_breaks_no_rule_of_wcag_aa(
    browser: Any, axe: str, tmp_path: Path, kind: str, theme: str
) -> None:
    if kind == "stacks":
        made = make_stacks(tmp_path / "s", count=1)
    else:
        design = {"design": "pair"} if kind == "pairs" else {}
        made = make_study(tmp_path / "s", count=1, readers=1, references=1, **design)
    with serving(made.path) as address:
        window = Window(browser, address, locale="de")
        window.open(made.tokens[0])
        window.page.wait_for_selector("#curtain button:focus")
        if theme == "light":
            window.page.click("#theme")
        assert_accessible(window, axe)
        window.page.click("#curtain button")
        window.shows(1)
        window.press("1", "Enter", "g")
        assert_accessible(window, axe)
        window.press("?")
        assert_accessible(window, axe)
        window.press("Escape", "p")
        assert_accessible(window, axe)
        window.close()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_owners_page_breaks_no_rule_of_wcag_aa(browser: Any, axe: str, tmp_path: Path, theme: str) -> None:
    made = make_study(tmp_path / "s", count=3, readers=1)
    with serving(made.path, "owner" * 6) as address:
        reader = Reader(address, made.tokens[0])
        for n in range(1, 7):
            reader.put(n, {**ANSWERS, "authenticity": 1 + n % 5})
        window = Window(browser, address)
        window.page.goto(f"{address}/owner/{'owner' * 6}")
        window.wait_for_text("#state", "Blinded until the study is closed")
        if theme == "light":
            window.page.click("#theme")
        assert_accessible(window, axe)
        close_study(made.path)
        window.page.reload()
        window.wait_for_text("#findings", "1 reader judged")
        assert_accessible(window, axe)
        assert "pooled" in window.text("#figures")
        window.close()
        assert window.problems == []
