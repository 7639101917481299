"""Slices that others made, as they lie on disk: a folder of pictures or a `.npy`, in the type they were saved in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medattngan.core.files import UserError
from medattngan.scans.formats.picture_files import PICTURE_ERRORS, read_pages
from medattngan.scans.formats.picture_grey import is_coloured, luminance, opaque, to_grey
from medattngan.scans.series import REASONS, SetAside

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


@dataclass(frozen=True)
class Stack:
    """Slices of one size and type.

    Args:
        pixels: (count, H, W), in the order of the files' names.
        labels: the folder of each picture, where it lies in one of its own.
        coloured: how many were in colour and became luminance.
    """

    pixels: npt.NDArray[np.generic]
    labels: list[str | None]
    coloured: int


def read_array(path: Path) -> npt.NDArray[np.generic]:
    """The slices of a .npy of (count, H, W) or (count, 1, H, W).

    Raises:
        UserError: it cannot be read, or has another shape.
    """
    try:
        pixels = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise UserError(f"{path} is not a readable .npy of numbers ({error}); save it with numpy.save.") from None
    if pixels.ndim == 4 and pixels.shape[1] == 1:
        pixels = pixels[:, 0]
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise UserError(f"{path} has shape {pixels.shape}; save it as (count, H, W) with something in it.")
    return np.asarray(pixels)


def read_folder(folder: Path) -> Stack:
    """Pictures of one size and type, at any depth. Greys are read as `ingest` reads them.

    Colours become luminance, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), in 8 bits.

    Raises:
        UserError: there is none, one cannot be read or is partly transparent, or sizes or types differ.
    """
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        kinds = ", ".join(SUFFIXES)
        raise UserError(f"{folder} holds no image ({kinds}); for DICOM or NIfTI, run: medattngan ingest {folder}")
    read = [_read_one(file) for file in files]
    pixels = [picture for picture, _ in read]
    for file, picture in zip(files, pixels, strict=True):
        if (picture.shape, picture.dtype) != (pixels[0].shape, pixels[0].dtype):
            raise UserError(
                f"{file} is {picture.shape} {picture.dtype} but {files[0].name} is {pixels[0].shape} "
                f"{pixels[0].dtype}; bring them to one size and depth."
            )
    labels = [None if file.parent == folder else file.parent.name for file in files]
    return Stack(np.stack(pixels), labels, sum(coloured for _, coloured in read))


def _read_one(file: Path) -> tuple[npt.NDArray[np.generic], bool]:
    """One picture as (H, W), and whether it was in colour."""
    try:
        found = read_pages(file)
        pages = found.pixels
        if len(pages) != 1 or pages.ndim not in (3, 4):
            raise UserError(f"{file} holds several pages; save each as a file of its own.")
        coloured = is_coloured(pages)
        grey = luminance(opaque(pages)) if coloured else to_grey(pages)
    except SetAside as error:
        raise UserError(f"{file} cannot be judged: {REASONS[error.reason]}; save it again without that.") from None
    except PICTURE_ERRORS as error:
        raise UserError(f"{file} is not a readable image ({error}); remove it or save it again.") from None
    if found.aspect != 1:
        raise UserError(f"{file} has pixels {found.aspect:.3g} times as tall as wide; resample it to square pixels.")
    return grey[0] * np.uint8(255) if grey.dtype == np.bool_ else grey[0], coloured
