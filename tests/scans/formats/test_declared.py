"""A header that claims what its file does not hold costs nothing: no memory, no time, and nobody else's file."""

from __future__ import annotations

import csv
import gzip
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import tifffile
from helpers.fuzz_files import seeds
from helpers.scan_files import texture, write_ct, write_dicom
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from medattngan.data.store import SliceStore
from medattngan.scans.find import examine
from medattngan.scans.formats.tiff_chain import EndlessError, check_chain
from medattngan.stages.ingest.ingest import ingest

BILLION = 1_000_000_000


def take(source: Path, out: Path) -> SliceStore:
    return ingest([source], out, size=16, split=(1.0, 0.0, 0.0), progress=False, file_memory="100MB")


def plain(path: Path, **attributes: Any) -> None:
    write_dicom(path, texture((16, 16), 2).astype(np.uint16), **{"SeriesInstanceUID": "1.2.3.77", **attributes})


def coded(path: Path, syntax: str, **attributes: Any) -> None:
    """One frame in a compressed syntax, and attributes that say otherwise."""
    plain(path)
    dataset = dcmread(path)
    dataset.PixelData = texture((32, 32), 2).astype(np.uint16).tobytes()
    dataset.Rows = dataset.Columns = 32
    dataset.compress(syntax, generate_instance_uid=False)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)


def jpeg_of_60000(path: Path) -> None:
    """The size in the codestream's header, which its decoder allocates."""
    Image.fromarray(texture((16, 16), 1, high=255).astype(np.uint8)).save(path, "JPEG")
    data = bytearray(path.read_bytes())
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">2H", 60000, 60000)
    path.write_bytes(data)


def dicom_of_jpeg_of_60000(path: Path) -> None:
    jpeg_of_60000(path)
    stream = path.read_bytes()
    plain(path)
    dataset = dcmread(path)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelData = encapsulate([stream])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.save_as(path)


def deflated(path: Path, megabytes: int) -> None:
    """A dataset of zeros that deflate makes a thousandth of."""
    plain(path)
    dataset = dcmread(path)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.add_new(0x00091010, "OB", bytes(megabytes << 20))
    dataset.add_new(0x00090010, "LO", "ZEROS")
    dataset.save_as(path)


def png_of(path: Path, side: int, honest: bool) -> None:
    def chunk(tag: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))

    rows = zlib.compress(bytes((side + 1) * (side if honest else 10)), 9)
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


def nifti(path: Path, shape: tuple[int, ...] = (8, 8, 8), content: bytes | None = None, **header: Any) -> None:
    """A header of this shape, and 512 voxels, or this content, after it."""
    image: Any = nib.Nifti1Image(texture((8, 8, 8)).astype(np.int16), np.eye(4))
    image.header["dim"][1 : 1 + len(shape)] = shape
    for key, value in header.items():
        image.header[key] = value
    voxels = image.dataobj.tobytes("F") if content is None else content
    raw = image.header.binaryblock + bytes(4) + voxels
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


def nested(path: Path, depth: int) -> None:
    """Sequences in sequences, each of undefined length: eight bytes a level and item."""
    plain(path)
    raw = path.read_bytes()
    place = raw.index(b"\x10\x00\x20\x00LO")  # Patient ID
    sequence, item = (0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF), (0xFFFE, 0xE000, 0xFFFFFFFF)
    level = struct.pack("<HH2sHI", *sequence) + struct.pack("<HHI", *item)
    path.write_bytes(raw[:place] + level * depth + raw[place:])


def tiff_of(path: Path, side: int) -> None:
    tifffile.imwrite(path, texture((16, 16), 1).astype(np.uint16), photometric="minisblack")
    data = bytearray(path.read_bytes())
    for tag in (256, 257, 278):  # width, length, rows per strip
        place = (
            data.index(struct.pack("<HH", tag, 4))
            if struct.pack("<HH", tag, 4) in data
            else data.index(struct.pack("<HH", tag, 3))
        )
        data[place : place + 12] = struct.pack("<HHII", tag, 4, 1, side)
    path.write_bytes(data)


