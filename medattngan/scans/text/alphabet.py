"""The characters that the reader knows, and the two that no line has.

ASCII's letters, digits and punctuation, and the letters of German, French and Spanish beyond those. Others are
read as what they look like most: who screens wants to know that a name is there, not which.
"""

from __future__ import annotations

ASCII = "".join(chr(code) for code in range(32, 127))
GERMAN = "ÄÖÜäöüß"
FRENCH = "ÀÂÆÇÈÉÊËÎÏÔŒÙÛŸàâæçèéêëîïôœùûÿ"
SPANISH = "ÁÍÑÓÚáíñóú¿¡"
OTHERS = "°²³µ§«»·"
LINE_END = "\n"

CHARACTERS = "".join(dict.fromkeys(ASCII + GERMAN + FRENCH + SPANISH + OTHERS + LINE_END))
"""Each once, in the order of the reader's outputs, whose first is the end token."""

END = 0
"""The token after the last character, and the one before the first."""

TOKENS = len(CHARACTERS) + 1


def encode(text: str) -> list[int]:
    """Tokens of a text, the end token last.

    >>> encode("R")[-1] == END, decode(encode("Jürgen^1"))
    (True, 'Jürgen^1')
    """
    return [CHARACTERS.index(character) + 1 for character in text] + [END]


def decode(tokens: list[int]) -> str:
    """The text of tokens, up to the first end token."""
    stop = tokens.index(END) if END in tokens else len(tokens)
    return "".join(CHARACTERS[token - 1] for token in tokens[:stop])
