"""DICOM: frames that hold many slices. Siemens tiles a volume into one square picture, a *mosaic*, and says so in Image
Type; how many slices there are and which way they are stacked stands in private elements.

Sources: https://nipy.org/nibabel/dicom/dicom_mosaic.html and, for the private CSA header,
https://nipy.org/nibabel/dicom/siemens_csa.html.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from medattngan.core.types import Physical
from medattngan.scans.formats.dicom_place import along
from medattngan.scans.formats.dicom_said import owners, private, private_tag, private_tags
from medattngan.scans.formats.dicom_traits import SIEMENS
from medattngan.scans.geometry.affine import SIDE_MM
from medattngan.scans.series import READ_ERRORS, Geometry, Piece, SetAside

TILED = {"MOSAIC", "VFRAME", "MONTAGE"}
"""Values of Image Type that say: this is no slice. Siemens, United Imaging, and viewers that make overviews."""

CSA = "SIEMENS CSA HEADER"
CSA_IMAGE = 0x10
CSA_TAGS = private_tags(0x0029, [CSA_IMAGE])
MOST_TILES = 4096


def is_tiled(dataset: Dataset, frames: int) -> bool:
    """Whether Image Type says that a frame holds many slices. United Imaging's objects of many frames do not."""
    kind = _kind(dataset)
    return "MOSAIC" in kind or (frames == 1 and not TILED.isdisjoint(kind))


def tiles(dataset: Dataset, pieces: Sequence[Piece], own: Dataset) -> list[Piece]:
    """The slices of a mosaic, from its only frame: each a cut-out (see `cut_out`) with a place of its own.

    Args:
        own: the elements CSA_TAGS of the same file, which are long and rarely wanted.

    Raises:
        SetAside: it is tiled in another way, or does not say how many slices there are and where they lie.
    """
    header, owned = _csa(own), owners(dataset, [0x0019])
    said = private(dataset, owned, 0x0019, SIEMENS, 0x0A, "US"), header.get("NumberOfImagesInMosaic")
    count = next((number for number in map(_whole, said) if number is not None), None)
    placed = pieces[0].geometry
    if len(pieces) > 1 or placed is None or count is None or "MOSAIC" not in _kind(dataset):
        raise SetAside("mosaic")
    side = math.isqrt(count - 1) + 1
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    step = abs(float(dataset.get("SpacingBetweenSlices") or 0.0))
    if rows % side or columns % side or not (count == 1 or SIDE_MM[0] <= step <= SIDE_MM[1]):
        raise SetAside("mosaic")
    shape = (rows // side, columns // side)
    first = _corner(placed, (rows, columns), shape)
    stride = _normal(placed, header.get("SliceNormalVector")) * step
    return [_tile(pieces[0], k, (k // side, k % side), shape, _moved(placed, first + stride * k)) for k in range(count)]


def cut_out(frame: Physical, tile: tuple[int, int, int, int]) -> Physical:
    """The slice at (top, left, rows, columns) of a frame."""
    top, left, rows, columns = tile
    return frame[top : top + rows, left : left + columns]


def _kind(dataset: Dataset) -> set[str]:
    """The values of Image Type."""
    kind: Any = dataset.get("ImageType") or []
    return {str(value).upper().strip() for value in ([kind] if isinstance(kind, str) else kind)}


def _whole(found: Any) -> int | None:
    number = found[0] if isinstance(found, list | tuple) and found else found
    sound = isinstance(number, int | float) and 1 <= number <= MOST_TILES and number == int(number)
    return int(number) if sound else None


def _csa(own: Dataset) -> dict[str, list[Any]]:
    """The values of the CSA header of the image, none where it is damaged or absent: name → values."""
    block = owners(own, [0x0029]).get((0x0029, CSA))
    element = None if block is None else own.get_item(private_tag(0x0029, block, CSA_IMAGE))
    raw = None if element is None else element.value
    if not isinstance(raw, bytes):
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nibabel's DICOM readers may change
        from nibabel.nicom import csareader
    try:
        reader: Any = csareader  # untyped
        tags = reader.read(raw)["tags"]
    except (*READ_ERRORS, csareader.CSAError):
        return {}
    return {name: tag["items"] for name, tag in tags.items() if tag["items"]}


def _corner(placed: Geometry, whole: tuple[int, int], shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """The first pixel of the first slice: the position given is that of a slice as large as the mosaic, same centre."""
    row, column = np.asarray(placed.orientation[:3]), np.asarray(placed.orientation[3:])
    down = (whole[0] - shape[0]) / 2 * placed.spacing[0]
    across = (whole[1] - shape[1]) / 2 * placed.spacing[1]
    corner: npt.NDArray[np.float64] = np.asarray(placed.origin) + column * down + row * across
    return corner


def _normal(placed: Geometry, said: Sequence[float] | None) -> npt.NDArray[np.float64]:
    """The side to which the slices are stacked: that of the CSA header, else of rows × columns."""
    normal = np.cross(placed.orientation[:3], placed.orientation[3:])
    if said is not None and len(said) == 3 and np.dot(normal, np.asarray(said, float)) < 0:
        normal = -normal
    return normal


def _moved(placed: Geometry, origin: npt.NDArray[np.float64]) -> Geometry:
    a, b, c = origin.tolist()
    return replace(placed, origin=(a, b, c))


def _tile(whole: Piece, k: int, at: tuple[int, int], shape: tuple[int, int], placed: Geometry) -> Piece:
    tile = (at[0] * shape[0], at[1] * shape[1], *shape)
    order = (whole.order[0], f"{whole.order[1]}\0{k:04d}")
    return replace(whole, tile=tile, along_mm=along(placed), geometry=placed, order=order)
