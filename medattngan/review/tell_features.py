"""What a slice's pixels tell of how it was made, and not of what it shows: one number each.

Each is a function of a picture (H, W) in [0, 1], as readers get it, without its truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from medattngan.core.types import Codes
from medattngan.data.intensity import CODE_MAX

Picture = npt.NDArray[np.float64]
Features = npt.NDArray[np.float64]
BLOCK_PX = 8
"""Side of the blocks of JPEG (ITU-T T.81)."""
EDGE = 0.02
"""Share of the range at either end that counts as black or white."""
PERIODS = range(2, 17)
"""Steps of the grid after which a comb of grey levels may repeat."""


class Spectrum:
    """Power and frequency (cycles a pixel) of a picture whose borders were faded out."""

    def __init__(self, picture: Picture) -> None:
        height, width = picture.shape
        fade, self.frequency = _window(height, width)
        self.power = np.abs(np.fft.fft2((picture - picture.mean()) * fade)) ** 2


@lru_cache(maxsize=4)
def _window(height: int, width: int) -> tuple[Picture, Picture]:
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    return np.outer(np.hanning(height), np.hanning(width)), frequency


@dataclass(frozen=True)
class Tell:
    """A feature: a number `of` a picture, or of its spectrum where that is `spectral`, and its `meaning` in words."""

    of: Callable[[Any], float]
    meaning: str
    spectral: bool = False


def features_of(cases: Codes) -> Features:
    """All features of slices (N, H, W) uint16: (N, len(TELLS)), in the order of TELLS."""
    rows = []
    for codes in cases:
        picture = np.asarray(codes, np.float64) / CODE_MAX
        spectrum = Spectrum(picture)
        rows.append([tell.of(spectrum if tell.spectral else picture) for tell in TELLS.values()])
    return np.array(rows)


def _share_black(picture: Picture) -> float:
    return float(np.mean(picture <= EDGE))


def _share_white(picture: Picture) -> float:
    return float(np.mean(picture >= 1 - EDGE))


def _share_lowest(picture: Picture) -> float:
    return float(np.mean(picture == picture.min()))


def _share_highest(picture: Picture) -> float:
    return float(np.mean(picture == picture.max()))


def _background(picture: Picture) -> Picture:
    """The darkest quarter of the pixels."""
    values = np.sort(picture, axis=None)
    return values[: max(len(values) // 4, 1)]


def _background_level(picture: Picture) -> float:
    return float(_background(picture).mean())


def _background_noise(picture: Picture) -> float:
    """Of what neighbours do not share, where it is dark: Immerkaer's mask (1996), Comput Vis Image Underst 64:300."""
    inner = picture[1:-1, 1:-1]
    lines = picture[1:-1, :-2] + picture[1:-1, 2:] + picture[:-2, 1:-1] + picture[2:, 1:-1]
    corners = picture[:-2, :-2] + picture[:-2, 2:] + picture[2:, :-2] + picture[2:, 2:]
    if not inner.size:
        return 0.0
    dark = inner <= np.quantile(inner, 0.25)
    return float(np.log10(np.abs(corners - 2 * lines + 4 * inner)[dark].mean() + 1e-6))


def _distinct(picture: Picture) -> float:
    return len(np.unique(picture)) / picture.size


def _comb(picture: Picture) -> float:
    """How strongly grey levels repeat after some steps: 1 where all lie on a coarser lattice, near 0 without one."""
    used, times = np.unique(picture, return_counts=True)
    if len(used) < 3:
        return 1.0
    steps = used / max(float(np.diff(used).min()), 1.0 / CODE_MAX)
    waves = np.exp(2j * np.pi * np.outer(1 / np.array(PERIODS), steps))
    return float((np.abs(waves @ times) / times.sum()).max())


def _band(low: float, high: float) -> Callable[[Spectrum], float]:
    """The logarithm of the share of the power between two frequencies."""

    def share(spectrum: Spectrum) -> float:
        inside = (spectrum.frequency >= low) & (spectrum.frequency < high)
        return float(np.log10((spectrum.power[inside].sum() + 1e-12) / (spectrum.power.sum() + 1e-9)))

    return share


