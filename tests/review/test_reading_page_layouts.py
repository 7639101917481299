"""The reading page on a phone, a tablet and a desktop, in every language: all in sight, and keys that do one thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers.reading_window import Window, stored_reads
from helpers.review_cases import Made, make_study

pytestmark = pytest.mark.slow

PHONE = {"viewport": {"width": 390, "height": 664}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
TABLET = {"viewport": {"width": 1024, "height": 698}, "has_touch": True, "is_mobile": True}
TABLET_UPRIGHT = {"viewport": {"width": 820, "height": 1106}, "has_touch": True, "is_mobile": True}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
SCREENS = {"phone": PHONE, "tablet": TABLET, "tablet upright": TABLET_UPRIGHT, "desktop": DESKTOP}
"""What is left of the screens of common devices between a browser's bars, in CSS pixels."""
OPENS = {"en": "Begin", "de": "Beginnen", "fr": "Commencer", "es": "Empezar"}
"""What the first button says."""

CUT_OFF = """() => [...document.querySelectorAll(
    "header button, .question, .option, legend, #save, #slice, #questions, form, main",
  )].filter((one) => {
    const box = one.getBoundingClientRect();
    const { clientWidth: width, clientHeight: height } = document.documentElement; // innerWidth grows with a wide page
    const outside = box.left < -0.5 || box.top < -0.5 || box.right > width + 0.5 || box.bottom > height + 0.5;
    if (one.clientWidth === 1) return false; // said to who cannot see it; the box below says it to who can
    const spilt = one.scrollWidth > one.clientWidth + 1 && one.matches(".option, legend, #questions");
    return outside || spilt || (one.id === "questions" && one.scrollHeight > one.clientHeight + 1);
  }).map((one) => `${one.tagName} ${one.id || one.className} ${one.textContent.trim().slice(0, 30)}`)"""
"""What does not lie within the window, or does not hold what it says."""

BOXES = """(names) => names.map((name) => document.querySelector(name).getBoundingClientRect().toJSON())"""

Open = Callable[..., Window]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_study(tmp_path_factory.mktemp("layouts") / "open", count=1, readers=40, references=1)


@pytest.fixture
def opened(browser: Any, address: str, made: Made, reader: int) -> Iterator[Open]:
    windows: list[Window] = []

    def open_window(**options: Any) -> Window:
        window = Window(browser, address, **options)
        windows.append(window)
        window.begin(made.tokens[reader - 1])
        return window

    yield open_window
    for window in windows:
        window.close()
        assert window.problems == []


@pytest.mark.parametrize("language", OPENS)
@pytest.mark.parametrize("screen", SCREENS)
def test_all_questions_and_the_slice_are_seen_at_once(opened: Open, screen: str, language: str) -> None:
    window = opened(**SCREENS[screen], locale=language)
    assert window.page.evaluate(CUT_OFF) == []
    assert window.page.get_attribute("textarea", "placeholder") != ""
    slice_box, form = window.page.evaluate(BOXES, ["#slice", "form"])
    assert min(slice_box["width"], slice_box["height"]) >= 200
    assert slice_box["right"] <= form["left"] + 1 or slice_box["bottom"] <= form["top"] + 1


def test_who_reads_by_touch_is_told_of_fingers_and_who_has_keys_of_keys(browser: Any, address: str, made: Made) -> None:
    for screen, said in (("phone", "Tap an answer"), ("desktop", "Number keys answer")):
        window = Window(browser, address, locale="en", **SCREENS[screen])
        window.open(made.tokens[-1])
        window.wait_for_text("#curtain", said)
        assert said in window.page.inner_text("#curtain")
        window.close()


def test_controls_stand_beside_the_slice_where_the_page_is_wide(opened: Open) -> None:
    window = opened(**DESKTOP)
    toolbar, slice_box, form = window.page.evaluate(BOXES, ["#toolbar", "#slice", "form"])
    assert slice_box["right"] <= toolbar["left"] + 1
    assert toolbar["right"] <= form["left"] + 1
    assert slice_box["height"] > 0.85 * 900


