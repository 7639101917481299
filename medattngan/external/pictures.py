"""Slices that others made, as they lie on disk: a folder of pictures or a `.npy`, in the type they were saved in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from medattngan.core.files import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
GREY_MODES = ("L", "I;16", "I;16B", "I;16L", "I", "F")
LOSSY_STEPS = 2
"""Channels this close, in 8-bit steps, are grey that went through a lossy codec."""


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


def read_stack(source: Path) -> Stack:
    """Read a `.npy` of (count, H, W) or (count, 1, H, W), or pictures of one size in a folder, at any depth.

    Colours become luminance, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), in 8 bits.

    Raises:
        UserError: nothing is there, something cannot be read or is partly transparent, or sizes or types differ.
    """
    if source.is_dir():
        return _read_folder(source)
    if source.suffix == ".npy" and source.is_file():
        pixels = _read_array(source)
        return Stack(pixels, [None] * len(pixels), 0)
    missing = "is neither a folder nor a .npy file" if source.exists() else "does not exist"
    raise UserError(f"{source} {missing}; give a samples folder, a folder of images or a .npy of (count, H, W).")


def _read_array(path: Path) -> npt.NDArray[np.generic]:
    try:
        pixels = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise UserError(f"{path} is not a readable .npy of numbers ({error}); save it with numpy.save.") from None
    if pixels.ndim == 4 and pixels.shape[1] == 1:
        pixels = pixels[:, 0]
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise UserError(f"{path} has shape {pixels.shape}; save it as (count, H, W) with something in it.")
    return np.asarray(pixels)


def _read_folder(folder: Path) -> Stack:
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        kinds = ", ".join(SUFFIXES)
        raise UserError(f"{folder} holds no image ({kinds}); for DICOM or NIfTI, run: medattngan ingest {folder}")
    read = [_read_picture(file) for file in files]
    pixels = [picture for picture, _ in read]
    for file, picture in zip(files, pixels, strict=True):
        if (picture.shape, picture.dtype) != (pixels[0].shape, pixels[0].dtype):
            raise UserError(
                f"{file} is {picture.shape} {picture.dtype} but {files[0].name} is {pixels[0].shape} "
                f"{pixels[0].dtype}; bring them to one size and depth."
            )
    labels = [None if file.parent == folder else file.parent.name for file in files]
    return Stack(np.stack(pixels), labels, sum(coloured for _, coloured in read))


def _read_picture(file: Path) -> tuple[npt.NDArray[np.generic], bool]:
    """One picture as (H, W), and whether it was in colour."""
    try:
        with Image.open(file) as image:
            if getattr(image, "n_frames", 1) > 1:
                raise UserError(f"{file} holds several pages; save each as a file of its own.")
            if image.mode not in GREY_MODES:
                return _luminance(image, file)
            pixels = np.asarray(image)
            if image.mode == "I" and pixels.min() >= 0 and pixels.max() <= 65535:
                return pixels.astype(np.uint16), False  # how Pillow opens some 16-bit files
            return pixels.astype(pixels.dtype.newbyteorder("=")), False
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise UserError(f"{file} is not a readable image ({error}); remove it or save it again.") from None


def _luminance(image: Image.Image, file: Path) -> tuple[npt.NDArray[np.uint8], bool]:
    channels = np.asarray(image.convert("RGBA"))
    if (channels[..., 3] != 255).any():
        raise UserError(f"{file} is partly transparent; save it without an alpha channel.")
    coloured = bool((np.ptp(channels[..., :3], axis=-1) > LOSSY_STEPS).any())
    return np.asarray(image.convert("RGB").convert("L")), coloured
