"""Words beside numbers that may be surnames, when the numbers count visits or slices: 01_Smith.nii, Smith_1/T1.nii."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from medattngan.scans.patients.names import Name
from medattngan.scans.patients.sets import Joined

VISITS = 12
"""Up to so many numbers of one or two digits beside one word may be visits of one patient."""
LETTERS = 3
"""A word of so many letters may be a surname."""
FIRST_SYLLABLE = "\u2e80"
"""From here on lie the scripts of Chinese, Japanese and Korean."""
SLICE_DIGITS = 4
"""The number of a slice has no more."""


def letters(word: str) -> int:
    """How many letters a word has. One of Chinese, Japanese or Korean writes as much as two of others.

    >>> letters("doe"), letters("a1"), letters("张三")
    (3, 1, 4)
    """
    return sum(1 + (one >= FIRST_SYLLABLE) for one in word if one.isalpha())


def behind_numbers(names: Collection[Name], pages: bool) -> dict[str, str]:
    """The patient by each word that stands behind a number and may be a surname.

    Words that bear the same numbers may be two kinds of files of the same patients as well as two patients with as many
    visits or slices: these are one patient. So are those of volumes that have but one number in common.

    >>> from medattngan.scans.patients.names import parse
    >>> behind_numbers([parse(name) for name in ("01_Smith", "02_Smith", "03_Doe")], pages=False)
    {'doe': 'doe', 'smith': 'smith'}
    >>> behind_numbers([parse(name) for name in ("01_xyz", "01_abc", "02_xyz", "02_abc")], pages=False)
    {'abc': 'abc', 'xyz': 'abc'}
    """
    numbers: dict[str, set[str]] = defaultdict(set)
    for name in names:
        if letters(name.behind) >= LETTERS:
            numbers[name.behind].add(name.number)
    if _shared_by_all({name.behind for name in names}):
        return {}
    digits, most = (SLICE_DIGITS, None) if pages else (2, VISITS)
    people = {
        word: {number.lstrip("0") for number in own}
        for word, own in numbers.items()
        if (most is None or len(own) <= most) and all(number.isdigit() and len(number) <= digits for number in own)
    }
    sets = Joined()
    alike: dict[object, str] = {}
    for word, own in sorted(people.items()):
        for numbered in [frozenset(own)] if pages else own:
            sets.join(alike.setdefault(numbered, word), word)
    first: dict[object, str] = {}
    return {word: first.setdefault(sets.of(word), word) for word in sorted(people)}


def before_numbers(names: Collection[Name]) -> set[str]:
    """The words of folders that stand before a number, apart from it, and may be surnames.

    >>> from medattngan.scans.patients.names import parse
    >>> before_numbers([parse(name) for name in ("Smith_1", "Smith_2", "Doe_1")]) == {"smith", "doe"}
    True
    """
    numbers: dict[str, set[Name]] = defaultdict(set)
    for name in names:
        numbers[name.word].add(name)
    if _shared_by_all(set(numbers)):
        return set()
    return {
        word
        for word, own in numbers.items()
        if letters(word) >= LETTERS
        and len({name.number for name in own}) <= VISITS
        and all(name.apart and not name.after and len(name.number) < 3 for name in own if name.number)
    }


def _shared_by_all(words: set[str]) -> bool:
    """What all share tells nobody from anybody."""
    return len(words) == 1
