"""Slices with and without letters, for all that screens."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from medattngan.core.types import Codes


def anatomy(size: int, seed: int = 0) -> npt.NDArray[np.float64]:
    """A soft-edged blob with soft texture on a dark ground, in 0 … 1: nothing that looks like letters."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    body = 1 / (1 + np.exp(30 * (np.hypot(rows * 1.1, columns) - 0.6)))
    grain = gaussian_filter(rng.standard_normal((size, size)), size / 24)
    return np.clip(body * (0.5 + 0.1 * grain / grain.std()) + rng.normal(0, 0.01, (size, size)), 0, 1)


def ink(text: str, px: int, place: tuple[int, int], shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """The text as (rows, columns) from 0 (no ink) to 1; `place` is row and column."""
    picture = Image.new("L", shape[::-1])
    ImageDraw.Draw(picture).text(place[::-1], text, fill=255, font=ImageFont.load_default(px))
    return np.asarray(picture) / 255


def codes_with_letters(which: list[bool], size: int = 96) -> Codes:
    """Slices (n, size, size), those of `which` with an identifier in white."""
    word = ink("R 1961", 18, (6, 6), (size, size))
    slices = [np.maximum(anatomy(size, seed), word * marked) for seed, marked in enumerate(which)]
    return np.rint(np.stack(slices) * 65535).astype(np.uint16)
