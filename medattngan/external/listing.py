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
WELL_KNOWN = {
    ".png", ".jpg", ".jpeg", ".jfif", ".jp2", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".heic", ".heif",
    ".avif", ".svg", ".dcm", ".ima", ".nii", ".gz", ".mha", ".mhd", ".nrrd", ".mgz", ".npy", ".npz", ".mat",
    ".h5", ".pt", ".pth", ".safetensors", ".zip", ".tar", ".txt", ".md", ".csv", ".tsv", ".xlsx", ".json",
    ".yaml", ".yml", ".xml", ".html", ".pdf", ".docx", ".log", ".py", ".sh", ".db", ".mp4", ".avi",
}  # fmt: skip
"""Suffixes that may be repeated: what follows the last dot of any other name may be somebody's name."""
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


def left_out(others: Sequence[Path], wanted: str, one: str) -> list[str]:
    """A sentence about files of other kinds than what is read, where there are any. It goes into records, so it holds
    neither the folder nor any word of a file's name that is no suffix.

    >>> left_out([Path("a.png"), Path("b.png"), Path("README"), Path("report.Doe")], "pictures", "picture")
    ['4 files were left out, since they are no pictures: 2 .png, 1 other, 1 without suffix']
    """
    if not others:
        return []
    were = "files were left out, since they are" if len(others) > 1 else "file was left out, since it is"
    return [f"{len(others)} {were} no {wanted if len(others) > 1 else one}: {kinds(others)}"]


def kinds(files: Sequence[Path]) -> str:
    """How many files have which suffix, the most frequent first; suffixes that are not well known are `other`."""
    suffixes = (path.suffix.lower() for path in files)
    count = Counter("without suffix" if not one else one if one in WELL_KNOWN else "other" for one in suffixes)
    return ", ".join(
        f"{number} {suffix}" for suffix, number in sorted(count.items(), key=lambda one: (-one[1], one[0]))
    )
