"""Pictures for people: signed, without date and version, and written in one place."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import medattngan
from medattngan.core.plots import is_signed, png, save_picture

DRAWS = re.compile(r"^\s*(from|import) (PIL|matplotlib)", re.MULTILINE)
WRITES = re.compile(r"\.savefig\(|\.imsave\(|\.imwrite\(|\.save\(|\bFigureCanvas|\bPngInfo")


def drawn() -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.add_subplot().plot([0, 1])
    return figure


@pytest.mark.parametrize("picture", [drawn, lambda: np.arange(48, dtype=np.uint8).reshape(6, 8)])
def test_a_picture_is_signed_and_the_same_bytes_each_time(picture: object, tmp_path: Path) -> None:
    assert callable(picture)
    content = png(picture())
    assert is_signed(content[:4096])
    save_picture(tmp_path / "new" / "picture.png", picture())
    assert (tmp_path / "new" / "picture.png").read_bytes() == content
    assert b"matplotlib" not in content


def test_grey_values_come_back_as_they_were() -> None:
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    with Image.open(io.BytesIO(png(grey))) as read:
        np.testing.assert_array_equal(np.asarray(read), grey)


def test_a_picture_of_others_is_not_ours() -> None:
    buffer = io.BytesIO()
    Image.new("L", (9, 9)).save(buffer, format="PNG")
    assert not is_signed(buffer.getvalue())
    assert not is_signed(b"\xff\xd8\xff" + png(np.zeros((2, 2), np.uint8)))


def test_no_other_module_writes_a_picture() -> None:
    package = Path(medattngan.__file__).parent
    sources = {path: path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    found = {
        path.relative_to(package).as_posix()
        for path, source in sources.items()
        if DRAWS.search(source) and WRITES.search(source)
    }
    # The one is for other people's machines, where nothing else of this package is.
    assert found == {"core/plots.py", "stages/export_model/medigan_package.py"}
