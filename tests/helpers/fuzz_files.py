"""Scans of every format that is read, and damage done to them: the same number, the same damage."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import nibabel as nib
import numpy as np
import tifffile
from PIL import Image
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from helpers.scan_files import AXIAL, texture, write_dicom

SERIES = "1.2.826.0.1.77777777"
"""Of every DICOM seed; a mutant gets digits of its own, so that it is prepared by itself."""

Seed: TypeAlias = dict[str, bytes]
"""The files of one scan: suffix → content."""


def _dicom(folder: Path, syntax: str | None = None, frames: int = 1, **attributes: Any) -> Seed:
    shape = (frames, 32, 32) if frames > 1 else (32, 32)
    pixels = texture(shape, 3).astype(np.uint16)
    attributes = {"SeriesInstanceUID": SERIES, "PatientID": "fuzz", **attributes}
    path = folder / "seed.dcm"
    dataset: FileDataset = write_dicom(path, pixels, **attributes)
    if syntax == JPEGBaseline8Bit:
        stream = io.BytesIO()
        Image.fromarray((texture((32, 32), 3) / 4).astype(np.uint8)).save(stream, "JPEG")
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit, dataset.PixelData = 7, encapsulate([stream.getvalue()])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = syntax
    elif syntax in (ExplicitVRBigEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian):
        dataset.file_meta.TransferSyntaxUID = syntax
        if syntax == ExplicitVRBigEndian:
            dataset.PixelData = pixels.astype(">u2").tobytes()
    elif syntax is not None:
        dataset.compress(syntax, **({"j2k_cr": [4]} if syntax == JPEG2000 else {}), generate_instance_uid=False)
    fresh = Dataset(dataset)  # which has no encoding yet
    fresh.file_meta = dataset.file_meta
    fresh.save_as(path, enforce_file_format=True)
    return {".dcm": path.read_bytes()}


def _enhanced(folder: Path, syntax: str | None = None) -> Seed:
    groups = []
    for frame in range(4):
        group, place = Dataset(), Dataset()
        place.ImagePositionPatient = [0.0, 0.0, 3.0 * frame]
        group.PlanePositionSequence = Sequence([place])
        groups.append(group)
    shared, turned, measures = Dataset(), Dataset(), Dataset()
    turned.ImageOrientationPatient = list(AXIAL)
    measures.PixelSpacing, measures.SliceThickness = [2.0, 2.0], 3.0
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = Sequence([turned]), Sequence([measures])
    return _dicom(
        folder, syntax, 4, NumberOfFrames=4, SOPClassUID=EnhancedCTImageStorage,
        PerFrameFunctionalGroupsSequence=Sequence(groups), SharedFunctionalGroupsSequence=Sequence([shared]),
    )  # fmt: skip


def _volume(kind: type, dtype: str, zipped: bool = False, suffix: str = ".nii") -> Seed:
    image: Any = kind(texture((12, 11, 10), 4).astype(dtype), np.diag([2.0, 2.0, 3.0, 1.0]))
    content: bytes = image.to_bytes()
    return {suffix: gzip.compress(content) if zipped else content}


def _pair(kind: type) -> Seed:
    image: Any = kind(texture((12, 11, 10), 4).astype(np.int16), np.diag([2.0, 2.0, 3.0, 1.0]))
    files = {key: nib.FileHolder(fileobj=io.BytesIO()) for key in ("header", "image")}
    image.to_file_map(files)
    return {".hdr": files["header"].fileobj.getvalue(), ".img": files["image"].fileobj.getvalue()}


def _kept(*names: str) -> Seed:
    """Files that nibabel's own tests keep, of formats that it reads and does not write."""
    folder = Path(nib.__file__).parent / "tests" / "data"
    suffixes = {".BRIK.gz": ".BRIK.gz"}
    return {
        next((s for s in suffixes if name.endswith(s)), Path(name).suffix): (folder / name).read_bytes()
        for name in names
    }


def _picture(kind: str, **options: Any) -> Seed:
    stream = io.BytesIO()
    Image.fromarray(texture((24, 20), 7, high=255).astype(np.uint8)).save(stream, kind, **options)
    return {f".{kind.lower()}": stream.getvalue()}


def _tiff(compression: str | None, **options: Any) -> Seed:
    stream = io.BytesIO()
    pixels = texture((3, 24, 20), 8, high=60000).astype(np.uint16)
    tifffile.imwrite(stream, pixels, compression=compression, photometric="minisblack", **options)
    return {".tif": stream.getvalue()}


