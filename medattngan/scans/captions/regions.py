"""Regions of a slice in words, from maps of labels that lie beside the scans.

A recipe of the user's says where the maps are and what their numbers mean:

    masks: dlmuse_seg                # folder, relative to the recipe
    suffix: _DLMUSE.nii.gz           # of scan IXI012.nii.gz the map is dlmuse_seg/IXI012_DLMUSE.nii.gz
    caption: "{plane} T1, {regions}"
    least_mm2: 40                    # a region that covers less of a slice is not named
    regions:
      lateral ventricles: [51, 52]
      thalamus: [59, 60]

A slice is given the regions of the plane of the map that is nearest to it. Maps are read where they lie; nothing of
them but the words goes into the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import yaml

from medattngan.core.files import UserError
from medattngan.scans.formats.nifti import VOLUME_ERRORS, open_volume
from medattngan.scans.geometry.planes import OBLIQUE_DEG, slice_normal
from medattngan.scans.patients.names import stem
from medattngan.scans.series import Series

AXES = {"sagittal": 0, "coronal": 1, "axial": 2}
"""The axis of RAS+ along which the slices of a plane follow each other."""
KEYS = ("masks", "suffix", "caption", "least_mm2", "regions")
OTHERS_MM = 1.0
"""A slice that lies further beyond the map than this and half a step has no regions that anybody knows."""


@dataclass(frozen=True)
class Regions:
    """A recipe, read.

    Args:
        folder, suffix: where the map of a scan is.
        caption: with {plane}, {modality} and {regions} in their places.
        least_mm2: of a region in a slice.
        values: the labels of each region, by its name, in the order in which they are named.
    """

    folder: Path
    suffix: str
    caption: str
    least_mm2: float
    values: Mapping[str, tuple[int, ...]]

    def path(self, series: Series) -> Path:
        """Where the map of a series is: by the name of its file, or of its folder where it is of many files; in the
        same folders as that under its source, else in none."""
        relative = PurePosixPath(series.pieces[0].relative)
        many = len({piece.path for piece in series.pieces}) > 1
        name = (relative.parent.name or series.pieces[0].path.parent.name) if many else stem(relative.name)
        folders = relative.parent.parent if many else relative.parent
        below = self.folder.joinpath(*folders.parts[1:], f"{name}{self.suffix}")
        return below if below.is_file() else self.folder / f"{name}{self.suffix}"

    def say(self, areas: Mapping[str, float], plane: str, modality: str) -> str:
        """The caption of a slice with these areas, mm²."""
        named = [name for name in self.values if areas.get(name, 0.0) >= self.least_mm2]
        listed = " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)
        text = self.caption.format(plane=plane, modality=modality, regions=listed)
        return text.strip(" ,;:")


def read_regions(path: Path) -> Regions:
    """Read a recipe in YAML.

    Raises:
        UserError: it is none; naming the key.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read as YAML ({type(error).__name__}); check --captions.") from None
    if not isinstance(tree, dict) or not isinstance(tree.get("regions"), dict) or not tree["regions"]:
        raise UserError(f"{path} needs a section `regions` of names and label values; see docs/how-to/text.md.")
    if unknown := sorted(str(key) for key in tree if key not in KEYS):
        raise UserError(f"{path}: {unknown[0]} is not a key; allowed here: {', '.join(KEYS)}.")
    values = {str(name): _labels(path, name, given) for name, given in tree["regions"].items()}
    caption = str(tree.get("caption", "{plane} {modality}, {regions}"))
    try:
        caption.format(plane="", modality="", regions="")
    except (KeyError, IndexError, ValueError):
        raise UserError(f"{path}: caption may hold {{plane}}, {{modality}} and {{regions}} in braces only.") from None
    least = tree.get("least_mm2", 40)
    if not isinstance(least, int | float) or least < 0:
        raise UserError(f"{path}: least_mm2 is {least!r}; give mm² of 0 or more.")
    folder = path.parent / str(tree.get("masks", "."))
    if not folder.is_dir():
        raise UserError(f"{path}: masks is {tree.get('masks')!r}, but there is no folder {folder}.")
    return Regions(folder, str(tree.get("suffix", ".nii.gz")), caption, float(least), values)


def _labels(path: Path, name: object, given: object) -> tuple[int, ...]:
    numbers = given if isinstance(given, list) else [given]
    if not numbers or not all(isinstance(one, int) and not isinstance(one, bool) for one in numbers):
        raise UserError(f"{path}: regions.{name} is {given!r}; give whole numbers, as [51, 52].")
    return tuple(numbers)


@dataclass(frozen=True)
class Areas:
    """What a map shows, plane by plane.

    Args:
        by_axis: for each axis of RAS+, (planes, regions) mm² of each region in each plane.
        affine: (4, 4) of the map in RAS+ order.
    """

    names: tuple[str, ...]
    by_axis: tuple[npt.NDArray[np.float64], ...]
    affine: npt.NDArray[np.float64]

    def at(self, plane: str, position_mm: float) -> dict[str, float] | None:
        """The area of each region, mm², in the plane nearest to a position; None where the map does not reach it."""
        axis = AXES.get(plane)
        if axis is None or not np.isfinite(position_mm):
            return None
        normal = slice_normal(self.affine, axis)
        step = float(normal @ self.affine[:3, axis])
        index = (position_mm - float(normal @ self.affine[:3, 3])) / step
        areas = self.by_axis[axis]
        beyond = max(-index, index - (len(areas) - 1)) * step
        if beyond > step / 2 + OTHERS_MM:
            return None
        return dict(zip(self.names, areas[min(max(round(index), 0), len(areas) - 1)].tolist(), strict=True))


def read_areas(path: Path, values: Mapping[str, tuple[int, ...]]) -> Areas | None:
    """Count the regions of the map of labels at `path`; None where there is no map.

    Raises:
        UserError: it is no map of labels, or lies too obliquely to be cut along the planes of the body.
    """
    if not path.is_file():
        return None
    try:
        with open_volume(path) as opened:
            image: Any = nib.as_closest_canonical(opened)  # type: ignore[no-untyped-call]
            labels = np.asarray(image.dataobj)
            affine = np.asarray(image.affine, np.float64)
    except VOLUME_ERRORS:
        raise UserError(f"{path} cannot be read as a map of labels; repair it or take it out of the folder.") from None
    if labels.ndim != 3 or (labels != np.rint(labels)).any():
        raise UserError(f"{path} is no map of labels: it has other numbers than whole ones, or not three axes.")
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    if (np.abs(np.diag(affine)[:3]) < sides * np.cos(np.radians(OBLIQUE_DEG))).any():
        raise UserError(f"{path} lies obliquely in the body; resample scan and map along its axes.")
    whole = labels.astype(np.int64)
    found = [np.isin(whole, list(numbers)) for numbers in values.values()]
    by_axis = []
    for axis in range(3):
        others = tuple(one for one in range(3) if one != axis)
        counts = np.stack([mask.sum(others) for mask in found], 1)
        by_axis.append(counts * float(sides[others[0]] * sides[others[1]]))
    return Areas(tuple(values), tuple(by_axis), affine)
