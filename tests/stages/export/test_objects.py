"""MR, CT and multi-frame objects and their transfer syntaxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.export_cases import CASES, CT, MR, files_of, make_samples
from monai.data import PydicomReader
from pydicom.pixels import apply_modality_lut
from pydicom.uid import CTImageStorage, MRImageStorage

from medattngan.core.files import UserError
from medattngan.data.samples import Samples
from medattngan.stages.export.export import export
from medattngan.stages.export.objects import SOPS
from medattngan.stages.export.plane import ORIENTATION, Plane
from medattngan.stages.export.transfer import TRANSFER_SYNTAXES


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


def test_uids_of_series_do_not_collide_between_kinds_of_object(tmp_path: Path) -> None:
    seen = set()
    for name in SOPS:
        samples = make_samples({**CT, "modality": "OT"})
        files = files_of(export(samples, tmp_path / name, sop=name).path)
        seen |= {(d.SeriesInstanceUID, d.SOPInstanceUID) for d in map(pydicom.dcmread, files)}
    assert len({series for series, _ in seen}) == 3
    assert len({instance for _, instance in seen}) == 9
