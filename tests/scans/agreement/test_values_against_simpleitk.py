"""The physical values of every real grey image, against SimpleITK's. What differs is explained below, or it fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from helpers.real_scans import folders, found
from pydicom.uid import JPEG2000, JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless

from medattngan.scans.find import Found
from medattngan.scans.formats.table import formats
from medattngan.scans.series import SetAside
from medattngan.stages.ingest.worker import quiet

sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed (the dev extra)")

pytestmark = pytest.mark.slow

AT_LEAST = 50
"""Grey DICOM images that pydicom alone brings, so that a search which finds nothing fails."""

OF_NO_PATIENT = {"colour", "composite", "derived-object", "label-mask", "localizer", "no-pixels", "screen-capture"}
"""Reasons for which an image that SimpleITK reads is not read here, on purpose."""

DAMAGED = {"badVR.dcm"}
"""Files of which SimpleITK makes something up. badVR.dcm: its Number of Frames is 1A."""

LOSSY = {JPEGBaseline8Bit, JPEGExtended12Bit, JPEG2000, JPEGLSNearLossless}
"""Syntaxes whose decoders may round in different ways."""


@pytest.fixture(autouse=True)
def without_warnings() -> Iterator[None]:
    """Old test files break rules that readers warn about."""
    with quiet():
        yield


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)
def test_dicom_values_are_those_of_simpleitk(folder: Path) -> None:
    unexplained, compared = [], 0
    for file in found("dicom", folder):
        ours, reason = _ours(file)
        theirs = _theirs(file.path)
        if theirs is None:
            continue
        if ours is None:
            if reason not in OF_NO_PATIENT and file.path.name not in DAMAGED:
                unexplained.append(f"{file.path.name}: {reason}, and SimpleITK reads {theirs.shape}")
            continue
        compared += 1
        if (why := _difference(file.path, ours, theirs)) is not None:
            unexplained.append(f"{file.path.name}: {why}")
    assert unexplained == []
    assert compared >= (AT_LEAST if folder.parent.name == "pydicom" else 0)


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)
def test_volume_values_are_those_of_simpleitk(folder: Path) -> None:
    compared, unexplained = 0, []
    for file in found("volume", folder):
        ours, _ = _ours(file)
        theirs = _theirs(file.path)
        if ours is None or theirs is None:
            continue
        compared += 1
        across = np.transpose(ours, (0, 2, 1))  # ours is (k, i, j), SimpleITK's (k, j, i)
        if across.shape != theirs.shape or not np.allclose(across, theirs, rtol=1e-5):
            unexplained.append(file.path.name)
    if not compared:
        pytest.skip("no NIfTI volume in this folder")
    assert unexplained == []


def _ours(file: Found) -> tuple[npt.NDArray[np.float32] | None, str]:
    """(frame, row, column), or the reason why there is none."""
    if file.reason is not None:
        return None, file.reason
    if not file.pieces:
        return None, "no-pixels"
    try:
        volume, _ = formats()[file.format].load(sorted(file.pieces, key=lambda piece: piece.frame))
    except SetAside as error:
        return None, error.reason
    return np.moveaxis(volume, -1, 0), ""


def _theirs(path: Path) -> npt.NDArray[Any] | None:
    """(frame, row, column) of SimpleITK, or None where it cannot read the file."""
    sitk.ProcessObject_SetGlobalWarningDisplay(False)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError:
        return None
    array: npt.NDArray[Any] = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        array = array[..., 1]
    return array if array.ndim == 3 else array[None]


def _difference(path: Path, ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> str | None:
    """What is different and cannot be explained."""
    if ours.shape != theirs.shape:
        return f"shapes {ours.shape} and {theirs.shape}"
    dataset = pydicom.dcmread(path, force=True)
    expected = theirs.astype(np.float64)
    if "ModalityLUTSequence" in dataset:  # which SimpleITK does not apply
        table = dataset.ModalityLUTSequence[0]
        first = np.asarray(table.LUTDescriptor[1]).astype(np.int64)
        first = first - 65536 if expected.min() < 0 < 32767 < first else first
        expected = np.asarray(table.LUTData)[(expected - first).astype(np.int64)].astype(np.float64)
    padded = np.zeros(ours.shape, np.bool_)
    if "PixelPaddingValue" in dataset:  # which SimpleITK keeps, and which is no value of the patient here
        slope = float(dataset.get("RescaleSlope") or 1)
        padded = expected == slope * float(dataset.PixelPaddingValue) + float(dataset.get("RescaleIntercept") or 0)
        if padded.any() and not padded.all() and (ours[padded] != ours[~padded].min()).any():
            return "padding that is not the least value of the image"
    syntax = getattr(dataset.file_meta, "TransferSyntaxUID", None)
    step = 1.0 if syntax in LOSSY else 1e-6 * float(np.abs(expected).max())
    most = float(np.abs(ours - expected)[~padded].max(initial=0.0))
    return f"differs by up to {most}" if most > step else None
