"""What a real series lends to the slices, and what it never does."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from helpers.dicom_checks import complaints
from helpers.export_cases import CT, files_of, make_samples
from pydicom.uid import CTImageStorage

from medattngan.core.files import UserError
from medattngan.stages.export.export import export
from medattngan.stages.export.lend import read_like
from medattngan.stages.export.like import Like, plane_like
from medattngan.stages.export.plane import BODY_PARTS, ORIENTATION, PAIRED, Plane

CANARY = "XQZCANARY"
IDENTIFYING = [
    "PatientName", "PatientID", "PatientComments", "OtherPatientIDs", "EthnicGroup", "Occupation",
    "InstitutionName", "StationName", "StudyDescription", "SeriesDescription", "ProtocolName",
    "ImageComments", "Manufacturer", "ManufacturerModelName", "StudyID", "ReferringPhysicianName",
    "OperatorsName", "DeviceSerialNumber", "AccessionNumber", "RequestedProcedureDescription",
]  # fmt: skip


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
    assert plane_like(ours, prone).orientation == ORIENTATION["axial"]
    with pytest.raises(UserError, match="another plane"):
        plane_like(ours, Like(orientation=ORIENTATION["coronal"]))
    assert plane_like(Plane(), prone).orientation == prone.orientation


def test_a_window_that_would_show_nothing_is_not_lent(tmp_path: Path) -> None:
    write_real(tmp_path / "real.dcm", WindowCenter=3000, WindowWidth=100)
    (file, *_) = files_of(export(make_samples(CT), tmp_path / "dicom", like=tmp_path / "real.dcm").path)
    assert float(pydicom.dcmread(file).WindowCenter) == -600


def test_damaged_technical_attributes_are_not_lent(tmp_path: Path) -> None:
    write_real(tmp_path / "real.dcm", PixelSpacing=[0, 1], ImageOrientationPatient=[1, 0, 0, 1, 0, 0])
    like = read_like(tmp_path / "real.dcm", "acquired", (40, 64))
    assert (like.spacing_mm, like.orientation) == (None, None)


@pytest.mark.slow
@pytest.mark.parametrize("body_part", sorted(BODY_PARTS))
def test_dciodvfy_agrees_which_body_parts_come_in_pairs(body_part: str, tmp_path: Path) -> None:
    write_real(tmp_path / "real.dcm", BodyPartExamined=body_part)
    (file,) = files_of(export(make_samples(CT, 1), tmp_path / "dicom", sop="ct", like=tmp_path / "real.dcm").path)
    assert ("Laterality" in pydicom.dcmread(file)) == (body_part in PAIRED)
    assert complaints(file) == []
