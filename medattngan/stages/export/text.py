"""Text that goes into DICOM: what its value representation cannot hold is refused. DICOM PS3.5 6.1.3 and 6.2."""

from __future__ import annotations

import unicodedata

from medattngan.core.files import UserError

BARRED = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories of what no attribute of one line may hold: controls, halves of letters, breaks of lines."""


def require_line(text: str, what: str) -> None:
    """Refuse text that would not stand on one line of a header.

    Raises:
        UserError: it holds a control character, a line break, or bytes that are no text.

    >>> require_line("überaus krank", "the label")
    """
    if any(unicodedata.category(letter) in BARRED for letter in text):
        raise UserError(
            f"{what} {on_one_line(text)!r} holds a line break, a control character or bytes that are no text, which "
            "DICOM has no place for; write it on one line."
        )


def require_length(text: str, most: int, what: str, cure: str) -> None:
    """Raises: UserError: `text` is longer than the `most` characters that its attribute holds."""
    if len(text) > most:
        raise UserError(f"{what} has {len(text)} characters, of which DICOM holds {most}; {cure}.")


def on_one_line(text: str) -> str:
    """Text as a console may show it: what is barred stands as `?`.

    >>> on_one_line("a\\nb")
    'a?b'
    """
    return "".join("?" if unicodedata.category(letter) in BARRED else letter for letter in text)
