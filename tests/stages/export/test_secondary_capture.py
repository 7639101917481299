"""Exported Secondary Captures: valid, marked, reproducible, and the same values on the way back."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from helpers.dicom_checks import complaints
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from monai.data import PydicomReader
from pydicom.pixels import apply_modality_lut

from medattngan.core.files import UserError, read_json
from medattngan.data.intensity import IntensityMap
from medattngan.data.samples import Samples
from medattngan.stages.export.export import export
from medattngan.stages.export.image import opening_windows
from medattngan.stages.export.origin import Origin
from medattngan.stages.export.series import DicomSeries, build
from medattngan.stages.export.transfer import save

CT = {"lower": -1350.0, "upper": 150.0, "unit": "HU", "modality": "CT", "plane": "axial", "spacing_mm": 1.37}
MR = {
    "lower": -0.1234567,
    "upper": 873.22334455,
    "unit": "a.u.",
    "modality": "MR",
    "plane": "coronal",
    "spacing_mm": 2.0,
}
FULL = {"lower": -1024.0, "upper": 3071.0, "unit": "HU", "modality": "CT", "plane": "sagittal"}
BARE = {"lower": 0.0, "upper": 1.0, "unit": "a.u."}
KINDS = {"ct": CT, "mr": MR, "full": FULL, "bare": BARE}


def make_samples(intensity: dict[str, object], count: int = 3, labels: list[str | None] | None = None) -> Samples:
    codes = np.random.default_rng(7).integers(0, 65536, (count, 12, 10), dtype=np.uint16)
    codes[0, 0, :2] = 0, 65535
    table = pd.DataFrame({"seed": range(count), "label": pd.array(labels or [None] * count, "string")})
    return Samples(codes, table, dict(intensity), {"run": "ab" * 8, "store_digest": "cd" * 32})


def read_all(path: Path) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(file) for file in sorted(path.rglob("*.dcm"))]


def read_with_monai(file: Path) -> np.ndarray:
    """Physical values (H, W); MONAI warns that a Secondary Capture has no place in a patient, which is so."""
    reader = PydicomReader(swap_ij=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PydicomReader: ImageOrientationPatient", UserWarning)
        return reader.get_data(reader.read(str(file)))[0]


def read_with_nibabel(file: Path) -> np.ndarray:
    """Physical values (H, W); nibabel says on import that its DICOM readers are experimental."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The DICOM readers are highly experimental", UserWarning)
        from nibabel.nicom.dicomwrappers import wrapper_from_file
    return wrapper_from_file(str(file)).get_data()


@pytest.mark.parametrize("kind", KINDS)
def test_dciodvfy_finds_no_error_in_any_file(kind: str, tmp_path: Path) -> None:
    report = export(make_samples(KINDS[kind], labels=["sick", None, "überaus krank / ill"]), tmp_path / "dicom")
    files = sorted(report.path.rglob("*.dcm"))
    assert len(files) == 3
    assert [complaint for file in files for complaint in complaints(file)] == []


def test_dciodvfy_does_find_an_error_when_a_mark_is_taken_away(tmp_path: Path) -> None:
    report = export(make_samples(CT), tmp_path / "dicom")
    dataset = read_all(report.path)[0]
    del dataset.ConversionType
    dataset.save_as(tmp_path / "broken.dcm")
    assert complaints(tmp_path / "broken.dcm")


def test_exported_slices_say_they_are_synthetic(tmp_path: Path) -> None:
    report = export(make_samples(CT), tmp_path / "dicom")
    for dataset in read_all(report.path):
        assert dataset.SyntheticData == "YES"
        assert dataset.ConversionType == "SYN"
        assert dataset.ImageType == ["DERIVED", "SECONDARY"]
        assert dataset.BurnedInAnnotation == "NO"
        for keyword in ("PatientName", "PatientID", "StudyDescription", "SeriesDescription", "ImageComments"):
            assert "SYNTHETIC" in str(dataset[keyword].value), keyword
        (equipment,) = dataset.ContributingEquipmentSequence
        assert equipment.PurposeOfReferenceCodeSequence[0].CodeValue == "109100"
        assert equipment.Manufacturer == "medattngan"
        assert equipment.SoftwareVersions
        assert "run " + "ab" * 8 in equipment.ContributionDescription


