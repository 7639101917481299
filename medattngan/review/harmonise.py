"""The cure for tells in the pixels: one and the same loss for both kinds, the least that suffices.

Every case and every reference passes through the same map, whatever it is:

    y = lowpass(x, sigma)                             no finer detail in the one kind than in the other
    y = clip((y - floor) / (ceiling - floor), 0, 1)   one black and one white for all
    y = y + noise * n,  n ~ N(0, 1)                   one noise floor, the same everywhere
    code: y on a grid of `levels` steps, dithered     one number of grey levels

LADDER has such maps from the mildest to the strongest. The first after which real and synthetic are told apart no
better than real from real is taken, or the one that leaves least. It is for the pictures of the reader study alone: no
store, no sample and no export is changed. What it hides readers cannot judge any more, so its steps are few and told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from medattngan.core.types import Codes
from medattngan.data.intensity import CODE_MAX


@dataclass(frozen=True)
class Rung:
    """One map.

    Args:
        floor: share of the range that becomes black.
        ceiling: share of the range from which on all is white.
        sigma_px: of the Gaussian low-pass.
        noise: standard deviation, as a share of the range.
        levels: steps of the grid.
    """

    floor: float
    ceiling: float
    sigma_px: float
    noise: float
    levels: int


LADDER: tuple[Rung, ...] = (
    Rung(0.05, 0.98, 0.0, 0.005, 255),
    Rung(0.08, 0.95, 0.4, 0.01, 255),
    Rung(0.10, 0.92, 0.6, 0.02, 255),
    Rung(0.12, 0.90, 0.8, 0.03, 127),
    Rung(0.15, 0.85, 1.0, 0.04, 127),
)
"""From the mildest to the strongest."""


def apply(codes: Codes, rung: Rung, seed: int) -> Codes:
    """Slices (N, H, W) uint16 through one map; `seed` is that of noise and dither.

    >>> flat = np.full((1, 4, 4), 1000, np.uint16)
    >>> bool((apply(flat, Rung(0.05, 0.98, 0.0, 0.0, 255), 0) == 0).all())
    True
    """
    return np.stack([_one(one, rung, np.random.default_rng([seed, number])) for number, one in enumerate(codes)])


def _one(codes: Codes, rung: Rung, rng: np.random.Generator) -> Codes:
    """A slice (H, W) through a map."""
    picture = np.asarray(codes, np.float64) / CODE_MAX
    if rung.sigma_px:
        picture = gaussian_filter(picture, rung.sigma_px, mode="nearest")
    picture = np.clip((picture - rung.floor) / (rung.ceiling - rung.floor), 0.0, 1.0)
    noisy = np.clip(picture + rung.noise * rng.standard_normal(picture.shape), 0.0, 1.0)
    level = np.minimum(np.floor(noisy * rung.levels + rng.random(picture.shape)), rung.levels)
    placed: Codes = np.rint(level * (CODE_MAX / rung.levels)).astype(np.uint16)
    return placed


def climb(cases: Codes, seed: int, measured: Callable[[Codes], dict[str, Any]]) -> tuple[Rung, list[dict[str, Any]]]:
    """The first map of LADDER that leaves nothing to tell, or that which leaves least; and what each tried one left.

    Args:
        cases: (N, H, W) uint16.
        seed: of noise and dither.
        measured: what `tells.measure` says of cases.
    """
    tried: list[dict[str, Any]] = []
    for rung in LADDER:
        found = measured(apply(cases, rung, seed))
        left = found.get("auc")
        tried.append({**asdict(rung), "auc": left})
        if not found.get("flagged", False):
            return rung, tried
    least = min(range(len(tried)), key=lambda place: abs(tried[place]["auc"] - 0.5))
    return LADDER[least], tried


def ends(lower: float, upper: float, rung: Rung) -> tuple[float, float]:
    """The physical values of black and white after a map, from those before.

    >>> ends(0.0, 100.0, Rung(0.1, 0.9, 0.0, 0.0, 255))
    (10.0, 90.0)
    """
    return lower + rung.floor * (upper - lower), lower + rung.ceiling * (upper - lower)
