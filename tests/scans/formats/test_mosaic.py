"""A picture of many slices is taken apart into slices that lie where they were scanned, or is set aside."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.mosaics import FIRST, SPACING, STEP, TYPE, mosaic, normal, write_mosaic
from helpers.scan_files import texture, write_dicom
from helpers.stacks_in_files import found

from medattngan.core.files import UserError
from medattngan.scans.formats.dicom_pixels import load
from medattngan.scans.geometry.affine import LPS_TO_RAS
from medattngan.stages.ingest.ingest import ingest
from medattngan.stages.ingest.worker import quiet


def volume(count: int = 20, rows: int = 12, columns: int = 16) -> np.ndarray:
    noise = texture((count, rows, columns), count, 100, 900)
    return np.rint(noise + np.arange(count)[:, None, None] * 10).astype(np.uint16)


@pytest.mark.parametrize("header", ["number", "csa", "both"])
@pytest.mark.parametrize("count", [1, 4, 20, 25])
def test_tiles_are_slices_at_their_places(tmp_path: Path, count: int, header: str) -> None:
    write_mosaic(tmp_path / "scan", volume(count), header)
    (series,) = found(tmp_path)
    values, meta = load(series.pieces)
    assert np.array_equal(values, np.moveaxis(volume(count), 0, -1))
    assert meta["affine"][:3, 3] == pytest.approx(LPS_TO_RAS @ FIRST)
    assert np.linalg.norm(meta["affine"][:3, :2], axis=0) == pytest.approx(SPACING)
    if count > 1:
        assert meta["affine"][:3, 2] == pytest.approx(LPS_TO_RAS @ (normal() * STEP))


def test_slices_are_stacked_to_the_side_that_the_private_header_says(tmp_path: Path) -> None:
    write_mosaic(tmp_path / "scan", volume(), facing=-1)
    (series,) = found(tmp_path)
    values, meta = load(series.pieces)
    assert np.array_equal(values, np.moveaxis(volume()[::-1], 0, -1))
    assert meta["affine"][:3, 3] == pytest.approx(LPS_TO_RAS @ (FIRST - normal() * STEP * 19))


@pytest.mark.parametrize("facing", [1, -1])
def test_tiles_lie_where_nibabel_puts_them(tmp_path: Path, facing: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nibabel.nicom import dicomwrappers

        write_mosaic(tmp_path / "scan", volume(), facing=facing)
        theirs = dicomwrappers.wrapper_from_file(tmp_path / "scan")
        voxels, affine = theirs.get_data(), theirs.affine
    (series,) = found(tmp_path)
    values, meta = load(series.pieces)
    order = slice(None, None, facing)
    assert np.array_equal(values[..., order], voxels)
    ours = meta["affine"] @ [0, 0, 0 if facing > 0 else 19, 1]
    assert ours[:3] == pytest.approx(LPS_TO_RAS @ affine[:3, 3])  # that of nibabel's DICOM readers is LPS
    assert facing * meta["affine"][:3, 2] == pytest.approx(LPS_TO_RAS @ affine[:3, 2], abs=1e-5)


def test_mosaics_of_several_times_are_a_stack_each(tmp_path: Path) -> None:
    for t, name in enumerate("cab"):
        write_mosaic(tmp_path / name, volume() + t, AcquisitionNumber=t + 1, InstanceNumber=t + 1)
    for name in ("y", "x"):  # and without a word about time
        write_mosaic(tmp_path / name, volume() + ord(name), SeriesInstanceUID="1.2.9")
    stacks = [load(series.pieces)[0] for series in found(tmp_path)]
    assert [one.shape for one in stacks] == [(12, 16, 20)] * 5
    offsets = sorted(int(np.unique(one - np.moveaxis(volume(), 0, -1)).item()) for one in stacks)
    assert offsets == [0, 1, 2, ord("x"), ord("y")]


def test_a_mosaic_is_cut_in_other_planes_in_true_proportion(tmp_path: Path) -> None:
    write_mosaic(tmp_path / "scan" / "a", volume(25))
    store = ingest([tmp_path / "scan"], tmp_path / "store", size=32, plane="sagittal", progress=False)
    assert store.index["spacing_mm"].unique() == pytest.approx([25 * STEP / 32], rel=0.05)


@pytest.mark.parametrize(
    "wrong",
    [
        {"header": "none"},
        {"SpacingBetweenSlices": 0},
        {"ImagePositionPatient": None},
        {"ImageType": ["ORIGINAL", "PRIMARY", "M", "VFRAME"], "header": "none"},
        {"ImageType": ["DERIVED", "SECONDARY", "MONTAGE"]},
    ],
)
def test_a_picture_of_slices_that_cannot_be_taken_apart_is_set_aside(tmp_path: Path, wrong: dict[str, object]) -> None:
    write_mosaic(tmp_path / "scan" / "a", volume(), **wrong)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="1 mosaic"):
        ingest([tmp_path / "scan"], tmp_path / "store", size=16, progress=False)


@pytest.mark.parametrize("count", [0, 21_000, 37])
def test_a_number_of_slices_that_does_not_fit_is_not_believed(tmp_path: Path, count: int) -> None:
    write_mosaic(tmp_path / "scan" / "a", volume(), "number")
    dataset = pydicom.dcmread(tmp_path / "scan" / "a")
    dataset[0x0019, 0x100A].value = count
    dataset.save_as(tmp_path / "scan" / "a")
    with pytest.raises(UserError, match="1 mosaic"):
        ingest([tmp_path / "scan"], tmp_path / "store", size=16, progress=False)


def test_a_damaged_private_header_costs_no_more_than_itself(tmp_path: Path) -> None:
    write_mosaic(tmp_path / "whole", volume())
    raw = (tmp_path / "whole").read_bytes()
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan" / "a").write_bytes(raw.replace(b"SV10\4\3\2\1", b"SV10\4\3\2\1\xff\xff")[:-2])
    at = raw.index(b"SV10") + 8
    (tmp_path / "scan" / "b").write_bytes(raw[:at] + b"\xff\xff\xff\xff" + raw[at + 4 :])
    lengths = [len(series.pieces) for series in found(tmp_path / "scan")]
    assert 20 in lengths


def test_a_frame_of_many_that_says_mosaic_is_set_aside(tmp_path: Path) -> None:
    sheet = np.stack([mosaic(volume())] * 2)
    write_dicom(tmp_path / "scan" / "a", sheet, ImageType=TYPE, NumberOfFrames=2)
    with quiet(), pytest.raises(UserError, match="1 mosaic"):
        ingest([tmp_path / "scan"], tmp_path / "store", size=16, progress=False)