def test_no_date_or_time_is_written(tmp_path: Path) -> None:
    for dataset in read_all(export(make_samples(CT), tmp_path / "dicom").path):
        timed = [element for element in dataset.iterall() if element.VR in ("DA", "TM", "DT") and element.value]
        assert timed == []


def test_the_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (export(make_samples(MR, labels=["a", "b", "a"]), tmp_path / name) for name in ("1", "2"))
    files = sorted(file.relative_to(first.path) for file in first.path.rglob("*.dcm"))
    assert files == sorted(file.relative_to(second.path) for file in second.path.rglob("*.dcm"))
    assert all((first.path / file).read_bytes() == (second.path / file).read_bytes() for file in files)


def test_uids_are_valid_and_shared_within_study_and_series_only(tmp_path: Path) -> None:
    root = "1.2.826.0.1.3680043.8.498"
    datasets = read_all(export(make_samples(CT, labels=["a", "b", "a"]), tmp_path / "x", uid_root=root).path)
    datasets += read_all(export(make_samples(CT, labels=["a", "b", "a"]), tmp_path / "y").path)
    uids = [(d.StudyInstanceUID, d.SeriesInstanceUID, d.SOPInstanceUID) for d in datasets]
    assert all(uid.is_valid and len(uid) <= 64 for row in uids for uid in row)
    assert all(uid.startswith(root + ".") for row in uids[:3] for uid in row)
    assert all(uid.startswith("2.25.") for row in uids[3:] for uid in row)
    assert [len(set(column)) for column in zip(*uids, strict=True)] == [2, 4, 6]


def test_other_pixels_give_another_study(tmp_path: Path) -> None:
    samples = make_samples(CT)
    samples.codes[0, 5, 5] ^= 1
    (before, *_), (after, *_) = (
        read_all(export(s, tmp_path / name).path) for name, s in (("a", make_samples(CT)), ("b", samples))
    )
    assert before.StudyInstanceUID != after.StudyInstanceUID
    assert before.PatientID != after.PatientID


@pytest.mark.parametrize("kind", KINDS)
def test_values_come_back_exactly_through_pydicom_and_monai(kind: str, tmp_path: Path) -> None:
    samples = make_samples(KINDS[kind])
    files = sorted(export(samples, tmp_path / "dicom").path.rglob("*.dcm"))
    for i, file in enumerate(files):
        dataset = pydicom.dcmread(file)
        np.testing.assert_array_equal(dataset.pixel_array, samples.codes[i])
        tolerance = np.spacing(np.float32(max(abs(samples.map.lower), abs(samples.map.upper))))
        physical = apply_modality_lut(dataset.pixel_array, dataset)
        np.testing.assert_allclose(physical, samples.physical(i), rtol=0, atol=tolerance)
        np.testing.assert_allclose(read_with_monai(file), samples.physical(i), rtol=0, atol=tolerance)
        np.testing.assert_allclose(read_with_nibabel(file), samples.physical(i), rtol=0, atol=tolerance)


def test_spacing_is_written_where_known_and_left_out_where_not(tmp_path: Path) -> None:
    known, unknown = read_all(export(make_samples(CT, 1), tmp_path / "a").path) + read_all(
        export(make_samples(BARE, 1), tmp_path / "b").path
    )
    assert [float(value) for value in known.PixelSpacing] == [1.37, 1.37]
    assert "PixelSpacing" not in unknown


