"""The reading page in Chromium: who can use it, what it says when it is refused, and what a protocol can change."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from helpers.reading_window import Window, stored_reads
from helpers.review_cases import Made, make_study, serving
from PIL import Image

pytestmark = pytest.mark.slow

CONTRASTS = """() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = numbers(color).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((numbers(color)[3] ?? 1) === 1) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const ratio = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (!element.checkVisibility({visibilityProperty: true}) || element.closest("svg, canvas, noscript")) continue;
    const style = getComputedStyle(element);
    const what = `${element.tagName} ${element.id} ${element.textContent.trim().slice(0, 30)}`;
    const words = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (words || element.matches("input[type=number], textarea")) {
      found.push([`text of ${what}`, ratio(style.color, ground(element)), 4.5]);
    }
    if (element.matches("input:not([type=checkbox]), textarea, button:not(.primary, .tile)") && style.opacity === "1") {
      found.push([`edge of ${what}`, ratio(style.borderTopColor, ground(element.parentElement)), 3]);
    }
  }
  return found;
}"""
"""[what, ratio, least ratio] of every visible text and every edge of a control: WCAG 2.2, 1.4.3 and 1.4.11."""

FOCUS = """() => {
  const element = document.activeElement;
  const shown = element.type === "radio" ? element.closest("label") : element;
  const style = getComputedStyle(shown);
  const name = element.id || element.getAttribute("aria-label") || element.textContent.trim() || element.name;
  return [element === document.body ? "" : name, element.tagName, style.outlineStyle, parseFloat(style.outlineWidth)];
}"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_study(tmp_path_factory.mktemp("access") / "open", count=2, readers=30, references=2)


@pytest.fixture
def token(made: Made, reader: int) -> str:
    return made.tokens[reader - 1]


@pytest.fixture
def window(browser: Any, address: str) -> Iterator[Window]:
    opened = Window(browser, address)
    yield opened
    opened.close()


def assert_readable(window: Window) -> None:
    measured = window.page.evaluate(CONTRASTS)
    assert len(measured) > 5
    assert [(what, round(ratio, 2)) for what, ratio, least in measured if ratio < least] == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_text_and_control_has_the_contrast_of_wcag_aa(window: Window, token: str, theme: str) -> None:
    window.open(token)
    window.page.wait_for_selector("#curtain button:focus")
    if theme == "light":
        window.page.click("#theme")
        window.page.reload()  # the choice is kept
        window.page.wait_for_selector("#curtain button:focus")
    assert window.page.evaluate("() => document.documentElement.dataset.theme") == theme
    assert_readable(window)
    window.press("Enter")
    window.shows(1)
    window.press("2", "Enter", "g", "i")
    window.page.wait_for_function("() => document.querySelectorAll('.tile').length === 2")
    window.page.wait_for_timeout(300)  # colours change within 0.1 s
    assert window.text("#message") != ""
    assert_readable(window)
    window.press("?")
    window.page.wait_for_timeout(300)
    assert_readable(window)


