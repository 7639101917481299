"""QR codes of readers' links: what a phone reads in them, and who else may."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import numpy as np
import pytest
from helpers.review_cases import blobs, write_samples, write_store
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.core.files import UserError
from medattngan.review.qr import require_segno, show_code

URL = "https://reading.example:8765"


def create(folder: Path, *options: str) -> str:
    """`review create` with options; what it printed."""
    write_store(folder / "store", blobs(2, 0))
    samples = write_samples(folder / "samples", blobs(2, 1))
    words = ["review", "create", samples, "--data", folder / "store", "-o", folder / "study", "--count", "1"]
    result = CliRunner().invoke(app, [*map(str, words), "--url", URL, *options])
    assert result.exit_code == 0, result.output
    return result.output


def modules(svg: str) -> np.ndarray:
    """The dark modules of one of segno's SVGs, which draws each row's runs as horizontal strokes."""
    path = re.search(r'<path[^>]*class="qrline"[^>]*d="([^"]+)"', svg) or re.search(r'd="([^"]+)"', svg)
    size = int(re.search(r'width="(\d+)"', svg)[1]) // 8
    dark, x, y = np.zeros((size, size), bool), 0.0, 0.0
    for command, numbers in re.findall(r"([Mmh])\s*(-?[\d.]+(?:[ ,]?-?[\d.]+)?)", path[1]):
        values = [float(number) for number in re.findall(r"-?\d*\.?\d+", numbers)]
        if command == "M":
            x, y = values
        elif command == "m":
            x, y = x + values[0], y + values[1]
        else:
            dark[int(y), int(x) : int(x + values[0])] = True
            x += values[0]
    return dark


def test_a_phone_reads_each_readers_link_in_its_own_code(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV's reader of QR codes is not installed")
    output = create(tmp_path, "--readers", "2", "--qr", str(tmp_path / "codes"))
    links = dict(re.findall(r"(reader-\d)  (\S+)", output))
    assert len(links) == 2
    for reader, link in links.items():
        dark = modules((tmp_path / "codes" / f"{reader}.svg").read_text())
        picture = np.where(np.kron(dark, np.ones((8, 8), bool)), 0, 255).astype(np.uint8)
        assert cv2.QRCodeDetector().detectAndDecode(picture)[0] == link


def test_codes_in_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    show_code("reader-1", f"{URL}/r/secret", str(tmp_path / "codes"))
    assert stat.S_IMODE((tmp_path / "codes").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "codes" / "reader-1.svg").stat().st_mode) == 0o600


def test_a_code_in_the_terminal_stands_below_its_link(tmp_path: Path) -> None:
    lines = create(tmp_path, "--qr", "terminal").splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("reader-1  ")]
    assert len([line for line in lines[at + 1 :] if set(line) & set("▀▄█")]) > 10


def test_codes_that_could_not_be_shown_are_refused_before_links_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        require_segno(str(tmp_path / "file"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="--qr needs segno"):
        require_segno("terminal")


def test_the_codes_of_another_study_are_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "codes"
    folder.mkdir(mode=0o755)
    require_segno(str(folder), new=True)
    show_code("reader-1", f"{URL}/r/one", str(folder))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with pytest.raises(UserError, match="is not empty"):
        require_segno(str(folder), new=True)
    require_segno(str(folder))  # a lost link's code goes beside the others
