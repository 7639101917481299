"""Words of a caption that could say who the patient is: dates, ages and other numbers, names, places, contacts.

What is looked for is written down here in full, since nothing finds every name: a word is kept out for its form
(digits, titles, addresses), because it is in a list (months, places, given names), or because it begins with a
capital wherever it stands in the table and is no word that we know. A name that is written small, or is a word too,
is not found by this. Whoever needs such a word names it with `--keep-word`. What stays is held back once more where
fewer than three training patients have it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from medattngan.conditions.words import WORD
from medattngan.scans.captions.known_words import GIVEN_NAMES, MEDICAL, MONTHS, PLACES, PLAIN

KINDS = {
    "contact": "addresses of mail and web",
    "date": "dates, and months and days beside numbers",
    "age": "ages, and other spans of days, months and years",
    "number": "other numbers",
    "name": "words after a title, and given names",
    "place": "countries and cities",
    "capital": "words written with a capital that may be names",
}
"""Why something is left out, in the order in which it is looked for."""
LONGEST_ABBREVIATION = 4
"""Longer words in capitals may be a name in a report that is written so."""

_CONTACT = re.compile(r"\S+@\S+|(?:https?://|www\.)\S+|\b\S+\.(?:com|org|net|edu|gov|de|uk|fr|es)\b\S*", re.IGNORECASE)
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_DATE = re.compile(
    rf"\b\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}\b|\b\d{{1,2}}(?:st|nd|rd|th)?\.?\s+(?:of\s+)?(?:{_MONTH})\b(?:[\s,]+\d{{4}})?"
    rf"|\b(?:{_MONTH})\.?\s+\d{{1,4}}(?:st|nd|rd|th)?\b(?:[\s,]+\d{{4}})?|\b\d{{1,2}}[:.]\d\d(?:\s?[ap]m|\s?h)\b",
    re.IGNORECASE,
)
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_AGE = re.compile(
    rf"\b(?:\d{{1,3}}|(?:{_TENS})(?:[- ]\w+)?)[-\s]*(?:year|yr|y/o|yo|month|week|day)s?\b(?:[-\s]*olds?\b)?"
    r"|\b(?:aged?|age\s+of)\s+(?:of\s+)?\d+",
    re.IGNORECASE,
)
_TITLED = re.compile(
    r"(?:\b(?:[Dd]r|DR|Mr|Mrs|MRS|Ms|Miss|[Pp]rof|[Pp]rofessor|Doctor|Sir|Madame?|Herr|Frau)\b[.:]?|\b[Nn]ame\s*[:=])\s+"
    r"[^\W\d_][\w'’-]*\.?(?:,?\s+[A-ZÀ-ÖØ-Þ][\w'’-]*\.?)?"
)
_NUMBER = re.compile(r"\S*\d\S*")
_FORM = re.compile(r"[^\W\d_]\d{1,2}w?")


@dataclass(frozen=True)
class Screen:
    """What is known of a whole table of captions, by which each is screened.

    Args:
        lower: words that somewhere begin with a small letter.
        keep: words that the user wants kept, in lower case.
    """

    lower: frozenset[str]
    keep: frozenset[str] = frozenset()

    @classmethod
    def of(cls, captions: Iterable[str], keep: Collection[str] = ()) -> Screen:
        """Of all captions of a table."""
        small = {word for text in captions for word in WORD.findall(text) if word[0].islower()}
        return cls(frozenset(small), frozenset(word.lower() for word in keep))

    def screened(self, text: str) -> tuple[str, Counter[str]]:
        """A caption without what could identify, and how much of each kind was left out.

        >>> Screen.of(["seen"]).screened("61-year-old man from Wuhan, seen by Dr. Kanarie on 3 May 2020.")
        (' man from , seen by  on .', Counter({'age': 1, 'name': 1, 'date': 1, 'place': 1}))
        """
        left: Counter[str] = Counter()
        for kind, form in (("contact", _CONTACT), ("age", _AGE), ("name", _TITLED), ("date", _DATE)):
            text, count = form.subn(lambda found: self._kept(found.group()), text)
            left[kind] += count
        text = _NUMBER.sub(lambda found: self._number(found.group(), left), text)
        pieces, end = [], 0
        for found in WORD.finditer(text):
            word, why = found.group(), self._objection(found.group())
            pieces += [text[end : found.start()], word if why is None else ""]
            left[why or ""] += 1
            end = found.end()
        del left[""]
        return "".join([*pieces, text[end:]]), +left

    def _kept(self, found: str) -> str:
        return " ".join(word for word in WORD.findall(found) if word.lower() in self.keep)

    def _number(self, found: str, left: Counter[str]) -> str:
        bare = found.strip(".,;:()[]\"'")
        if _FORM.fullmatch(bare) or bare.lower() in self.keep:
            return found
        # Of `consolidation.2` the word stays; of `G123456` nothing does.
        parts = [part for part in re.split(r"[\s/,;:().\[\]-]+", found) if part and not any(c.isdigit() for c in part)]
        left["number"] += 1
        return " ".join(parts)

    def _objection(self, word: str) -> str | None:
        """Why a word is left out; None where nothing speaks against it."""
        low = word.lower()
        if low in self.keep or low in PLAIN or low in MEDICAL:
            return None
        if low in PLACES:
            return "place"
        if low in GIVEN_NAMES or low in MONTHS:
            return "name" if low in GIVEN_NAMES else "date"
        if word.islower() or len(word) == 1 or any(character.isdigit() for character in word):
            return None
        if word.isupper() and len(word) <= LONGEST_ABBREVIATION:
            return None
        return None if low in self.lower else "capital"
