"""DICOM: the pixels of frames in physical units. Clauses are of DICOM PS3.3."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
from pydicom.pixels.utils import pixel_array

from medattngan.core.types import Physical
from medattngan.scans.boundary import guarded
from medattngan.scans.bounds import reading
from medattngan.scans.formats.declared import check_encoded
from medattngan.scans.formats.dicom import functional, read_dataset
from medattngan.scans.geometry.affine import is_sound, stack_affine
from medattngan.scans.series import READ_ERRORS, Loaded, Piece, SetAside

GREY_TOLERANCE = 2
"""Channels this close, in 8-bit steps, are one grey channel that went through a lossy codec."""


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
    rescaled = True
    dataset, opened = Dataset(), Path()
    for i, piece in enumerate(pieces):
        try:
            reading(piece.path)
            with guarded():
                if piece.path != opened:
                    dataset, opened = _open(piece.path), piece.path
                check_encoded(dataset, piece.frame)
                values, window = physical_frame(dataset, piece.frame)
            if volume is None:
                volume = np.empty((*values.shape, len(pieces)), np.float32)
            if values.shape != volume.shape[:2]:
                raise SetAside("unreadable")
        except SetAside as error:
            failed.append((i, error.reason, error.cause))
            continue
        volume[..., len(kept)] = values
        kept.append(i)
        rescaled = rescaled and is_rescaled(dataset, piece.frame)
        windows += [] if window is None else [window]
    if volume is None:
        raise SetAside(*failed[0][1:])
    affine = _affine([pieces[i] for i in kept])
    if not is_sound(affine):
        raise SetAside("unreadable")
    known = pieces[kept[0]].spacing_mm is not None
    meta = {"affine": affine, "kept": kept, "set_aside": failed, "rescaled": rescaled, "voi": windows}
    return volume[..., : len(kept)], meta | {"spacing_known": known}


def _affine(pieces: Sequence[Piece]) -> npt.NDArray[np.float64]:
    """Of the stack; where its place is unknown, of its pixels' size alone."""
    placed = [piece.geometry for piece in pieces if piece.geometry is not None]
    if len(placed) == len(pieces):
        return stack_affine(placed, pieces[0].thickness_mm)
    rows, columns = pieces[0].spacing_mm or (1.0, 1.0)
    return np.diag([rows, columns, 1.0, 1.0])


def _open(path: Path) -> Dataset:
    try:
        return read_dataset(path)
    except READ_ERRORS:
        raise SetAside("unreadable") from None


def _own(dataset: Dataset, frame: int, group: str, keyword: str) -> Any:
    value = functional(dataset, frame, group, keyword)
    return value[0] if isinstance(value, MultiValue) else value


def physical_frame(dataset: Dataset, frame: int) -> tuple[Physical, tuple[float, float] | None]:
    """One decoded frame and its window.

    Stored values go through the modality LUT or the rescale of the frame (C.11.1). MONOCHROME1 is turned
    over, so that more is brighter. Padding (C.7.5.1.1.2) becomes the least value that is not padding.

    Returns:
        (rows, columns) float32; (lower, upper) of the VOI window, or None where there is none.

    Raises:
        SetAside: it cannot be decoded, or is in colour.
    """
    try:
        stored = pixel_array(dataset, index=frame)
        stored = _grey(dataset, stored)
        values = _modality(dataset, frame, stored).astype(np.float32)
        window = _voi(dataset, frame)
        padding = _padding(dataset, stored)
        turned = sum(_stored_range(dataset, frame)) if dataset.PhotometricInterpretation == "MONOCHROME1" else None
    except READ_ERRORS:
        raise SetAside("unreadable") from None
    if values.ndim != 2 or not np.isfinite(values).all():
        raise SetAside("not-2d-or-3d" if values.ndim != 2 else "unreadable")
    if turned is not None:
        values = np.float32(turned) - values
        window = None if window is None else (turned - window[1], turned - window[0])
    if padding.any() and not padding.all():
        values[padding] = values[~padding].min()
    return values, window


def _grey(dataset: Dataset, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
    if stored.ndim == 3:
        steps = np.ptp(stored.astype(np.int64), axis=-1).max() / (1 if stored.dtype.itemsize == 1 else 256)
        if steps > GREY_TOLERANCE:
            raise SetAside("colour")
        stored = stored[..., 1]
    return stored


def _modality(dataset: Dataset, frame: int, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if "ModalityLUTSequence" in dataset:
        return apply_modality_lut(stored, dataset)
    slope = _own(dataset, frame, "PixelValueTransformationSequence", "RescaleSlope")
    intercept = _own(dataset, frame, "PixelValueTransformationSequence", "RescaleIntercept")
    if slope is None or intercept is None:
        return stored
    return stored * float(slope) + float(intercept)


def is_rescaled(dataset: Dataset, frame: int) -> bool:
    """Whether the frame says how its numbers become physical."""
    slope = _own(dataset, frame, "PixelValueTransformationSequence", "RescaleSlope")
    return slope is not None or "ModalityLUTSequence" in dataset


def _stored_range(dataset: Dataset, frame: int) -> tuple[float, float]:
    """The physical values of the least and the greatest number that the stored bits can hold."""
    bits = int(dataset.BitsStored)
    signed = int(dataset.PixelRepresentation) == 1
    ends = np.array([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if signed else [0, 2**bits - 1])
    low, high = np.asarray(_modality(dataset, frame, ends), float)
    return min(low, high), max(low, high)


def _padding(dataset: Dataset, stored: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    value = dataset.get("PixelPaddingValue")
    if value is None:
        return np.zeros(stored.shape, bool)
    limit = dataset.get("PixelPaddingRangeLimit")
    low, high = sorted((int(value), int(value if limit is None else limit)))
    return (stored >= low) & (stored <= high)


def _voi(dataset: Dataset, frame: int) -> tuple[float, float] | None:
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
        entries, first, _ = (int(value) for value in item.LUTDescriptor)
        return float(first), float(first + (entries or 65536) - 1)
    return None