@pytest.mark.parametrize("focus", ["#pause", "#slice", "textarea"])
def test_enter_saves_wherever_the_focus_is(opened: Open, made: Made, reader: int, focus: str) -> None:
    window = opened()
    theme = window.page.evaluate("() => document.documentElement.dataset.theme")
    window.press("2", "4", "3")
    window.page.focus(focus)
    window.press("Enter")
    window.shows(2)
    window.saved()
    assert [n for n, _, _ in stored_reads(made.path, reader)] == [1]
    assert window.page.get_attribute("#invert", "aria-pressed") == "false"
    assert window.page.evaluate("() => document.documentElement.dataset.theme") == theme


def test_enter_first_takes_over_a_number_that_was_typed(opened: Open, made: Made, reader: int) -> None:
    window = opened()
    window.press("2", "4", "3")
    window.page.fill("#width", "321")
    window.press("Enter")
    window.greys()
    assert window.view["width"] == 321
    assert stored_reads(made.path, reader) == []
    window.press("Enter")
    window.shows(2)


def test_who_turned_the_shortcuts_off_presses_buttons_by_enter(opened: Open) -> None:
    window = opened()
    window.press("?")
    window.page.uncheck("#shortcuts")
    window.press("Escape")
    window.page.focus("#invert")
    window.press("Enter")
    window.greys()
    assert window.page.get_attribute("#invert", "aria-pressed") == "true"
    window.shows(1)


def test_p_pauses_and_resumes(opened: Open) -> None:
    window = opened()
    window.press("2", "p")
    window.wait_for_text("#curtain h1", "Paused")
    window.page.evaluate("() => document.activeElement.blur()")  # as after a click beside the button
    window.press("p")
    window.shows(1)
    assert window.page.locator("[type=radio]:checked").count() == 1
    window.press("4", "3", "Enter")
    window.shows(2)


def test_enter_on_the_last_screen_does_not_start_over(opened: Open) -> None:
    window = opened()
    for n in (1, 2):
        window.read(n, "2", "4", "3")
    window.wait_for_text("#curtain", "All your answers are saved")
    window.press("Enter", "Enter")
    window.page.wait_for_timeout(300)
    assert window.text("#curtain h1") == "All cases are read"
    window.page.click("#curtain button")  # who means it can
    window.shows(1)


def test_marks_and_words_say_which_way_the_patient_lies(opened: Open) -> None:
    window = opened()
    edges = window.page.eval_on_selector_all(".edge", "(all) => all.map((one) => [one.className, one.textContent])")
    assert dict(edges) == {"edge left": "R", "edge right": "L", "edge top": "A", "edge bottom": "P"}
    middles = window.page.eval_on_selector_all(
        ".edge", "(all) => all.map((one) => { const b = one.getBoundingClientRect(); return [b.left, b.top]; })"
    )
    left, right, top, bottom = middles
    assert left[0] < top[0] < right[0]
    assert top[1] < left[1] < bottom[1]
    assert "the patient’s right is on the left" in window.text("#convention")


@pytest.mark.parametrize("language", OPENS)
def test_a_study_is_read_in_the_language_of_the_browser(
    browser: Any, address: str, made: Made, reader: int, language: str
) -> None:
    window = Window(browser, address, locale=language)
    window.open(made.tokens[reader - 1])
    window.wait_for_text("#curtain button", OPENS[language])
    assert window.page.get_attribute("html", "lang") == language
    said = window.page.inner_text("body")
    window.press("Enter")
    window.page.wait_for_selector("fieldset:not(:disabled)")
    window.press("2", "Enter", "?")
    said += window.page.inner_text("body")
    for text in ("Real or synthetic", "Please answer", "Window preset", "certainly real", "Pause: hide", "{"):
        assert (text in said) == (language == "en" and text != "{"), text
    window.close()
    assert window.problems == []