def test_every_control_has_a_name(window: Window, token: str) -> None:
    window.begin(token)
    window.press("g")
    window.page.wait_for_function("() => document.querySelectorAll('.tile').length === 2")
    tree = window.context.new_cdp_session(window.page).send("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "radio", "textbox", "spinbutton", "checkbox", "progressbar", "image", "timer", "group", "form"}
    controls = [node for node in tree if not node["ignored"] and node["role"]["value"] in roles]
    assert {node["role"]["value"] for node in controls} >= {"button", "radio", "textbox", "spinbutton", "progressbar"}
    unnamed = [node for node in controls if not node.get("name", {}).get("value") and node["role"]["value"] != "group"]
    assert unnamed == []
    questions = [node["name"]["value"] for node in controls if node["role"]["value"] == "group"]
    assert "Is this slice real or synthetic?" in questions


def test_tab_reaches_every_control_and_the_focus_is_seen(window: Window, token: str) -> None:
    window.begin(token)
    window.press("g")
    window.page.wait_for_function("() => document.querySelectorAll('.tile').length === 2")
    reached = set()
    for _ in range(60):
        window.press("Tab")
        name, tag, style, width = window.page.evaluate(FOCUS)
        if tag == "BODY":
            continue
        assert (style, width >= 2) == ("solid", True), f"{tag} {name} shows no focus"
        reached.add(name)
    controls = window.page.eval_on_selector_all(
        "button, input:not([type=radio]), textarea, canvas#slice",
        "(all) => all.filter((one) => one.checkVisibility()).map((one) => one.id || one.getAttribute('aria-label')"
        " || one.textContent.trim() || one.name)",
    )
    assert set(controls) - reached == set()


def test_the_slice_can_be_handled_by_keys(window: Window, token: str) -> None:
    window.begin(token)
    start = window.view
    changes = {"w": "width", "Shift+W": "width", "l": "center", "Shift+L": "center", "+": "scaleX", "-": "scaleX"}
    changes |= {"Shift+ArrowLeft": "left", "Shift+ArrowDown": "top", "Shift+Digit2": "width"}
    for key, changed in changes.items():
        before = window.view
        window.press(key)
        window.greys()
        assert window.view[changed] != before[changed], key
    window.press("r")
    window.greys()
    assert window.view == start
    window.page.fill("#width", "300")
    window.press("Enter")
    window.greys()
    assert window.view["width"] == 300


def test_shortcuts_can_be_turned_off(window: Window, token: str) -> None:
    window.begin(token)
    window.press("?")
    window.page.uncheck("#shortcuts")
    window.press("Escape", "2")
    assert window.page.locator("[type=radio]:checked").count() == 0
    window.page.focus("#question-0 input")
    window.press("Space", "ArrowRight")
    chosen = window.page.eval_on_selector_all("[type=radio]:checked", "(all) => all.map((one) => one.value)")
    assert chosen == ["1"], "arrows move among the options"


def test_nothing_moves_for_those_who_ask_for_less_motion(browser: Any, address: str, token: str) -> None:
    window = Window(browser, address, reduced_motion="reduce")
    window.begin(token)
    durations = "(one) => [getComputedStyle(one).transitionDuration, getComputedStyle(one).animationDuration]"
    times = window.page.eval_on_selector_all("body *", f"(all) => all.flatMap({durations})")
    assert set(times) <= {"0s"}
    window.close()


def test_the_page_is_dark_before_its_scripts_have_come(window: Window, token: str) -> None:
    window.page.route("**/*.js", lambda route: route.abort())
    window.open(token)
    picture = np.asarray(Image.open(io.BytesIO(window.page.screenshot())).convert("L"))
    assert picture.mean() < 25


def test_a_pause_hides_the_slice_and_stops_the_clock(window: Window, token: str) -> None:
    window.begin(token)
    window.press("3", "p")
    window.wait_for_text("#curtain h1", "Paused")
    assert not window.page.is_visible("#slice")
    before = window.text("#timer")
    window.page.wait_for_timeout(1500)
    assert window.text("#timer") == before
    window.press("Enter", "4", "4", "Enter")
    window.shows(2)


def test_time_counts_only_while_the_page_is_in_view(window: Window, token: str, made: Made, reader: int) -> None:
    window.page.clock.install()
    window.begin(token)
    seen = "(state) => { Object.defineProperty(document, 'visibilityState', {value: state, configurable: true});"
    seen += " document.dispatchEvent(new Event('visibilitychange')); }"
    window.page.clock.fast_forward(20_000)
    window.page.evaluate(seen, "hidden")
    window.page.clock.fast_forward(600_000)
    window.page.evaluate(seen, "visible")
    window.page.clock.fast_forward(10_000)
    window.read(1, "1", "1", "1")
    window.shows(2)
    window.saved()
    ((_, _, milliseconds),) = stored_reads(made.path, reader)
    assert 30_000 <= milliseconds < 60_000


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "Your link is no longer valid here"),
        (410, "This study is closed"),
        (422, "not accepted: The answer to quality must be one of 1, 2. Please answer it again."),
        (409, "the first answer stands"),
    ],
)
def test_a_refusal_is_told_in_a_sentence(window: Window, token: str, status: int, sentence: str) -> None:
    window.begin(token)
    body = json.dumps({"error": "The answer to quality must be one of 1, 2."})
    window.page.route("**/api/reads/1", lambda route: route.fulfill(status=status, body=body))
    if status == 409:  # as after reading in another window: the server has case 1 already
        study = window.page.evaluate("() => fetch('/api/study').then((answer) => answer.json())")
        window.page.route("**/api/study", lambda route: route.fulfill(json={**study, "answered": [1], "next": 2}))
    window.press("2", "4", "3", "Enter")
    window.page.wait_for_function("(text) => document.body.innerText.includes(text)", arg=sentence)
    if status == 422:  # the answers are back in the form
        window.shows(1)
        assert window.page.locator("[type=radio]:checked:visible").count() == 3
    if status == 401:
        assert "1 case is kept on this computer" in window.text("#curtain")
        window.page.unroute("**/api/reads/1")
        window.page.click("#curtain button")
        window.shows(2)
        window.saved()


