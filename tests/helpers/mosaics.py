"""Siemens mosaics, with or without the private headers that say how to take them apart."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from helpers.scan_files import write_dicom
from helpers.stacks_in_files import MR

TYPE = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
TURNED = (1.0, 0.0, 0.0, 0.0, math.cos(0.3), math.sin(0.3))
FIRST = (-30.0, -20.0, -55.0)
"""Where the first pixel of the first slice lies."""

SPACING, STEP = (2.5, 2.0), 3.6


def csa(fields: dict[tuple[str, str], list[str]]) -> bytes:
    """A CSA header of the second version: https://nipy.org/nibabel/dicom/siemens_csa.html."""
    out = [b"SV10\4\3\2\1", struct.pack("<2I", len(fields), 77)]
    for (name, kind), values in fields.items():
        out.append(struct.pack("<64si4s3i", name.encode(), len(values), kind.encode(), 6, len(values), 77))
        for text in values:
            item = text.encode() + b"\0"
            out.append(struct.pack("<4i", len(item), len(item), 77, len(item)) + item + bytes(-len(item) % 4))
    return b"".join(out)


def normal() -> npt.NDArray[np.float64]:
    return np.cross(TURNED[:3], TURNED[3:])


def mosaic(volume: npt.NDArray[np.uint16], side: int | None = None) -> npt.NDArray[np.uint16]:
    """(slice, row, column) tiled row by row; empty tiles fill the square."""
    count, rows, columns = volume.shape
    side = side or math.isqrt(count - 1) + 1
    sheet = np.zeros((side * rows, side * columns), np.uint16)
    for k in range(count):
        top, left = k // side * rows, k % side * columns
        sheet[top : top + rows, left : left + columns] = volume[k]
    return sheet


def write_mosaic(
    path: Path, volume: npt.NDArray[np.uint16], header: str = "both", facing: int = 1, **attributes: Any
) -> None:
    """Args:
    header: which private header counts the slices: `number`, `csa`, `both` or `none`; only CSA knows the normal.
    facing: -1 where the slices are stacked against rows × columns.
    """
    count, rows, columns = volume.shape
    sheet = mosaic(volume)
    across, down = np.array(TURNED[:3]) * SPACING[1], np.array(TURNED[3:]) * SPACING[0]
    corner = FIRST - down * (sheet.shape[0] - rows) / 2 - across * (sheet.shape[1] - columns) / 2
    own = Dataset()
    if header in ("number", "both"):
        own.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", count)
    if header in ("csa", "both"):
        said = {
            ("AcquisitionMatrixText", "SH"): [f"{rows}*{columns}"],
            ("NumberOfImagesInMosaic", "US"): [str(count)],
            ("SliceNormalVector", "FD"): [f"{v:.8f}" for v in normal() * facing],
        }
        block = own.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
        block.add_new(0x10, "OB", csa(said))
        block.add_new(0x20, "OB", csa({("MrPhoenixProtocol", "UN"): ["x"]}))
    said_of_all = {
        "SOPClassUID": MR,
        "Modality": "MR",
        "Manufacturer": "SIEMENS",
        "ImageType": TYPE,
        "ImageOrientationPatient": list(TURNED),
        "ImagePositionPatient": [float(v) for v in corner],
        "PixelSpacing": list(SPACING),
        "SpacingBetweenSlices": STEP,
        "SliceThickness": 3.0,
        "InstanceNumber": 1,
        "RescaleSlope": None,
        "RescaleIntercept": None,
    }
    dataset = write_dicom(path, sheet, **(said_of_all | attributes))
    dataset.update(own)
    dataset.save_as(path, enforce_file_format=True)
