"""Small scans with masks, in which a pixel is bright where, and only where, its mask has a class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from helpers.scan_files import write_dicom, write_nifti

SHAPE = (12, 14, 10)


def labels_and_scan(seed: int = 0, shape: Sequence[int] = SHAPE) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """A map of the labels 3 and 7 and a scan of 1000 times as much, with noise of at most 200."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(tuple(shape), np.uint8)
    labels[3:7, 2 + seed % 3 : 9, 2:] = 3
    labels[7:10, 4:12, :8] = 7
    return labels, labels * 1000.0 + rng.uniform(0, 200, tuple(shape))


def write_pair(folder: Path, name: str, *, axes: str = "RAS", mask_axes: str = "RAS", seed: int = 0) -> None:
    """scans/NAME.nii.gz and masks/NAME.nii.gz."""
    labels, scan = labels_and_scan(seed)
    write_nifti(folder / "scans" / f"{name}.nii.gz", scan.astype(np.float32), axes)
    write_nifti(folder / "masks" / f"{name}.nii.gz", labels, mask_axes)


def write_dicom_pair(
    folder: Path, *, frame_of_reference: str | None = None, shift_mm: float = 0.0, kind: str = "BINARY"
) -> None:
    """scans/*.dcm, an axial MR, and masks/seg.dcm, in which the segments 1 and 2 are thalamus and hippocampus."""
    labels, scan = labels_and_scan()
    labels, scan = labels.transpose(2, 0, 1), scan.transpose(2, 0, 1)
    series, place = generate_uid(), generate_uid()
    sources = [
        write_dicom(
            folder / "scans" / f"{k:02d}.dcm", np.rint(scan[k]).astype(np.uint16), Modality="MR",
            SOPClassUID=pydicom.uid.MRImageStorage, SeriesInstanceUID=series, FrameOfReferenceUID=place,
            ImagePositionPatient=[0.0, 0.0, 3.0 * k], InstanceNumber=k + 1, PatientName="Doe^Jane", PatientBirthDate="",
            PatientSex="", StudyID="", AccessionNumber="", StudyDate="", StudyTime="",
        )
        for k in range(len(scan))
    ]  # fmt: skip
    segments = [
        highdicom.seg.SegmentDescription(
            number, f"Jane's {word}", codes.SCT.Organ, code, highdicom.seg.SegmentAlgorithmTypeValues.MANUAL
        )
        for number, word, code in ((1, "thalamus", codes.SCT.Thalamus), (2, "hippocampus", codes.SCT.Hippocampus))
    ]
    numbered = np.select([labels == 3, labels == 7], [1, 2]).astype(np.uint8)
    seg = highdicom.seg.Segmentation(
        sources, numbered, highdicom.seg.SegmentationTypeValues(kind), segments, generate_uid(), 1, generate_uid(), 1,
        "maker", "model", "1", "2",
    )  # fmt: skip
    if frame_of_reference is not None:
        seg.FrameOfReferenceUID = frame_of_reference
    for item in seg.PerFrameFunctionalGroupsSequence:
        position = item.PlanePositionSequence[0]
        position.ImagePositionPatient = [float(one) + shift_mm for one in position.ImagePositionPatient]
    (folder / "masks").mkdir(parents=True, exist_ok=True)
    seg.save_as(folder / "masks" / "seg.dcm")