CASES: dict[str, Callable[[Path], None]] = {
    "frames": lambda path: plain(path, NumberOfFrames=BILLION),
    "frames-beyond-numbers": lambda path: plain(path, NumberOfFrames=10**11),
    "frames-below-nothing": lambda path: plain(path, NumberOfFrames=-5),
    "frames-by-two": lambda path: plain(path, NumberOfFrames=2),
    "frames-of-rle": lambda path: coded(path, RLELossless, NumberOfFrames=BILLION),
    "frames-of-jpeg-2000": lambda path: coded(path, JPEG2000Lossless, NumberOfFrames=2),
    "rows": lambda path: plain(path, Rows=65535, Columns=65535),
    "rows-within-memory": lambda path: plain(path, Rows=9000, Columns=9000),
    "rows-of-rle": lambda path: coded(path, RLELossless, Rows=9000, Columns=9000),
    "rows-of-jpeg-2000": lambda path: coded(path, JPEG2000Lossless, Rows=9000, Columns=9000),
    "jpeg-in-dicom": dicom_of_jpeg_of_60000,
    "jpeg": jpeg_of_60000,
    "nested": lambda path: nested(path, 3000),
    "position-inf": lambda path: plain(path, ImagePositionPatient=[0.0, 0.0, "1e308"]),
    "position-far": lambda path: plain(path, ImagePositionPatient=[0.0, 1e9, 0.0]),
    "spacing": lambda path: plain(path, PixelSpacing=[1e-30, 1.0]),
    "spacing-unlike": lambda path: plain(path, PixelSpacing=["0.00001", "1000"]),
    "spacing-far": lambda path: plain(path, PixelSpacing=[1e9, 1e9]),
    "thickness": lambda path: plain(path, SliceThickness=1e12),
    "png-short": lambda path: png_of(path, 10_000, honest=False),
    "png-of-zeros": lambda path: png_of(path, 6000, honest=True),
    "tiff": lambda path: tiff_of(path, 60_000),
    "tiff-of-billions": lambda path: tiff_of(path, 2**31),
    "nifti.nii": lambda path: nifti(path, (2048, 1024, 1024)),
    "nifti-zipped.nii.gz": lambda path: nifti(path, (2048, 1024, 1024)),
    "nifti-zipped-small.nii.gz": lambda path: nifti(path, (512, 512, 64)),
    "nifti-of-zeros.nii.gz": lambda path: nifti(path, (256, 256, 480), bytes(256 * 256 * 480 * 2)),
    "nifti-offset.nii.gz": lambda path: nifti(path, vox_offset=3e9),
    "nifti-affine.nii": lambda path: nifti(path, srow_x=[1e9, 0, 0, 0], sform_code=1),
    "nifti-place.nii": lambda path: nifti(path, srow_x=[1, 0, 0, 1e9], sform_code=1),
    "nifti-thin.nii": lambda path: nifti(
        path, srow_x=[1e-12, 0, 0, 0], srow_y=[0, 1, 0, 0], srow_z=[0, 0, 1, 0], sform_code=1
    ),
}
"""What a damaged or malicious file claims, by a file name of its own."""


