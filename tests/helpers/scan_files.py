"""Small scans for tests, written as the files that scanners and tools write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def texture(shape: Sequence[int], seed: int = 0, low: float = 0.0, high: float = 1000.0) -> npt.NDArray[np.float64]:
    """A bright, noisy block in the dark: never blank, never a mask, never twice the same."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(0.0, 0.1, tuple(shape))
    inner = tuple(slice(n // 4, n - n // 4) if n > 8 else slice(None) for n in shape)
    values[inner] = rng.uniform(0.4, 1.0, values[inner].shape)
    return low + (high - low) * values


def write_dicom(path: Path, pixels: npt.NDArray[Any], **attributes: Any) -> FileDataset:
    """A single-frame CT, unless `attributes` (DICOM keywords) say otherwise."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = attributes.get("SOPClassUID", CTImageStorage)
    dataset = FileDataset(str(path), Dataset(), preamble=b"\0" * 128, file_meta=meta)
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.Modality, dataset.PatientID = "CT", "patient"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = pixels.dtype.itemsize * 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelSpacing, dataset.SliceThickness = [2.0, 2.0], 3.0
    dataset.ImageOrientationPatient, dataset.ImagePositionPatient = list(AXIAL), [0.0, 0.0, 0.0]
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return dataset


def write_ct(folder: Path, patient: str, slices: int = 4, size: int = 16, seed: int = 0) -> npt.NDArray[np.int16]:
    """An axial CT, its slices from foot to head but numbered and named at random. Returns HU (slice, row, column)."""
    hounsfield = np.rint(texture((slices, size, size), seed, -1000, 1000)).astype(np.int16)
    shuffled = np.random.default_rng(seed).permutation(slices)
    for i, number in enumerate(shuffled):
        write_dicom(
            folder / f"{number:03d}",
            (hounsfield[i] + 1024).astype(np.uint16),
            PatientID=patient,
            SeriesInstanceUID=f"1.2.3.{seed + 1}",
            InstanceNumber=int(number) + 1,
            ImagePositionPatient=[0.0, 0.0, 3.0 * i],
            RescaleIntercept=-1024,
        )
    return hounsfield


def write_nifti(
    path: Path, volume: npt.NDArray[Any], axes: str = "RAS", zooms: Sequence[float] = (1.0, 1.0, 1.0)
) -> None:
    """A volume given in RAS order, stored with its indices growing towards `axes`."""
    ras = nib.Nifti1Image(volume, np.diag([*zooms, 1.0]))
    wanted = nib.orientations.axcodes2ornt(axes)
    path.parent.mkdir(parents=True, exist_ok=True)
    ras.as_reoriented(nib.orientations.ornt_transform(nib.orientations.axcodes2ornt("RAS"), wanted)).to_filename(path)
