"""Voxel axes that are not at right angles: a stack whose step is not along the normal of its slices, as a tilted gantry
makes it, or a NIfTI affine with shear.

Each slice lies right where it is, so that its own plane needs no more than to forget the shear. In a picture cut
across, the slices are moved against each other, in their planes, until the axes are at right angles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from medattngan.scans.geometry.planes import slice_normal
from medattngan.scans.series import SetAside

SHEAR_DEG = 0.1
"""Axes that are off a right angle by less are taken as right: over 300 mm that is half a millimetre."""

MOST_GROWTH = 8
"""A volume that moving its slices would make larger by more is too oblique to be cut across."""


def is_sheared(affine: npt.NDArray[np.float64]) -> bool:
    """Whether two voxel axes are off a right angle by more than SHEAR_DEG.

    >>> tilted = np.eye(4)
    >>> tilted[1, 2] = np.tan(np.radians(25))
    >>> is_sheared(np.eye(4)), is_sheared(tilted)
    (False, True)
    """
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    between = np.abs([axes[:, 0] @ axes[:, 1], axes[:, 0] @ axes[:, 2], axes[:, 1] @ axes[:, 2]])
    return bool(between.max() > np.sin(np.radians(SHEAR_DEG)))


def upright_affine(affine: npt.NDArray[np.float64], slice_axis: int) -> npt.NDArray[np.float64]:
    """Of the same first axis in the slice, with the others at right angles to it and to each other.

    The slices keep their places along the normal, and rows and columns the distance between them.
    """
    first, second = (axis for axis in range(3) if axis != slice_axis)
    normal = slice_normal(affine, slice_axis)
    along = affine[:3, first] / np.linalg.norm(affine[:3, first])
    across = np.cross(normal, along)
    upright: npt.NDArray[np.float64] = affine.copy()
    upright[:3, second] = across * (across @ affine[:3, second])
    upright[:3, slice_axis] = normal * (normal @ affine[:3, slice_axis])
    return upright


def without_shear(image: Any, slice_axis: int, is_cut_across: bool, outside: float, mode: str = "bilinear") -> Any:
    """A MetaTensor (1, i, j, k) on axes at right angles; itself where they are.

    Args:
        is_cut_across: whether its slices will be cut; else they are only moved if they are sheared themselves.
        outside: the value where nothing was scanned.
        mode: how values between voxels are found: bilinear, or nearest for a map of labels.

    Raises:
        SetAside: the slices lie so far apart in their planes that hardly any of them are cut at once.
    """
    from monai.data.meta_tensor import MetaTensor  # takes seconds, and workers alone need it

    affine = image.affine.numpy()
    if not is_sheared(affine):
        return image
    upright = upright_affine(affine, slice_axis)
    in_slice = [axis for axis in range(3) if axis != slice_axis]
    if not is_cut_across and not is_sheared(np.where(np.arange(4) == slice_axis, upright, affine)):
        image.affine = torch.as_tensor(upright)
        return image
    move = np.linalg.inv(upright) @ affine
    shape = np.array(image.shape[1:])
    corners = np.indices((2, 2, 2)).reshape(3, -1) * (shape - 1)[:, None]
    ends = (move[:3, :3] @ corners)[in_slice]
    start = np.floor(ends.min(axis=1) + 1e-3)
    size = np.ceil(ends.max(axis=1) - 1e-3) - start + 1
    if size.prod() > MOST_GROWTH * shape[in_slice].prod():
        raise SetAside("other-plane")
    stack = image.as_tensor()[0].movedim(slice_axis, 0)
    within, shift = move[np.ix_(in_slice, in_slice)], move[in_slice, slice_axis]
    moved = _moved(stack, within, shift, start, size, outside, mode)
    upright[:3, 3] += upright[:3, in_slice] @ start
    meta = {key: value for key, value in image.meta.items() if key != "affine"}
    return MetaTensor(moved.movedim(0, slice_axis)[None].contiguous(), torch.as_tensor(upright), meta)


def _moved(
    stack: torch.Tensor,
    within: npt.NDArray[np.float64],
    shift: npt.NDArray[np.float64],
    start: npt.NDArray[np.float64],
    size: npt.NDArray[np.float64],
    outside: float,
    mode: str,
) -> torch.Tensor:
    """Slices (k, i, j) drawn anew: pixel p of slice k of the stack comes to lie at within @ p + shift * k - start."""
    height, width = (int(side) for side in size)
    back = np.linalg.inv(within)
    pixels = np.indices((height, width)).reshape(2, -1) + start[:, None]
    last = np.maximum(np.array(stack.shape[1:]) - 1, 1)
    moved = torch.empty((len(stack), height, width), dtype=stack.dtype)
    for k in range(len(stack)):
        source = back @ (pixels - shift[:, None] * k)
        grid = (source[::-1] / last[::-1, None] * 2 - 1).T.reshape(1, height, width, 2)  # x, y in [-1, 1]
        at = torch.as_tensor(np.ascontiguousarray(grid), dtype=stack.dtype)
        one = (stack[k] - outside)[None, None]
        moved[k] = functional.grid_sample(one, at, mode=mode, align_corners=True)[0, 0] + outside
    return moved
