"""The reading page in Firefox: what a reader needs of it, from the link to the end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.reading_window import Window, order_of, stored_reads, windowed
from helpers.review_cases import SIZE, Made, make_stacks, make_study, serving

from medattngan.core.files import read_json

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_study(tmp_path_factory.mktemp("firefox") / "open", count=2, readers=12, references=2)


@pytest.fixture(scope="module")
def address(made: Made) -> Iterator[str]:
    with serving(made.path) as url:
        yield url


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    """A reader for each test."""
    return itertools.count(1)


@pytest.fixture
def reader(numbers: Iterator[int]) -> int:
    return next(numbers)


@pytest.fixture
def window(firefox: Any, address: str) -> Iterator[Window]:
    opened = Window(firefox, address)
    yield opened
    opened.close()
    assert opened.problems == []


def test_a_study_is_read_by_the_keyboard_alone(window: Window, made: Made, reader: int) -> None:
    window.begin(made.tokens[reader - 1])
    for n in range(1, 4):
        window.read(n, "2", "4", str(n))
    window.shows(4)
    window.press("5", "1", "3", "c")
    window.page.keyboard.type("too smooth")
    window.press("Enter")
    window.wait_for_text("#curtain", "All your answers are saved")
    window.press("Enter")
    assert window.text("#curtain h1") == "All cases are read"
    reads = stored_reads(made.path, reader)
    assert [answers["quality"] for _, answers, _ in reads] == [1, 2, 3, 3]
    assert reads[-1][1]["comment"] == "too smooth"


def test_pixels_are_windowed_as_the_formula_says(window: Window, made: Made, reader: int) -> None:
    window.begin(made.tokens[reader - 1])
    window.press("x", "w", "w", "Shift+L")
    facts, greys, view = read_json(made.path / "study.json"), window.greys(), window.view
    columns, rows = (
        np.floor(view[start] + (np.arange(SIZE) + 0.5) * view[scale]).astype(int)
        for start, scale in (("left", "scaleX"), ("top", "scaleY"))
    )
    codes = np.load(made.path / "cases.npy")[order_of(made.path, reader)[0]]
    expected = windowed(codes, facts["lower"], facts["upper"], view["center"], view["width"])
    assert np.abs(greys[np.ix_(rows, columns)] - expected).max() <= 0.5 + 1e-6


def test_answers_survive_a_reload(window: Window, made: Made, reader: int) -> None:
    window.begin(made.tokens[reader - 1])
    window.press("4", "2", "c")
    window.page.keyboard.type("left")
    window.page.wait_for_timeout(300)
    window.page.reload()
    window.shows(1)
    assert window.page.locator("[type=radio]:checked").count() == 2
    assert window.page.input_value("textarea") == "left"


def test_enter_saves_with_the_focus_on_a_button_and_p_resumes(window: Window, made: Made, reader: int) -> None:
    window.begin(made.tokens[reader - 1])
    window.press("2", "4", "p")
    window.wait_for_text("#curtain h1", "Paused")
    window.press("p")
    window.shows(1)
    window.press("3")
    window.page.click("#invert")
    window.press("Enter")
    window.shows(2)
    assert window.page.get_attribute("#invert", "aria-pressed") == "true"


def test_a_stack_of_pairs_is_scrolled_by_wheel_and_keys_in_german(firefox: Any, tmp_path: Path) -> None:
    made = make_stacks(tmp_path / "s", depth=5, pairs=True)
    with serving(made.path) as url:
        window = Window(firefox, url, locale="de-DE")
        window.open(made.tokens[0])
        window.wait_for_text("#curtain button", "Beginnen")
        window.press("Enter")
        window.shows(1)
        box = window.page.locator("#slice-2").bounding_box()
        window.page.mouse.move(box["x"] + 50, box["y"] + 50)
        window.page.mouse.wheel(0, 120)
        window.greys()
        assert window.view["layer"] == 3
        window.press("ArrowUp", "ArrowUp")
        window.greys()
        assert window.view["layer"] == 1
        assert window.text("#layer-of") == "2 von 5"
        window.press("2", "1", "Enter")
        window.shows(2)
        window.close()
        assert window.problems == []
