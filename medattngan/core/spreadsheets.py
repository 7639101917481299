"""Text of people and of files in CSV, so that no spreadsheet computes it when the file is opened.

A cell that begins with = + - @ is a formula to Excel, LibreOffice and Google Sheets, whatever blanks, tabs and line
breaks stand before it. One with a semicolon, tab or line break inside is cut there where that is the list separator or
where the quotes are not understood, and what follows begins a cell of its own (OWASP, "CSV Injection"; CWE-1236). An
apostrophe before such a character makes it text. All writers of CSV that hold text from elsewhere use `defuse`;
`restore` gives the text back as it was.
"""

from __future__ import annotations

import re

_BREAK = r";\t\r\n\v\f\x85\u2028\u2029"
_BLANK = rf"(?:(?![{_BREAK}])[\s\x00-\x20\x7f\u200b-\u200f\u2060\ufeff])*"
_START = rf"(?:\A|(?<=[{_BREAK}])){_BLANK}"
_FORMULA = r"(?=[=+\-@＝＋－＠])"
_LIVE = re.compile(f"({_START})('*){_FORMULA}")
_DEFUSED = re.compile(f"({_START})'('*){_FORMULA}")


def defuse(text: str) -> str:
    """`text` with an apostrophe before everything that a spreadsheet might take for a formula.

    >>> defuse("=1+1"), defuse("\\t@A1"), defuse("3 mm; -5 HU"), defuse("fine - really")
    ("'=1+1", "\\t'@A1", "3 mm; '-5 HU", 'fine - really')
    """
    return _LIVE.sub(r"\1'\2", text)


def restore(text: str) -> str:
    """What `defuse` was given.

    >>> restore(defuse("'=1")), restore("it's '=1")
    ("'=1", "it's '=1")
    """
    return _DEFUSED.sub(r"\1\2", text)
