"""Volumes that nibabel reads: NIfTI and MGH by their content, gzipped or not; the rest by nibabel's own test.

A volume names no modality and no patient.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from medattngan.core.types import Physical
from medattngan.scans.formats.declared import check_volume
from medattngan.scans.formats.gaps import filled
from medattngan.scans.formats.nifti_place import Place, place, slice_axis
from medattngan.scans.formats.picture_grey import to_grey
from medattngan.scans.formats.sidecar import named_sequence
from medattngan.scans.series import READ_ERRORS, Loaded, Piece, SetAside

COMPANIONS = {".img": ".hdr", ".rec": ".par", ".brik": ".head"}
"""Pixels whose header is the file to open."""

BY_NAME = {".hdr", ".par", ".head", ".mnc"}
"""Formats that nibabel opens by name, since a name is how it finds the other file."""

LABEL_INTENTS = (1002, 1003)
STATISTICS = range(2, 25)
VECTORS = range(1004, 1011)
NO_IMAGES = {
    **dict.fromkeys(LABEL_INTENTS, "label-mask"),
    **dict.fromkeys((*STATISTICS, *VECTORS), "derived-object"),
    **dict.fromkeys((2003, 2004), "colour"),
}
"""Intent codes (nifti1.h) of what is no image of a patient: labels, statistics, matrices and vectors, colours."""

VOLUME_ERRORS = (
    *READ_ERRORS,
    nib.spatialimages.HeaderDataError,
    nib.filebasedimages.ImageFileError,
    nib.wrapstruct.WrapStructError,
)
"""What `open_volume`, and whoever looks into what it returns, raises on a damaged file."""

MASK_LEVELS = 256
MASK_FLATNESS = 0.7


def _kind(head: bytes) -> str:
    """`nifti1`, `nifti2` or `mgh` by the first bytes of a file, gzipped or not; empty when it is none."""
    if head[:2] == b"\x1f\x8b":
        try:
            head = zlib.decompressobj(31).decompress(head)
        except zlib.error:
            return ""
    if head[344:348] == b"n+1\0":
        return "nifti1"
    if head[4:8] == b"n+2\0":
        return "nifti2"
    if len(head) >= 284:
        version, *shape, kind = struct.unpack(">6i", head[:24])
        if version == 1 and all(1 <= n <= 65536 for n in shape) and 0 <= kind <= 10:
            return "mgh"
    return ""


def is_volume(path: Path, head: bytes) -> bool:
    """Whether a file is a volume, or the pixels beside a volume's header."""
    if _kind(head):
        return True
    suffix = _suffix(path)
    if suffix in COMPANIONS:
        return _header_of(path) is not None
    return suffix in BY_NAME and any(cls.path_maybe_image(path)[0] for cls in nib.imageclasses.all_image_classes)


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz").removesuffix(".bz2")).suffix


def _header_of(path: Path) -> Path | None:
    """The header beside a file of pixels, whatever the case of its suffix."""
    start = path.name.lower().rindex(_suffix(path))
    stem, zipped = path.name[:start], path.name[start + len(_suffix(path)) :]
    wanted = COMPANIONS[_suffix(path)]
    names = [f"{stem}{one}{end}" for one in (wanted, wanted.upper()) for end in dict.fromkeys((zipped, ""))]
    return next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1024)


@contextmanager
def open_volume(path: Path) -> Iterator[Any]:
    """The nibabel image of `path`, whatever the file is called; its voxels can be read as long as the block lasts."""
    head = _head(path)
    classes: dict[str, Any] = {"nifti1": nib.Nifti1Image, "nifti2": nib.Nifti2Image, "mgh": nib.MGHImage}
    cls = classes.get(_kind(head))
    if cls is None:
        yield nib.load(path)
        return
    with gzip.open(path) if head[:2] == b"\x1f\x8b" else path.open("rb") as file:
        yield cls.from_file_map({"image": nib.FileHolder(fileobj=file)})


def describe(path: Path, relative: str) -> list[Piece]:
    """The volume in a file, from its header; nothing for the pixels beside one.

    Raises:
        SetAside: it is not a volume of numbers that are an image of a patient.
    """
    try:
        if _suffix(path) in COMPANIONS and not _kind(_head(path)):
            return []
        with open_volume(path) as image:
            shape, _ = _first_volume(image)
            kind = np.dtype(image.get_data_dtype())
            check_volume(path, image, shape)
            intent = int(image.header["intent_code"]) if isinstance(image.header, nib.Nifti1Header) else 0
    except VOLUME_ERRORS:
        raise SetAside("unreadable") from None
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) not in (2, 3, 4) or min(shape) < 1 or _spatial(shape).count(1) > 1:
        raise SetAside("not-2d-or-3d")
    if kind.kind == "c":
        raise SetAside("complex")
    if kind.kind not in "iufb" and kind.names is None:
        raise SetAside("not-2d-or-3d")
    if intent in NO_IMAGES:
        raise SetAside(NO_IMAGES[intent])
    volumes = shape[3] if len(shape) == 4 else 1
    said = named_sequence(path, relative)
    return [Piece(path, relative, 0, "", relative, "", (0, relative), volumes=volumes, sequence=said, shape=shape[:3])]


