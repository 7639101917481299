"""No identifier of the source is written anywhere, or said."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import pytest
from helpers.scan_files import AXIAL, texture, write_dicom
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.datadict import DicomDictionary, dictionary_VR

from medattngan.core.config import Config
from medattngan.data.samples import Samples
from medattngan.stages.export.export import export
from medattngan.stages.ingest.ingest import ingest
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train

WORD = "KANARIE"
UID = "1.2.826.0.987654321"
DATE = "19010203"
NUMBER = "918273645"
CANARIES = (WORD, UID, DATE, NUMBER, "01.02.1901", "1901-02-03")
STRUCTURE = {"Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "Modality", "PhotometricInterpretation"}
STRUCTURE |= {"RescaleSlope", "RescaleIntercept", "PlanarConfiguration", "TransferSyntaxUID", "SOPClassUID"}
STRUCTURE |= {"ImageType", "RescaleType", "VOILUTFunction", "WindowWidth", "WindowCenter", "SpecificCharacterSet"}
TEXT = {"PN": WORD, "LO": WORD, "SH": WORD, "ST": WORD, "LT": WORD, "UT": WORD, "UC": WORD, "AE": WORD, "CS": WORD}
VALUES = TEXT | {"UI": UID, "DA": DATE, "DT": DATE, "TM": "010203", "UR": WORD, "IS": NUMBER, "AS": "099Y"}


def plant(path: Path, seed: int) -> None:
    """A DICOM file with a canary in every attribute of the standard whose value is text, and in private ones."""
    dataset = write_dicom(path, texture((24, 24), seed, 0, 2000).astype(np.int16))
    for tag, entry in DicomDictionary.items():
        keyword = entry[4]
        if not keyword or keyword in STRUCTURE or tag < 0x00080000 or tag >> 16 in (0x0028, 0x7FE0) or entry[3]:
            continue
        value = VALUES.get(dictionary_VR(tag)) if " or " not in entry[0] else None
        if value is not None:
            setattr(dataset, keyword, f"{value}.{seed}" if value == UID else value)
    dataset.PatientID = f"{WORD}{seed}"
    dataset.ImageOrientationPatient, dataset.ImagePositionPatient = list(AXIAL), [0.0, 0.0, float(seed)]
    dataset.InstanceNumber, dataset.PixelSpacing, dataset.SliceThickness = int(NUMBER), [1.0, 1.0], 2.0
    block = dataset.private_block(0x0011, WORD, create=True)
    block.add_new(0x01, "LO", WORD)
    dataset.save_as(path)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Scans of every kind, with canaries in headers, in names of files and in names of folders."""
    top = tmp_path / "source" / WORD
    top.mkdir(parents=True)
    with pydicom.config.disable_value_validation():
        for seed in range(4):
            plant(top / f"{WORD}-{DATE}-{seed}.dcm", seed)
    volume = nib.Nifti1Image(texture((16, 16, 16), 9).astype(np.float32), np.eye(4))
    volume.header["descrip"] = volume.header["db_name"] = volume.header["aux_file"] = WORD
    volume.header.extensions.append(nib.nifti1.Nifti1Extension("comment", WORD.encode()))
    volume.to_filename(top / f"sub-{WORD}_T1w.nii.gz")
    for seed in range(3):
        text = PngInfo()
        text.add_text("Author", WORD)
        folder = top / f"{WORD}{seed}"
        folder.mkdir()
        for number, name in enumerate((WORD, DATE, NUMBER)):
            pixels = texture((20, 20), 20 + 3 * seed + number, high=255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{name}.png", pnginfo=text)
    whole = (top / f"{WORD}-{DATE}-0.dcm").read_bytes()
    (top / f"{WORD}-cut.dcm").write_bytes(whole[:-200])
    (top / f"{WORD}.txt").write_text(WORD)
    return top


def test_no_canary_leaves_the_source(
    sources: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    table = tmp_path / "labels.csv"
    table.write_text(f"file,patient,label,{WORD}\n{WORD}0/{WORD}.png,{WORD},ill,{WORD}\n")
    for plane, labels in (("axial", None), ("coronal", table), ("acquired", None)):
        out = tmp_path / "out" / plane
        store = ingest([sources], out, size=16, plane=plane, labels=labels)
        assert {"MR", "OT"} <= set(store.index["modality"])
        if plane == "axial":
            assert (store.index["modality"] == "CT").sum() == 4
        shown = [store.index.to_csv(), str(pd.read_parquet(out / "index.parquet").attrs)]
        written = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
        names = "\n".join(str(path.relative_to(tmp_path)) for path in (tmp_path / "out").rglob("*"))
        captured = capfd.readouterr()
        said = "\n".join([*shown, names, captured.out, captured.err, caplog.text])
        for canary in CANARIES:
            assert canary.encode() not in written, canary
            assert canary.lower() not in said.lower(), canary


def test_no_canary_and_no_host_name_reaches_a_run_a_sample_or_an_export(
    sources: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    store = ingest([sources], out / "store", size=32, plane="acquired", progress=False)
    tree = {
        "data": {"size": 32},
        "model": {"generator_width": 8, "discriminator_width": 8},
        "attention": {"resolutions": [8]},
        "train": {"kimg": 0.008, "minutes": None, "batch_size": 4, "log_kimg": 0.004, "validate_minutes": None},
    }
    run = train(Config.from_tree(tree, "test"), store, out / "run")
    sample(run, out / "samples", count=2)
    export(out / "samples", out / "dicom")
    captured = capfd.readouterr()
    files = [path for path in out.rglob("*") if path.is_file()]
    assert {path.relative_to(out).parts[0] for path in files} == {"store", "run", "samples", "dicom"}
    table = Samples.open(out / "samples").table.to_csv()
    said = "\n".join([captured.out, captured.err, table, *(str(path.relative_to(out)) for path in files)])
    written = b"".join(path.read_bytes() for path in files if path.suffix not in (".npy", ".safetensors"))
    for canary in CANARIES:
        assert canary.encode() not in written, canary
        assert canary.lower() not in said.lower(), canary
    assert not any(socket.gethostname() in path.name for path in (out / "run").rglob("*"))


def test_work_in_progress_holds_no_canary(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medattngan.stages.ingest.ingest.shutil.rmtree", lambda path, ignore_errors=False: None)
    ingest([sources], tmp_path / "out" / "store", size=16, progress=False)
    work = [path for path in (tmp_path / "out" / ".store.ingest").iterdir() if path.is_file()]
    assert len(work) >= 3
    for path in work:
        for canary in CANARIES:
            assert canary.encode() not in path.read_bytes()


def test_a_salt_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from medattngan.stages.ingest.pseudonyms import load_salt, pseudonym

    monkeypatch.setenv("MEDATTNGAN_SALT_FILE", str(tmp_path / "config" / "salt"))
    first = load_salt()
    assert first == load_salt()
    assert len(first) == 32
    assert (tmp_path / "config" / "salt").stat().st_mode & 0o077 == 0
    assert [path.name for path in (tmp_path / "config").iterdir()] == ["salt"]
    assert pseudonym(first, "patient", "1") != pseudonym(bytes(32), "patient", "1")
