"""The slices that text is written into: which are for training, which for testing, and how a training crop is made
of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import nilearn
import numpy as np
import numpy.typing as npt
from monai.transforms.compose import Compose
from PIL import Image

from medattngan.core.types import Physical
from medattngan.data.intensity import WINDOWS, IntensityMap
from medattngan.scans.find import examine, stacks, walk
from medattngan.scans.formats.table import formats
from medattngan.scans.options import Options, parse_window
from medattngan.scans.prepare import load
from medattngan.scans.screening import upright
from medattngan.scans.series import Series

Grey = npt.NDArray[np.float32]
FREE_OF_MARKERS = (slice(28, 124), slice(28, 104))
"""Of the radiographs at 128 px: their R and L stand outside."""
TEMPLATE = Path(nilearn.__file__).parent / "datasets" / "data" / "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
"""The mean of 152 brains, which comes with nilearn."""


def options(screen: str | None = None) -> Options:
    return Options(size=64, plane="acquired", window=parse_window(None)[1], screen=screen)


def all_series(folder: Path) -> list[Series]:
    return stacks([examine(item) for item in walk([folder])], None, window=False)


def part(series: Sequence[Series], of: str) -> list[Series]:
    """Every second patient, in the order of their names, is for training; the rest is for testing; `all` is both."""
    patients = {patient: number for number, patient in enumerate(sorted({one.patient for one in series}))}
    wanted = {"training": (0,), "testing": (1,), "all": (0, 1)}[of]
    return [one for one in series if patients[one.patient] % 2 in wanted]


def shown(series: Series) -> tuple[Physical, IntensityMap] | None:
    """A series as the screening sees it; None where it cannot be read."""
    kind = formats()[series.format]
    scale, *_ = kind.pipeline(series, options())
    try:
        item = Compose([*load(series, kind, options()), scale])({"image": [piece.path for piece in series.pieces]})
    except RuntimeError:
        return None
    return upright(item, series), item["map"]


@dataclass(frozen=True)
class Background:
    """A slice in physical units, and the maps through which it may be seen."""

    slice: Physical
    maps: tuple[IntensityMap, ...]


def backgrounds(folders: Sequence[Path]) -> list[list[Background]]:
    """For each folder, slices of its training patients."""
    groups = [[one for series in part(all_series(folder), "training") for one in _of(series)] for folder in folders]
    brain = np.asarray(nib.load(TEMPLATE).dataobj, np.float32)  # type: ignore[attr-defined]
    full = IntensityMap(0.0, float(brain.max()), "a.u.")
    stack = [np.flipud(brain[:, :, height].T).copy() for height in range(10, brain.shape[2] - 10, 4)]
    stack += [np.flipud(brain[place].T).copy() for place in range(20, brain.shape[0] - 20, 4)]
    return [*groups, [Background(one, (full,)) for one in stack]]


def _of(series: Series) -> list[Background]:
    found = shown(series)
    if found is None:
        return []
    stack, intensity = found
    maps: tuple[IntensityMap, ...] = (intensity,)
    if series.modality == "CT":
        names = ("soft-tissue", "soft-tissue", "lung", "bone", "full")
        maps = tuple(IntensityMap.window(*WINDOWS[name], "HU") for name in names)
    if series.format == "picture" and stack.shape[1:] == (128, 128):
        stack = stack[:, *FREE_OF_MARKERS]
    pictures = [
        *stack[1 : -1 : max(1, len(stack) // 20)],
        *(stack[at : at + 8].max(0) for at in range(0, len(stack) - 7, 8)),
    ]
    return [Background(np.ascontiguousarray(one), maps) for one in (pictures or list(stack))]


def crop(groups: Sequence[Sequence[Background]], size: int, rng: np.random.Generator) -> Grey:
    """A piece (size, size) of a slice as it is shown, in [0, 1]: turned, rescaled, and of another grey, or one
    without anatomy."""
    if rng.random() < 0.06:
        return _nothing(size, rng)
    group = groups[int(rng.integers(len(groups)))]
    background = group[int(rng.integers(len(group)))]
    intensity = background.maps[int(rng.integers(len(background.maps)))]
    shift, stretch = rng.normal(0, 0.05), np.exp(rng.normal(0, 0.1))
    width = (intensity.upper - intensity.lower) * float(stretch)
    lower = intensity.lower + float(shift) * width
    picture = np.clip((background.slice - lower) / width, 0, 1).astype(np.float32)
    piece = _shrunk(picture, size, rng) if rng.random() < 0.35 else _rescaled(picture, size, rng)
    piece = np.rot90(piece, int(rng.integers(4)))
    piece = piece[:, ::-1] if rng.random() < 0.5 else piece
    if rng.random() < 0.3:
        piece = (piece.clip(0, 1) ** float(np.exp(rng.normal(0, 0.4)))).astype(np.float32)
    if rng.random() < 0.15:
        piece = 1 - piece
    if rng.random() < 0.3:
        piece = piece + rng.standard_normal(piece.shape, np.float32) * float(rng.uniform(0, 0.06))
    return np.ascontiguousarray(np.clip(piece, 0, 1), np.float32)


def _rescaled(picture: Grey, size: int, rng: np.random.Generator) -> Grey:
    """A square of a picture, at about its own resolution; of a small picture, enlarged."""
    scale = float(np.exp(rng.uniform(np.log(0.75), np.log(1.4))))
    if min(picture.shape) * scale < size:
        scale = float(rng.uniform(1.0, 1.5)) * size / min(picture.shape)
    take = min(min(picture.shape), int(np.ceil(size / scale)))
    top, left = rng.integers(picture.shape[0] - take + 1), rng.integers(picture.shape[1] - take + 1)
    part = picture[top : top + take, left : left + take]
    how = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.NEAREST)
    return np.asarray(Image.fromarray(part).resize((size, size), how[int(rng.choice(3, p=(0.4, 0.5, 0.1)))]))


def _shrunk(picture: Grey, size: int, rng: np.random.Generator) -> Grey:
    """A square of a picture made smaller, which goes on mirrored beyond its edge: anatomy as small as letters."""
    scale = float(rng.uniform(0.35, 0.9))
    shape = [max(24, round(side * scale)) for side in picture.shape]
    small = np.asarray(Image.fromarray(picture).resize((shape[1], shape[0]), Image.Resampling.BOX))
    small = np.pad(small, [(0, max(0, size - side)) for side in shape], mode="symmetric")
    top, left = rng.integers(small.shape[0] - size + 1), rng.integers(small.shape[1] - size + 1)
    return small[top : top + size, left : left + size]


def piece(groups: Sequence[Sequence[Background]], rows: int, columns: int, rng: np.random.Generator) -> Grey:
    """A piece (rows, columns) of a slice as it is shown, in [0, 1], at its own resolution where the slice is large
    enough."""
    group = groups[int(rng.integers(len(groups)))]
    background = group[int(rng.integers(len(group)))]
    intensity = background.maps[int(rng.integers(len(background.maps)))]
    height, width = background.slice.shape
    take = (min(rows, height), min(columns, width))
    top, left = rng.integers(height - take[0] + 1), rng.integers(width - take[1] + 1)
    part = background.slice[top : top + take[0], left : left + take[1]]
    part = np.clip((part - intensity.lower) / (intensity.upper - intensity.lower), 0, 1).astype(np.float32)
    if take != (rows, columns):
        part = np.asarray(Image.fromarray(part).resize((columns, rows), Image.Resampling.BILINEAR))
    part = part[:: 1 - 2 * int(rng.integers(2)), :: 1 - 2 * int(rng.integers(2))]
    return np.array(1 - part if rng.random() < 0.1 else part)


def _nothing(size: int, rng: np.random.Generator) -> Grey:
    """Flat grey, noise of some grain, or stripes and squares as an untrained network draws them."""
    grain = 2 ** int(rng.integers(0, 5))
    noise: Any = rng.standard_normal((size // grain + 1, size // grain + 1)).astype(np.float32)
    noise = np.asarray(
        Image.fromarray(noise).resize(
            (size, size), Image.Resampling.BICUBIC if rng.random() < 0.5 else Image.Resampling.NEAREST
        )
    )
    kind = rng.integers(3)
    if kind == 1:
        rows, columns = np.mgrid[:size, :size] // grain
        noise = noise * 0.3 + (((rows + columns) % 2) if rng.random() < 0.5 else (rows % 2)) * rng.uniform(0.2, 1)
    noise = noise * 0 if kind == 2 else noise
    drawn: Grey = np.clip(rng.uniform(0, 1) + noise * rng.uniform(0, 0.3), 0, 1).astype(np.float32)
    return drawn
