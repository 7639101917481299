"""Cells that become categories: what is written into the store word for word."""

from __future__ import annotations

from medattngan.core.text import is_category

SEXES = {
    "M": "m male man men boy h homme hombre mann maennlich männlich masculino maschio",
    "F": "f female woman women girl w weiblich frau femme femenino femmina",
    "O": "o other x d divers diverse nonbinary non-binary intersex",
}
"""Patient's Sex (0010,0040), DICOM PS3.3 C.7.1.1, and the words that tables use for it."""

UNKNOWN_SEX = {"u", "unknown", "unk", "?", "-", "not known", "not specified", "unspecified", "missing"}

_TERMS = {word: term for term, words in SEXES.items() for word in words.split()}


def label(text: str) -> str:
    """A label as it is stored.

    Raises:
        ValueError: it is long, or holds line breaks, control or escape characters.
    """
    if not is_category(text):
        raise ValueError("the label is longer than 64 characters, or holds a line break or a control character")
    return text.strip()


def sex(text: str) -> str | None:
    """M, F or O; None where it is said to be unknown.

    Raises:
        ValueError: it is anything else, a number too, whose meaning differs from table to table.

    >>> sex("female"), sex("M"), sex("unknown")
    ('F', 'M', None)
    """
    word = text.strip().casefold()
    if word in UNKNOWN_SEX:
        return None
    if word not in _TERMS:
        raise ValueError("the sex is none of M, F and O")
    return _TERMS[word]
