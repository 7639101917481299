"""Which positions of a slice to ask what they read."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from medattngan.core.files import UserError
from medattngan.core.types import Images
from medattngan.stages.explain.maps import Point


def choose_points(image: Images) -> dict[str, Point]:
    """Four telling positions of a slice (1, 1, H, W): its middle, its brightest place, its sharpest edge, the dark.

    >>> image = -torch.ones(1, 1, 32, 32); image[..., 8:25, 8:25] = 1.0
    >>> points = choose_points(image); points["middle"], points["background"]
    ((16, 16), (2, 2))
    """
    smooth = F.avg_pool2d(image, 5, stride=1, padding=2, count_include_pad=False)[0, 0]
    mass = (image[0, 0] + 1).clamp(min=0) + 1e-6
    rows, columns = (torch.arange(n, dtype=mass.dtype, device=mass.device) for n in mass.shape)
    middle = (mass.sum(1) @ rows / mass.sum(), mass.sum(0) @ columns / mass.sum())
    down, across = torch.gradient(smooth)
    corners = [(r, c) for r in (2, len(rows) - 3) for c in (2, len(columns) - 3)]
    return {
        "middle": (round(float(middle[0])), round(float(middle[1]))),
        "brightest": _greatest(smooth),
        "edge": _greatest(down.square() + across.square()),
        "background": min(corners, key=lambda corner: float(smooth[corner])),
    }


def _greatest(values: Tensor) -> Point:
    row, column = divmod(int(values.argmax()), values.shape[1])
    return row, column


def given_points(points: Sequence[Point], size: int) -> dict[str, Point]:
    """The user's own positions, by name.

    Raises:
        UserError: one lies outside the slice.
    """
    for row, column in points:
        if not (0 <= row < size and 0 <= column < size):
            raise UserError(
                f"--point {row},{column} lies outside the slice: rows and columns run from 0 to {size - 1}."
            )
    return {f"{row},{column}": (row, column) for row, column in points}
