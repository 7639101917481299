"""Text that others wrote: what may be shown on a terminal, and what may be a category."""

from __future__ import annotations

import unicodedata

MAX_CATEGORY = 64
"""Characters of a label: as many as a DICOM Long String (PS3.5 6.2) has."""


def shown(text: object, keep: str = "") -> str:
    r"""Text as it may be printed: what would move a cursor, change colours or break a line is written out.

    Args:
        keep: control characters that are meant, as the line breaks of a table.

    >>> print(shown("a\x1b[31mb\nc"), shown("bef\udcfcnd"), shown("one\ntwo", keep="\n").count("\n"))
    a\x1b[31mb\nc bef\xfcnd 1
    """
    return "".join(one if one in keep or not _is_control(one) else _escaped(one) for one in str(text))


def counted(count: int, things: str, one: str = "") -> str:
    """So many things in words; `one` is their singular, where that is more than the plural without its last letter.

    >>> counted(1, "files"), counted(2, "files"), counted(1, "files say", "file says")
    ('1 file', '2 files', '1 file says')
    """
    return f"{count} {(one or things.removesuffix('s')) if count == 1 else things}"


def _is_control(character: str) -> bool:
    # Cc controls, Cf directions and invisible ones, Cs surrogates, Zl and Zp breaks of lines.
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte of a file's name that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def is_category(text: str) -> bool:
    """Whether a text may name a category: one short line that any program can show.

    >>> is_category("Viral pneumonia"), is_category("a\\nb"), is_category("x" * 65), is_category(" ")
    (True, False, False, False)
    """
    return 0 < len(text.strip()) <= MAX_CATEGORY and not any(map(_is_control, text))
