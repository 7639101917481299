"""No text of people or files is a formula in a spreadsheet, and none of it is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medattngan.core.spreadsheets import defuse, restore

TROUBLE = st.text(st.sampled_from(list("=+-@＝＋－＠'\"; \t\r\n,|x1\x00\x0b\x85\u200b\u2028\ufeff")))


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "=cmd|' /C calc'!A0", "'=1"])
@pytest.mark.parametrize("before", ["", " ", "\t", "\r", "\n", "\ufeff", "\x00", "fine;", "fine; ", "fine\n", "a\tb\t"])
def test_what_a_spreadsheet_would_compute_begins_with_an_apostrophe(before: str, formula: str) -> None:
    assert defuse(before + formula) == f"{before}'{formula}"


@pytest.mark.parametrize("text", ["", "fine", "3 mm - ringing", "it's", "'quoted'", "a=b", "x@y", "a, -b"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert defuse(text) == restore(text) == text


@given(TROUBLE | st.text())
def test_restoring_gives_back_every_text(text: str) -> None:
    assert restore(defuse(text)) == text
