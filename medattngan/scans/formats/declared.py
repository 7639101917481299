"""What a header claims, held against the file before anything is allocated for it."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame, parse_fragments
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, RLELossless

from medattngan.scans.bounds import most_memory

FLOAT_BYTES = 4
DEFLATE_MOST = 1032
"""Deflate makes at most so many bytes of one (two bits for 258)."""

RLE_MOST = 64
"""PackBits makes 128 bytes of two (PS3.5 G.3.1)."""

SIZED = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
"""JPEG and JPEG-LS markers of a frame's header: precision, rows and columns follow (ITU-T T.81 B.2.2, T.87 C.2.2)."""

PIXEL_DATA = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")


class MissingError(ValueError):
    """The file is too short for what its header claims."""


class TooLargeError(ValueError):
    """The header claims more than one file may need."""


def check_memory(values: int) -> None:
    """Raise TooLargeError unless so many numbers, as float32, are within `--file-memory`."""
    if FLOAT_BYTES * values > most_memory():
        raise TooLargeError("more than one file may need")


def count_frames(dataset: Dataset, path: Path) -> int:
    """Number of Frames of a DICOM file, once they are there.

    Uncompressed or deflated, the bits of all frames must be in the file; else each needs a fragment (PS3.5 A.4).

    Raises:
        MissingError: they are not.
        TooLargeError: one of them is more than a file may need.
    """
    frames = int(dataset.get("NumberOfFrames") or 1)
    pixels = int(dataset.Rows) * int(dataset.Columns)
    check_memory(pixels)
    syntax = dataset.file_meta.TransferSyntaxUID
    if frames < 1:
        raise MissingError("no frame")
    if frames == 1:
        return 1
    if syntax.is_encapsulated:
        there = _after_header(path, syntax)
    else:
        deflated = syntax == DeflatedExplicitVRLittleEndian
        most = path.stat().st_size * DEFLATE_MOST if deflated else _after_header(path, syntax)
        there = 8 * most // (pixels * int(dataset.get("BitsAllocated") or 8))
    if frames > there:
        raise MissingError("fewer frames than the header claims")
    return frames


def _after_header(path: Path, syntax: UID) -> int:
    """How many bytes follow the header of a file; of encapsulated ones, how many fragments."""
    with path.open("rb") as file:
        pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=["Rows"])
        if not syntax.is_encapsulated:
            return path.stat().st_size - file.tell()
        if file.read(4) not in PIXEL_DATA:
            return 0
        file.seek(8, 1)  # OB, two bytes for nothing, and an undefined length
        count, _ = parse_fragments(file, endianness="<" if syntax.is_little_endian else ">")
    return count - 1  # the first is the table of offsets


def check_encoded(dataset: Dataset, frame: int) -> None:
    """Whether an encoded frame has the rows and columns that its header claims, and can hold them.

    Raises:
        MissingError: it has not, or cannot.
        ValueError: its numbers have a sign, and Pixel Representation says that they have none.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    pixels = int(dataset.Rows) * int(dataset.Columns)
    check_memory(pixels * int(dataset.get("SamplesPerPixel") or 1))
    if not syntax.is_encapsulated:
        return
    offsets = (dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths"))
    frames = int(dataset.get("NumberOfFrames") or 1)
    encoded = get_frame(
        dataset.PixelData, frame, number_of_frames=frames, extended_offsets=offsets if all(offsets) else None
    )
    if syntax == RLELossless:
        whole = pixels * int(dataset.SamplesPerPixel) * int(dataset.BitsAllocated) // 8
        if whole > RLE_MOST * len(encoded):
            raise MissingError("fewer bytes than pixels need")
        return
    shape = encoded_shape(encoded)
    if min(shape) > 0 and shape != (int(dataset.Rows), int(dataset.Columns)):
        raise MissingError("another size inside than outside")
    if is_signed(encoded) and int(dataset.get("PixelRepresentation") or 0) == 0:
        raise ValueError("numbers below 0 would become great ones")


def encoded_shape(encoded: bytes) -> tuple[int, int]:
    """Rows and columns that the header of a JPEG, JPEG-LS or JPEG 2000 codestream claims; (0, 0) where it has none.

    >>> encoded_shape(bytes.fromhex("ffd8 ffe0 0004 0000 ffc0 0011 08 0010 0020 03"))
    (16, 32)
    """
    start = encoded.find(b"\xff\x4f\xff\x51")
    if start >= 0 and len(encoded) >= start + 24:  # image and tile size (ITU-T T.800 A.5.1): the grid, less its offset
        right, bottom, left, top = struct.unpack_from(">4I", encoded, start + 8)
        return max(0, bottom - top), max(0, right - left)
    place = encoded.find(b"\xff\xd8") + 2
    while 2 <= place <= len(encoded) - 9:
        if encoded[place] != 0xFF:
            return 0, 0
        marker = encoded[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker in SIZED:
            return struct.unpack_from(">2H", encoded, place + 5)
        place += 2 + struct.unpack_from(">H", encoded, place + 2)[0]
    return 0, 0


def is_signed(encoded: bytes) -> bool:
    """Whether a JPEG 2000 codestream says that its first component has a sign (Ssiz, ITU-T T.800 A.5.1)."""
    start = encoded.find(b"\xff\x4f\xff\x51")
    return 0 <= start < len(encoded) - 42 and encoded[start + 42] >= 0x80


def check_volume(path: Path, image: Any, shape: Sequence[int]) -> None:
    """Whether the first volume that a nibabel image claims can be in the file.

    Raises:
        MissingError: it cannot.
        TooLargeError: it is more than a file may need.
    """
    voxels = math.prod(shape[:3])
    check_memory(voxels)
    holder = image.file_map["image"]
    if holder.fileobj is None or "header" in image.file_map:
        return  # pixels in a file of their own, which nibabel maps to memory and so measures
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    if voxels * image.get_data_dtype().itemsize > path.stat().st_size * (DEFLATE_MOST if zipped else 1):
        raise MissingError("fewer voxels than the header claims")