def seeds(folder: Path) -> dict[str, Seed]:
    """A sound scan of every format; `folder` is for writing on."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "explicit": _dicom(folder),
        "implicit": _dicom(folder, ImplicitVRLittleEndian),
        "big-endian": _dicom(folder, ExplicitVRBigEndian),
        "deflated": _dicom(folder, DeflatedExplicitVRLittleEndian),
        "rle": _dicom(folder, RLELossless),
        "jpeg": _dicom(folder, JPEGBaseline8Bit),
        "jpeg-ls": _dicom(folder, JPEGLSLossless),
        "jpeg-ls-near": _dicom(folder, JPEGLSNearLossless),
        "jpeg-2000": _dicom(folder, JPEG2000Lossless),
        "jpeg-2000-lossy": _dicom(folder, JPEG2000),
        "enhanced": _enhanced(folder),
        "enhanced-rle": _enhanced(folder, RLELossless),
        "nifti-1": _volume(nib.Nifti1Image, "int16"),
        "nifti-1-float": _volume(nib.Nifti1Image, "float32"),
        "nifti-2": _volume(nib.Nifti2Image, "float64"),
        "nifti-gz": _volume(nib.Nifti1Image, "uint8", zipped=True, suffix=".nii.gz"),
        "mgh": _volume(nib.MGHImage, "float32", suffix=".mgh"),
        "mgz": _volume(nib.MGHImage, "int16", zipped=True, suffix=".mgz"),
        "analyze": _pair(nib.AnalyzeImage),
        "nifti-pair": _pair(nib.Nifti1Pair),
        "minc-1": _kept("minc1_1_scale.mnc"),
        "minc-2": _kept("minc2_1_scale.mnc"),
        "par-rec": _kept("phantom_EPI_asc_CLEAR_2_1.PAR", "phantom_EPI_asc_CLEAR_2_1.REC"),
        "afni": _kept("example4d+orig.HEAD", "example4d+orig.BRIK.gz"),
        "png": _picture("PNG"),
        "jpg": _picture("JPEG"),
        "bmp": _picture("BMP"),
        "webp": _picture("WEBP"),
        "tiff-lzw": _picture("TIFF", compression="tiff_lzw"),
        "tiff-plain": _tiff(None),
        "tiff-deflate": _tiff("zlib"),
        "tiff-lzma": _tiff("lzma"),
        "tiff-big": _tiff(None, bigtiff=True),
    }


HUGE = (0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 0xFFFF, 0x7FFF, 1_000_000_000, 0)
TEXTS = (b"1e9", b"inf", b"nan", b"-1", b"9" * 9, b"1e-9", b"0", b"1e308", b"\\\\", b"[/b]\x1b[2J")


def _flip(rng: np.random.Generator, data: bytearray) -> None:
    for _ in range(int(rng.integers(1, 9))):
        data[_place(rng, data)] ^= 1 << int(rng.integers(8))


def _cut(rng: np.random.Generator, data: bytearray) -> None:
    del data[int(rng.integers(len(data))) :]


def _blank(rng: np.random.Generator, data: bytearray) -> None:
    start, size = _place(rng, data), int(rng.integers(1, 200))
    data[start : start + size] = bytes([int(rng.choice([0, 255]))]) * len(data[start : start + size])


def _number(rng: np.random.Generator, data: bytearray) -> None:
    """A number becomes a huge one, whatever its width and byte order: lengths, counts and sizes among them."""
    place = _place(rng, data) & ~1
    form = str(rng.choice(["<H", ">H", "<I", ">I", "<Q", "<f", "<d", ">f"]))
    floats = [float("inf"), float("nan"), 1e9, -1e30, 1e-30]
    value = (
        float(rng.choice(floats)) if form[1] in "fd" else int(rng.choice(HUGE)) & ((1 << 8 * struct.calcsize(form)) - 1)
    )
    data[place : place + struct.calcsize(form)] = struct.pack(form, value)


def _text(rng: np.random.Generator, data: bytearray) -> None:
    """Digits that are written as text become others."""
    digits = [i for i in range(min(len(data), 8192)) if 48 <= data[i] < 58]
    if not digits:
        return _number(rng, data)
    place, text = int(rng.choice(digits)), TEXTS[int(rng.integers(len(TEXTS)))]
    data[place : place + len(text)] = text
    return None


def _splice(rng: np.random.Generator, data: bytearray) -> None:
    start, size, there = _place(rng, data), int(rng.integers(1, 300)), _place(rng, data)
    data[there:there] = data[start : start + size]


def _drop(rng: np.random.Generator, data: bytearray) -> None:
    start = _place(rng, data)
    del data[start : start + int(rng.integers(1, 64))]


DAMAGE: tuple[Callable[[np.random.Generator, bytearray], None], ...] = (
    _flip, _flip, _cut, _blank, _number, _number, _number, _text, _text, _splice, _drop,
)  # fmt: skip


def _place(rng: np.random.Generator, data: bytearray) -> int:
    """Any place, but rather in the header."""
    return int(rng.integers(min(len(data), 1500) if rng.random() < 0.7 else len(data))) if data else 0


def write_mutant(folder: Path, number: int, sound: dict[str, Seed], known: dict[str, Path]) -> str:
    """Damage the seed that `number` names and write it; the name of the seed.

    Args:
        known: content that was written before, to be linked to and not written again; filled here.
    """
    rng = np.random.default_rng(number)
    name = list(sound)[number % len(sound)]
    chosen = int(rng.integers(len(sound[name])))
    for place, (suffix, content) in enumerate(sound[name].items()):
        path = folder / f"{number:06d}-{name}{suffix}"
        if place != chosen:
            if name + suffix not in known:
                path.write_bytes(content)
                known[name + suffix] = path
            else:
                path.hardlink_to(known[name + suffix])
            continue
        data = bytearray(content.replace(SERIES.encode(), f"{SERIES[:-8]}{number:08d}".encode()))
        for _ in range(int(rng.choice([1, 1, 2, 4]))):
            DAMAGE[int(rng.integers(len(DAMAGE)))](rng, data)
        path.write_bytes(data)
    return name
