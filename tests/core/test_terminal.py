"""Whatever a file says, a terminal shows it as text, and no encoding ends a verb whose work is done."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.scan_files import texture, write_ct, write_nifti
from rich.console import Console

from medattngan.core.terminal import ERRORS, say
from medattngan.core.text import is_category, shown
from medattngan.stages.ingest.ingest import ingest
from medattngan.stages.inspect.inspect import inspect

SLY = "\x1b[31m[/b][red]:skull:\u202ex\x07"


@pytest.mark.parametrize("text", [SLY, "a\nb", "a\rb", "\x9b31m", "\u2028", "x\udcfc", "\ud800", "\x00", "\u200b"])
def test_no_control_character_survives(text: str) -> None:
    assert shown(text).isprintable()
    assert not is_category(text) or text.isprintable()


def test_the_console_prints_markup_as_it_stands() -> None:
    out = io.StringIO()
    say(Console(file=out, markup=False, emoji=False, highlight=False, force_terminal=True), SLY)
    assert out.getvalue() == "\\x1b[31m[/b][red]:skull:\\u202ex\\x07\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8", "latin-1"])
def test_any_text_can_be_written_in_any_encoding(encoding: str) -> None:
    for text in ("bef\udcfcnd", "\ud800", "µ → 漢字", SLY):
        assert text.encode(encoding, ERRORS)


def test_a_path_that_is_not_utf_8_is_printed_as_the_bytes_it_is() -> None:
    assert "bef\udcfcnd".encode("utf-8", ERRORS) == b"bef\xfcnd"


def test_a_label_with_markup_is_shown_as_it_stands(tmp_path: Path) -> None:
    for number in range(3):
        write_nifti(tmp_path / "scans" / f"{number}.nii", texture((12, 12, 4), number))
    table = tmp_path / "labels.csv"
    table.write_text("patient,label\n0,[/b] [red]x\n1,[bold]\n2,:skull:\n")
    store = ingest(tmp_path / "scans", tmp_path / "store", size=16, labels=table)
    said = inspect(store, None)
    assert all(label in said for label in ("[/b] [red]x", "[bold]", ":skull:"))


@pytest.mark.skipif(os.name != "posix", reason="names of files are text elsewhere")
@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_name_that_is_not_utf_8_costs_nothing_on_any_terminal(tmp_path: Path, encoding: str) -> None:
    top = Path(os.fsdecode(os.fsencode(tmp_path) + b"/gr\xfc\xdfe \x1b[31m"))
    write_ct(top, "patient")
    write_nifti(top / "x.nii", texture((12, 12, 4)).astype(np.float32))
    (top / "x.nii").rename(Path(os.fsdecode(os.fsencode(top) + b"/M\xfcller\n.nii")))
    (top / os.fsdecode(b"bef\xfcnd.txt")).write_text("no scan")
    command = [sys.executable, "-m", "medattngan", "ingest", str(top), "--out", str(tmp_path / "störe")]
    environment = os.environ | {"PYTHONIOENCODING": encoding, "COLUMNS": "80"}
    done = subprocess.run(
        [*command, "--size", "16", "--rejected", str(tmp_path / "rejected.csv")], env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "störe" / "index.parquet").is_file()
    assert b"\x1b[31m" not in done.stdout + done.stderr
    listed = (tmp_path / "rejected.csv").read_text("utf-8")
    assert "bef\\xfcnd.txt" in listed
    assert "\x1b" not in listed
