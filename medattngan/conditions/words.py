"""A caption as words: what is written in a store, what a run knows, what is asked for on the command line."""

from __future__ import annotations

import re

WORD = re.compile(r"(?<!\w)[^\W\d_]\d{1,2}w?(?!\w)|(?<![\w])[^\W\d_]+(?:[-'’][^\W\d_]+)*(?![\w])")
"""Letters, with hyphens between them; and a letter with a number, as of sequences and vertebrae: T1, T2w, L5."""

SIDES = ("left", "right")
"""What a mirror image says wrongly."""


def words(text: str) -> list[str]:
    """The words of a caption in lower case, without punctuation and without numbers.

    >>> words("Axial T1: lateral ventricles, thalamus (12 mm).")
    ['axial', 't1', 'lateral', 'ventricles', 'thalamus', 'mm']
    """
    return [found.group().lower().replace("’", "'") for found in WORD.finditer(text)]
