"""The reading page in Firefox: what a reader needs of it, from the link to the end."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.marionette import Firefox, firefox
from helpers.reading_window import CASE_IS_SHOWN, order_of, stored_reads, windowed
from helpers.review_cases import SIZE, Made, make_stacks, make_study, serving
from PIL import Image

from medattngan.core.files import read_json

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("firefox-esr") or shutil.which("firefox")),
        reason="firefox is not installed (apt-get install firefox-esr)",
    ),
]

PAINTED = "document.querySelector('#slice').dataset.layer !== undefined"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_study(tmp_path_factory.mktemp("firefox") / "open", count=2, readers=12, references=2)


@pytest.fixture(scope="module")
def window() -> Iterator[Firefox]:
    with firefox() as opened:
        yield opened


def shows(window: Firefox, n: int) -> None:
    """Wait until case `n` can be answered."""
    window.wait(f"({CASE_IS_SHOWN})(arguments[0]) && {PAINTED}", n)


def begin(window: Firefox, address: str, token: str, button: str = "Begin") -> None:
    """Follow the link and press Begin, until the first case is shown."""
    window.open(f"{address}/r/{token}")
    window.wait("document.querySelector('#curtain button.primary') === document.activeElement")
    assert window.text("#curtain button") == button
    window.press("Enter")
    shows(window, 1)


def says(window: Firefox, selector: str, text: str) -> None:
    """Wait until an element says this."""
    window.wait("document.querySelector(arguments[0])?.textContent.includes(arguments[1])", selector, text)


def test_a_study_is_read_by_the_keyboard_alone(window: Firefox, address: str, made: Made, reader: int) -> None:
    begin(window, address, made.tokens[reader - 1])
    for n in range(1, 4):
        shows(window, n)
        window.press("2", "4", str(n), "Enter")
    shows(window, 4)
    window.press("5", "1", "3", "c", *"too smooth", "Enter")
    says(window, "#curtain", "All your answers are saved")
    window.press("Enter")
    assert window.text("#curtain h1") == "All cases are read"
    reads = stored_reads(made.path, reader)
    assert [answers["quality"] for _, answers, _ in reads] == [1, 2, 3, 3]
    assert reads[-1][1]["comment"] == "too smooth"


def test_pixels_are_windowed_as_the_formula_says(window: Firefox, address: str, made: Made, reader: int) -> None:
    begin(window, address, made.tokens[reader - 1])
    window.press("x", "w", "w", "l", "i")
    window.wait("document.querySelector('#slice').dataset.invert === 'true'")
    url = window.script("return document.querySelector('#slice').toDataURL('image/png')")
    greys = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("L"))
    data = window.script("return {...document.querySelector('#slice').dataset}")
    view = {key: float(value) for key, value in data.items() if key != "invert"}
    columns, rows = (
        np.floor(view[start] + (np.arange(SIZE) + 0.5) * view[scale]).astype(int)
        for start, scale in (("left", "scaleX"), ("top", "scaleY"))
    )
    facts = read_json(made.path / "study.json")
    codes = np.load(made.path / "cases.npy")[order_of(made.path, reader)[0]]
    expected = 255 - windowed(codes, facts["lower"], facts["upper"], view["center"], view["width"])
    assert np.abs(greys[np.ix_(rows, columns)] - expected).max() <= 0.5 + 1e-6


def test_answers_survive_a_reload(window: Firefox, address: str, made: Made, reader: int) -> None:
    begin(window, address, made.tokens[reader - 1])
    window.press("4", "2", "c", *"left")
    window.reload()
    shows(window, 1)
    window.wait("document.querySelectorAll('[type=radio]:checked').length === 2")
    assert window.script("return document.querySelector('textarea').value") == "left"


def test_enter_saves_with_the_focus_on_a_button_and_p_resumes(
    window: Firefox, address: str, made: Made, reader: int
) -> None:
    begin(window, address, made.tokens[reader - 1])
    window.press("2", "4", "p")
    says(window, "#curtain h1", "Paused")
    window.press("p")
    shows(window, 1)
    window.press("3")
    window.click("#invert")
    window.press("Enter")
    shows(window, 2)
    assert window.script("return document.querySelector('#slice').dataset.invert") == "true"
    assert [n for n, _, _ in stored_reads(made.path, reader)] == [1]


def test_a_pair_of_stacks_is_scrolled_by_wheel_and_keys_in_german(tmp_path: Path) -> None:
    made = make_stacks(tmp_path / "s", depth=5, pairs=True)
    with serving(made.path) as address, firefox("de-AT, en;q=0.5") as window:
        begin(window, address, made.tokens[0], "Beginnen")
        window.wheel("#slice-2", 120)
        says(window, "#layer-of", "4 von 5")
        window.press("ArrowUp", "ArrowUp")
        says(window, "#layer-of", "2 von 5")
        window.press("2", "1", "Enter")
        shows(window, 2)
        assert window.text("#convention").startswith("Radiologische Konvention")
