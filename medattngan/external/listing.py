"""The files of a folder that somebody brings: in natural order, each looked into once, none left out in silence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medattngan.core.files import UserError
from medattngan.core.plots import is_signed
from medattngan.scans.find import walk
from medattngan.scans.formats.dicom import is_dicom
from medattngan.scans.formats.picture import is_picture

_HEAD_BYTES = 4096
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif")
"""What has one of these is meant as a picture, and said to be damaged where it is none."""


@dataclass(frozen=True)
class Listing:
    """Files by what is in them, each list in natural order of the paths below the folder."""

    dicom: list[Path]
    pictures: list[Path]
    others: list[Path]


def natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """The key of natural order: numbers in a name count as numbers; names that differ in zeros alone, as text.

    >>> sorted(["img10", "img2", "img1", "b/1", "img02"], key=natural)
    ['b/1', 'img1', 'img02', 'img2', 'img10']
    """
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(0, int(part), "") if part[0] in "0123456789" else (1, 0, part) for part in parts], name


def listing(folder: Path) -> Listing:
    """Every file under `folder`, through links too, but hidden ones and those in hidden folders.

    Raises:
        UserError: a file or folder cannot be read.
    """
    found = Listing([], [], [])
    files = [(below.partition("/")[2], path) for path, below in walk([folder])]
    shown = [(below, path) for below, path in files if not any(part.startswith(".") for part in below.split("/"))]
    for _, path in sorted(shown, key=lambda one: natural(one[0])):
        if not path.exists():  # a link that leads nowhere
            found.others.append(path)
            continue
        try:
            with path.open("rb") as file:
                head = file.read(_HEAD_BYTES)
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror}); mend that or take it out.") from None
        if path.name != "DICOMDIR" and is_dicom(path, head):
            found.dicom.append(path)
        elif not is_signed(head) and (is_picture(path, head) or path.suffix.lower() in SUFFIXES):
            found.pictures.append(path)
        else:
            found.others.append(path)
    return found


def left_out(others: Sequence[Path], folder: Path, wanted: str, one: str) -> list[str]:
    """A sentence about files of other kinds than what is read, where there are any.

    >>> left_out([Path("a.png"), Path("b.png"), Path("README")], Path("given"), "pictures", "picture")
    ['3 files of given were left out, since they are no pictures: 2 .png, 1 without suffix']
    """
    if not others:
        return []
    plural = "s of" if len(others) > 1 else " of"
    were = "were left out, since they are" if len(others) > 1 else "was left out, since it is"
    return [f"{len(others)} file{plural} {folder} {were} no {wanted if len(others) > 1 else one}: {kinds(others)}"]


def kinds(files: Sequence[Path]) -> str:
    """How many files have which suffix, the most frequent first."""
    count = Counter(path.suffix.lower() or "without suffix" for path in files)
    return ", ".join(
        f"{number} {suffix}" for suffix, number in sorted(count.items(), key=lambda one: (-one[1], one[0]))
    )
