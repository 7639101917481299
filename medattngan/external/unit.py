"""Pixels of any type as the network sees slices.

How values become [-1, 1]:

    uint8, uint16    the whole range of the type: 0 → -1, 255 or 65535 → 1
    float            [-1, 1] if any value is negative, else [0, 1]; decided over all images together
    anything else    refused: only whoever made it knows where black and white lie
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from medattngan.core.files import UserError

_TOLERANCE = 1e-3  # of the range: what rounding may leave outside; it is clipped


def to_unit(stack: npt.NDArray[np.generic], source: Path) -> npt.NDArray[np.float32]:
    """Values of any supported type → float32 in [-1, 1]; `source` is named in errors.

    >>> to_unit(np.array([0, 255], np.uint8), Path("a.npy")), to_unit(np.array([0.0, 1.0]), Path("a.npy"))
    (array([-1.,  1.], dtype=float32), array([-1.,  1.], dtype=float32))
    """
    if stack.dtype in (np.uint8, np.uint16):
        scale = np.float32(2 / (255 if stack.dtype == np.uint8 else 65535))
        return np.asarray(stack, np.float32) * scale - np.float32(1)
    if stack.dtype.kind != "f":
        raise UserError(
            f"{source} holds {stack.dtype} values, whose black and white are unknown; save floats in [-1, 1]."
        )
    values = np.asarray(stack, np.float32)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise UserError(f"{source} holds NaN or infinity; leave out the broken images.")
    if low < -1 - _TOLERANCE or high > 1 + _TOLERANCE:
        raise UserError(f"{source} holds values from {low:.4g} to {high:.4g}; scale them to [-1, 1], -1 being black.")
    if low >= 0:
        values = values * 2 - 1
    return np.clip(values, -1, 1)