def _first_volume(image: Any) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """The shape with the axes of space first, and the index of the first volume. MINC keeps time before space."""
    shape = tuple(image.shape)
    if isinstance(image, nib.Minc1Image) and len(shape) == 4:
        return (*shape[1:], shape[0]), (0, slice(None), slice(None), slice(None))
    return shape, (slice(None),) * min(3, len(shape)) + (0,) * (len(shape) - 3)


def _spatial(shape: Sequence[int]) -> tuple[int, int, int]:
    """The first three axes; a picture is a volume of one slice."""
    i, j, k = (*shape, 1, 1)[:3]
    return i, j, k


def load(pieces: Sequence[Piece]) -> Loaded:
    """The volume of the only piece, the first of a 4-D file: (i, j, k).

    Where the header gives no orientation it is turned to (row, column, slice) as it is stored, row by row. Voxels that
    are no numbers, as what lies outside a mask often is, become the least; infinite ones the least or the greatest.

    Raises:
        SetAside: it is damaged, holds no number, is in colour or a mask, or its header places it nowhere.
    """
    volume, meta = load_any(pieces[0].path)
    if is_label_mask(volume):
        raise SetAside("label-mask")
    return volume, meta


def load_any(path: Path) -> Loaded:
    """The volume in a file, be it an image or a map of labels; see `load`.

    Raises:
        SetAside: it is damaged, holds no number or is in colour, or its header places it nowhere.
    """
    try:
        with open_volume(path) as opened:
            full, index = _first_volume(opened)
            shape = _spatial(full)
            found = place(opened, shape)
            volume = _numbers(opened.dataobj[index]).reshape(shape)
            _check_end(opened)
            axis = slice_axis(opened, shape, found.affine)
    except VOLUME_ERRORS:
        raise SetAside("unreadable") from None
    volume = filled(volume)
    if found.oriented:
        return volume, {"affine": found.affine, "slice_axis": axis}
    return _as_stored(volume, axis, found)


def _check_end(image: Any) -> None:
    """gzip's checksum stands behind the last byte, and is looked at by whoever asks for one more.

    Raises:
        BadGzipFile: the voxels are not those that were written. What follows the end of the stream does not matter.
    """
    file = image.file_map["image"].fileobj
    if isinstance(file, gzip.GzipFile):
        try:
            file.read(1)
        except gzip.BadGzipFile as error:
            if "Not a gzipped file" not in str(error):
                raise


def _numbers(stored: Any) -> Physical:
    """float32; of red, green and blue (NIfTI's DT_RGB24) the grey that they are, if they are.

    Raises:
        SetAside: it is in colour.
    """
    stored = np.asarray(stored)
    if stored.dtype.names is None:
        return np.asarray(stored, np.float32)
    channels = np.stack([stored[name] for name in stored.dtype.names], axis=-1)
    return to_grey(channels.reshape(1, -1, 1, channels.shape[-1]))[0, :, 0].reshape(stored.shape).astype(np.float32)


def _as_stored(volume: Physical, axis: int, found: Place) -> Loaded:
    """The first index runs along a row of a file, so it is the column of the picture."""
    columns, rows = (one for one in range(3) if one != axis)
    sides = found.affine.diagonal()
    affine = np.diag([sides[rows], sides[columns], sides[axis], 1.0])
    return volume.transpose(rows, columns, axis), {"affine": affine, "oriented": False, "spacing_known": found.sized}


def is_label_mask(volume: Physical) -> bool:
    """Whether an array is plainly a map of labels: few whole numbers, in flat regions.

    Away from its commonest value, more than MASK_FLATNESS of its neighbours along the first axis are equal.
    The noise of a scan never allows that.

    >>> is_label_mask(np.kron(np.arange(9.0).reshape(3, 3, 1), np.ones((9, 9, 9))))
    True
    >>> is_label_mask(np.random.default_rng(0).integers(0, 200, (27, 27, 9)).astype(float))
    False
    """
    sample = volume[..., :: max(1, volume.shape[-1] // 32)]
    if (sample != np.rint(sample)).any():
        return False
    levels, counts = np.unique(sample, return_counts=True)
    if len(levels) == 1 or len(levels) > MASK_LEVELS:
        return False
    inside = sample[:-1] != levels[counts.argmax()]
    equal = (sample[:-1] == sample[1:]) & inside
    return bool(len(levels) == 2 or (inside.any() and equal.sum() > MASK_FLATNESS * inside.sum()))
