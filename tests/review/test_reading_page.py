"""The reading page in Chromium: pixels, answers, and what becomes of them when the network or the browser goes away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from helpers.reading_window import Window, order_of, stored_reads, windowed
from helpers.review_cases import SIZE, Made, make_study
from PIL import Image

from medattngan.core.files import read_json
from medattngan.core.seal import seal
from medattngan.review.database import Database
from medattngan.review.study import ALIVE

pytestmark = pytest.mark.slow

CASES = 8
DEFAULT = {"authenticity": 2, "plausibility": 4, "quality": 3}

ALL_FETCHED = """(count) => performance.getEntriesByType("resource")
    .filter((one) => one.name.endsWith("/pixels") && one.responseEnd > 0).length >= count"""

CHOSEN = "(all) => all.map((one) => Number(one.value) + 1)"
TYPE_IN = """([at, value]) => {
  const input = document.querySelector(at);
  input.step = "any";
  input.value = value;
  input.dispatchEvent(new Event("change"));
}"""

Open = Callable[..., tuple[Window, int]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A study that allows going back, whose first case in memory is a ramp of neighbouring codes."""
    study = make_study(tmp_path_factory.mktemp("page") / "open", count=CASES // 2, readers=30, references=3)
    cases = np.load(study.path / "cases.npy")
    cases[0] = 30000 + np.arange(SIZE * SIZE).reshape(SIZE, SIZE)
    np.save(study.path / "cases.npy", cases)
    seal(study.path, "study", alive=ALIVE)
    return study


@pytest.fixture
def opened(browser: Any, made: Made, address: str, numbers: Iterator[int]) -> Iterator[Open]:
    """Open the first case in a new window of a new reader; what the page must never do is checked at the end.

    A browser reports failed requests as errors; tests that make requests fail say so by `failing=True`.
    """
    windows: list[tuple[Window, bool]] = []

    def open_window(*, failing: bool = False, begin: bool = True, **options: Any) -> tuple[Window, int]:
        reader = next(numbers)
        window = Window(browser, address, **options)
        windows.append((window, failing))
        if begin:
            window.begin(made.tokens[reader - 1])
        return window, reader

    yield open_window
    for window, failing in windows:
        window.close()
        assert [text for text in window.problems if not (failing and "Failed to load resource" in text)] == []


def cases_of(made: Made, reader: int) -> np.ndarray:
    return np.load(made.path / "cases.npy")[order_of(made.path, reader)]


def ends_of(made: Made) -> tuple[float, float]:
    """The physical values of the codes 0 and 65535."""
    facts = read_json(made.path / "study.json")
    return facts["lower"], facts["upper"]


def middles(window: Window) -> np.ndarray:
    """The grey at the middle of each source pixel."""
    greys = window.greys()
    view = window.view
    columns = np.floor(view["left"] + (np.arange(SIZE) + 0.5) * view["scaleX"]).astype(int)
    rows = np.floor(view["top"] + (np.arange(SIZE) + 0.5) * view["scaleY"]).astype(int)
    return greys[np.ix_(rows, columns)]


def assert_windowed(window: Window, made: Made, codes: np.ndarray, *, invert: bool = False) -> None:
    shown, view = middles(window), window.view
    greys = windowed(codes, *ends_of(made), view["center"], view["width"])
    expected = 255 - greys if invert else greys
    assert np.abs(shown - expected).max() <= 0.5 + 1e-6


def test_a_study_is_read_by_the_keyboard_alone(opened: Open, made: Made) -> None:
    window, reader = opened()
    for n in range(1, CASES):
        window.read(n, "2", "4", str(1 + n % 5))
    window.shows(CASES)
    window.press("5", "1", "3", "c")
    window.page.keyboard.type("too smooth, 2 g")
    window.press("Enter")
    window.wait_for_text("#curtain", "All your answers are saved")
    expected = [{"authenticity": 2, "plausibility": 4, "quality": 1 + n % 5} for n in range(1, CASES)]
    expected.append({"authenticity": 5, "plausibility": 1, "quality": 3, "comment": "too smooth, 2 g"})
    reads = stored_reads(made.path, reader)
    assert [n for n, _, _ in reads] == list(range(1, CASES + 1))
    assert [answers for _, answers, _ in reads] == expected
    assert all(0 < milliseconds < 60_000 for _, _, milliseconds in reads)
    assert window.problems == []


def test_a_drag_windows_the_pixels_as_the_formula_says(opened: Open, made: Made) -> None:
    window, reader = opened()
    codes = cases_of(made, reader)[0]
    window.press("x")
    assert_windowed(window, made, codes)
    before, mouse = window.view, window.page.mouse
    mouse.move(200, 200)
    mouse.down()
    mouse.move(140, 150, steps=8)
    mouse.up()
    assert_windowed(window, made, codes)
    assert window.view["width"] < 0.9 * before["width"]
    assert window.view["center"] < before["center"]
    window.press("i")
    assert_windowed(window, made, codes, invert=True)
    window.press("r")
    assert_windowed(window, made, codes)
    assert window.view["width"] == before["width"]


def test_codes_next_to_each_other_differ_in_a_narrow_window(opened: Open, made: Made) -> None:
    window, reader = opened()
    ramp = order_of(made.path, reader).index(0) + 1
    for n in range(1, ramp):
        window.read(n, "1", "1", "1")
    window.shows(ramp)
    window.press("x")
    lower, upper = ends_of(made)
    step = (upper - lower) / 65535
    for field, value in {"#width": 255 * step, "#center": lower + (30000 + SIZE * SIZE / 2) * step}.items():
        window.page.evaluate(TYPE_IN, [field, value])
    greys = middles(window).astype(int).ravel()
    assert_windowed(window, made, cases_of(made, reader)[ramp - 1])
    assert (np.diff(greys)[1:-1] == 1).all(), "one code apart is one grey apart"


def test_smooth_pixels_are_those_of_pillows_bicubic(opened: Open, made: Made) -> None:
    window, reader = opened()
    window.press("Shift+Digit2")
    greys = window.greys()
    view = window.view
    first = {side: int(np.ceil(view[side])) for side in ("left", "top")}
    across, down = (int(SIZE * view[scale]) - 1 for scale in ("scaleX", "scaleY"))
    box = [(first["left"] - view["left"]) / view["scaleX"], (first["top"] - view["top"]) / view["scaleY"]]
    box += [box[0] + across / view["scaleX"], box[1] + down / view["scaleY"]]
    source = Image.fromarray(cases_of(made, reader)[0].astype(np.float32))
    codes = np.asarray(source.resize((across, down), Image.Resampling.BICUBIC, box=tuple(box)))
    expected = windowed(np.clip(codes, 0, 65535), *ends_of(made), view["center"], view["width"])
    shown = greys[first["top"] : first["top"] + down, first["left"] : first["left"] + across]
    edge = int(2 * view["scaleX"]) + 1  # Pillow cuts the kernel at the edge, where we repeat the edge
    difference = np.abs(shown - expected)[edge:-edge, edge:-edge]
    assert min(difference.shape) > 100
    assert difference.max() < 0.6


def test_one_finger_windows_and_two_fingers_zoom_and_move(opened: Open) -> None:
    window, _ = opened(has_touch=True)
    client = window.context.new_cdp_session(window.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        listed = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": listed})

    before = window.view
    touch("touchStart", (150, 150))
    for moved in range(10, 70, 10):
        touch("touchMove", (150 + moved, 150))
    touch("touchEnd")
    window.greys()
    one_finger = window.view
    assert one_finger["width"] > 1.1 * before["width"]
    assert one_finger["scaleX"] == before["scaleX"]
    touch("touchStart", (140, 150), (180, 150))
    for moved in range(5, 45, 5):
        touch("touchMove", (140 - moved, 150), (180 + moved, 150))
    touch("touchEnd")
    window.greys()
    two_fingers = window.view
    assert two_fingers["scaleX"] == pytest.approx(3 * before["scaleX"], rel=0.2)
    assert two_fingers["width"] == one_finger["width"]


def test_wheel_zooms_about_the_pointer_and_drags_move(opened: Open) -> None:
    window, _ = opened()
    mouse, before = window.page.mouse, window.view
    box = window.page.locator("#slice").bounding_box()
    x, y = box["x"] + 60, box["y"] + 80
    mouse.move(x, y)
    mouse.wheel(0, -400)
    window.greys()
    zoomed = window.view
    assert zoomed["scaleX"] == pytest.approx(np.exp(0.6) * before["scaleX"])
    for view in (before, zoomed):
        view["at"] = (60 - view["left"]) / view["scaleX"]
    assert zoomed["at"] == pytest.approx(before["at"]), "the source pixel under the pointer stays there"
    for button, keys in (("right", []), ("middle", []), ("left", ["Space"])):
        start = window.view
        for key in keys:
            window.page.keyboard.down(key)
        mouse.move(x, y)
        mouse.down(button=button)
        mouse.move(x + 10, y + 20, steps=4)
        mouse.up(button=button)
        for key in keys:
            window.page.keyboard.up(key)
        window.greys()
        moved = window.view
        assert (moved["left"] - start["left"], moved["top"] - start["top"]) == pytest.approx((10, 20))
        assert moved["width"] == start["width"]
    window.press("f")
    window.greys()
    assert window.view["left"] == before["left"]


def test_answers_and_time_survive_a_reload(opened: Open) -> None:
    window, _ = opened()
    window.press("4", "2", "c")
    window.page.keyboard.type("left of the midline")
    window.page.wait_for_function("() => document.querySelector('#timer').textContent >= '0:01'")
    window.page.reload()
    window.shows(1)
    chosen = window.page.eval_on_selector_all(
        "[type=radio]:checked", "(all) => all.map((one) => Number(one.value) + 1)"
    )
    assert chosen == [4, 2]
    assert window.page.input_value("textarea") == "left of the midline"
    window.page.wait_for_function("() => document.querySelector('#timer').textContent >= '0:01'", timeout=900)


def test_what_was_answered_elsewhere_since_is_shown_and_stays(opened: Open, made: Made) -> None:
    window, reader = opened()
    window.press("5", "1")  # begun here
    window.page.wait_for_function("() => document.querySelector('#timer').textContent >= '0:01'")
    window.page.reload()
    window.shows(1)
    database = Database(made.path / "study.sqlite")
    database.save(reader, 1, "from-a-tablet", DEFAULT, 900, back_allowed=True)  # and answered there
    database.close()
    window.page.reload()
    window.shows(2)
    window.press("ArrowLeft")
    window.shows(1)
    window.page.wait_for_function("() => document.querySelectorAll('[type=radio]:checked').length === 3")
    assert window.page.eval_on_selector_all("[type=radio]:checked", CHOSEN) == [2, 4, 3]
    window.press("ArrowRight")
    window.shows(2)
    window.saved()
    assert [(n, answers) for n, answers, _ in stored_reads(made.path, reader)] == [(1, DEFAULT)]


def test_a_pause_while_a_case_is_on_its_way_stands_when_it_has_come(opened: Open, made: Made) -> None:
    window, reader = opened()
    held: list[Any] = []
    window.page.route("**/api/cases/1/pixels", lambda route: held.append(route))
    with window.page.expect_request("**/api/cases/1/pixels"):
        window.page.reload()
    window.page.wait_for_function("() => document.querySelector('#curtain').hidden")
    window.press("p")
    window.page.wait_for_function("() => !document.querySelector('#curtain').hidden")
    (route,) = held
    route.continue_()
    window.page.wait_for_timeout(3000)
    window.press("p")
    window.read(1, "1", "2", "3")
    window.shows(2)  # before the read is kept here, nothing waits to be sent either
    window.saved()
    ((_, _, milliseconds),) = stored_reads(made.path, reader)
    assert milliseconds < 3000


def test_cases_read_without_a_network_all_arrive_once(opened: Open, made: Made) -> None:
    window, reader = opened(failing=True)
    window.read(1, "1", "2", "3")
    window.saved()
    window.shows(2)
    window.page.wait_for_function(ALL_FETCHED, arg=CASES)
    window.context.set_offline(True)
    for n in range(2, 7):
        window.read(n, "2", "2", "2")
    window.wait_for_text("#kept", "No connection: 5 cases waiting to be sent, kept on this computer")
    assert len(stored_reads(made.path, reader)) == 1
    window.context.set_offline(False)
    window.saved()
    assert [n for n, _, _ in stored_reads(made.path, reader)] == [1, 2, 3, 4, 5, 6]
    window.shows(7)


def test_reads_that_waited_are_sent_after_the_window_was_closed(opened: Open, made: Made) -> None:
    window, reader = opened(failing=True)
    window.page.route("**/api/reads/*", lambda route: route.abort())
    for n in (1, 2):
        window.read(n, "3", "3", "3")
    window.wait_for_text("#kept", "2 cases waiting")
    window.page.close()
    assert stored_reads(made.path, reader) == []
    window.page = window.context.new_page()
    window.open(made.tokens[reader - 1])
    window.wait_for_text("#curtain button", "Go on with case 3")
    for _ in range(100):
        if len(stored_reads(made.path, reader)) == 2:
            break
        window.page.wait_for_timeout(100)
    window.saved()
    assert [n for n, _, _ in stored_reads(made.path, reader)] == [1, 2]


def test_a_reply_lost_on_the_way_does_not_double_the_read(opened: Open, made: Made) -> None:
    window, reader = opened(failing=True)
    lost = []

    def lose_twice(route: Any) -> None:
        if len(lost) < 2:
            lost.append(route.fetch().status)
            route.abort()
        else:
            route.continue_()

    window.page.route("**/api/reads/*", lose_twice)
    window.read(1, "2", "4", "3")
    window.shows(2)
    window.saved()
    assert lost == [200, 200]
    assert [(n, answers) for n, answers, _ in stored_reads(made.path, reader)] == [(1, DEFAULT)]


def test_going_back_shows_the_answers_and_a_change_is_a_new_version(opened: Open, made: Made) -> None:
    window, reader = opened()
    window.read(1, "2", "4", "3")
    window.shows(2)
    window.press("ArrowLeft")
    window.shows(1)
    assert window.page.eval_on_selector_all("[type=radio]:checked", "(all) => all.map((one) => one.value)") == [
        "1",
        "3",
        "2",
    ]
    window.press("5", "ArrowRight")  # leaving an answered case saves what was changed
    window.shows(2)
    window.press("ArrowRight")  # a case may be left for later
    window.read(3, "1", "1", "1")
    window.shows(4)
    window.saved()
    reads = [(n, answers) for n, answers, _ in stored_reads(made.path, reader)]
    ones = {"authenticity": 1, "plausibility": 1, "quality": 1}
    assert reads == [(1, DEFAULT), (1, {**DEFAULT, "authenticity": 5}), (3, ones)]


def test_nothing_is_saved_before_every_required_question_is_answered(opened: Open, made: Made) -> None:
    window, reader = opened()
    window.press("2", "Enter", "Tab")
    window.page.click("#save")
    assert "How plausible is the anatomy?" in window.text("#message")
    assert window.page.evaluate("() => document.activeElement.id") == "question-1"
    window.press("Backspace", "Backspace")  # to the question before, and its answer is taken back
    assert window.page.locator("[type=radio]:checked").count() == 0
    window.shows(1)
    assert stored_reads(made.path, reader) == []


def test_cases_are_fetched_ahead_by_position_alone(opened: Open, made: Made) -> None:
    window, reader = opened(begin=False)
    asked: list[str] = []
    window.page.on("request", lambda request: request.url.endswith("/pixels") and asked.append(request.url))
    window.begin(made.tokens[reader - 1])
    window.page.wait_for_function(ALL_FETCHED, arg=CASES)
    assert [url.rsplit("/", 2)[1] for url in asked] == [str(n) for n in range(1, CASES + 1)]
