"""Pseudo-patients on disk, as a hospital and a research group would hand them over: DICOM series and NIfTI files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from medattngan.core.files import require_absent
from medattngan.stages.demo.cohort import SPACING_MM, PseudoPatient, make_cohort
from medattngan.stages.export.origin import UUID_ROOT, make_uid

NOTE = "Not a person: the MNI152 template brain, bent by software."
"""Goes into every file, as far as its format has room."""


def pseudo_scans(out: str | Path, *, patients: int = 12, seed: int = 0) -> Path:
    """Write scans of pseudo-patients, DICOM and NIfTI, to practise on: nobody's, and nothing is downloaded.

        store = mg.ingest(mg.pseudo_scans("scans"), "store")

    Each is the MNI152 template brain (Fonov et al. 2009, doi:10.1016/S1053-8119(09)70884-5), which ships with nilearn,
    bent by software. The same number and seed give the same scans.

    Returns:
        `out`.

    Raises:
        UserError: `out` exists and is not empty.
    """
    require_absent(Path(out))
    for patient in make_cohort(patients, seed):
        write_scan(patient, Path(out), seed)
    return Path(out)


def write_scan(patient: PseudoPatient, folder: Path, seed: int) -> Path:
    """Write one pseudo-patient below `folder`, odd numbers as NIfTI, even ones as DICOM; returns the path."""
    if patient.number % 2:
        return write_nifti(patient, folder / "nifti-T1")
    return write_dicom(patient, folder / "dicom" / patient.name, seed)


def write_nifti(patient: PseudoPatient, folder: Path) -> Path:
    """One NIfTI-1 file, int16, gzipped, with the note in its 80 characters of description."""
    folder.mkdir(parents=True, exist_ok=True)
    image: Any = nib.Nifti1Image(patient.scan, patient.affine)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = NOTE.encode("ascii")
    path = folder / f"{patient.name}.nii.gz"
    nib.save(image, path)
    return path


def write_dicom(patient: PseudoPatient, folder: Path, seed: int) -> Path:
    """A series of MR Image Storage objects (PS3.3 A.4), one axial slice a file, from inferior to superior."""
    folder.mkdir(parents=True)
    for index in range(patient.scan.shape[2]):
        dataset = _mr_image(patient, index, seed)
        dataset.save_as(folder / f"{index + 1:04d}.dcm", enforce_file_format=True)
    return folder


def _mr_image(patient: PseudoPatient, index: int, seed: int) -> Dataset:
    """Slice `index` as a dataset that is ready to save."""
    dataset = Dataset()
    _identify(dataset, patient, index, seed)
    dataset.Modality = "MR"
    dataset.Manufacturer = "medattngan demo"
    dataset.SeriesNumber = 1
    dataset.SeriesDescription = "T1 template, bent"
    dataset.InstanceNumber = index + 1
    dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    dataset.DerivationDescription = NOTE
    dataset.ImageComments = NOTE
    dataset.SyntheticData = "YES"
    dataset.ScanningSequence = "RM"
    dataset.SequenceVariant = "NONE"
    dataset.ScanOptions = ""
    dataset.MRAcquisitionType = "3D"
    dataset.EchoTime = None
    dataset.RepetitionTime = None
    dataset.EchoTrainLength = None
    dataset.BodyPartExamined = "BRAIN"
    dataset.PatientPosition = "HFS"
    dataset.PositionReferenceIndicator = ""
    dataset.SliceThickness = SPACING_MM
    dataset.PixelSpacing = [SPACING_MM, SPACING_MM]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient = _first_pixel_lps(patient, index)
    _set_pixels(dataset, patient.scan[::-1, ::-1, index].T)
    return dataset


def _identify(dataset: Dataset, patient: PseudoPatient, index: int, seed: int) -> None:
    """Who and which: names no one could take for a person's, no date, UIDs that follow from seed and number."""
    name = patient.name.upper()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = f"PSEUDO^{name}"
    dataset.PatientID = name
    dataset.PatientBirthDate = ""
    dataset.PatientSex = ""
    dataset.PatientComments = NOTE
    dataset.StudyDate = ""
    dataset.StudyTime = ""
    dataset.StudyID = "DEMO"
    dataset.StudyDescription = "PSEUDO-SCAN"
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    key = ("demo", seed, patient.number)
    dataset.StudyInstanceUID = make_uid(UUID_ROOT, *key, "study")
    dataset.SeriesInstanceUID = make_uid(UUID_ROOT, *key, "series")
    dataset.FrameOfReferenceUID = make_uid(UUID_ROOT, *key, "frame of reference")
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = make_uid(UUID_ROOT, *key, "instance", index)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _first_pixel_lps(patient: PseudoPatient, index: int) -> list[float]:
    """Image Position (Patient): the centre of the pixel at the upper left, which is the most right and anterior one."""
    right, anterior = (n - 1 for n in patient.scan.shape[:2])
    x, y, z, _ = (patient.affine @ [right, anterior, index, 1]).tolist()
    return [-x, -y, z]


def _set_pixels(dataset: Dataset, picture: npt.NDArray[np.int16]) -> None:
    """Rows run to posterior and columns to the patient's left, as radiologists look at a slice."""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = picture.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 1
    dataset.WindowCenter = round(float(picture.max()) / 2, 1)
    dataset.WindowWidth = max(1.0, float(picture.max()))
    dataset.PixelData = np.ascontiguousarray(picture, dtype="<i2").tobytes()
