"""Synthetic slices as they are given to be judged, with their labels: a samples folder, pictures, a .npy, or DICOM.

DICOM says in physical units what a pixel is, so its slices go through the intensity map of the store they are compared
with; all else is placed as `synthetic` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from medattngan.core.files import UserError
from medattngan.core.types import Images
from medattngan.data.intensity import IntensityMap, codes_to_unit
from medattngan.data.resize import resize
from medattngan.data.samples import Samples
from medattngan.external.pictures import read_stack
from medattngan.external.unit import place


@dataclass(frozen=True)
class Synthetic:
    """Slices to be judged.

    Args:
        images: (count, 1, H, W) float32 in [-1, 1].
        labels: of each slice; None where not all have one.
        notes: in sentences, what had to be done to them.
    """

    images: Images
    labels: list[str] | None
    notes: list[str]

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Sequence[int], size: int) -> Synthetic:
        """Some of the slices, resized to `size` px."""
        labels = None if self.labels is None else [self.labels[row] for row in rows]
        return Synthetic(resize(self.images[list(rows)], size), labels, self.notes)


def read_synthetic(path: Path, intensity: IntensityMap) -> Synthetic:
    """Read the slices at `path`, whoever made them.

    Args:
        path: a samples folder, a folder of pictures or of DICOM files at any depth, or a .npy.
        intensity: where physical units lie in [-1, 1]; for DICOM.

    Raises:
        UserError: there is none, one cannot be read, they are of unlike sizes or not square, or their values
            cannot be placed.
    """
    if (path / "samples.parquet").is_file():
        samples = Samples.open(path)
        return Synthetic(samples.unit(), _all_or_none(samples.table["label"].tolist()), [])
    if path.is_dir() and not (path / "pixels.npy").is_file():
        # Imported here, as pydicom takes half a second, and arrays do not need it.
        from medattngan.external.dicom import dicom_files

        if files := dicom_files(path):
            return _read_dicom(files, path, intensity)
    stack = read_stack(path / "pixels.npy" if (path / "pixels.npy").is_file() else path)
    images, notes = place(stack, path)
    return Synthetic(images, _all_or_none(stack.labels), notes)


def _read_dicom(files: Sequence[Path], folder: Path, intensity: IntensityMap) -> Synthetic:
    from medattngan.external.dicom import frames

    slices = [values for file in files for values in frames(file)]
    shapes = {values.shape for values in slices}
    if len(shapes) > 1 or any(height != width for height, width in shapes):
        found = ", ".join(f"{height} x {width}" for height, width in sorted(shapes))
        raise UserError(f"the slices of {folder} are {found}; bring them to squares of one size.")
    unit = codes_to_unit(intensity.encode(np.stack(slices)))
    note = f"DICOM samples were placed between {intensity.lower:.6g} and {intensity.upper:.6g} {intensity.unit}"
    return Synthetic(torch.from_numpy(unit).unsqueeze(1), None, [note])


def _all_or_none(labels: Sequence[object]) -> list[str] | None:
    """The labels if every slice has one."""
    return [str(label) for label in labels] if all(isinstance(label, str) and label for label in labels) else None
