"""Where the pixels of a stored slice lie: from (row, column, 0) to RAS+ mm, the affine of NIfTI and of MetaTensor.

Stored slices lie as on a light box, so their plane says where rows and columns run. A store keeps the place of a slice
along its normal (`position_mm`) and not within its plane: there the slice is centred on 0.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

PLANES: dict[str, str] = {"axial": "PLS", "coronal": "ILA", "sagittal": "IPR"}
"""Plane → where (row, column, slice) indices grow towards. Slices run to superior, anterior, right: RAS+."""

AXES = {"R": (0, 1.0), "L": (0, -1.0), "A": (1, 1.0), "P": (1, -1.0), "S": (2, 1.0), "I": (2, -1.0)}
"""Letter → axis and direction in RAS+."""


def slice_affine(
    plane: str, spacing_mm: float, size: int, position_mm: float = math.nan
) -> npt.NDArray[np.float64]:  # fmt: skip
    """From (row, column, 0) of a slice to RAS+ mm, (4, 4).

    Args:
        plane: a key of PLANES; any other stands for axes that are not known: then rows and columns run along R and A.
        spacing_mm: of the pixels, both ways; NaN where it is not known, which counts as 1.
        size: height and width in pixels.
        position_mm: along the normal; NaN where it is not known, which counts as 0.

    >>> slice_affine("axial", 2.0, 3, position_mm=10.0)
    array([[ 0., -2.,  0.,  2.],
           [-2.,  0.,  0.,  2.],
           [ 0.,  0.,  2., 10.],
           [ 0.,  0.,  0.,  1.]])
    """
    spacing = 1.0 if math.isnan(spacing_mm) else spacing_mm
    affine = np.zeros((4, 4))
    affine[3, 3] = 1.0
    for column, letter in enumerate(PLANES.get(plane, "RAS")):
        axis, sign = AXES[letter]
        affine[axis, column] = sign * spacing
    affine[:3, 3] = -(affine[:3, 0] + affine[:3, 1]) * (size - 1) / 2
    affine[:3, 3] += affine[:3, 2] / spacing * (0.0 if math.isnan(position_mm) else position_mm)
    return affine + 0.0
