"""DICOM: the pixels of frames in physical units. Clauses are of DICOM PS3.3."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_color_lut

from medattngan.core.types import Physical
from medattngan.scans.boundary import guarded
from medattngan.scans.bounds import reading
from medattngan.scans.formats.declared import check_encoded
from medattngan.scans.formats.dicom import read_dataset
from medattngan.scans.formats.dicom_codecs import decode
from medattngan.scans.formats.dicom_elements import element, plain_numbers
from medattngan.scans.formats.dicom_groups import functional
from medattngan.scans.formats.dicom_mosaic import cut_out
from medattngan.scans.formats.dicom_padding import padding, unpacked
from medattngan.scans.formats.dicom_rescale import ARBITRARY, HOUNSFIELD, Rescale, rescale, signed_16
from medattngan.scans.formats.gaps import is_filling
from medattngan.scans.formats.picture_grey import GREY_TOLERANCE
from medattngan.scans.geometry.affine import is_sound, stack_affine
from medattngan.scans.series import READ_ERRORS, Loaded, Piece, SetAside

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")

MOST_UNEQUAL = 20.0
"""Pixels whose sides are said to differ by a greater factor do not exist."""


def load(pieces: Sequence[Piece]) -> Loaded:
    """A stack of frames: (row, column, slice) float32, in the order of `pieces`.

    Frames that cannot be decoded, or do not match the first in shape, are left out and listed in `set_aside`; `kept`
    lists the others. One file is open at a time: a compressed series is larger than memory once open.

    Raises:
        SetAside: no frame could be used (the reason is the first frame's), or they lie nowhere.
    """
    volume: Physical | None = None
    kept: list[int] = []
    failed: list[tuple[int, str, str]] = []
    windows: list[tuple[float, float]] = []
    units: set[str] = set()
    aspect = (1.0, 1.0)
    dataset, opened, shown = Dataset(), Path(), -1
    for i, piece in enumerate(pieces):
        try:
            reading(piece.path)
            with guarded():
                if piece.path != opened:
                    dataset, opened, shown = _open(piece.path), piece.path, -1
                if piece.frame != shown:
                    whole, window, unit = physical_frame(dataset, piece.frame)
                    shown = piece.frame
            values = whole if piece.tile is None else cut_out(whole, piece.tile)
            if volume is None:
                volume, aspect = np.empty((*values.shape, len(pieces)), np.float32), _aspect(dataset)
            if values.shape != volume.shape[:2]:
                raise SetAside("unreadable")
        except SetAside as error:
            failed.append((i, error.reason, error.cause))
            continue
        volume[..., len(kept)] = values
        kept.append(i)
        units.add(unit)
        windows += [] if window is None else [window]
    if volume is None:
        raise SetAside(*failed[0][1:])
    affine = _affine([pieces[i] for i in kept], aspect)
    if not is_sound(affine):
        raise SetAside("impossible-geometry")
    known = pieces[kept[0]].spacing_mm is not None
    unit = HOUNSFIELD if units == {HOUNSFIELD} else ARBITRARY
    meta = {"affine": affine, "kept": kept, "set_aside": failed, "unit": unit, "voi": windows}
    return volume[..., : len(kept)], meta | {"spacing_known": known}


def _affine(pieces: Sequence[Piece], aspect: tuple[float, float]) -> npt.NDArray[np.float64]:
    """Of the stack; where its place is unknown, of its pixels' size alone, or else of their aspect."""
    placed = [piece.geometry for piece in pieces if piece.geometry is not None]
    if len(placed) == len(pieces):
        return stack_affine(placed, pieces[0].thickness_mm)
    rows, columns = pieces[0].spacing_mm or aspect
    return np.diag([rows, columns, 1.0, 1.0])


def _aspect(dataset: Dataset) -> tuple[float, float]:
    """Pixel Aspect Ratio (C.7.6.3.1.7): how high and how wide a pixel is, the shorter side being 1."""
    ratio = plain_numbers(element(dataset, "PixelAspectRatio")) or []
    if len(ratio) != 2 or min(ratio) <= 0 or max(ratio) > MOST_UNEQUAL * min(ratio):
        return 1.0, 1.0
    return ratio[0] / min(ratio), ratio[1] / min(ratio)


def _open(path: Path) -> Dataset:
    try:
        dataset = read_dataset(path)
    except READ_ERRORS:
        raise SetAside("unreadable") from None
    if not any(keyword in dataset for keyword in PIXELS):  # a header that was saved alone
        raise SetAside("no-pixels")
    return dataset


def _own(dataset: Dataset, frame: int, group: str, keyword: str) -> Any:
    value = functional(dataset, frame, group, keyword)
    return (value[0] if len(value) else None) if isinstance(value, MultiValue) else value


def physical_frame(dataset: Dataset, frame: int) -> tuple[Physical, tuple[float, float] | None, str]:
    """One decoded frame, its window and its unit.

    Stored values go through the modality LUT or the rescale of the frame (C.11.1). MONOCHROME1 is turned over, so that
    more is brighter; not in HU, which say what they mean. Padding becomes the least value that is not padding, which is
    air around a CT.

    Returns:
        (rows, columns) float32; (lower, upper) of the VOI window, or None where there is none; `HU` or `a.u.`.

    Raises:
        SetAside: it cannot be decoded, is in colour, or is all padding.
        MissingError, TooLargeError: it claims what is not there, or too much.
    """
    check_encoded(dataset, frame)
    try:
        container, stored = _stored(dataset, frame)
        grey = stored.ndim == 2 and str(dataset.PhotometricInterpretation).startswith("MONOCHROME")
        values = stored if stored.ndim == 2 else _grey(stored, int(dataset.BitsStored))
        scale = rescale(dataset, frame) if grey else Rescale(ARBITRARY)
        padded = padding(dataset, container, stored, scale) if grey else np.zeros(values.shape, bool)
        values = scale.apply(values)
        if stored.dtype.kind == "f":
            padded = padded | is_filling(values)
            values = np.where(padded, 0, values)  # what is padded may not fit into 32 bits
        values = values.astype(np.float32)
        window = _voi(dataset, frame, scale)
        inverted = dataset.PhotometricInterpretation == "MONOCHROME1" and scale.unit != HOUNSFIELD
        turned = sum(_ends(dataset, scale)) if inverted else None
    except READ_ERRORS:
        raise SetAside("unreadable") from None
    if values.ndim != 2 or not (np.isfinite(values) | padded).all():
        raise SetAside("not-2d-or-3d" if values.ndim != 2 else "unreadable")
    if turned is not None:
        values = np.float32(turned) - values
        window = None if window is None else (turned - window[1], turned - window[0])
    if padded.all():
        raise SetAside("blank")
    if padded.any():
        values[padded] = values[~padded].min()
    return values, window, scale.unit


def _stored(dataset: Dataset, frame: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """A frame with all bits that are allocated to a pixel, and what its stored bits say; channels last, if any."""
    if str(dataset.PhotometricInterpretation) == "PALETTE COLOR":
        indices, _ = decode(dataset, frame)
        return indices, apply_color_lut(indices, dataset)
    deep = int(dataset.BitsAllocated) if "BitsAllocated" in dataset else 0
    container, colours = decode(dataset, frame, raw=deep > 8, correct_unused_bits=False)
    stored = unpacked(dataset, container)
    if colours.startswith("YBR") and stored.ndim == 3:
        return container, _of_luma(stored, int(dataset.BitsStored))
    return container, stored


def _of_luma(stored: npt.NDArray[Any], bits: int) -> npt.NDArray[Any]:
    """The luma of more than 8 bits where both colour differences are none (C.7.6.3.1.2); 8 bits come as RGB."""
    apart = np.abs(stored[..., 1:].astype(np.int64) - 2 ** (bits - 1)).max()
    if apart > GREY_TOLERANCE * 2 ** max(bits - 8, 0):
        raise SetAside("colour")
    luma: npt.NDArray[Any] = stored[..., 0]
    return luma


def _grey(channels: npt.NDArray[Any], bits: int) -> npt.NDArray[Any]:
    """The one grey channel of three that are alike, with all its bits."""
    step = 2 ** max(min(bits, channels.dtype.itemsize * 8) - 8, 0)
    if np.ptp(channels.astype(np.int64), axis=-1).max() > GREY_TOLERANCE * step:
        raise SetAside("colour")
    return channels[..., 1]


def _ends(dataset: Dataset, scale: Rescale) -> tuple[float, float]:
    """The physical values of the least and the greatest number that the stored bits can hold; 0 for floats."""
    if dataset.get("BitsStored") is None or "PixelData" not in dataset:
        return 0.0, 0.0
    bits = int(dataset.BitsStored)
    signed = int(dataset.PixelRepresentation) == 1
    ends = np.array([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if signed else [0, 2**bits - 1])
    low, high = np.asarray(scale.apply(ends), float)
    return min(low, high), max(low, high)


def _voi(dataset: Dataset, frame: int, scale: Rescale) -> tuple[float, float] | None:
    """The ends of the first window (C.11.2.1.2), or of the VOI LUT's input (C.11.2.1.1); its curve is display only."""
    center = _own(dataset, frame, "FrameVOILUTSequence", "WindowCenter")
    width = _own(dataset, frame, "FrameVOILUTSequence", "WindowWidth")
    if center is not None and width is not None:
        linear = (_own(dataset, frame, "FrameVOILUTSequence", "VOILUTFunction") or "LINEAR") == "LINEAR"
        middle, half = float(center), float(width) / 2
        if linear:
            middle, half = middle - 0.5, half - 0.5
        return (middle - half, middle + half) if half > 0 else None
    for item in dataset.get("VOILUTSequence") or []:
        descriptor = plain_numbers(element(item, "LUTDescriptor")) or []
        if len(descriptor) == 3:
            first = signed_16(descriptor[1]) if min(_ends(dataset, scale)) < 0 else int(descriptor[1])
            return float(first), float(first + (descriptor[0] or 65536) - 1)
    return None
