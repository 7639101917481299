"""Slices that others made, as they lie on disk: a folder of pictures or a `.npy`, in the type they were saved in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from medattngan.core.files import UserError
from medattngan.scans.formats.picture import PICTURE_ERRORS, is_coloured, opaque, read_pages, to_grey

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
        pages = read_pages(file)
    except PICTURE_ERRORS as error:
        raise UserError(f"{file} is not a readable image ({error}); remove it or save it again.") from None
    if len(pages) != 1 or pages.ndim not in (3, 4):
        raise UserError(f"{file} holds several pages; save each as a file of its own.")
    if pages.dtype == np.bool_:
        pages = pages * np.uint8(255)
    if pages.dtype.kind == "i" and pages.min() >= 0 and pages.max() <= 65535:
        pages = pages.astype(np.uint16)  # how Pillow opens some 16-bit files
    if pages.ndim == 4 and pages.shape[-1] in (2, 4) and pages.dtype.kind == "u" and (~pages[..., -1]).any():
        raise UserError(f"{file} is partly transparent; save it without an alpha channel.")
    if is_coloured(pages):
        return _luminance(opaque(pages)[0]), True
    grey = to_grey(pages)[0]
    return grey.astype(grey.dtype.newbyteorder("=")), False


def _luminance(channels: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """(H, W, 3) in 8 or 16 bits → (H, W)."""
    eight = channels if channels.dtype == np.uint8 else np.asarray(channels, np.uint16) >> np.uint16(8)
    return np.asarray(Image.fromarray(np.asarray(eight, np.uint8)).convert("L"))
