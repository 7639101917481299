"""Pairs and stacks in Chromium: two slices in one window, and slices scrolled by wheel, keys, slider and finger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.reading_window import Window, order_of, stored_reads, windowed
from helpers.review_cases import SIZE, Made, make_stacks, make_study, serving

from medattngan.core.files import read_json

pytestmark = pytest.mark.slow

DEPTH = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_stacks(tmp_path_factory.mktemp("stacks") / "s", depth=DEPTH, readers=8)


def assert_shown(window: Window, study: Path, codes: np.ndarray, canvas: str = "#slice") -> None:
    """Whether a canvas shows these codes, in the window of the page: the grey in the middle of each pixel."""
    facts, greys, view = read_json(study / "study.json"), window.greys(canvas), window.view
    columns, rows = (
        np.floor(view[start] + (np.arange(SIZE) + 0.5) * view[scale]).astype(int)
        for start, scale in (("left", "scaleX"), ("top", "scaleY"))
    )
    expected = windowed(codes, facts["lower"], facts["upper"], view["center"], view["width"])
    assert np.abs(greys[np.ix_(rows, columns)] - expected).max() <= 0.5 + 1e-6


def test_a_stack_is_scrolled_by_wheel_keys_and_slider(browser: Any, address: str, made: Made) -> None:
    window = Window(browser, address)
    window.begin(made.tokens[0])
    window.press("x")
    case = np.load(made.path / "cases.npy")[order_of(made.path, 1)[0], 0]
    shown = DEPTH // 2
    box = window.page.locator("#slice").bounding_box()
    window.page.mouse.move(box["x"] + 60, box["y"] + 80)

    def slider() -> None:
        window.page.focus("#layer")
        window.press("Home")

    steps = [
        (lambda: None, 0), (lambda: window.page.mouse.wheel(0, 100), 1), (lambda: window.page.mouse.wheel(0, -120), -1),
        (lambda: window.press("ArrowDown"), 1), (lambda: window.press("ArrowUp"), -1),
        (lambda: window.press("PageDown"), DEPTH), (lambda: window.press("PageUp"), -5), (slider, -DEPTH),
    ]  # fmt: skip
    for act, moved in steps:
        act()
        shown = min(max(shown + moved, 0), DEPTH - 1)
        assert_shown(window, made.path, case[shown])
        assert window.text("#layer-of") == f"{shown + 1} of {DEPTH}"
    zoom = window.view["scaleX"]
    window.page.keyboard.down("Control")
    window.page.mouse.wheel(0, -100)
    window.page.keyboard.up("Control")
    window.greys()
    assert window.view["scaleX"] > zoom
    window.press("2", "4", "3", "Enter")
    window.shows(2)
    window.greys()
    assert window.view["layer"] == DEPTH // 2, "each case opens in its middle"
    window.close()
    assert window.problems == []


def test_one_finger_scrolls_a_stack_and_two_zoom(browser: Any, address: str, made: Made) -> None:
    window = Window(browser, address, has_touch=True)
    window.begin(made.tokens[1])
    client, before = window.context.new_cdp_session(window.page), window.view

    def touch(kind: str, *points: tuple[float, float]) -> None:
        listed = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": listed})

    touch("touchStart", (200, 200))
    for moved in range(5, 35, 5):
        touch("touchMove", (200, 200 + moved))
    touch("touchEnd")
    window.greys()
    assert window.view["layer"] == DEPTH // 2 + 2
    assert window.view["width"] == before["width"]
    touch("touchStart", (180, 200), (220, 200))
    for moved in range(5, 45, 5):
        touch("touchMove", (180 - moved, 200), (220 + moved, 200))
    touch("touchEnd")
    window.greys()
    assert window.view["layer"] == DEPTH // 2 + 2
    assert window.view["scaleX"] > 2 * before["scaleX"]
    window.close()


def test_both_slices_of_a_pair_are_windowed_and_zoomed_together(browser: Any, tmp_path: Path) -> None:
    made = make_study(tmp_path / "pairs", count=2, readers=1, design="pair")
    with serving(made.path) as url:
        window = Window(browser, url)
        window.begin(made.tokens[0])
        assert window.page.inner_text("#question-0 legend") == "Which one is synthetic?"
        assert window.page.locator(".side").all_inner_texts() == ["Left", "Right"]
        left, right = np.load(made.path / "cases.npy")[order_of(made.path, 1)[0], :, 0]
        for keys in (["x"], ["w", "w", "l"], ["Shift+Digit2"]):
            window.press(*keys)
            assert_shown(window, made.path, left)
            assert_shown(window, made.path, right, "#slice-2")
        box = window.page.locator("#slice-2").bounding_box()
        before = window.view
        window.page.mouse.move(box["x"] + 50, box["y"] + 50)
        window.page.mouse.wheel(0, -300)
        window.greys()
        assert window.view["scaleX"] > before["scaleX"]
        window.press("2", "1", "Enter")
        window.read(2, "1", "3")
        window.wait_for_text("#curtain", "All your answers are saved")
        window.close()
        assert window.problems == []
        expected = [{"authenticity": 2, "confidence": 1}, {"authenticity": 1, "confidence": 3}]
        assert [answers for _, answers, _ in stored_reads(made.path, 1)] == expected
