"""A ball is a circle of its radius, at its place, in every plane, whatever the angle between the voxel axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from helpers.scan_files import write_dicom
from helpers.stacks_in_files import found

from medattngan.core.files import UserError
from medattngan.scans.options import Options
from medattngan.scans.prepare import Prepared, prepare
from medattngan.scans.series import Series
from medattngan.stages.ingest.ingest import ingest
from medattngan.stages.ingest.worker import quiet

RADIUS, CENTRE, SIZE = 30.0, np.array([4.0, -6.0, 50.0]), 64
AXIS = {"sagittal": 0, "coronal": 1, "axial": 2}


def ball(at: np.ndarray) -> np.ndarray:
    """HU at points (…, 3) in RAS+ mm: 100 in the ball, -900 outside, with a little noise."""
    inside = ((at - CENTRE) ** 2).sum(-1) < RADIUS**2
    return np.where(inside, 100, -900) + np.random.default_rng(0).integers(-3, 4, inside.shape)


def sampled(affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return ball(index @ affine[:3, :3].T + affine[:3, 3]).astype(np.int16)


def affine_of(axes: list[list[float]], shape: tuple[int, int, int]) -> np.ndarray:
    """Voxel axes (rows of `axes`, mm), with the ball in the middle of the volume."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(axes, float).T
    affine[:3, 3] = CENTRE - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def centre_mm(affine: np.ndarray, slice_axis: int, plane: str) -> float:
    """Where the ball's centre lies along the normal of the cuts, which follow the slices' first axis and normal."""
    first, second = (affine[:3, axis] for axis in range(3) if axis != slice_axis)
    normal = np.cross(first, second)
    axes = np.stack([first, normal, np.cross(normal, first)])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    nearest = axes[np.abs(axes[:, AXIS[plane]]).argmax()]
    return float(nearest @ CENTRE * np.sign(nearest[AXIS[plane]]))


def check(prepared: Prepared, plane: str, centre: float) -> None:
    """Each slice through the ball shows a circle as large as the sphere is there."""
    assert prepared.plane == plane
    shown = prepared.map.decode(prepared.codes) > -400
    count = 0
    for slice_, position in zip(shown, prepared.positions_mm, strict=True):
        off = position - centre
        if abs(off) > 0.7 * RADIUS:
            continue
        expected = np.sqrt(RADIUS**2 - off**2)
        height, width = (np.ptp(np.nonzero(slice_.any(axis))[0]) + 1 for axis in (1, 0))
        assert height * prepared.spacing_mm / 2 == pytest.approx(expected, abs=3.2)
        assert width * prepared.spacing_mm / 2 == pytest.approx(expected, abs=3.2)
        assert np.sqrt(slice_.sum() / np.pi) * prepared.spacing_mm == pytest.approx(expected, abs=1.5)
        count += 1
    assert count > 5


def cut(series: Series, plane: str) -> Prepared:
    with quiet():
        return prepare(series, Options(SIZE, plane, (0.0, 4000.0)))


