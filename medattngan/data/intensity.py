"""The invertible map between physical intensities, stored 16-bit codes and the network's [-1, 1].

One affine map does all three, so nothing is lost inside its ends but a rounding of half a step:

    physical = lower + (upper - lower) * code / 65535        code in 0 ... 65535
    unit     = 2 * code / 65535 - 1                          unit in [-1, 1]
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from medattngan.core.types import Codes, Physical

CODE_MAX = 65535

WINDOWS: dict[str, tuple[float, float]] = {
    "lung": (-600.0, 1500.0),
    "soft-tissue": (40.0, 400.0),
    "bone": (400.0, 1800.0),
    "brain": (40.0, 80.0),
    "full": (1023.5, 4095.0),
}
"""CT windows by name: (center, width) in HU. `full` is the 12 bits -1024 ... 3071."""


@dataclass(frozen=True)
class IntensityMap:
    """An affine map between physical units and stored codes.

    Args:
        lower: the physical value of code 0; anything below is clipped to it.
        upper: the physical value of code 65535; anything above is clipped to it.
        unit: `HU`, or `a.u.` where the scanner's numbers have no unit.

    >>> hounsfield = IntensityMap.window(-600, 1500, "HU")
    >>> hounsfield.encode(np.float32([-1350, -600, 150, 3000]))
    array([    0, 32768, 65535, 65535], dtype=uint16)
    >>> hounsfield.step / 2 < 0.012
    True
    """

    lower: float
    upper: float
    unit: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lower) and math.isfinite(self.upper) and self.lower < self.upper):
            raise ValueError(f"an intensity map needs lower < upper, both finite; got {self.lower} and {self.upper}")

    @classmethod
    def window(cls, center: float, width: float, unit: str) -> IntensityMap:
        """The map of a window, center ± width / 2."""
        return cls(center - width / 2, center + width / 2, unit)

    @property
    def step(self) -> float:
        """The physical size of one code."""
        return (self.upper - self.lower) / CODE_MAX

    def encode(self, physical: npt.ArrayLike) -> Codes:
        """Physical values of any shape → codes of the same shape, clipped to the map's ends."""
        scaled = (np.asarray(physical, np.float64) - self.lower) / (self.upper - self.lower)
        return np.rint(np.clip(scaled, 0.0, 1.0) * CODE_MAX).astype(np.uint16)

    def decode(self, codes: npt.ArrayLike) -> Physical:
        """Codes of any shape → physical values of the same shape, float32."""
        return (self.lower + np.asarray(codes, np.float64) * self.step).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `IntensityMap(**d)` makes it again."""
        return asdict(self)


def codes_to_unit(codes: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Codes → the network's range.

    >>> codes_to_unit([0, 65535])
    array([-1.,  1.], dtype=float32)
    """
    return np.asarray(codes, np.float32) * np.float32(2 / CODE_MAX) - np.float32(1)


def unit_to_codes(unit: npt.ArrayLike) -> Codes:
    """The network's range → codes, clipped. Inverse of `codes_to_unit`.

    >>> unit_to_codes([-1.0, 0.0, 1.5])
    array([    0, 32768, 65535], dtype=uint16)
    """
    clipped = np.clip((np.asarray(unit, np.float64) + 1) / 2, 0.0, 1.0)
    return np.rint(clipped * CODE_MAX).astype(np.uint16)
