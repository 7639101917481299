"""The languages of the reading page, and which of them a browser asks for."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("words")
LANGUAGES = ("en", "de", "fr", "es")
"""The first is that of who asks for none of them."""
MOST_RANGES = 32
"""Of an Accept-Language header, which anyone may make as long as a request's head."""


def language_of(header: str) -> str:
    """The language that an Accept-Language header likes best: RFC 9110, 12.5.4, with lookup of RFC 4647, 3.4.

    >>> language_of("de-AT,de;q=0.9,en;q=0.8"), language_of("it, fr;q=0.2, *;q=0.1"), language_of("es;q=0, pt")
    ('de', 'fr', 'en')
    """
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.split(",")[:MOST_RANGES]):
        tag, _, parameter = part.partition(";")
        wanted.append((-_quality(parameter), place, tag.strip().lower().partition("-")[0]))
    for quality, _, tag in sorted(wanted):
        if quality < 0 and tag in LANGUAGES:
            return tag
    return LANGUAGES[0]


def _quality(parameter: str) -> float:
    """A weight from 0 to 1; 1 where none is given, 0 where it is none."""
    name, _, value = parameter.replace(" ", "").partition("=")
    if name != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


@cache
def words(language: str) -> str:
    """All that the page says in a language, as JSON that may stand in a page."""
    table = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return json.dumps(table, ensure_ascii=False).replace("<", "\\u003c")


def in_language(page: bytes, language: str) -> bytes:
    """The page with its language and its words; what it says in English is what it says before its scripts run."""
    text = page.decode("utf-8").replace('<html lang="en"', f'<html lang="{language}"', 1)
    return text.replace('id="words">{}', f'id="words">{words(language)}', 1).encode("utf-8")