def tilted(degrees: float, count: int = 40) -> np.ndarray:
    """The affine of an axial CT, the gantry tilted around the axis from left to right; the table runs along z."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return affine_of([[-3.0, 0, 0], [0, -3.0 * cos, 3.0 * sin], [0, 0, 2.5]], (40, 44, count))


def write_tilted(folder: Path, degrees: float, count: int = 40, jump: int = -1) -> None:
    affine = tilted(degrees, count)
    volume = sampled(affine, (40, 44, count))
    for k in range(count):
        origin = (affine @ [0, 0, k, 1])[:3] * [-1, -1, 1] + [8.0 * (k == jump), 0, 0]
        write_dicom(
            folder / f"{k}.dcm",
            volume[..., k].T,
            InstanceNumber=k + 1,
            ImageOrientationPatient=[1, 0, 0, 0, math.cos(math.radians(degrees)), math.sin(math.radians(degrees))],
            ImagePositionPatient=[float(v) for v in origin],
            PixelSpacing=[3.0, 3.0],
        )


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], Series]:
    """The CT of a gantry tilted by so many degrees, written and read once."""

    @cache
    def series(degrees: float) -> Series:
        folder = tmp_path_factory.mktemp("tilted")
        write_tilted(folder, degrees)
        (only,) = found(folder)
        return only

    return series


@pytest.mark.parametrize("plane", ["sagittal", "coronal"])
@pytest.mark.parametrize("degrees", [25, -25, 12, -5])
def test_a_ball_scanned_with_a_tilted_gantry_is_round_in_other_planes(
    scan: Callable[[float], Series], degrees: float, plane: str
) -> None:
    check(cut(scan(degrees), plane), plane, centre_mm(tilted(degrees), 2, plane))


@pytest.mark.parametrize("degrees", [25, -25])
def test_slices_of_a_tilted_gantry_stay_as_they_are_in_their_own_plane(
    scan: Callable[[float], Series], degrees: float
) -> None:
    own, stored = cut(scan(degrees), "axial"), cut(scan(degrees), "acquired")
    assert np.array_equal(own.codes, stored.codes)
    assert len(own.codes) == 40
    assert np.diff(own.positions_mm) == pytest.approx([2.5 * np.cos(np.radians(degrees))] * 39, abs=1e-5)
    disc = own.map.decode(own.codes[19]) > -400
    assert np.sqrt(disc.sum() / np.pi) * own.spacing_mm == pytest.approx(RADIUS, abs=1.5)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize(
    "axes",
    [
        [[2.2, 0, 0], [0, 2, 0], [0, 1.2, 3]],  # the step leans back
        [[2, 0, 0], [0.9, 2, 0], [0, 0, 2.5]],  # columns lean to the right: the slices themselves are sheared
        [[2, 0, 0], [0.5, 2, -0.3], [-0.6, 0.4, 2.5]],  # all at once
        [[0, 0, 3], [0, 2, 0.8], [-2, 0.3, 0]],  # stored as sagittal slices
    ],
)
def test_a_ball_in_a_sheared_volume_is_round(tmp_path: Path, axes: list[list[float]], plane: str) -> None:
    affine = affine_of(axes, (48, 46, 44))
    nib.save(nib.Nifti1Image(sampled(affine, (48, 46, 44)), affine), tmp_path / "a.nii")
    thickest = int(np.linalg.norm(axes, axis=1).argmax())
    (series,) = found(tmp_path)
    check(cut(series, plane), plane, centre_mm(affine, thickest, plane))


def test_a_stack_whose_slices_jump_sideways_is_not_cut_across(tmp_path: Path) -> None:
    write_tilted(tmp_path / "scan", 0, jump=20)
    (series,) = found(tmp_path / "scan")
    assert len(cut(series, "axial").codes) == 40
    with pytest.raises(UserError, match="40 other-plane"):
        ingest([tmp_path / "scan"], tmp_path / "store", size=16, plane="coronal", progress=False)


def test_slices_that_hardly_overlap_are_not_cut_across(tmp_path: Path) -> None:
    affine = affine_of([[2, 0, 0], [0, 2, 0], [0, 60, 3]], (24, 24, 24))
    (tmp_path / "scan").mkdir()
    nib.save(nib.Nifti1Image(sampled(affine, (24, 24, 24)), affine), tmp_path / "scan" / "a.nii")
    with pytest.raises(UserError, match="1 other-plane"):
        ingest([tmp_path / "scan"], tmp_path / "store", size=16, plane="coronal", progress=False)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("count", [1, 5])
def test_the_few_slices_of_a_thin_volume_are_counted_along_its_thin_axis(tmp_path: Path, axis: int, count: int) -> None:
    shape = [32, 32, 32]
    shape[axis] = count
    noise = np.random.default_rng(0).normal(100, 20, shape).astype(np.float32)
    (tmp_path / "scan").mkdir()
    nib.save(nib.Nifti1Image(noise, np.eye(4)), tmp_path / "scan" / "a.nii")
    plane = ["sagittal", "coronal", "axial"][axis]
    (series,) = found(tmp_path / "scan")
    assert cut(series, plane).codes.shape == (count, SIZE, SIZE)
    assert cut(series, "acquired").plane == plane
    other = ["sagittal", "coronal", "axial"][axis - 1]
    with pytest.raises(UserError, match="1 other-plane"):
        ingest([tmp_path / "scan"], tmp_path / "store", size=16, plane=other, progress=False)


@pytest.mark.parametrize("side", [1e-5, 1e-9, 1e9])
def test_a_voxel_of_a_size_that_none_has_sets_its_scan_aside(tmp_path: Path, side: float) -> None:
    noise = np.random.default_rng(0).normal(100, 20, (64, 64, 64)).astype(np.float32)
    (tmp_path / "scan").mkdir()
    nib.save(nib.Nifti1Image(noise, np.diag([1, side, 1, 1])), tmp_path / "scan" / "a.nii")
    with pytest.raises(UserError, match="1 impossible-geometry"):
        ingest([tmp_path / "scan"], tmp_path / "store", size=16, progress=False)
