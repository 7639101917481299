"""The reading page in the language of the browser: which one is chosen, and that nothing is left untranslated."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from helpers.review_cases import fetch, make_study, serving

from medattngan.data.intensity import WINDOWS
from medattngan.review.files import PAGE
from medattngan.review.languages import FOLDER, LANGUAGES, language_of
from medattngan.review.protocol import Protocol, of_stacks

TABLES: dict[str, dict[str, Any]] = {
    language: json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8")) for language in LANGUAGES
}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("fr-CA, fr;q=0.8", "fr"),
        ("en;q=0.5, es-MX;q=0.9", "es"),
        ("pt-BR, de;q=0.3", "de"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("DE-at", "de"),
        ("*", "en"),
        ("zh, ja", "en"),
        ("de;q=much", "en"),
        ("xx," * 40 + "de", "en"),
    ],
)
def test_the_language_is_the_one_that_the_browser_likes_best(header: str, language: str) -> None:
    assert language_of(header) == language


def test_the_page_comes_in_its_language_with_all_its_words(tmp_path: Path) -> None:
    with serving(make_study(tmp_path / "s", count=1, readers=1).path, "owner" * 6) as address:
        for language, path in (("en", "/"), ("de", "/"), ("de", "/owner"), ("fr", "/owner")):
            page = fetch(f"{address}{path}", headers={"Accept-Language": f"{language}-XX"}).text
            assert f'<html lang="{language}"' in page
            embedded = re.search(r'id="words">(.*?)</script>', page, re.DOTALL)
            assert embedded is not None
            assert json.loads(embedded[1]) == TABLES[language]


def placeholders(text: str | dict[str, str]) -> set[str]:
    """The {names} of a sentence, in whatever form."""
    forms = text.values() if isinstance(text, dict) else [text]
    return {name for form in forms for name in re.findall(r"\{(\w+)\}", form)}


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_every_sentence_is_said_in_every_language_with_the_same_values(language: str) -> None:
    english, other = TABLES["en"], TABLES[language]
    assert english.keys() == other.keys()
    for key in english.keys() - {"protocol"}:
        assert placeholders(english[key]) == placeholders(other[key]), key
        assert isinstance(english[key], dict) == isinstance(other[key], dict), key


def default_texts() -> set[str]:
    """All that the default protocols and windows say."""
    protocols = [Protocol(), of_stacks(Protocol()), Protocol(design="pair")]
    texts = {text for protocol in protocols for text in (protocol.title, protocol.instructions)}
    for protocol in protocols:
        for question in protocol.questions:
            texts |= {question.text, *(option.label for option in question.options)}
    return texts | set(WINDOWS) | {"dark half", "bright half"}


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_every_default_question_is_asked_in_every_language_and_no_other(language: str) -> None:
    assert set(TABLES[language]["protocol"]) == default_texts()


def test_the_page_says_nothing_that_has_no_words() -> None:
    scripts = "".join(file.read_text(encoding="utf-8") for file in PAGE.glob("*.js"))
    page = "".join((PAGE / name).read_text(encoding="utf-8") for name in ("index.html", "owner.html"))
    said = set(re.findall(r'\bsay\("(\w+)"', scripts)) | set(re.findall(r'data-(?:say|name)="(\w+)"', page))
    said |= set(re.findall(r'"(key_\w+|hand_\w+)"', scripts))
    assert said <= TABLES["en"].keys()
    for key, element in re.findall(r'data-say="(\w+)"[^>]*>([^<]+)<', page):
        assert element == TABLES["en"][key], "what stands in the page before its scripts run"
