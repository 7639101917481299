"""Slices as they are handed to `evaluate`, `audit`, `review` and `export`, whoever made them.

Four kinds are opened: a samples folder, a folder of DICOM, a folder of pictures, a .npy. What they hold is read once,
and then asked for as the network sees it (`unit`) or as Samples with a map to physical values (`physical`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from medattngan.core.files import UserError
from medattngan.core.types import Images
from medattngan.data.intensity import IntensityMap, codes_to_unit
from medattngan.data.samples import Samples, require_verdict_heeded
from medattngan.data.slice_images import SliceImages
from medattngan.external.physical import encode_pixels, known_unit, natural_range, require_plane, require_spacing
from medattngan.external.pictures import read_array, read_folder
from medattngan.external.unit import to_unit

Kind = Literal["samples", "dicom", "pictures", "array"]


@dataclass(frozen=True)
class Synthetic:
    """Slices to be judged.

    Args:
        images: (count, 1, H, W) float32 in [-1, 1]; those of a samples folder are made when they are asked for.
        labels: of each slice; None where not all have one.
        notes: in sentences, what had to be done to them.
    """

    images: Images | SliceImages
    labels: list[str] | None
    notes: list[str]

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Sequence[int]) -> Synthetic:
        """Some of the slices, in the order of `rows`."""
        labels = None if self.labels is None else [self.labels[row] for row in rows]
        return Synthetic(SliceImages.of(self.images).take(rows), labels, self.notes)

    def resized(self, size: int) -> Synthetic:
        """The slices at `size` px; what rounding takes out of [-1, 1] is put back."""
        return Synthetic(SliceImages.of(self.images).resized(size), self.labels, self.notes)


@dataclass(frozen=True)
class External:
    """Slices that were opened and stand for nothing yet.

    Args:
        path: where they lie.
        kind: what they lie in.
        pixels: (count, H, W): codes of a samples folder, physical values of DICOM, else the type they were saved in.
        labels: of each slice, where it has one.
        notes: in sentences, what had to be done to them.
        samples: the samples folder, where it is one.
        known: what DICOM says of all of them alike: `unit`, `modality`, `spacing_mm`, `synthetic`.
    """

    path: Path
    kind: Kind
    pixels: npt.NDArray[np.generic]
    labels: list[str | None]
    notes: list[str]
    samples: Samples | None
    known: dict[str, Any]

    def __len__(self) -> int:
        return len(self.pixels)

    def unit(self, intensity: IntensityMap) -> Synthetic:
        """All slices as the network sees them.

        Args:
            intensity: where physical units lie in [-1, 1]. Only DICOM says what its pixels are in; all else is placed
                by its type (see `to_unit`).

        Raises:
            UserError: they are not square, or their values cannot be placed.
        """
        height, width = self.pixels.shape[1:]
        if height != width:
            raise UserError(f"the slices of {self.path} are {height} x {width}; crop or pad them to squares.")
        notes = list(self.notes)
        labels = [label for label in self.labels if label is not None]
        all_or_none = labels if len(labels) == len(self) else None
        if self.samples is not None:
            return Synthetic(SliceImages.of_codes(self.samples.codes), all_or_none, notes)
        if self.kind == "dicom":
            values = codes_to_unit(intensity.encode(self.pixels))
            ends = f"{intensity.lower:.6g} and {intensity.upper:.6g} {intensity.unit}"
            notes.append(f"DICOM samples were placed between {ends}")
        else:
            values = to_unit(self.pixels, self.path)
        return Synthetic(torch.from_numpy(values).unsqueeze(1), all_or_none, notes)

    def physical(
        self,
        *,
        value_range: tuple[float, float] | None = None,
        unit: str | None = None,
        modality: str | None = None,
        plane: str = "acquired",
        spacing_mm: float = math.nan,
    ) -> Samples:
        """The slices with a map to physical values. A samples folder has all this, and is given as it is.

        Args:
            value_range: physical (lower, upper). Of unsigned pixels: what the darkest and brightest *possible* pixel
                mean, by default the pixel value itself. Signed and floating-point pixels, and those of DICOM, are
                physical values already: the range they lie in, which floating point needs.
            unit: `HU`, or whatever the values are in; by default what DICOM says, else `a.u.`.
            modality: DICOM's Modality (0008,0060): CT, MR, CR, DX …; by default what DICOM says, else OT.
            plane: axial, coronal, sagittal or acquired.
            spacing_mm: size of a pixel, both ways; NaN for what DICOM says, or unknown.

        Raises:
            UserError: an option is not possible, the values do not fit the range, or DICOM does not say that it is
                synthetic: what is exported says so.
        """
        require_plane(plane)
        require_spacing(spacing_mm)
        if self.samples is not None:
            return self.samples
        if self.kind == "dicom" and not self.known.get("synthetic"):
            raise UserError(
                f"{self.path} holds DICOM without Synthetic Data (0008,001C) YES, and scans of patients must not be "
                "exported as synthetic; set it in the files of your generator, or give its slices as pictures or .npy."
            )
        if self.kind == "dicom" and value_range is None:
            value_range = natural_range(self.pixels)
        said = known_unit(unit or self.known.get("unit", "a.u."))
        codes, scale = encode_pixels(self.pixels, value_range, said, self.path)
        intensity = {
            **scale.to_dict(), "modality": modality or self.known.get("modality", "OT"), "plane": plane,
            "spacing_mm": self.known.get("spacing_mm") if math.isnan(spacing_mm) else spacing_mm,
        }  # fmt: skip
        seeds = pd.array(list(range(len(codes))), "Int64")
        table = pd.DataFrame({"seed": seeds, "label": pd.array(self.labels, "string")})
        return Samples(codes, table, {key: value for key, value in intensity.items() if value is not None}, {})


def open_slices(path: Path) -> External:
    """Open the slices at `path`, whoever made them.

    Args:
        path: a samples folder; a folder of DICOM files, or of pictures, at any depth; or a .npy of (count, H, W).

    Raises:
        UserError: there is none, one cannot be read, or they are of unlike sizes or types; or it is the bare pixels of
            a samples folder, whose table holds the audit's verdict.
    """
    require_verdict_heeded(path)
    if any((path / name).is_file() for name in ("samples.parquet", "pixels.npy")):
        samples = Samples.open(path)
        labels = [label if isinstance(label, str) and label else None for label in samples.table["label"]]
        return External(path, "samples", samples.codes, labels, [], samples, {})
    if path.is_dir():
        # Imported here, as pydicom takes half a second, and arrays do not need it.
        from medattngan.external.dicom import dicom_files, read_frames

        if files := dicom_files(path):
            pixels, known = read_frames(files, path)
            return External(path, "dicom", pixels, [None] * len(pixels), [], None, known)
        folder = read_folder(path)
        notes = [f"{folder.coloured} samples in colour were taken as their luminance"] if folder.coloured else []
        return External(path, "pictures", folder.pixels, folder.labels, notes, None, {})
    if path.suffix == ".npy" and path.is_file():
        array = read_array(path)
        return External(path, "array", array, [None] * len(array), [], None, {})
    missing = "is neither a folder nor a .npy file" if path.exists() else "does not exist"
    cure = "give a samples folder, a folder of pictures or of DICOM, or a .npy of (count, H, W)"
    raise UserError(f"{path} {missing}; {cure}.")