def _checkerboard(spectrum: Spectrum) -> float:
    """Power at the highest frequency of either axis against all as high: upsampling in networks leaves it there."""
    height, width = spectrum.power.shape
    lines = np.concatenate([spectrum.power[height // 2], spectrum.power[:, width // 2]])
    return float(np.log10((lines.mean() + 1e-12) / (spectrum.power[spectrum.frequency >= 0.375].mean() + 1e-12)))


def _differences(picture: Picture, order: int) -> list[Picture]:
    """Mean absolute differences between rows, and between columns."""
    return [np.abs(np.diff(picture, order, axis=axis)).mean(axis=1 - axis) for axis in (0, 1)]


def _blocks(picture: Picture) -> float:
    """Steps at the borders of JPEG's blocks against those elsewhere, as a logarithm."""
    found = []
    for steps in _differences(picture, 1):
        border = np.arange(1, len(steps) + 1) % BLOCK_PX == 0
        if border.any() and not border.all():
            found.append(np.log10((steps[border].mean() + 1e-6) / (steps[~border].mean() + 1e-6)))
    return float(np.mean(found)) if found else 0.0


def _interpolation(picture: Picture) -> float:
    """How periodic second differences are, as enlarging makes them: Gallagher 2005, Canadian Conf Comput Robot Vis."""
    found = []
    for bends in _differences(picture, 2):
        spectrum = np.abs(np.fft.rfft(bends - bends.mean()))[len(bends) // 8 :]
        if len(spectrum) > 2:
            found.append(np.log10((spectrum.max() + 1e-9) / (np.median(spectrum) + 1e-9)))
    return float(max(found, default=0.0))


def _border(picture: Picture) -> float:
    """How much the outermost pixels differ from those beside them."""
    inner = picture[1:-1, 1:-1]
    sides = ((picture[0], picture[1]), (picture[-1], picture[-2]), (picture.T[0], picture.T[1]))
    difference = [np.abs(outer - beside).mean() for outer, beside in (*sides, (picture.T[-1], picture.T[-2]))]
    beside = np.abs(np.diff(inner)).mean() if inner.shape[-1] > 1 else 0.0
    return float(np.mean(difference) / (beside + 1e-6))


TELLS: dict[str, Tell] = {
    "share_black": Tell(_share_black, "share of pixels in the darkest 2 %"),
    "share_white": Tell(_share_white, "share of pixels in the brightest 2 %"),
    "share_lowest": Tell(_share_lowest, "share of pixels at exactly the lowest value"),
    "share_highest": Tell(_share_highest, "share of pixels at exactly the highest value"),
    "background_level": Tell(_background_level, "brightness of the darkest quarter"),
    "background_noise": Tell(_background_noise, "noise in the darkest quarter"),
    "distinct": Tell(_distinct, "number of grey levels"),
    "comb": Tell(_comb, "grey levels that repeat at a step"),
    "spectrum_low": Tell(_band(0.125, 0.25), "detail of 4 to 8 pixels", spectral=True),
    "spectrum_middle": Tell(_band(0.25, 0.375), "detail of 3 to 4 pixels", spectral=True),
    "spectrum_high": Tell(_band(0.375, 0.5), "detail of 2 to 3 pixels", spectral=True),
    "spectrum_corner": Tell(_band(0.5, 0.75), "detail of less than 2 pixels, along the diagonals", spectral=True),
    "checkerboard": Tell(_checkerboard, "a pattern that repeats every 2 pixels", spectral=True),
    "blocks": Tell(_blocks, "steps at the borders of JPEG's blocks"),
    "interpolation": Tell(_interpolation, "traces of enlarging"),
    "border": Tell(_border, "the outermost rows and columns"),
}
"""Every tell that is looked for, by its name in tells.json."""
