"""Masks leave the house as DICOM Segmentation, and as the folders that segmentation is trained from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import highdicom
import nibabel as nib
import numpy as np
import pydicom
import pytest
from helpers.dicom_checks import complaints
from helpers.export_cases import CT, MR, make_samples
from helpers.lettered import codes_with_letters
from monai.data import load_decathlon_datalist
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.core.files import UserError
from medattngan.core.seal import check
from medattngan.data.masks import Classes
from medattngan.data.samples import Samples
from medattngan.stages.export.export import export
from medattngan.stages.export.pairs import export_pairs

HIPPOCAMPUS = {
    "name": "Hippocampus, left",
    "code": ["5366008", "SCT", "Hippocampus"],
    "side": ["7771000", "SCT", "Left"],
}
CLASSES = Classes(({"name": "background"}, {"name": "lesion", "value": 4}, HIPPOCAMPUS))


def pairs(intensity: dict[str, object] = MR, *, drawn: bool = True) -> Samples:
    samples = make_samples(intensity)
    samples = replace(samples, provenance={**samples.provenance, "masks": {"of_patients": not drawn}})
    masks = np.zeros(samples.codes.shape, np.uint8)
    masks[0, 4:9, 10:20] = 1
    masks[:2, 20:30, 30:50] = 2  # the third slice has none
    return replace(samples, masks=masks, classes=CLASSES)


@pytest.mark.parametrize("sop", ["sc", "mr"])
def test_a_segmentation_says_it_is_synthetic_and_conforms(sop: str, tmp_path: Path) -> None:
    export(pairs(), tmp_path / "dicom", sop=sop, seg=True)
    files = sorted(tmp_path.rglob("segmentation*.dcm"))
    assert [complaints(file) for file in files] == [[]] * (2 if sop == "sc" else 1)
    dataset = pydicom.dcmread(files[0])
    assert (dataset.SyntheticData, dataset.ContentQualification) == ("YES", "RESEARCH")
    assert "SYNTHETIC" in dataset.SeriesDescription
    assert "SYNTHETIC" in str(dataset.PatientName)
    assert {e.value for e in dataset.iterall() if e.VR in ("DA", "DT") and e.value} == {"19000101"}


@pytest.mark.parametrize("sop", ["sc", "mr"])
def test_masks_that_were_given_do_not_say_that_they_are_nobodys(sop: str, tmp_path: Path) -> None:
    report = export(pairs(drawn=False), tmp_path / "dicom", sop=sop, seg=True)
    assert any("may be patients' anatomy" in note for note in report.notes)
    files = sorted(tmp_path.rglob("segmentation*.dcm"))
    assert [complaints(file) for file in files] == [[]] * (2 if sop == "sc" else 1)
    dataset = pydicom.dcmread(files[0])
    assert "SyntheticData" not in dataset
    assert dataset.ContentLabel == "OUTLINES"
    said = " ".join(str(element.value) for element in dataset.iterall() if element.VR in ("LO", "LT", "ST"))
    assert "no such patient" not in said
    assert "shows no patient" not in dataset.DerivationDescription
    assert "may be a patient's anatomy" in dataset.PatientComments
    told = json.loads((tmp_path / "dicom" / "provenance.json").read_text())
    assert told["masks"] == {"of_patients": True}
    assert told["options"]["seg"] is True
    image = pydicom.dcmread(next(tmp_path.rglob("slice-*.dcm")))
    assert image.SyntheticData == "YES"


def test_labels_of_pairs_say_whose_masks_they_are(tmp_path: Path) -> None:
    for name, drawn in (("drawn", True), ("given", False)):
        export_pairs(pairs(drawn=drawn), tmp_path / name, "nnunet")
        label = nib.load(sorted((tmp_path / name / "labelsTr").iterdir())[0])
        image = nib.load(sorted((tmp_path / name / "imagesTr").iterdir())[0])
        assert b"shows no patient" in bytes(image.header["descrip"])
        assert (b"shows no patient" in bytes(label.header["descrip"])) == drawn
        assert (
            "may be of patients" in json.loads((tmp_path / name / "dataset.json").read_text())["description"]
        ) != drawn


def test_a_backslash_in_a_label_does_not_end_a_segmentation(tmp_path: Path) -> None:
    samples = pairs()
    odd = replace(samples, table=samples.table.assign(label="left\\right"))
    export(odd, tmp_path / "dicom", sop="mr", seg=True)
    assert "left/right" in pydicom.dcmread(next(tmp_path.rglob("segmentation*.dcm"))).SeriesDescription


@pytest.mark.parametrize("sop", ["sc", "mr"])
def test_every_segment_comes_back_on_its_slice(sop: str, tmp_path: Path) -> None:
    samples = pairs()
    export(samples, tmp_path / "dicom", sop=sop, seg=True)
    segs = [highdicom.seg.segread(file) for file in sorted(tmp_path.rglob("segmentation*.dcm"))]
    slices = {pydicom.dcmread(f).InstanceNumber: pydicom.dcmread(f) for f in tmp_path.rglob("slice-*.dcm")}
    assert samples.masks is not None
    for row in range(3 if sop == "mr" else 2):
        seg, uid = segs[row % len(segs)], slices[row + 1].SOPInstanceUID
        planes = seg.get_pixels_by_source_instance(
            [uid], ignore_spatial_locations=True, assert_missing_frames_are_empty=True
        )
        for number in (1, 2):
            assert np.array_equal(planes[0, ..., number - 1], samples.masks[row] == number)
    assert seg.get_segment_description(2).segmented_property_type.value == "5366008"
    assert seg.StudyInstanceUID == slices[1].StudyInstanceUID
    assert seg.SeriesInstanceUID != slices[1].SeriesInstanceUID


def test_the_same_pairs_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        export(pairs(), tmp_path / name, sop="mr", seg=True)
        export_pairs(pairs(), tmp_path / "pairs" / name, "nnunet", name="x")
    for one in (tmp_path, tmp_path / "pairs"):
        first = {p.relative_to(one / "a"): p.read_bytes() for p in (one / "a").rglob("*") if p.is_file()}
        assert first == {p.relative_to(one / "b"): p.read_bytes() for p in (one / "b").rglob("*") if p.is_file()}


def test_nnunet_finds_every_pair(tmp_path: Path) -> None:
    samples = pairs(CT)
    cases, notes = export_pairs(samples, tmp_path / "Dataset501_Lungs", "nnunet")
    assert notes == []
    told = json.loads((tmp_path / "Dataset501_Lungs" / "dataset.json").read_text())
    assert told["labels"] == {"background": 0, "lesion": 1, "Hippocampus, left": 2}
    assert (told["channel_names"], told["numTraining"]) == ({"0": "CT"}, 3)
    assert samples.masks is not None
    for row, case in enumerate(cases):
        image = nib.load(tmp_path / "Dataset501_Lungs" / "imagesTr" / f"{case}_0000.nii.gz")
        label = nib.load(tmp_path / "Dataset501_Lungs" / "labelsTr" / f"{case}.nii.gz")
        assert np.allclose(image.get_fdata()[..., 0], samples.physical(row), atol=samples.map.step)
        assert np.array_equal(label.get_fdata()[..., 0], samples.masks[row])
        assert np.allclose(image.affine, label.affine)
        assert nib.aff2axcodes(image.affine)[:2] == ("P", "L")
        assert b"SYNTHETIC" in image.header["descrip"].tobytes()
    check(tmp_path / "Dataset501_Lungs", "pairs")


def test_monai_finds_every_pair(tmp_path: Path) -> None:
    export_pairs(pairs(), tmp_path / "pairs", "monai", limit=2)
    listed = load_decathlon_datalist(tmp_path / "pairs" / "dataset.json", True, "training")
    assert len(listed) == 2
    assert all(Path(one["image"]).is_file() and Path(one["label"]).is_file() for one in listed)


def test_pairs_with_letters_are_refused_left_out_or_kept(tmp_path: Path) -> None:
    codes = codes_with_letters([False, True, False])
    made = pairs()
    masks = np.zeros(codes.shape, np.uint8)
    samples = replace(made, codes=codes, table=made.table.iloc[:3], masks=masks)
    with pytest.raises(UserError, match="1 of 3 slices show what looks like letters"):
        export_pairs(samples, tmp_path / "pairs", "nnunet")
    assert not (tmp_path / "pairs").exists()
    cases, notes = export_pairs(samples, tmp_path / "left", "nnunet", letters="leave-out")
    assert (cases, notes) == (["synthetic_00001", "synthetic_00003"], ["--letters: 1 slice left out"])
    record = json.loads((tmp_path / "left" / "provenance.json").read_text())
    assert record["left_out"] == {"flagged": 0, "beyond_limit": 0, "lettered": 1}
    assert len(export_pairs(samples, tmp_path / "kept", "nnunet", letters="keep").cases) == 3


@pytest.mark.parametrize("option", [["--sop", "mr"], ["--seg"], ["--stamp"], ["--no-overlay"], ["--unit", "HU"]])
def test_options_of_dicom_are_refused_beside_pairs(option: list[str], tmp_path: Path) -> None:
    words = ["export", str(tmp_path), "--pairs", "nnunet", "--out", str(tmp_path / "pairs"), *option]
    ran = CliRunner().invoke(app, words)
    assert isinstance(ran.exception, UserError)
    assert f"leave out {option[0]}." in str(ran.exception)


def test_what_has_no_masks_gives_no_pairs(tmp_path: Path) -> None:
    for call in (
        lambda: export(make_samples(MR), tmp_path / "dicom", seg=True),
        lambda: export_pairs(make_samples(MR), tmp_path / "pairs", "nnunet"),
    ):
        with pytest.raises(UserError, match="masks"):
            call()
    with pytest.raises(UserError, match="multiframe"):
        export(pairs(), tmp_path / "dicom", seg=True, multiframe=True)
    with pytest.raises(UserError, match="nnunet, monai"):
        export_pairs(pairs(), tmp_path / "pairs", "other")
