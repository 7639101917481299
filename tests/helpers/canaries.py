"""Words, numbers, dates and UIDs that stand nowhere but in sources, and must stand nowhere else."""

from __future__ import annotations

import base64
import gzip
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.datadict import DicomDictionary, dictionary_VR

from helpers.scan_files import AXIAL, texture, write_dicom

WORD = "KANARIE"
UID = "1.2.826.0.987654321"
DATE = "19010203"
NUMBER = "918273645"
MARKUP = f"{WORD} [/b]\x1b[31m"
CANARIES = (WORD, UID, DATE, NUMBER, "01.02.1901", "1901-02-03")
STRUCTURE = {"Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "Modality", "PhotometricInterpretation"}
STRUCTURE |= {"RescaleSlope", "RescaleIntercept", "PlanarConfiguration", "TransferSyntaxUID", "SOPClassUID"}
STRUCTURE |= {"ImageType", "RescaleType", "VOILUTFunction", "WindowWidth", "WindowCenter", "SpecificCharacterSet"}
TEXT = {"PN": WORD, "LO": WORD, "SH": WORD, "ST": WORD, "LT": WORD, "UT": WORD, "UC": WORD, "AE": WORD, "CS": WORD}
VALUES = TEXT | {"UI": UID, "DA": DATE, "DT": DATE, "TM": "010203", "UR": WORD, "IS": NUMBER, "AS": "099Y"}


def plant(path: Path, seed: int, modality: str = "CT", patient: str = "", size: int = 24) -> None:
    """A DICOM file with a canary in every attribute of the standard whose value is text, and in private ones."""
    dataset = write_dicom(path, texture((size, size), seed, 0, 2000).astype(np.int16))
    for tag, entry in DicomDictionary.items():
        keyword = entry[4]
        if not keyword or keyword in STRUCTURE or tag < 0x00080000 or tag >> 16 in (0x0028, 0x7FE0) or entry[3]:
            continue
        value = VALUES.get(dictionary_VR(tag)) if " or " not in entry[0] else None
        if value is not None:
            setattr(dataset, keyword, f"{value}.{seed}" if value == UID else value)
    dataset.PatientID = patient or f"{WORD}{seed}"
    dataset.Modality, dataset.BodyPartExamined, dataset.PatientSex = modality, WORD, WORD
    dataset.ImageType = ["ORIGINAL", "PRIMARY", WORD, f"{WORD}^{WORD}"]
    dataset.ImageOrientationPatient, dataset.ImagePositionPatient = list(AXIAL), [0.0, 0.0, float(seed)]
    dataset.InstanceNumber, dataset.PixelSpacing, dataset.SliceThickness = int(NUMBER), [1.0, 1.0], 2.0
    block = dataset.private_block(0x0011, WORD, create=True)
    block.add_new(0x01, "LO", WORD)
    dataset.save_as(path)


def write_sources(top: Path) -> Path:
    """Scans of every kind, with canaries in headers, in names of files and in names of folders."""
    top.mkdir(parents=True)
    with pydicom.config.disable_value_validation():
        for seed in range(4):
            plant(top / f"{WORD}-{DATE}-{seed}.dcm", seed)
        for seed in range(4, 6):
            plant(top / WORD / f"{WORD}-{seed}.dcm", seed, MARKUP)
    volume = nib.Nifti1Image(texture((16, 16, 16), 9).astype(np.float32), np.eye(4))
    volume.header["descrip"] = volume.header["db_name"] = volume.header["aux_file"] = WORD
    volume.header["intent_name"] = WORD
    volume.header.extensions.append(nib.nifti1.Nifti1Extension("comment", WORD.encode()))
    for name in (f"sub-{WORD}_T1w", f"{WORD}_{DATE}_T2w", f"{NUMBER}_flair"):
        volume.to_filename(top / f"{name}.nii.gz")
        volume = nib.Nifti1Image(volume.get_fdata() + texture((16, 16, 16), len(name)), np.eye(4), volume.header)
    for seed in range(3):
        _pictures(top / f"{WORD}{seed}", seed)
    whole = (top / f"{WORD}-{DATE}-0.dcm").read_bytes()
    (top / f"{WORD}-cut.dcm").write_bytes(whole[:-200])
    (top / f"{WORD}.txt").write_text(WORD)
    return top


def _pictures(folder: Path, seed: int) -> None:
    """A PNG with text, a JPEG with EXIF and a TIFF with a description."""
    text, exif = PngInfo(), Image.Exif()
    text.add_text("Author", WORD)
    exif[0x010E] = exif[0x013B] = exif[0x8298] = WORD
    folder.mkdir()
    for number, name in enumerate((f"{WORD}.png", f"{DATE}.png", f"{NUMBER}.jpg", f"{WORD}-{NUMBER}.tif")):
        pixels = texture((20, 20), 20 + 4 * seed + number, high=255).astype(np.uint8)
        options: dict[str, Any] = {".png": {"pnginfo": text}, ".tif": {"description": WORD}, ".jpg": {"exif": exif}}
        Image.fromarray(pixels).save(folder / name, **options[name[-4:]])


def written(top: Path) -> str:
    """All that is in and on the files under `top`: names, bytes, and what is packed in gzip, zip, Parquet or base64."""
    parts = [str(path.relative_to(top)) for path in top.rglob("*")]
    for path in (path for path in top.rglob("*") if path.is_file()):
        data = path.read_bytes()
        parts += [data.decode("latin-1"), data.decode("utf-16-le", "replace"), data.decode("utf-16-be", "replace")]
        parts += [part.decode("latin-1") for part in _unpacked(data)]
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
            parts += [table.to_csv(), str(table.attrs)]
    return "\n".join(parts)


def _unpacked(data: bytes) -> list[bytes]:
    if data[:2] == b"\x1f\x8b":
        return [gzip.decompress(data)]
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [archive.read(name) for name in archive.namelist()]
    return [base64.b64decode(found + b"==") for found in re.findall(rb"base64,([A-Za-z0-9+/]+)", data)]


def found(said: str) -> list[str]:
    """The canaries in a text, in any case."""
    return [canary for canary in CANARIES if canary.lower() in said.lower()]
