"""MR, CT and multi-frame objects, marks on the picture, transfer syntaxes, and what a real series lends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from monai.data import PydicomReader
from PIL import Image
from pydicom.pixels import apply_modality_lut
from pydicom.uid import CTImageStorage, MRImageStorage

from medattngan.data.samples import Samples
from medattngan.export import export
from medattngan.export.like import Like, plane_like, read_like
from medattngan.export.marks import GLYPHS, draw_word, stamp
from medattngan.export.objects import SOPS
from medattngan.export.plane import BODY_PARTS, ORIENTATION, PAIRED, Plane
from medattngan.export.transfer import TRANSFER_SYNTAXES
from medattngan.files import UserError

CT = {"lower": -1350.0, "upper": 150.0, "unit": "HU", "modality": "CT", "plane": "axial", "spacing_mm": 1.37}
MR = {
    "lower": 0.0,
    "upper": 873.22334455,
    "unit": "a.u.",
    "modality": "MR",
    "plane": "coronal",
    "spacing_mm": 2.0,
}
CASES: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "ct": (CT, {"sop": "ct"}),
    "mr": (MR, {"sop": "mr"}),
    "sagittal mr": ({**MR, "plane": "sagittal"}, {"sop": "mr"}),
    "multi-frame": (MR, {"multiframe": True}),
    "multi-frame ct": (CT, {"multiframe": True}),
    "stamped": (CT, {"sop": "ct", "stamp": True}),
    "no overlay": (CT, {"overlay": False}),
    "multi-frame rle": (CT, {"multiframe": True, "transfer_syntax": "rle"}),
    "jpeg2000 mr": (MR, {"sop": "mr", "transfer_syntax": "jpeg2000"}),
    "jpegls": (CT, {"transfer_syntax": "jpegls"}),
}
CANARY = "XQZCANARY"
IDENTIFYING = [
    "PatientName", "PatientID", "PatientComments", "OtherPatientIDs", "EthnicGroup", "Occupation",
    "InstitutionName", "StationName", "StudyDescription", "SeriesDescription", "ProtocolName",
    "ImageComments", "Manufacturer", "ManufacturerModelName", "StudyID", "ReferringPhysicianName",
    "OperatorsName", "DeviceSerialNumber", "AccessionNumber", "RequestedProcedureDescription",
]  # fmt: skip


def make_samples(intensity: dict[str, object], count: int = 3) -> Samples:
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[0:40, 0:64]
    ramp = rows * 900 + columns * 300
    codes = (ramp + rng.integers(0, 9000, (count, 40, 64))).astype(np.uint16)
    table = pd.DataFrame({"seed": range(count), "label": pd.array([None] * count, "string")})
    return Samples(codes, table, dict(intensity), {})


def find(program: str) -> str:
    """The path of a program beside this Python or on PATH; skips the test where there is none."""
    found = shutil.which(program, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def complaints(file: Path) -> list[str]:
    """What `dciodvfy` calls an error in one file."""
    ran = subprocess.run([find("dciodvfy"), "-new", str(file)], capture_output=True, text=True, check=False)
    lines = (ran.stdout + ran.stderr).splitlines()
    return [line for line in lines if line.startswith(("Error", "Abort"))] + ([] if ran.returncode == 0 else lines)


def files_of(path: Path) -> list[Path]:
    return sorted(path.rglob("*.dcm"))


def write_real(path: Path, **changes: object) -> None:
    """A CT slice as a scanner would write it, with a canary wherever it could tell whose it is."""
    dataset = pydicom.Dataset()
    for keyword in IDENTIFYING:
        setattr(dataset, keyword, f"{CANARY}{len(dataset)}")
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"):
        setattr(dataset, keyword, "1.2.3.98765432123456789")
    dataset.StudyDate = dataset.PatientBirthDate = "19870615"
    dataset.Modality, dataset.SOPClassUID = "CT", CTImageStorage
    dataset.Rows, dataset.Columns = 80, 128
    dataset.PixelSpacing = [0.75, 0.75]
    dataset.SliceThickness = "2.5"
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 0.9659258, 0.2588190]
    dataset.ImagePositionPatient = [-123.456789, -98.7654321, 314.159265]
    dataset.WindowCenter, dataset.WindowWidth = [-500, 40], [1400, 400]
    dataset.BodyPartExamined = "CHEST"
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = pydicom.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize("case", CASES)
def test_dciodvfy_finds_no_error_in_any_kind_of_object(case: str, tmp_path: Path) -> None:
    intensity, options = CASES[case]
    files = files_of(export(make_samples(intensity, 2), tmp_path / "dicom", **options).path)  # type: ignore[arg-type]
    assert len(files) == (1 if options.get("multiframe") else 2)
    assert [complaint for file in files for complaint in complaints(file)] == []


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_object_says_it_is_synthetic_and_has_no_date(case: str, tmp_path: Path) -> None:
    intensity, options = CASES[case]
    for file in files_of(export(make_samples(intensity), tmp_path / "dicom", **options).path):  # type: ignore[arg-type]
        dataset = pydicom.dcmread(file)
        assert (dataset.SyntheticData, dataset.ContentQualification) == ("YES", "RESEARCH")
        assert dataset.ImageType[:2] == ["DERIVED", "SECONDARY"]
        for keyword in (
            "PatientName",
            "PatientID",
            "StudyDescription",
            "SeriesDescription",
            "DerivationDescription",
        ):
            assert "SYNTHETIC" in str(dataset[keyword].value), keyword
        assert dataset.ContributingEquipmentSequence[0].PurposeOfReferenceCodeSequence[0].CodeValue == "109100"
        assert not [e for e in dataset.iterall() if e.VR in ("DA", "TM", "DT") and e.value]
        assert dataset.BurnedInAnnotation == ("YES" if options.get("stamp") else "NO")


@pytest.mark.parametrize("name", TRANSFER_SYNTAXES)
@pytest.mark.parametrize("multiframe", [False, True])
def test_pixels_are_the_same_after_every_transfer_syntax(name: str, multiframe: bool, tmp_path: Path) -> None:
    samples = make_samples(CT)
    report = export(samples, tmp_path / "dicom", transfer_syntax=name, multiframe=multiframe)
    datasets = [pydicom.dcmread(file) for file in files_of(report.path)]
    assert {dataset.file_meta.TransferSyntaxUID for dataset in datasets} == {TRANSFER_SYNTAXES[name]}
    decoded = np.concatenate([dataset.pixel_array.reshape(-1, 40, 64) for dataset in datasets])
    np.testing.assert_array_equal(decoded, samples.codes)


def test_a_transfer_syntax_changes_the_coding_but_not_the_identity(tmp_path: Path) -> None:
    uids = {
        tuple(pydicom.dcmread(file).SOPInstanceUID for file in files_of(path))
        for path in (export(make_samples(CT), tmp_path / n, transfer_syntax=n).path for n in TRANSFER_SYNTAXES)
    }
    assert len(uids) == 1


@pytest.mark.parametrize("sop", ["ct", "mr"])
def test_values_and_geometry_come_back_through_monai(sop: str, tmp_path: Path) -> None:
    samples = make_samples(CT if sop == "ct" else MR)
    for i, file in enumerate(files_of(export(samples, tmp_path / "dicom", sop=sop).path)):
        reader = PydicomReader(swap_ij=False)
        array, meta = reader.get_data(reader.read(str(file)))
        tolerance = np.spacing(np.float32(max(abs(samples.map.lower), abs(samples.map.upper))))
        np.testing.assert_allclose(array, samples.physical(i), rtol=0, atol=tolerance)
        dataset = pydicom.dcmread(file)
        assert dataset.SOPClassUID == {"ct": CTImageStorage, "mr": MRImageStorage}[sop]
        assert dataset.Modality == sop.upper()
        spacing = np.linalg.norm(meta["affine"][:3, :2], axis=0)
        np.testing.assert_allclose(spacing, [samples.intensity["spacing_mm"]] * 2, rtol=1e-6)


def test_multiframe_holds_all_slices_with_their_values(tmp_path: Path) -> None:
    samples = make_samples(MR)
    (file,) = files_of(export(samples, tmp_path / "dicom", multiframe=True).path)
    dataset = pydicom.dcmread(file)
    assert dataset.NumberOfFrames == 3
    for i, frame in enumerate(apply_modality_lut(dataset.pixel_array, dataset)):
        np.testing.assert_allclose(frame, samples.physical(i), rtol=0, atol=1e-4)


def test_flagged_frames_are_named_in_a_multiframe_object(tmp_path: Path) -> None:
    samples = make_samples(MR)
    samples.table["flagged"] = [False, True, True]
    report = export(samples, tmp_path / "dicom", multiframe=True, include_flagged="for the reader study.")
    assert "for the reader study. Frames: 2, 3." in pydicom.dcmread(files_of(report.path)[0]).ImageComments


@pytest.mark.parametrize("name", ORIENTATION)
def test_slices_of_a_stack_follow_each_other_along_their_normal(name: str) -> None:
    plane = Plane(ORIENTATION[name], (2.0, 3.0))
    row, column = np.asarray(ORIENTATION[name][:3]), np.asarray(ORIENTATION[name][3:])
    first, second = (np.asarray(plane.position(index, 5, 9)) for index in (0, 1))
    np.testing.assert_allclose(first + row * 3.0 * 4 + column * 2.0 * 2, 0, atol=1e-9)
    np.testing.assert_allclose(second - first, 3.0 * np.cross(row, column), atol=1e-9)


@pytest.mark.parametrize("sop", ["sc", "ct"])
def test_the_overlay_spells_synthetic_and_leaves_the_pixels_alone(sop: str, tmp_path: Path) -> None:
    samples = make_samples(CT, 1)
    (file,) = files_of(export(samples, tmp_path / "dicom", sop=sop).path)
    dataset = pydicom.dcmread(file)
    word = draw_word(40, 64)
    assert word is not None
    overlay = dataset.overlay_array(0x6000).astype(bool)
    np.testing.assert_array_equal(overlay[-word.shape[0] :, : word.shape[1]], word)
    assert overlay.sum() == word.sum()
    np.testing.assert_array_equal(dataset.pixel_array, samples.codes[0])
    (file,) = files_of(export(samples, tmp_path / "plain", sop=sop, overlay=False).path)
    assert not [element for element in pydicom.dcmread(file) if 0x6000 <= element.tag.group <= 0x60FF]


def test_the_word_is_spelled_with_its_letters() -> None:
    word = draw_word(64, 64)
    assert word is not None
    for i, letter in enumerate("SYNTHETIC"):
        drawn = word[1:8, 1 + 6 * i : 6 + 6 * i]
        assert ["".join(".#"[int(pixel)] for pixel in row) for row in drawn] == list(GLYPHS[letter])


@pytest.mark.parametrize("shape", [(26, 20), (32, 32), (64, 64), (256, 256), (512, 300), (9, 60)])
def test_a_stamp_stays_in_its_corner_and_is_seen_on_black_and_on_white(shape: tuple[int, int]) -> None:
    for value in (0, 65535):
        stamped = stamp(np.full((2, *shape), value, np.uint16))
        word = draw_word(*shape)
        assert word is not None
        box = stamped[:, -word.shape[0] :, : word.shape[1]]
        np.testing.assert_array_equal(box == 65535, np.broadcast_to(word, box.shape))
        assert (box[~np.broadcast_to(word, box.shape)] == 0).all()
        assert np.count_nonzero(stamped != value) == np.count_nonzero(box != value)


def test_like_lends_technical_attributes_to_the_slices(tmp_path: Path) -> None:
    write_real(tmp_path / "real" / "1.dcm")
    (file, *_) = files_of(export(make_samples(CT), tmp_path / "dicom", sop="ct", like=tmp_path / "real").path)
    dataset = pydicom.dcmread(file)
    assert [float(v) for v in dataset.PixelSpacing] == [1.5, 1.5]  # 80 x 0.75 mm over 40 rows
    assert float(dataset.SliceThickness) == 2.5
    assert [float(v) for v in dataset.ImageOrientationPatient] == pytest.approx([1, 0, 0, 0, 0.9659, 0.2588])
    assert (float(dataset.WindowCenter), float(dataset.WindowWidth)) == (-500, 1400)
    assert dataset.BodyPartExamined == "CHEST"
    assert complaints(file) == []


@pytest.mark.parametrize("body_part", ["", "KNEE", CANARY])
def test_nothing_that_identifies_a_real_series_is_lent(body_part: str, tmp_path: Path) -> None:
    write_real(tmp_path / "real" / "1.dcm", BodyPartExamined=body_part)
    for file in files_of(export(make_samples(CT, 1), tmp_path / "dicom", sop="ct", like=tmp_path / "real").path):
        content = file.read_bytes()
        for secret in (CANARY, "98765432123456789", "19870615", "123.45", "98.76", "314.15"):
            assert secret.encode() not in content
        assert complaints(file) == []


def test_a_series_that_lies_the_other_way_round_does_not_mirror_the_slices() -> None:
    ours = Plane(ORIENTATION["axial"], (1.0, 1.0))
    prone = Like(orientation=(-1.0, 0.0, 0.0, 0.0, -1.0, 0.0))
    assert plane_like(ours, prone, (4, 4)).orientation == ORIENTATION["axial"]
    with pytest.raises(UserError, match="another plane"):
        plane_like(ours, Like(orientation=ORIENTATION["coronal"]), (4, 4))
    assert plane_like(Plane(), prone, (4, 4)).orientation == prone.orientation


def test_a_window_that_would_show_nothing_is_not_lent(tmp_path: Path) -> None:
    write_real(tmp_path / "real.dcm", WindowCenter=3000, WindowWidth=100)
    (file, *_) = files_of(export(make_samples(CT), tmp_path / "dicom", like=tmp_path / "real.dcm").path)
    assert float(pydicom.dcmread(file).WindowCenter) == -600


def test_damaged_technical_attributes_are_not_lent(tmp_path: Path) -> None:
    write_real(tmp_path / "real.dcm", PixelSpacing=[0, 1], ImageOrientationPatient=[1, 0, 0, 1, 0, 0])
    like = read_like(tmp_path / "real.dcm")
    assert (like.field_mm, like.orientation) == (None, None)


@pytest.mark.slow
@pytest.mark.parametrize("body_part", sorted(BODY_PARTS))
def test_dciodvfy_agrees_which_body_parts_come_in_pairs(body_part: str, tmp_path: Path) -> None:
    write_real(tmp_path / "real.dcm", BodyPartExamined=body_part)
    (file,) = files_of(export(make_samples(CT, 1), tmp_path / "dicom", sop="ct", like=tmp_path / "real.dcm").path)
    assert ("Laterality" in pydicom.dcmread(file)) == (body_part in PAIRED)
    assert complaints(file) == []


def test_what_an_object_does_not_allow_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "dicom"
    refused: list[tuple[dict[str, object], dict[str, object], str]] = [
        (CT, {"sop": "pet"}, "no --sop"),
        (CT, {"sop": "mr"}, "untrue"),
        ({**CT, "unit": "a.u."}, {"sop": "ct"}, "in HU"),
        ({**CT, "plane": "acquired"}, {"sop": "ct"}, "plane"),
        ({**CT, "spacing_mm": None}, {"sop": "ct"}, "size of a pixel"),
        (CT, {"sop": "ct", "multiframe": True}, "--multiframe"),
        (CT, {"transfer_syntax": "jpeg"}, "--transfer-syntax"),
        (CT, {"like": tmp_path / "nowhere"}, "--like"),
    ]
    for intensity, options, said in refused:
        with pytest.raises(UserError, match=said):
            export(make_samples(intensity), out, **options)  # type: ignore[arg-type]
    tiny = make_samples(CT)
    with pytest.raises(UserError, match="too small"):
        export(Samples(tiny.codes[:, :8, :8].copy(), tiny.table, tiny.intensity, {}), out, stamp=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", ["ct", "mr", "multi-frame", "jpegls", "jpeg2000 mr", "multi-frame rle"])
def test_gdcm_decodes_every_kind_of_object_to_the_same_pixels(case: str, tmp_path: Path) -> None:
    intensity, options = CASES[case]
    samples = make_samples(intensity)
    file = files_of(export(samples, tmp_path / "dicom", **options).path)[0]  # type: ignore[arg-type]
    raw = tmp_path / "raw.dcm"
    subprocess.run([find("gdcmconv"), "--raw", str(file), str(raw)], check=True, capture_output=True)
    decoded = pydicom.dcmread(raw).pixel_array.reshape(-1, 40, 64)
    np.testing.assert_array_equal(decoded, samples.codes[: len(decoded)])


@pytest.mark.parametrize("case", ["ct", "mr", "multi-frame", "multi-frame rle", "stamped", "no overlay"])
def test_dcmtk_dumps_and_renders_what_the_window_says(case: str, tmp_path: Path) -> None:
    intensity, options = CASES[case]
    samples = make_samples(intensity)
    file = files_of(export(samples, tmp_path / "dicom", **options).path)[0]  # type: ignore[arg-type]
    dumped = subprocess.run([find("dcmdump"), str(file)], check=True, capture_output=True, text=True).stdout
    assert "(0008,001c) CS [YES]" in dumped
    png = tmp_path / "slice.png"
    command = [find("dcm2pnm"), "--write-png", "--no-overlays", "--use-window", "1", str(file), str(png)]
    subprocess.run(command, check=True, capture_output=True)
    shown = np.asarray(Image.open(png)).astype(float)
    dataset = pydicom.dcmread(file)
    physical = apply_modality_lut(dataset.pixel_array.reshape(-1, 40, 64)[0], dataset)
    lower = float(dataset.WindowCenter) - float(dataset.WindowWidth) / 2
    expected = np.clip((physical - lower) / float(dataset.WindowWidth), 0, 1) * 255
    np.testing.assert_allclose(shown, expected, atol=1.5)


def test_uids_of_series_do_not_collide_between_kinds_of_object(tmp_path: Path) -> None:
    seen = set()
    for name in SOPS:
        samples = make_samples({**CT, "modality": "OT"})
        files = files_of(export(samples, tmp_path / name, sop=name).path)
        seen |= {(d.SeriesInstanceUID, d.SOPInstanceUID) for d in map(pydicom.dcmread, files)}
    assert len({series for series, _ in seen}) == 3
    assert len({instance for _, instance in seen}) == 9
