"""The journal is one push's alone, keeps what it was told, and never harms another file."""

from __future__ import annotations

import csv
import errno
import os
from pathlib import Path

import pytest
from helpers.push_cases import rows_of
from hypothesis import given
from hypothesis import strategies as st

from medattngan.core.files import UserError
from medattngan.pacs.instances import Instance
from medattngan.pacs.journal import COLUMNS, Journal, _cell

ONE = Instance(Path("a.dcm"), "a.dcm", "1.2.3", "1.2", "1.3", "1.4", "1.2.840.10008.1.2.1", "ab" * 32, 10)


def test_a_reopened_journal_knows_the_last_state_of_each_instance(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j.csv", "here") as journal:
        journal.note("push", "here")
        assert journal.state(ONE) == ""
        journal.write("sending", [ONE])
        journal.write("refused", [ONE], "a reason, with a comma,\nand a line")
    with Journal.open(tmp_path / "j.csv", "here") as journal:
        assert journal.state(ONE) == "refused"
        assert journal.known == {"1.2.3": "ab" * 32}
    assert rows_of(tmp_path / "j.csv")[-1]["detail"] == "a reason, with a comma, and a line"


def test_a_journal_that_finds_no_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Journal.open(tmp_path / "j.csv", "here") as journal:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left") as raised:
            journal.note("push", "here")
    assert raised.value.filename == str(tmp_path / "j.csv")


def test_two_pushes_cannot_write_one_journal(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j.csv", "here"), pytest.raises(UserError, match="another push"):
        Journal.open(tmp_path / "j.csv", "here")
    with Journal.open(tmp_path / "j.csv", "here"):
        pass


def test_the_journal_of_another_server_is_not_gone_on_with(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j.csv", "here") as journal:
        journal.note("push", "here")
        journal.write("stored", [ONE])
    for server in ("there", "anywhere"):  # the refusal leaves no mark
        with pytest.raises(UserError, match="push to here"):
            Journal.open(tmp_path / "j.csv", server)
    with Journal.open(tmp_path / "j.csv", "here") as journal:
        assert journal.state(ONE) == "stored"


@pytest.mark.parametrize("states", [[], ["sending", "refused"], ["sending", "failed"]])
def test_a_journal_of_a_push_that_left_nothing_there_goes_on_with_another_server(
    states: list[str], tmp_path: Path
) -> None:
    with Journal.open(tmp_path / "j.csv", "here") as journal:
        journal.note("push", "here")
        for state in states:
            journal.write(state, [ONE])
    with Journal.open(tmp_path / "j.csv", "there") as journal:
        journal.note("push", "there")
        journal.write("stored", [ONE])
    with Journal.open(tmp_path / "j.csv", "there") as journal:
        assert journal.state(ONE) == "stored"
    with pytest.raises(UserError, match="push to there"):
        Journal.open(tmp_path / "j.csv", "here")


@pytest.mark.parametrize("state", ["sending", "unknown", "present"])
def test_what_may_be_on_a_server_keeps_its_journal_there(state: str, tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j.csv", "here") as journal:
        journal.note("push", "here")
        journal.write(state, [ONE])
    with pytest.raises(UserError, match="push to here"):
        Journal.open(tmp_path / "j.csv", "there")


@pytest.mark.parametrize("content", [b"dear diary", b"a,b\n1,2\n", b"time,state\n", b"\x00\x01\x02 no newline"])
def test_a_file_that_is_no_journal_stays_as_it_is(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "j.csv").write_bytes(content)
    with pytest.raises(UserError, match="not a journal"):
        Journal.open(tmp_path / "j.csv", "here")
    assert (tmp_path / "j.csv").read_bytes() == content


def test_a_journal_with_a_row_too_short_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "j.csv").write_text(",".join(COLUMNS) + "\nnow,stored\n")
    with pytest.raises(UserError, match="edited"):
        Journal.open(tmp_path / "j.csv", "here")


@given(st.text())
def test_a_cell_is_one_line_that_no_spreadsheet_computes(text: str) -> None:
    cell = _cell(text)
    assert "\n" not in cell
    assert "\r" not in cell
    assert cell[:1] not in ("=", "+", "-", "@")
    assert len(next(csv.reader([cell]), [])) <= 1 or any(letter in text for letter in ',"')
