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
from medattngan.data.sources import require_no_latents
from medattngan.external.physical import Scale, encode_pixels, known_unit, natural_range, require_plane, require_spacing
from medattngan.external.pictures import read_array, read_pictures
from medattngan.external.unit import black_and_white, to_unit

Kind = Literal["samples", "dicom", "pictures", "array"]


@dataclass(frozen=True)
class Synthetic:
    """Slices to be judged.

    Args:
        images: (count, 1, H, W) float32 in [-1, 1]; those of a samples folder are made when they are asked for.
        labels: of each slice; None where not all have one.
        notes: in sentences, what had to be done to them.
        volumes: of which volume each slice is; None where each was drawn by itself.
    """

    images: Images | SliceImages
    labels: list[str] | None
    notes: list[str]
    volumes: list[str] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Sequence[int]) -> Synthetic:
        """Some of the slices, in the order of `rows`."""
        labels = None if self.labels is None else [self.labels[row] for row in rows]
        volumes = None if self.volumes is None else [self.volumes[row] for row in rows]
        return Synthetic(SliceImages.of(self.images).take(rows), labels, self.notes, volumes)

    def resized(self, size: int) -> Synthetic:
        """The slices at `size` px; what rounding takes out of [-1, 1] is put back."""
        return Synthetic(SliceImages.of(self.images).resized(size), self.labels, self.notes, self.volumes)


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

    def unit(self, intensity: IntensityMap, value_range: tuple[float, float] | None = None) -> Synthetic:
        """All slices as the network sees them.

        Args:
            intensity: where physical units lie in [-1, 1]. Only DICOM says what its pixels are in; all else is placed
                by its type (see `black_and_white`).
            value_range: the values of black and white pixels, of pictures and arrays whose type leaves that in doubt.

        Raises:
            UserError: they are not square, or their values cannot be placed; or a range is given for what has one.
        """
        if value_range is not None and self.kind in ("dicom", "samples"):
            raise UserError(f"{self.path} says itself what its values mean; leave out --range.")
        height, width = self.pixels.shape[1:]
        if height != width:
            raise UserError(f"the slices of {self.path} are {height} x {width}; crop or pad them to squares.")
        notes = list(self.notes)
        labels = [label for label in self.labels if label is not None]
        all_or_none = labels if len(labels) == len(self) else None
        if self.samples is not None:
            table = self.samples.table
            volumes = table["volume"].astype(str).tolist() if "volume" in table else None
            return Synthetic(SliceImages.of_codes(self.samples.codes), all_or_none, notes, volumes)
        if self.kind == "dicom":
            self._require_unit(intensity)
            values = codes_to_unit(intensity.encode(self.pixels))
            ends = f"{intensity.lower:.6g} and {intensity.upper:.6g} {intensity.unit}"
            notes.append(f"DICOM samples were placed between {ends}")
        else:
            black, white = black_and_white(self.pixels, self.path, value_range)
            values = to_unit(self.pixels, black, white)
            if value_range is not None:
                notes.append(f"values of {black:g} were taken as black and of {white:g} as white")
                pixels: npt.NDArray[Any] = self.pixels
                outside = int(np.count_nonzero((pixels < black) | (pixels > white)))
                notes += [f"{outside} pixels beyond them were clipped"] if outside else []
        return Synthetic(torch.from_numpy(values).unsqueeze(1), all_or_none, notes)

    def _require_unit(self, intensity: IntensityMap) -> None:
        found = self.known.get("unit", "in several units")
        if found != intensity.unit:
            raise UserError(
                f"the values of {self.path} are {found} but those of the store are {intensity.unit}; say what they are "
                "with Rescale Type (0028,1054), or give the slices as pictures or .npy."
            )

    def physical(
        self,
        *,
        value_range: tuple[float, float] | None = None,
        stored: tuple[float, float] | None = None,
        unit: str | None = None,
        modality: str | None = None,
        plane: str = "acquired",
        spacing_mm: float = math.nan,
    ) -> Samples:
        """The slices with a map to physical values. A samples folder has all this, and is given as it is.

        Args:
            value_range: physical (lower, upper). Of unsigned pixels: what the values `stored` mean; without it, every
                value means itself. Signed and floating-point pixels, and those of DICOM, are physical already:
                the range they lie in, which floating point needs.
            stored: the pixel values for which `value_range` stands; by default, of unsigned pixels, the ends of their
                type, where the slices fill it. With it, signed and floating-point pixels are stored values, too.
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
        scale = Scale(value_range, stored, known_unit(unit or self.known.get("unit", "a.u.")))
        if self.samples is not None:
            given = (value_range, unit, modality) != (None, None, None) or plane != "acquired"
            if given or not math.isnan(spacing_mm):
                raise UserError(
                    f"{self.path} is a samples folder and says itself what its values mean; leave out --range, --unit, "
                    "--modality, --plane and --spacing."
                )
            return self.samples
        if self.kind == "dicom" and stored is not None:
            raise UserError(f"{self.path} holds DICOM, which says what its stored values mean; leave out --stored.")
        if self.kind == "dicom" and not self.known.get("synthetic"):
            raise UserError(
                f"{self.path} holds DICOM without Synthetic Data (0008,001C) YES, and scans of patients must not be "
                "exported as synthetic; set it in the files of your generator, or give its slices as pictures or .npy."
            )
        if self.kind == "dicom":  # in physical units, whatever small part of a range they lie in
            value_range = value_range or natural_range(self.pixels)
            scale = Scale(value_range, value_range, scale.unit)
        codes, placed = encode_pixels(self.pixels, scale, self.path)
        intensity = {
            **placed.to_dict(), "modality": modality or self.known.get("modality", "OT"), "plane": plane,
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
    require_no_latents(path)
    if any((path / name).is_file() for name in ("samples.parquet", "pixels.npy")):
        samples = Samples.open(path)
        labels = [label if isinstance(label, str) and label else None for label in samples.table["label"]]
        return External(path, "samples", samples.codes, labels, [], samples, {})
    if path.is_dir():
        # Imported here, as pydicom takes half a second, and arrays do not need it.
        from medattngan.external.listing import left_out, listing

        found = listing(path)
        if found.dicom:
            from medattngan.external.dicom import read_frames

            pixels, known = read_frames(found.dicom, path)
            notes = left_out([*found.pictures, *found.others], "DICOM", "DICOM")
            return External(path, "dicom", pixels, [None] * len(pixels), notes, None, known)
        if not found.pictures:
            raise UserError(f"{path} holds no image and no DICOM; for NIfTI, run: medattngan ingest {path}")
        folder = read_pictures(found.pictures, path)
        notes = [*folder.notes, *left_out(found.others, "pictures", "picture")]
        return External(path, "pictures", folder.pixels, folder.labels, notes, None, {})
    if path.suffix in (".npy", ".npz") and path.is_file():
        array = read_array(path)
        return External(path, "array", array, [None] * len(array), [], None, {})
    missing = "is neither a folder nor a .npy or .npz file" if path.exists() else "does not exist"
    cure = "give a samples folder, a folder of pictures or of DICOM, or a .npy of (count, H, W)"
    raise UserError(f"{path} {missing}; {cure}.")
