"""Slices that others made, as they lie on disk: pictures, a `.npy` or a `.npz`, in the type they were saved in."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medattngan.core.files import UserError
from medattngan.core.text import counted
from medattngan.external.listing import kinds
from medattngan.scans.formats.picture_files import PICTURE_ERRORS, read_pages
from medattngan.scans.formats.picture_grey import is_coloured, luminance, opaque, to_grey
from medattngan.scans.series import REASONS, SetAside


@dataclass(frozen=True)
class Stack:
    """Slices of one size and type.

    Args:
        pixels: (count, H, W), in the order of the files.
        labels: the folder of each picture, where it lies in one of its own.
        notes: in sentences, what had to be done to them.
    """

    pixels: npt.NDArray[np.generic]
    labels: list[str | None]
    notes: list[str]


def read_array(path: Path) -> npt.NDArray[np.generic]:
    """The slices of a .npy, or of a .npz of one array: (count, H, W), with an axis of 1 for channels or without, or of
    one slice (H, W). Byte order and order of axes in memory do not matter.

    Raises:
        UserError: it cannot be read, or has another shape, or holds no numbers.
    """
    try:
        with path.open("rb") as file:
            pixels = np.load(file, allow_pickle=False)
            if not isinstance(pixels, np.ndarray):
                pixels = pixels[_only(pixels.files, path)]
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} {_unreadable(error)}, so it holds no slices; save these with numpy.save.") from None
    if pixels.dtype.kind not in "biuf":
        raise UserError(f"{path} holds {pixels.dtype}, which are no grey levels; save numbers, as magnitudes are.")
    shape = pixels.shape
    if pixels.ndim == 4 and 1 in (shape[1], shape[3]):
        pixels = pixels[:, 0] if shape[1] == 1 else pixels[..., 0]
    elif pixels.ndim == 2:
        pixels = pixels[None]
    elif pixels.ndim == 3 and shape[2] == 1 < min(shape[:2]):
        pixels = pixels[None, ..., 0]
    if pixels.ndim != 3 or 0 in shape:
        raise UserError(f"{path} has shape {shape}; save it as (count, H, W) with something in it.")
    return np.asarray(pixels, pixels.dtype.newbyteorder("="))


def _unreadable(error: Exception) -> str:
    """Why NumPy cannot read a file, in our words: NumPy's own speak of unpickling, which runs what a stranger wrote."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be read ({error.strerror})"
    if "allow_pickle" in str(error):
        return "holds Python objects or is no .npy at all"
    return "is cut short or damaged"


def _only(names: Sequence[str], path: Path) -> str:
    if len(names) != 1:
        held = ", ".join(names) or "none"
        raise UserError(
            f"{path} holds {counted(len(names), 'arrays')} ({held}); save the one of (count, H, W) as .npy."
        )
    return names[0]


def read_pictures(files: Sequence[Path], folder: Path) -> Stack:
    """Pictures of one size and type. Greys are read as `ingest` reads them.

    Colours become luminance, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), in the depth that they have.

    Raises:
        UserError: one cannot be read or is partly transparent, sizes or types differ, or the name of a folder, which
            would be a label, is no text.
    """
    read = [_read_one(file) for file in files]
    pixels = [picture for picture, _ in read]
    for file, picture in zip(files, pixels, strict=True):
        if (picture.shape, picture.dtype) != (pixels[0].shape, pixels[0].dtype):
            raise UserError(
                f"{file} is {picture.shape} {picture.dtype} but {files[0].name} is {pixels[0].shape} "
                f"{pixels[0].dtype}; bring them to one size and depth."
            )
    top = folder.resolve()
    labels = [None if file.parent == top else _label(file.parent) for file in files]
    coloured = sum(coloured for _, coloured in read)
    notes = (
        [f"{counted(coloured, 'samples in colour were', 'sample in colour was')} taken as luminance"]
        if coloured
        else []
    )
    if len({file.suffix.lower() for file in files}) > 1:
        notes.append(f"the samples are files of several kinds: {kinds(files)}")
    return Stack(np.stack(pixels), labels, notes)


def _label(folder: Path) -> str:
    try:
        folder.name.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"the name of {folder} is its images' label and is not UTF-8, so that no table can hold it; rename it."
        ) from None
    return folder.name


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
