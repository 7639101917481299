"""From the grid of a mask to the grid of its scan, where both have the same voxels in another order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from medattngan.scans.series import SetAside

Labels = npt.NDArray[np.float32]

MOST_OFF = 0.1
"""Voxels of a mask may lie this share of a voxel beside those of the scan: headers are rounded."""


def onto(
    labels: Labels, affine: npt.NDArray[np.float64], shape: Sequence[int], to: npt.NDArray[np.float64]
) -> tuple[Labels, tuple[npt.NDArray[np.intp], ...]]:
    """Voxels with their axes as the grid `to` has them, and where they go there: along each axis an index for each.

    A tool may store a mask with its axes turned or swapped. That changes no voxel; half a voxel's shift would.

    Args:
        labels: (i, j, k).
        affine, to: from the indices of the mask and of the scan to RAS+ mm.
        shape: of the scan.

    Raises:
        SetAside: the voxels are not those of the scan (`mask-affine`), or some lie outside it (`mask-shape`).
    """
    move = np.linalg.solve(to, affine)
    turn, start = np.rint(move[:3, :3]), np.rint(move[:3, 3])
    if not (np.abs(turn).sum(0) == 1).all() or not (np.abs(turn).sum(1) == 1).all():
        raise SetAside("mask-affine")
    ends = np.array(labels.shape) - 1
    off = max(np.abs(move[:3, 3] - start).max(), np.abs(move[:3] @ [*ends, 1] - (turn @ ends + start)).max())
    if off > MOST_OFF:
        raise SetAside("mask-affine")
    axes = np.abs(turn).argmax(1)
    signs = turn[np.arange(3), axes].astype(int)
    turned = labels.transpose(axes)
    places = tuple(int(start[a]) + signs[a] * np.arange(turned.shape[a]) for a in range(3))
    if any(place.min() < 0 or place.max() >= side for place, side in zip(places, shape, strict=True)):
        raise SetAside("mask-shape")
    return turned, places


def same_grid(
    labels: Labels, affine: npt.NDArray[np.float64], shape: Sequence[int], to: npt.NDArray[np.float64]
) -> Labels:
    """Every voxel of a mask at its scan's, (i, j, k) as the scan has them.

    Raises:
        SetAside: the mask has other voxels than the scan, or more or fewer of them.

    >>> flipped = np.diag([-1.0, 1.0, 1.0, 1.0])
    >>> flipped[0, 3] = 1
    >>> same_grid(np.float32([[[1]], [[2]]]), flipped, (2, 1, 1), np.eye(4)).ravel()
    array([2., 1.], dtype=float32)
    """
    if sorted(labels.shape) != sorted(shape):
        raise SetAside("mask-shape")
    turned, places = onto(labels, affine, shape, to)
    if turned.shape != tuple(shape):
        raise SetAside("mask-shape")
    placed = np.empty(tuple(shape), np.float32)
    placed[np.ix_(*places)] = turned
    return placed
