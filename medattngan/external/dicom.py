"""DICOM files that are given to be judged: their frames in physical units."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from medattngan.core.files import UserError
from medattngan.core.types import Physical
from medattngan.scans.formats.dicom import read_dataset
from medattngan.scans.formats.dicom_groups import functional
from medattngan.scans.formats.dicom_pixels import physical_frame
from medattngan.scans.formats.dicom_rescale import rescale
from medattngan.scans.modality import modality
from medattngan.scans.series import READ_ERRORS, REASONS, SetAside


def read_frames(files: Sequence[Path], folder: Path) -> tuple[Physical, dict[str, Any]]:
    """The frames of `files`, (count, H, W) in physical units, and what they all say of themselves.

    Raises:
        UserError: a file holds none that can be judged, or they are of unlike sizes.
    """
    slices: list[Physical] = []
    said: list[dict[str, Any]] = []
    for file in files:
        try:
            dataset = read_dataset(file)
            count = int(dataset.get("NumberOfFrames") or 1)
            slices += [physical_frame(dataset, frame)[0] for frame in range(count)]
            said.append(_facts(dataset))
        except (SetAside, *READ_ERRORS) as error:
            reason = REASONS[error.reason if isinstance(error, SetAside) else "unreadable"]
            raise UserError(f"{file} cannot be judged: {reason}; take it out.") from None
    shapes = {values.shape for values in slices}
    if len(shapes) > 1:
        found = ", ".join(f"{height} x {width}" for height, width in sorted(shapes))
        raise UserError(f"the slices of {folder} are {found}; bring them to one size.")
    alike = {key: value for key, value in said[0].items() if all(facts[key] == value for facts in said)}
    return np.stack(slices), alike


def _facts(dataset: Dataset) -> dict[str, Any]:
    """Unit, modality, pixel size (PS3.3 C.11.1.1.2, C.7.3.1, 10.7.1) of the first frame, and whether it is synthetic
    (C.12.1). Whatever else may stand in Modality is not passed on."""
    spacing = functional(dataset, 0, "PixelMeasuresSequence", "PixelSpacing")
    spacing = spacing or dataset.get("ImagerPixelSpacing") or dataset.get("NominalScannedPixelSpacing")
    sides = [float(side) for side in spacing or []]
    square = len(sides) == 2 and sides[0] == sides[1] > 0
    return {
        "unit": rescale(dataset, 0).unit,
        "modality": modality(dataset.get("Modality")),
        "spacing_mm": sides[0] if square else None,
        "synthetic": dataset.get("SyntheticData") == "YES",
    }
