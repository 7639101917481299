"""MONAI's doors to the files: what `LoadImaged` reads each kind of series with.

MONAI picks readers by a file's name. These are picked by `scan`, by what is in the file, and are given to
`LoadImaged` for one series.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from monai.data.image_reader import ImageReader
from pydicom.dataset import Dataset

from medattngan.core.types import Physical
from medattngan.scans.formats.dicom import read_dataset
from medattngan.scans.formats.dicom_pixels import is_rescaled, physical_frame
from medattngan.scans.formats.nifti import is_label_mask, open_volume, slice_axis
from medattngan.scans.formats.picture import PICTURE_ERRORS, read_pages, to_grey
from medattngan.scans.geometry.affine import is_sound, stack_affine
from medattngan.scans.series import READ_ERRORS, Piece, SetAside


class DicomReader(ImageReader):
    """A stack of frames as one volume, for `LoadImaged(reader=DicomReader(pieces))`.

    Frames that cannot be decoded, or do not match the first in shape, are left out and listed in the meta
    data's `set_aside`; `kept` lists the others. The array is (row, column, slice) float32, in the order of
    `pieces`.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces

    def verify_suffix(self, filename: Any) -> bool:
        """Names say nothing; `scan` looked inside."""
        return True

    def read(self, data: Any, **kwargs: Any) -> Sequence[Piece]:
        """What `get_data` will decode, one file at a time: compressed series are larger than memory once open."""
        return self.pieces

    def get_data(self, img: Sequence[Piece]) -> tuple[Physical, dict[str, Any]]:
        """Decode.

        Raises:
            SetAside: no frame could be used (the reason is the first frame's), or they lie nowhere.
        """
        volume: Physical | None = None
        kept: list[int] = []
        failed: list[tuple[int, str]] = []
        windows: list[tuple[float, float]] = []
        rescaled = True
        dataset, opened = Dataset(), Path()
        for i, piece in enumerate(img):
            try:
                if piece.path != opened:
                    dataset, opened = _open(piece.path), piece.path
                values, window = physical_frame(dataset, piece.frame)
                if volume is None:
                    volume = np.empty((*values.shape, len(img)), np.float32)
                if values.shape != volume.shape[:2]:
                    raise SetAside("unreadable")
            except SetAside as error:
                failed.append((i, error.reason))
                continue
            volume[..., len(kept)] = values
            kept.append(i)
            rescaled = rescaled and is_rescaled(dataset, piece.frame)
            windows += [] if window is None else [window]
        if volume is None:
            raise SetAside(failed[0][1])
        volume = volume[..., : len(kept)]
        meta: dict[str, Any] = {"kept": kept, "set_aside": failed, "rescaled": rescaled, "voi": windows}
        affine = _affine([img[i] for i in kept])
        if not is_sound(affine):
            raise SetAside("unreadable")
        meta["spacing_known"] = img[kept[0]].spacing_mm is not None
        return volume, meta | {"affine": affine, "spatial_shape": np.asarray(volume.shape), "slice_axis": 2}


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


class VolumeReader(ImageReader):
    """A volume for `LoadImaged(reader=VolumeReader(pieces))`: the first of a 4-D file, float32."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces

    def verify_suffix(self, filename: Any) -> bool:
        """Names say nothing; `scan` looked inside."""
        return True

    def read(self, data: Any, **kwargs: Any) -> Path:
        """Where the volume is. It is opened by `get_data`: LoadImaged hides what goes wrong here."""
        return self.pieces[0].path

    def get_data(self, img: Path) -> tuple[Physical, dict[str, Any]]:
        """(i, j, k) float32 and the affine. Voxels that are not numbers become the least that is.

        Raises:
            SetAside: it is damaged, holds no number, is a mask, or its header places it nowhere.
        """
        try:
            opened = open_volume(img)
        except (*READ_ERRORS, nib.spatialimages.HeaderDataError, nib.filebasedimages.ImageFileError):
            raise SetAside("unreadable") from None
        if not is_sound(opened.affine):
            raise SetAside("unreadable")
        try:
            index = (slice(None),) * min(3, len(opened.shape)) + (0,) * (len(opened.shape) - 3)
            volume = np.asarray(opened.dataobj[index], dtype=np.float32)
        except READ_ERRORS:
            raise SetAside("unreadable") from None
        volume = volume.reshape((*volume.shape, 1, 1)[:3])
        finite = np.isfinite(volume)
        if not finite.any():
            raise SetAside("unreadable")
        if not finite.all():
            volume = np.where(finite, volume, volume[finite].min())
        if is_label_mask(volume):
            raise SetAside("label-mask")
        return volume, {
            "affine": opened.affine,
            "spatial_shape": np.asarray(volume.shape),
            "slice_axis": slice_axis(opened),
        }


class PictureReader(ImageReader):
    """A grey picture for `LoadImaged(reader=PictureReader(pieces))`: (row, column, page) float32.

    The meta data's `full_range` says the ends of its numbers: 0 and 255 for 8 bits, else those it has.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces

    def verify_suffix(self, filename: Any) -> bool:
        """Names say nothing; `scan` looked inside."""
        return True

    def read(self, data: Any, **kwargs: Any) -> Path:
        """Where the picture is. It is opened by `get_data`: LoadImaged hides what goes wrong here."""
        return self.pieces[0].path

    def get_data(self, img: Path) -> tuple[Physical, dict[str, Any]]:
        """To one grey channel.

        Raises:
            SetAside: it is damaged, in colour, has two levels only, or is no stack of pictures.
        """
        try:
            stored = read_pages(img)
        except PICTURE_ERRORS:
            raise SetAside("unreadable") from None
        pages = to_grey(stored)
        if pages.ndim != 3 or min(pages.shape) < 1:
            raise SetAside("not-2d-or-3d")
        if pages.dtype == np.bool_ or len(np.unique(pages[0].ravel()[:: max(1, pages[0].size // 65536)])) == 2:
            raise SetAside("label-mask")
        volume = np.ascontiguousarray(np.moveaxis(pages, 0, -1), dtype=np.float32)
        if not np.isfinite(volume).all():
            raise SetAside("unreadable")
        ends = (0.0, 255.0) if pages.dtype == np.uint8 else (float(volume.min()), float(volume.max()))
        meta = {"affine": np.eye(4), "spatial_shape": np.asarray(volume.shape), "slice_axis": 2}
        return volume, meta | {"full_range": ends, "spacing_known": False}


READER_CLASSES: dict[str, Callable[[Sequence[Piece]], ImageReader]] = {
    "dicom": DicomReader,
    "volume": VolumeReader,
    "picture": PictureReader,
}
"""For each row of `scan.READERS`."""
