"""The demonstration: one template becomes pseudo-patients, and these go the whole way."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from helpers.dicom_checks import complaints

from medattngan.core.files import UserError, read_json
from medattngan.core.run import Run
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.stages.demo.cohort import IN_PLANE_PX, SLAB_MM, SPACING_MM, PseudoPatient, make_cohort
from medattngan.stages.demo.demo import LEAST_PATIENTS, WHAT_IT_IS, configure, demo
from medattngan.stages.demo.scans import write_dicom, write_nifti, write_scan


@pytest.fixture(scope="module")
def cohort() -> list[PseudoPatient]:
    return list(make_cohort(2, seed=0))


def test_pseudo_patients_are_heads_in_air(cohort: list[PseudoPatient]) -> None:
    for patient in cohort:
        assert patient.scan.shape == (IN_PLANE_PX, IN_PLANE_PX, (SLAB_MM[1] - SLAB_MM[0]) / SPACING_MM)
        tissue = patient.scan > patient.scan.max() / 4
        assert 0.2 < tissue.mean() < 0.6
        assert tissue[40:60, 40:60].mean() > 0.8
        corners = patient.scan[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert corners.max() < patient.scan.max() / 8


def test_no_slice_of_a_pseudo_patient_is_blank(cohort: list[PseudoPatient]) -> None:
    for patient in cohort:
        assert (patient.scan > patient.scan.max() / 4).mean((0, 1)).min() > 0.1


def test_a_pseudo_patient_depends_on_seed_and_number_alone(cohort: list[PseudoPatient]) -> None:
    again = next(make_cohort(1, seed=0))
    other = next(make_cohort(1, seed=1))
    assert np.array_equal(again.scan, cohort[0].scan)
    assert not np.array_equal(other.scan, cohort[0].scan)


def test_pseudo_patients_differ_in_shape_and_not_in_brightness_alone(cohort: list[PseudoPatient]) -> None:
    first, second = ((p.scan > p.scan.max() / 4).astype(float) for p in cohort)
    both, either = (first * second).sum(), np.maximum(first, second).sum()
    assert 0.6 < both / either < 0.97


def test_nifti_reads_back_to_the_same_voxels_in_the_same_place(cohort: list[PseudoPatient], tmp_path: Path) -> None:
    path = write_nifti(cohort[0], tmp_path)
    image = nib.load(path)
    assert np.array_equal(np.asarray(image.dataobj), cohort[0].scan)
    assert np.allclose(image.affine, cohort[0].affine)
    assert b"Not a person" in image.header["descrip"].tobytes()


def test_dicom_reads_back_to_the_same_voxels_in_the_same_place(cohort: list[PseudoPatient], tmp_path: Path) -> None:
    patient = cohort[1]
    files = sorted(write_dicom(patient, tmp_path / "series", seed=0).iterdir())
    assert len(files) == patient.scan.shape[2]
    for index in (0, len(files) - 1):
        dataset = pydicom.dcmread(files[index])
        assert np.array_equal(dataset.pixel_array, patient.scan[::-1, ::-1, index].T)
        row, column = 7, 12
        origin = np.array(dataset.ImagePositionPatient, float)
        down, across = (float(mm) for mm in dataset.PixelSpacing)
        lps = origin + np.array([column * across, row * down, 0])  # columns run to the left, rows to posterior
        x, y = np.array(patient.scan.shape[:2]) - 1 - [column, row]
        assert np.allclose(lps * [-1, -1, 1], (patient.affine @ [x, y, index, 1])[:3])


def test_every_dicom_file_says_that_it_shows_no_person(cohort: list[PseudoPatient], tmp_path: Path) -> None:
    for path in write_dicom(cohort[1], tmp_path / "series", seed=0).iterdir():
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        assert str(dataset.PatientName).startswith("PSEUDO")
        assert dataset.PatientID.startswith("PSEUDO")
        assert "Not a person" in dataset.PatientComments
        assert dataset.SyntheticData == "YES"


def test_dicom_files_are_valid(cohort: list[PseudoPatient], tmp_path: Path) -> None:
    path = next(write_dicom(cohort[1], tmp_path / "series", seed=0).iterdir())
    assert complaints(path) == []


def test_half_the_cohort_is_nifti_and_half_dicom(cohort: list[PseudoPatient], tmp_path: Path) -> None:
    for patient in cohort:
        write_scan(patient, tmp_path, seed=0)
    assert len(list((tmp_path / "nifti-T1").iterdir())) == len(list((tmp_path / "dicom").iterdir())) == 1


def test_the_demo_writes_over_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "wrong", [{"minutes": 0.0}, {"minutes": float("nan")}, {"seed": -1}, {"patients": LEAST_PATIENTS - 1}]
)
def test_a_demo_that_cannot_work_leaves_nothing_behind(wrong: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(UserError):
        demo(tmp_path / "out", **wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_the_demo_trains_the_default_preset_for_the_minutes_asked() -> None:
    config = configure(2.5, 3)
    assert (config.model.preset, config.train.minutes, config.train.seed) == ("compact", 2.5, 3)


@pytest.mark.slow
def test_the_demo_goes_the_whole_way_with_the_fewest_patients_it_takes(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    page = demo(out, minutes=0.05, patients=LEAST_PATIENTS, progress=False)
    store = SliceStore.open(out / "store")
    assert store.index["patient"].nunique() == LEAST_PATIENTS
    assert set(store.index["plane"]) == {"axial"}
    assert set(store.index["sequence"]) == {"T1"}
    assert Run.open(out / "run").checkpoints()
    assert len(Samples.open(out / "samples")) == 200
    assert "fd[efficientnet-lite0]" in read_json(out / "scores" / "scores.json")
    written = list((out / "dicom").rglob("*.dcm"))
    assert len(written) == 50
    assert all(pydicom.dcmread(path, stop_before_pixels=True).SyntheticData == "YES" for path in written)
    assert "no diversity" in (out / "README.txt").read_text(encoding="utf-8")
    assert page == out / "report.html"
    assert read_json(out / "audit" / "audit.json")["counts"]["samples"] == 200
    said = page.read_text(encoding="utf-8")
    assert WHAT_IT_IS in said
    assert "Fonov et al. 2011" in said
    assert "was not audited" not in said
    with pytest.raises(UserError, match="exists already"):
        demo(out)
