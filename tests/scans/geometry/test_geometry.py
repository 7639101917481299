"""Slices stand upright, lie where they say, and keep their aspect, however the scan is stored."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.scan_files import texture, write_dicom, write_nifti
from hypothesis import given, settings
from hypothesis import strategies as st

from medattngan.data.store import SliceStore
from medattngan.scans.find import examine, stacks, walk
from medattngan.scans.options import Options
from medattngan.scans.prepare import Prepared, prepare
from medattngan.scans.series import Series
from medattngan.stages.ingest.ingest import ingest
from medattngan.stages.ingest.worker import quiet

STORED_AS = ["".join(axes) for letters in permutations(["RL", "AP", "SI"]) for axes in product(*letters)]


def read(folder: Path, plane: str, size: int) -> list[Prepared]:
    with quiet():
        series: list[Series] = stacks([examine(item) for item in walk([folder])], None, False)
        return [prepare(one, Options(size, plane, (0.0, 4000.0))) for one in series]


def head() -> np.ndarray:
    """(x, y, z) in RAS: dark, with a bright front, a brighter left and the brightest top."""
    volume = texture((24, 24, 24), 1, 0, 100)
    volume[4:20, 20:23, 4:20] += 400  # anterior
    volume[1:4, 4:20, 4:20] += 800  # left
    volume[4:20, 4:20, 20:23] += 1600  # superior
    return volume


@pytest.mark.parametrize(
    ("plane", "top", "right"), [("axial", 400, 800), ("coronal", 1600, 800), ("sagittal", 1600, None)]
)
@settings(deadline=None, max_examples=6)
@given(axes=st.sampled_from(STORED_AS))
def test_a_volume_stands_upright_however_it_is_stored(
    tmp_path_factory: pytest.TempPathFactory, plane: str, top: float, right: float | None, axes: str
) -> None:
    folder = tmp_path_factory.mktemp("scan")
    write_nifti(folder / "head.nii", head().astype(np.float32), axes)
    (prepared,) = read(folder, plane, 24)
    middle = prepared.map.decode(prepared.codes[12])
    edges = {"top": middle[1:4, 8:16], "bottom": middle[20:23, 8:16], "left": middle[8:16, 1:4]}
    edges["right"] = middle[8:16, 20:23]
    assert edges["top"].mean() - edges["bottom"].mean() == pytest.approx(top, rel=0.15)
    if right is None:  # sagittal slices face left: the nose
        assert edges["left"].mean() - edges["right"].mean() == pytest.approx(400, rel=0.15)
    else:
        assert edges["right"].mean() - edges["left"].mean() == pytest.approx(right, rel=0.15)
    assert np.diff(prepared.positions_mm) == pytest.approx(np.ones(23))


def test_every_stored_order_gives_the_same_slices(tmp_path: Path) -> None:
    first = None
    for axes in STORED_AS[::7]:
        write_nifti(tmp_path / axes / "head.nii", head().astype(np.float32), axes)
        (prepared,) = read(tmp_path / axes, "coronal", 24)
        first = prepared.codes if first is None else first
        assert np.array_equal(prepared.codes, first)


def test_thick_slices_are_cut_across_in_true_proportion(tmp_path: Path) -> None:
    volume = texture((40, 40, 12), 3, 0, 10)
    x, y, z = np.mgrid[0:40, 0:40, 0:12]
    ball = (x - 19.5) ** 2 + (y - 19.5) ** 2 + (4 * (z - 5.5)) ** 2 < 15**2
    volume[ball] += 1000
    write_nifti(tmp_path / "ball.nii", volume.astype(np.float32), zooms=(1, 1, 4))
    (prepared,) = read(tmp_path, "coronal", 48)
    disc = prepared.map.decode(prepared.codes[20]) > 500
    height, width = np.ptp(np.nonzero(disc.any(1))[0]) + 1, np.ptp(np.nonzero(disc.any(0))[0]) + 1
    assert abs(height - width) <= 4
    assert prepared.spacing_mm == pytest.approx(1.0, abs=0.1)


def write_stack(
    folder: Path, orientation: list[float], count: int, gap: int | None = None, **tags: object
) -> np.ndarray:
    pixels = texture((count, 20, 20), 5, 0, 2000).astype(np.int16)
    normal = np.cross(orientation[:3], orientation[3:])
    for i in range(count):
        if i != gap:
            place = [float(v) for v in normal * 2.5 * i]
            attributes = {"ImageOrientationPatient": orientation, "ImagePositionPatient": place, **tags}
            write_dicom(folder / f"{(i * 7) % count}.dcm", pixels[i], InstanceNumber=(i * 5) % count, **attributes)
    return pixels


def test_slices_are_sorted_by_place_and_not_by_number(tmp_path: Path) -> None:
    pixels = write_stack(tmp_path, [1, 0, 0, 0, 1, 0], 9)
    (prepared,) = read(tmp_path, "axial", 20)
    assert prepared.positions_mm == pytest.approx(2.5 * np.arange(9))
    for codes, expected in zip(prepared.codes, pixels, strict=True):
        assert np.abs(prepared.map.decode(codes) - expected).max() <= prepared.map.step / 2 + 1e-3


def test_a_sagittal_series_keeps_its_slices_in_its_own_plane_and_can_be_cut_in_others(tmp_path: Path) -> None:
    write_stack(tmp_path, [0, 1, 0, 0, 0, -1], 12)
    (own,) = read(tmp_path, "sagittal", 20)
    (cut,) = read(tmp_path, "axial", 20)
    assert (own.plane, len(own.codes)) == ("sagittal", 12)
    assert (cut.plane, len(cut.codes)) == ("axial", 20)
    assert set(own.sources) == set(range(12))
    assert set(cut.sources) == {-1}


def test_a_series_with_a_gap_is_used_in_its_own_plane_only(tmp_path: Path) -> None:
    write_stack(tmp_path / "scan", [1, 0, 0, 0, 1, 0], 12, gap=5)
    (own,) = read(tmp_path / "scan", "axial", 20)
    assert len(own.codes) == 11
    assert 12.5 not in own.positions_mm
    write_nifti(tmp_path / "scan" / "more.nii", texture((16, 16, 16)).astype(np.float32))
    store = ingest([tmp_path / "scan"], tmp_path / "store", size=20, plane="coronal", progress=False)
    assert store.provenance["set_aside"]["files"] == {"other-plane": 11}


def test_two_series_and_two_echoes_of_one_patient_stay_apart(tmp_path: Path) -> None:
    for seed, (series, echo) in enumerate([("1.5", 10), ("1.5", 90), ("1.6", 10)]):
        for i in range(3):
            write_dicom(
                tmp_path / "scan" / f"{seed}{i}",
                texture((16, 16), 10 * seed + i).astype(np.int16),
                Modality="MR",
                SeriesInstanceUID=series,
                EchoTime=echo,
                ImagePositionPatient=[0.0, 0.0, float(i)],
            )
    store: SliceStore = ingest([tmp_path / "scan"], tmp_path / "store", size=16, progress=False)
    assert store.index.groupby("series").size().tolist() == [3, 3, 3]
    assert store.index["patient"].nunique() == 1


@pytest.mark.parametrize(
    ("orientation", "plane", "axis", "side"),
    [
        ([1, 0, 0, 0, 1, 0], "axial", 2, 1),
        ([-1, 0, 0, 0, -1, 0], "acquired", 2, 1),  # prone, shown from below as ever: turned by 180 degrees
        ([-1, 0, 0, 0, 1, 0], "acquired", 2, 1),  # mirrored
        ([0, 1, 0, 1, 0, 0], "acquired", 2, 1),  # rows and columns exchanged
        ([1, 0, 0, 0, 0, -1], "coronal", 1, -1),
        ([0, 1, 0, 0, 0, -1], "sagittal", 0, -1),
        ([0, -1, 0, 0, 0, -1], "acquired", 0, -1),  # facing right
    ],
)
def test_frames_kept_as_stored_bear_a_plane_only_if_they_stand_as_its_slices_do(
    tmp_path: Path, orientation: list[float], plane: str, axis: int, side: int
) -> None:
    """`side`: LPS to RAS+ along the axis of the normal."""
    write_stack(tmp_path, orientation, 5)
    (prepared,) = read(tmp_path, "acquired", 20)
    assert prepared.plane == plane
    frames = [next(path for path in tmp_path.iterdir() if path.name == f"{(i * 7) % 5}.dcm") for i in range(5)]
    places = {i: side * float(pydicom.dcmread(path).ImagePositionPatient[axis]) for i, path in enumerate(frames)}
    order = sorted(places, key=lambda i: places[i])
    assert prepared.positions_mm == pytest.approx([places[i] for i in order])
    stored = [pydicom.dcmread(frames[i]).pixel_array for i in order]
    for codes, expected in zip(prepared.codes, stored, strict=True):
        assert np.abs(prepared.map.decode(codes) - expected).max() <= prepared.map.step / 2 + 1e-3


@pytest.mark.parametrize("plane", ["axial", "acquired"])
@pytest.mark.parametrize("rescaled", [True, False])
@pytest.mark.parametrize("orientation", [[1, 0, 0, 0, 1, 0], [-1, 0, 0, 0, 1, 0]])
def test_a_ct_read_in_blocks_is_the_same_as_one_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orientation: list[float], rescaled: bool, plane: str
) -> None:
    write_stack(
        tmp_path, orientation, 8, gap=2, **({} if rescaled else {"RescaleSlope": None, "RescaleIntercept": None})
    )
    whole = read(tmp_path, plane, 20)[0]
    monkeypatch.setattr("medattngan.scans.prepare.SLICES_AT_ONCE", 3)
    blocks = read(tmp_path, plane, 20)[0]
    assert np.array_equal(whole.codes, blocks.codes)
    assert (whole.positions_mm, whole.sources, whole.map) == (blocks.positions_mm, blocks.sources, blocks.map)
    assert whole.positions_mm == sorted(whole.positions_mm)
    assert whole.map.unit == ("HU" if rescaled else "a.u.")
