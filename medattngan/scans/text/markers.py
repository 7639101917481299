"""Which lines of text name nobody: markers of side and view."""

from __future__ import annotations

import re

MIN_CHARACTERS = 3
"""A line with fewer letters and digits, the words below not counted, names nobody."""

VIEW_WORDS = {
    "A", "AP", "AXIAL", "CORONAL", "DEC", "DECUBITUS", "ERECT", "EXP", "EXPIRATION", "F", "FEET", "FRONTAL", "H",
    "HEAD", "INSP", "INSPIRATION", "L", "LAO", "LAT", "LATERAL", "LEFT", "LL", "LPO", "LT", "MOBILE", "OBL", "OBLIQUE",
    "P", "PA", "PORT", "PORTABLE", "PRONE", "R", "RAO", "RIGHT", "RL", "RPO", "RT", "S", "SAGITTAL", "SEMI", "SITTING",
    "STANDING", "SUPINE", "UPRIGHT",
}  # fmt: skip
"""What technicians put on a picture to say how it was taken. It is no identifier, and readers need it."""


def may_identify(text: str) -> bool:
    """Whether a line is more than a marker of side or view.

    >>> [may_identify(text) for text in ("L", "R PORTABLE", "AP 40", "DOE^JANE", "R 1961", "王伟")]
    [False, False, False, True, True, True]
    """
    words: list[str] = [word for word in re.findall(r"[^\W_]+", text) if word.upper() not in VIEW_WORDS]
    # An ideograph weighs as two letters: a name has two or three.
    return sum(1 + (character >= "\u2e80") for word in words for character in word) >= MIN_CHARACTERS