def test_a_link_that_is_none_and_a_closed_study_say_so(window: Window, address: str, token: str) -> None:
    window.page.goto(address + "/")
    window.wait_for_text("#curtain", "Open your personal link again.")
    window.page.route("**/api/study", lambda route: route.fulfill(json={**route.fetch().json(), "closed": True}))
    window.open(token)
    window.wait_for_text("#curtain h1", "This study is closed")
    assert not window.page.is_visible("#slice")
    assert window.page.locator("#curtain button").count() == 0


def test_a_server_that_is_away_is_waited_for(window: Window, token: str) -> None:
    window.page.route("**/api/study", lambda route: route.abort())
    window.open(token)
    window.wait_for_text("#curtain h1", "The study cannot be reached")
    assert window.page.locator("#curtain button").count() == 0, "there is nothing to begin yet"
    window.page.unroute("**/api/study")
    window.wait_for_text("#curtain button", "Begin")
    assert window.text("#curtain h1") == "Real or synthetic?"


def test_another_readers_link_in_the_same_browser_bars_the_first_window(
    window: Window, made: Made, token: str, numbers: Iterator[int]
) -> None:
    window.begin(token)
    first, window.page = window.page, window.context.new_page()
    other = next(numbers)
    window.begin(made.tokens[other - 1])
    first.wait_for_function("() => document.querySelector('#curtain').innerText.includes(\"Another reader's link\")")
    assert not first.is_visible("#slice")
    window.read(1, "1", "1", "1")
    window.shows(2)
    window.saved()
    assert len(stored_reads(made.path, other)) == 1


def test_a_protocol_that_forbids_going_back_holds(browser: Any, tmp_path: Any) -> None:
    made = make_study(tmp_path / "forward", count=1, readers=1, back_allowed=False)
    with serving(made.path) as address:
        window = Window(browser, address)
        window.begin(made.tokens[0])
        assert not window.page.is_visible("#previous")
        window.press("ArrowRight")
        assert "Save this case" in window.text("#message")
        window.read(1, "1", "1", "1")
        window.shows(2)
        window.press("ArrowLeft")
        assert window.text("#message") == "The protocol does not allow going back."
        window.shows(2)
        window.read(2, "1", "1", "1")
        window.wait_for_text("#curtain", "All your answers are saved")
        assert window.page.locator("#curtain button").count() == 0
        window.close()
        assert window.problems == []


def test_other_questions_need_no_code(browser: Any, tmp_path: Any) -> None:
    options = [{"value": value, "label": label} for value, label in ((1, "real"), (5, "synthetic"))]
    words = [{"value": value, "label": f"<b>{value}</b>"} for value in ("left", "right", "both")]
    questions = [
        {"id": "side", "text": "Which side?", "options": words, "required": False},
        {"id": "why", "text": "Why?", "kind": "text"},
        {"id": "verdict", "text": "Real?", "role": "authenticity", "options": options},
    ]
    made = make_study(tmp_path / "other", count=1, readers=1, questions=questions)
    with serving(made.path) as address:
        window = Window(browser, address)
        window.begin(made.tokens[0])
        assert window.page.inner_text("#question-0 .option >> nth=0").endswith("<b>left</b>"), "labels are text"
        window.press("3")
        window.page.keyboard.type("because 2")
        window.press("Tab", "2", "Enter")
        window.shows(2)
        window.saved()
        window.close()
        expected = {"side": "both", "why": "because 2", "verdict": 5}
        assert [answers for _, answers, _ in stored_reads(made.path, 1)] == [expected]
        assert window.problems == []