@pytest.mark.slow
def test_a_claim_costs_its_file_alone(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    write_ct(tmp_path / "scans" / "good", "good", slices=6)
    good = take(tmp_path / "scans", tmp_path / "good")
    for name, write in CASES.items():
        write(tmp_path / "scans" / name)
    deflated(tmp_path / "scans" / "deflated", 150)
    listed = tmp_path / "listed.csv"
    store = ingest(
        [tmp_path / "scans"], tmp_path / "store", size=16, split=(1.0, 0.0, 0.0), progress=False, file_memory="100MB",
        rejected=listed,
    )  # fmt: skip
    with listed.open(newline="") as handle:
        named = {Path(row["file"]).name for row in csv.DictReader(handle)}
    assert {*CASES, "deflated"} - named == set()
    aside = store.provenance["set_aside"]["files"]
    assert set(aside) <= {"unreadable", "too-large", "not-a-scan", "impossible-geometry", "bad-value"}
    assert sum(aside.values()) == len(CASES) + 1
    assert aside["too-large"] >= 5
    assert store.digest == good.digest


def test_pages_in_a_circle_are_no_pages(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "tiff", texture((16, 16), 1).astype(np.uint16), photometric="minisblack")
    data = bytearray((tmp_path / "tiff").read_bytes())
    first = struct.unpack_from("<I", data, 4)[0]
    after = first + 2 + 12 * struct.unpack_from("<H", data, first)[0]
    check_chain(tmp_path / "tiff")
    data[after : after + 4] = struct.pack("<I", first)
    (tmp_path / "tiff").write_bytes(data)
    with pytest.raises(EndlessError):
        check_chain(tmp_path / "tiff")


def test_frames_are_counted_before_they_are_described(tmp_path: Path) -> None:
    for name in ("frames", "frames-of-rle", "frames-of-jpeg-2000", "frames-by-two"):
        CASES[name](tmp_path / name)
        found = examine((tmp_path / name, name))
        assert (name, found.reason, found.cause, found.pieces) == (name, "unreadable", "MissingError", ())


@pytest.mark.parametrize("name", ["enhanced", "enhanced-rle"])
def test_frames_that_are_there_are_described(tmp_path: Path, name: str) -> None:
    (tmp_path / "enhanced").write_bytes(seeds(tmp_path / "seeds")[name][".dcm"])
    assert len(examine((tmp_path / "enhanced", "enhanced")).pieces) == 4


@pytest.mark.slow
def test_a_long_enhanced_ct_is_within_the_bounds(tmp_path: Path) -> None:
    """Two thousand frames, each with its place; small ones, for the bounds of memory are in proportion."""
    groups = []
    for frame in range(2000):
        group, place = Dataset(), Dataset()
        place.ImagePositionPatient = [0.0, 0.0, 0.5 * frame]
        group.PlanePositionSequence = Sequence([place])
        groups.append(group)
    shared, turned, measures = Dataset(), Dataset(), Dataset()
    turned.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = [1.0, 1.0], 0.5
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = Sequence([turned]), Sequence([measures])
    write_dicom(
        tmp_path / "scans" / "long", texture((2000, 32, 32), 1).astype(np.uint16), NumberOfFrames=2000,
        PerFrameFunctionalGroupsSequence=Sequence(groups), SharedFunctionalGroupsSequence=Sequence([shared]),
    )  # fmt: skip
    store = take(tmp_path / "scans", tmp_path / "store")
    assert store.provenance["set_aside"]["files"] == {}
    assert len(store) > 1000


@pytest.mark.slow
def test_a_process_that_kept_freed_memory_bounds_its_files_all_the_same(tmp_path: Path) -> None:
    """As in a notebook that has trained: what the training freed is no room for a file that swells."""
    (tmp_path / "scans").mkdir()
    write_ct(tmp_path / "scans" / "good", "good", slices=6)
    deflated(tmp_path / "scans" / "deflated", 150)
    code = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from medattngan.core.allocator import keep_freed_memory; keep_freed_memory()\n"
        "held = [np.ones(1 << 22) for _ in range(16)]; del held\n"
        "from medattngan.stages.ingest.ingest import ingest\n"
        "asked = dict(size=16, split=(1.0, 0.0, 0.0), progress=False, file_memory='100MB')\n"
        "store = ingest([sys.argv[1]], sys.argv[2], **asked)\n"
        "print(store.provenance['set_aside']['files'])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "scans", tmp_path / "store"], capture_output=True, text=True, check=True
    )
    assert "'too-large': 1" in ended.stdout
