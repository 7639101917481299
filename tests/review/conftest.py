"""Browsers for the reading page."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from helpers.review_cases import Made, serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, headless. Of one module, since Playwright keeps an event loop running in this thread."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        launched = playwright.chromium.launch(executable_path=chromium, args=arguments, timeout=120_000)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def address(made: Made) -> Iterator[str]:
    """Of a server of the module's own study that runs through the module."""
    with serving(made.path) as address:
        yield address


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    """A reader for each test."""
    return itertools.count(1)


@pytest.fixture
def reader(numbers: Iterator[int]) -> int:
    return next(numbers)