def test_the_first_window_spans_the_values_or_is_a_known_one() -> None:
    samples = make_samples(CT)
    assert opening_windows(samples.codes, samples.map, None) == {"FULL RANGE": (-600.0, 1500.0)}
    assert next(iter(opening_windows(samples.codes, IntensityMap(-1024, 3071, "HU"), None).values())) == (
        40.0,
        400.0,
    )
    dim = (samples.codes // 4 + 1000).astype(np.uint16)
    (center, width) = opening_windows(dim, IntensityMap(0, 65535, "a.u."), None)["VALUES"]
    assert center - width / 2 == pytest.approx(1000, abs=200)
    assert center + width / 2 == pytest.approx(1000 + 65535 // 4, abs=200)
    flat = np.full((2, 4, 4), 9, np.uint16)
    assert opening_windows(flat, IntensityMap(0, 10, "a.u."), None) == {"VALUES": (5.0, 10.0)}
    assert opening_windows(flat, IntensityMap(0, 10, "a.u."), (1, 2)) == {"CHOSEN": (1.0, 2.0)}


def test_one_series_a_label_and_one_file_a_slice(tmp_path: Path) -> None:
    report = export(make_samples(CT, 5, ["b", "a", "b", None, "a"]), tmp_path / "dicom")
    assert [path.name for path in report.series] == ["series-01", "series-02-a", "series-03-b"]
    assert [len(list(path.iterdir())) for path in report.series] == [1, 2, 2]
    assert report.slices == 5


def test_limit_keeps_the_first_slices_and_says_how_many_it_leaves_out(tmp_path: Path) -> None:
    whole = read_all(export(make_samples(CT, 4), tmp_path / "whole").path)
    report = export(make_samples(CT, 4), tmp_path / "part", limit=2)
    part = read_all(report.path)
    assert report.notes == ["--limit: 2 slices left out"]
    assert read_json(report.path / "provenance.json")["left_out"] == {"flagged": 0, "beyond_limit": 2}
    assert [one.PixelData for one in part] == [one.PixelData for one in whole[:2]]
    assert [one.InstanceNumber for one in part] == [1, 2]


def test_flagged_slices_stay_behind_unless_a_reason_is_given_and_then_carry_it(tmp_path: Path) -> None:
    samples = make_samples(CT, 4)
    samples.table["flagged"] = pd.array([False, True, None, True], "boolean")
    report = export(samples, tmp_path / "without")
    assert (report.slices, report.flagged_left_out) == (2, 2)
    assert read_json(report.path / "provenance.json")["left_out"] == {"flagged": 2, "beyond_limit": 0}
    assert [int(dataset.InstanceNumber) for dataset in read_all(report.path)] == [1, 3]
    report = export(samples, tmp_path / "with", include_flagged="to show readers what we refuse")
    assert (report.slices, report.flagged_left_out) == (4, 0)
    told = ["to show readers what we refuse" in dataset.ImageComments for dataset in read_all(report.path)]
    assert told == [False, True, False, True]


def test_what_cannot_be_exported_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "dicom"
    with pytest.raises(UserError, match="no slice"):
        export(
            make_samples(CT, 1).__class__(np.empty((0, 4, 4), np.uint16), pd.DataFrame({"label": []}), CT, {}),
            out,
        )
    flagged = make_samples(CT, 2)
    flagged.table["flagged"] = True
    with pytest.raises(UserError, match="flagged all 2"):
        export(flagged, out)
    with pytest.raises(UserError, match="--limit"):
        export(make_samples(CT), out, limit=0)
    with pytest.raises(UserError, match="--include-flagged"):
        export(make_samples(CT), out, include_flagged=" ")
    with pytest.raises(UserError, match="--uid-root"):
        export(make_samples(CT), out, uid_root="1.02.hello")
    with pytest.raises(UserError, match="--window"):
        export(make_samples(CT), out, window=(40, 0))
    with pytest.raises(UserError, match="does not exist"):
        export(tmp_path / "nowhere", out)
    with pytest.raises(UserError, match="too narrow"):
        export(make_samples({"lower": 1e9 + 0.123456789, "upper": 1e9 + 0.125, "unit": "a.u."}), out)
    assert list(tmp_path.iterdir()) == []
    out.mkdir()
    (out / "mine").touch()
    with pytest.raises(UserError, match="exists already"):
        export(make_samples(CT), out)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lower=st.floats(-1e5, 1e5),
    width=st.floats(1e-2, 1e5),
    unit=st.sampled_from(["HU", "a.u."]),
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_map_and_shape_comes_back_within_float_precision(
    lower: float, width: float, unit: str, rows: int, columns: int, seed: int, tmp_path: Path
) -> None:
    intensity = IntensityMap(lower, lower + width, unit)
    codes = np.random.default_rng(seed).integers(0, 65536, (rows, columns), dtype=np.uint16)
    series = DicomSeries(Origin("0" * 64), 1, "", intensity, opening_windows(codes[None], intensity, None))
    path = tmp_path / "slice.dcm"
    save(build(series, codes, 1), path)
    dataset = pydicom.dcmread(path)
    np.testing.assert_array_equal(dataset.pixel_array.reshape(codes.shape), codes)
    physical = apply_modality_lut(dataset.pixel_array.reshape(codes.shape), dataset)
    tolerance = intensity.step / 3 + np.spacing(np.float32(max(abs(lower), abs(lower + width))))
    np.testing.assert_allclose(physical, intensity.decode(codes), rtol=0, atol=tolerance)
    np.testing.assert_array_equal(intensity.encode(physical), codes)
