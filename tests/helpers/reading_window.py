"""A reader's window on a study, in Chromium: what a person sees and does, and what the page must never do."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from medattngan.core.types import Codes

AFTER_PAINTING = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
CASE_IS_SHOWN = """(n) => new RegExp(`^\\\\S+ ${n} `).test(document.querySelector("#case").textContent)
    && document.querySelector("#curtain").hidden && document.querySelector("fieldset:not(:disabled)") !== null"""
VIOLATIONS = 'addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.blockedURI}`));'


class Window:
    """One window. `problems` collects errors of scripts, breaches of the policy and requests to other hosts."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.address = address
        self.problems: list[str] = []
        self.context = browser.new_context(**{"viewport": {"width": 900, "height": 640}, **options})
        self.context.set_default_timeout(30_000)
        self.context.add_init_script(VIOLATIONS)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: message.type == "error" and self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self._check_host(request.url))

    def _check_host(self, url: str) -> None:
        if not url.startswith(self.address + "/"):
            self.problems.append(f"request to {url}")

    def open(self, token: str) -> None:
        """Follow the personal link."""
        self.page.goto(f"{self.address}/r/{token}")

    def begin(self, token: str) -> None:
        """Follow the link and press Begin, until the first case is shown."""
        self.open(token)
        self.page.wait_for_selector("#curtain button.primary:focus")
        self.page.keyboard.press("Enter")
        self.shows(1)

    def shows(self, n: int) -> None:
        """Wait until case `n` is painted and can be answered."""
        self.page.wait_for_function(CASE_IS_SHOWN, arg=n)
        self.page.evaluate(AFTER_PAINTING)

    def press(self, *keys: str) -> None:
        """Press keys one after another."""
        for key in keys:
            self.page.keyboard.press(key)

    def read(self, n: int, *digits: str) -> None:
        """Answer case `n` by its number keys, and save."""
        self.shows(n)
        self.press(*digits, "Enter")

    def wait_for_text(self, selector: str, text: str) -> None:
        """Wait until the element holds this text."""
        found = "([at, text]) => document.querySelector(at)?.textContent.includes(text)"
        self.page.wait_for_function(found, arg=[selector, text])

    def text(self, selector: str) -> str:
        """What the element says."""
        return str(self.page.text_content(selector))

    def saved(self) -> None:
        """Wait until nothing waits to be sent."""
        self.page.wait_for_selector('#kept[data-state="saved"]')

    @property
    def view(self) -> dict[str, float]:
        """Where the slice lies on the canvas, and its window."""
        data = self.page.evaluate("() => ({...document.querySelector('#slice').dataset})")
        return {key: float(value) for key, value in data.items() if key != "invert"}

    def greys(self, canvas: str = "#slice") -> Codes:
        """(H, W) uint8: a canvas as it stands."""
        self.page.evaluate(AFTER_PAINTING)
        url = self.page.evaluate("(at) => document.querySelector(at).toDataURL('image/png')", canvas)
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))
        assert (pixels == pixels[..., :1]).all(), "a slice is grey"
        return pixels[..., 0]

    def close(self) -> None:
        """Close the window, whatever waits."""
        self.context.close()


def windowed(codes: np.ndarray, lower: float, upper: float, center: float, width: float) -> np.ndarray:
    """Greys of codes: DICOM PS3.3 C.11.2.1.3.2, LINEAR_EXACT, to [0, 255]; not rounded."""
    values = lower + (upper - lower) * codes.astype(float) / 65535
    return np.clip((values - center) / width + 0.5, 0, 1) * 255


def stored_reads(study: Path, reader: int) -> list[tuple[int, dict[str, Any], int]]:
    """Every version of every read that the study has of a reader: (n, answers, milliseconds), in the order it came."""
    with sqlite3.connect(study / "study.sqlite") as connection:
        query = "SELECT n, answers, milliseconds FROM reads WHERE reader = ? ORDER BY id"
        rows = connection.execute(query, (reader,)).fetchall()
    connection.close()
    return [(n, json.loads(answers), milliseconds) for n, answers, milliseconds in rows]


def order_of(study: Path, reader: int) -> list[int]:
    """The indices into cases.npy in the order of a reader."""
    with sqlite3.connect(study / "study.sqlite") as connection:
        rows = connection.execute("SELECT case_index FROM orders WHERE reader = ? ORDER BY n", (reader,)).fetchall()
    connection.close()
    return [row[0] for row in rows]
