"""Volumes that nibabel reads: NIfTI and MGH by their content, gzipped or not; the rest by nibabel's own test.

A volume names no modality and no patient.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from medattngan.core.types import Physical
from medattngan.scans.geometry.affine import is_sound
from medattngan.scans.series import READ_ERRORS, Loaded, Piece, SetAside

COMPANIONS = {".img": ".hdr", ".rec": ".par", ".brik": ".head"}
"""Pixels whose header is the file to open."""

BY_NAME = {".hdr", ".par", ".head", ".mnc"}
"""Formats that nibabel opens by name, since a name is how it finds the other file."""

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
    stem = path.name[: path.name.lower().rindex(_suffix(path))]
    wanted = COMPANIONS[_suffix(path)]
    names = [f"{stem}{wanted}", f"{stem}{wanted.upper()}"]
    return next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1024)


def open_volume(path: Path) -> Any:
    """The nibabel image of `path`, whatever the file is called."""
    head = _head(path)
    classes: dict[str, Any] = {"nifti1": nib.Nifti1Image, "nifti2": nib.Nifti2Image, "mgh": nib.MGHImage}
    cls = classes.get(_kind(head))
    if cls is None:
        return nib.load(path)
    # nibabel reads the voxels later and from this handle, which closes with the image.
    opened = gzip.open(path) if head[:2] == b"\x1f\x8b" else path.open("rb")  # noqa: SIM115
    return cls.from_file_map({"image": nib.FileHolder(fileobj=opened)})


def describe(path: Path, relative: str) -> list[Piece]:
    """The volume in a file, from its header; nothing for the pixels beside one.

    Raises:
        SetAside: it is not a volume of numbers.
    """
    try:
        if _suffix(path) in COMPANIONS and not _kind(_head(path)):
            return []
        image = open_volume(path)
        shape = tuple(image.shape)
        kind = np.dtype(image.get_data_dtype())
        label = "get_intent" in dir(image.header) and image.header.get_intent()[0] == "label"
    except (*READ_ERRORS, nib.spatialimages.HeaderDataError, nib.filebasedimages.ImageFileError):
        raise SetAside("unreadable") from None
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) not in (2, 3, 4) or min(shape) < 1:
        raise SetAside("not-2d-or-3d")
    if kind.kind not in "iufb":
        raise SetAside("colour" if kind.names else "not-2d-or-3d")
    if label:
        raise SetAside("label-mask")
    volumes = shape[3] if len(shape) == 4 else 1
    return [Piece(path, relative, 0, "", relative, "", (0, relative), volumes=volumes)]


def load(pieces: Sequence[Piece]) -> Loaded:
    """The volume of the only piece, the first of a 4-D file: (i, j, k). Voxels that are no numbers become the least.

    Raises:
        SetAside: it is damaged, holds no number, is a mask, or its header places it nowhere.
    """
    try:
        opened = open_volume(pieces[0].path)
    except (*READ_ERRORS, nib.spatialimages.HeaderDataError, nib.filebasedimages.ImageFileError):
        raise SetAside("unreadable") from None
    if not is_sound(opened.affine):
        raise SetAside("impossible-geometry")
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
    return volume, {"affine": opened.affine, "slice_axis": slice_axis(opened)}


def slice_axis(image: Any) -> int:
    """The axis that the scanner stepped along: as the header says, else that of the thickest voxel, else the last."""
    if isinstance(image.header, nib.Nifti1Header):
        header: Any = image.header
        if header.get_dim_info()[2] is not None:
            return int(header.get_dim_info()[2])
    sizes = np.linalg.norm(image.affine[:3, :3], axis=0)
    return int(np.argmax(sizes)) if sizes.max() > 1.01 * np.median(sizes) else 2


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
