"""Volumes have the size, place and slices that their headers say, and are in no plane where they say nothing."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest

from medattngan.data.store import SliceStore
from medattngan.scans.formats.nifti import describe, is_volume, load
from medattngan.scans.series import Loaded, SetAside
from medattngan.stages.ingest.ingest import ingest

VOLUME = np.random.default_rng(0).normal(500, 100, (20, 16, 12)).astype(np.float32)


def read(path: Path) -> Loaded:
    return load(describe(path, path.name))


def reason(path: Path) -> str:
    with pytest.raises(SetAside) as aside:
        read(path)
    return aside.value.reason


def take(source: Path, out: Path, plane: str = "axial") -> SliceStore:
    return ingest([source], out, size=16, plane=plane, split=(1, 0, 0))


def nowhere(volume: npt.NDArray[Any], sides: tuple[float, ...] = (1.0, 1.0, 1.0)) -> nib.Nifti1Image:
    """A NIfTI whose header gives no orientation."""
    image = nib.Nifti1Image(volume, None)
    image.header.set_zooms(sides[: volume.ndim])
    assert (image.header["sform_code"], image.header["qform_code"]) == (0, 0)
    return image


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "plane"),
    [
        ((1, 48, 40), "sagittal"), ((48, 1, 40), "coronal"), ((48, 40, 1), "axial"), ((48, 40), "axial"),
        ((1, 48, 40, 1), "sagittal"), ((48, 40, 1, 5), "axial"), ((3, 48, 40), "sagittal"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("said", [None, 2])
def test_an_axis_of_few_voxels_counts_slices_whatever_the_header_says(
    tmp_path: Path, shape: tuple[int, ...], plane: str, said: int | None
) -> None:
    image = nib.Nifti1Image(np.random.default_rng(0).normal(100, 20, shape).astype(np.float32), np.eye(4))
    if len(shape) > 2:
        image.header.set_dim_info(slice=said)
    (tmp_path / "scans").mkdir()
    nib.save(image, tmp_path / "scans" / "a.nii.gz")
    for asked in (plane, "acquired"):
        store = take(tmp_path / "scans", tmp_path / asked, asked)
        assert store.index["plane"].tolist() == [plane] * (3 if 3 in shape else 1)
    assert store.index["position_mm"].notna().all()
    other = {"axial": "coronal", "coronal": "sagittal", "sagittal": "axial"}[plane]
    with pytest.raises(Exception, match="other-plane"):
        take(tmp_path / "scans", tmp_path / "other", other)


def test_a_picture_needs_no_thickness(tmp_path: Path) -> None:
    image = nib.Nifti1Image(VOLUME[:, :, 0], np.eye(4))
    image.set_sform(np.diag([2.0, 2.0, 0.0, 1.0]), code=1)
    image.to_filename(tmp_path / "a.nii")
    assert read(tmp_path / "a.nii")[1]["affine"].tolist() == np.diag([2.0, 2.0, 1.0, 1.0]).tolist()


@pytest.mark.parametrize("shape", [(1, 1, 40), (40,), (1, 40), (4, 4, 4, 2, 3)])
def test_lines_and_stacks_of_vectors_are_no_scans(tmp_path: Path, shape: tuple[int, ...]) -> None:
    nib.Nifti1Image(np.ones(shape, np.float32), np.eye(4)).to_filename(tmp_path / "a.nii")
    assert reason(tmp_path / "a.nii") == "not-2d-or-3d"


@pytest.mark.parametrize(("unit", "per_mm"), [("mm", 1), ("micron", 1000), ("meter", 0.001), ("unknown", 1)])
@pytest.mark.parametrize("form", ["sform", "qform", "neither"])
def test_sizes_and_places_are_in_the_unit_of_the_header(tmp_path: Path, unit: str, per_mm: float, form: str) -> None:
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = -30, -20, -10
    stored = np.diag([per_mm, per_mm, per_mm, 1.0]) @ affine
    image = nib.Nifti1Image(VOLUME, stored)
    image.set_sform(stored, code=1 if form == "sform" else 0)
    image.set_qform(stored, code=1 if form == "qform" else 0)
    image.header.set_xyzt_units(unit)
    image.to_filename(tmp_path / "a.nii")
    found = read(tmp_path / "a.nii")[1]
    if form == "neither":
        affine[:3, 3] = 0
    np.testing.assert_allclose(found["affine"], affine, rtol=1e-5)


@pytest.mark.parametrize("side", [1000.0, 1e-6, 1e9])
def test_a_size_that_no_scan_has_is_set_aside(tmp_path: Path, side: float) -> None:
    for name, image in (
        ("placed", nib.Nifti1Image(VOLUME, np.diag([side, side, side, 1.0]))),
        ("nowhere", nowhere(VOLUME, (side, side, side))),
    ):
        image.to_filename(tmp_path / f"{name}.nii")
        assert reason(tmp_path / f"{name}.nii") == "impossible-geometry"


def test_where_the_header_gives_no_orientation_slices_stay_as_stored_in_no_plane(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    nib.save(nowhere(VOLUME, (2.0, 2.0, 5.0)), tmp_path / "scans" / "nifti.nii.gz")
    nib.save(nib.AnalyzeImage(VOLUME + 1, None), tmp_path / "scans" / "analyze.hdr")
    nib.MGHImage(VOLUME + 2, np.eye(4)).to_filename(tmp_path / "c.mgh")
    mgh = bytearray((tmp_path / "c.mgh").read_bytes())
    mgh[28:30] = b"\0\0"
    (tmp_path / "scans" / "c.mgz").write_bytes(gzip.compress(mgh))
    volume, meta = read(tmp_path / "scans" / "nifti.nii.gz")
    np.testing.assert_array_equal(volume, VOLUME.transpose(1, 0, 2))  # the first index runs along a row
    assert (meta["oriented"], meta["affine"].diagonal().tolist()) == (False, [2, 2, 5, 1])
    for plane in ("axial", "acquired"):
        store = take(tmp_path / "scans", tmp_path / plane, plane)
        assert set(store.index["plane"]) == {"acquired"}
        assert len(store) == 36
        assert store.index["position_mm"].isna().all()
    assert sorted(set(store.index["spacing_mm"].dropna())) == [1.25, 2.5]
    assert store.index["spacing_mm"].isna().sum() == 12


def test_a_slice_in_no_orientation_is_found_by_its_axis(tmp_path: Path) -> None:
    nowhere(VOLUME[:1], (1.0, 2.0, 3.0)).to_filename(tmp_path / "a.nii")
    volume, meta = read(tmp_path / "a.nii")
    np.testing.assert_array_equal(volume[..., 0], VOLUME[0].T)
    assert meta["affine"].diagonal().tolist() == [3, 2, 1, 1]


def test_voxels_without_a_size_have_none(tmp_path: Path) -> None:
    image = nowhere(VOLUME)
    image.header["pixdim"][1:4] = 0
    raw = image.header.binaryblock + bytes(4) + VOLUME.tobytes("F")
    (tmp_path / "a.nii").write_bytes(raw)
    assert read(tmp_path / "a.nii")[1]["spacing_known"] is False


def test_a_damaged_sform_is_made_good_by_the_qform(tmp_path: Path) -> None:
    image = nib.Nifti1Image(VOLUME, np.diag([2.0, 2.0, 2.0, 1.0]))
    image.set_qform(np.diag([2.0, 2.0, 2.0, 1.0]), code=1)
    for row in ("srow_x", "srow_y", "srow_z"):
        image.header[row] = 0
    image.header["sform_code"] = 1
    (tmp_path / "a.nii").write_bytes(image.header.binaryblock + bytes(4) + VOLUME.tobytes("F"))
    assert read(tmp_path / "a.nii")[1]["affine"].diagonal().tolist() == [2, 2, 2, 1]


def test_a_quaternion_a_hair_too_long_leaves_the_sform(tmp_path: Path) -> None:
    image = nib.Nifti1Image(VOLUME, np.diag([2.0, 2.0, 3.0, 1.0]))
    image.header["sform_code"] = image.header["qform_code"] = 1
    image.header["quatern_d"] = 1.000001
    with pytest.raises(ValueError, match="w2 should be positive"):
        image.header.get_qform()
    (tmp_path / "a.nii").write_bytes(image.header.binaryblock + bytes(4) + VOLUME.tobytes("F"))
    assert read(tmp_path / "a.nii")[1]["affine"].diagonal().tolist() == [2, 2, 3, 1]


@pytest.mark.parametrize("code", [">f4", "<f8", ">i2", "<u2", "u1", "i1", "<i4", ">u4", "<i8"])
def test_every_type_of_number_comes_with_its_values(tmp_path: Path, code: str) -> None:
    volume = np.rint(VOLUME / 10).astype(code)
    image = nib.Nifti1Image(volume, np.eye(4), dtype=volume.dtype)
    header = nib.Nifti1Header(endianness=">" if code.startswith(">") else "<")
    header.set_data_dtype(volume.dtype)
    nib.Nifti1Image(volume, image.affine, header).to_filename(tmp_path / "a.nii")
    np.testing.assert_array_equal(read(tmp_path / "a.nii")[0], volume.astype(np.float32))


@pytest.mark.parametrize(
    ("slope", "inter", "factor", "offset"), [(0, 5, 1, 0), (np.nan, 0, 1, 0), (2, -1024, 2, -1024), (1, 0, 1, 0)]
)
def test_a_slope_of_nothing_scales_nothing(
    tmp_path: Path, slope: float, inter: float, factor: float, offset: float
) -> None:
    stored = np.rint(VOLUME).astype(np.int16)
    image = nib.Nifti1Image(stored, np.eye(4))
    image.header["scl_slope"], image.header["scl_inter"] = slope, inter
    image.header["cal_min"], image.header["cal_max"] = 100, 200
    image.header["vox_offset"], image.header["magic"] = 352, b"n+1"
    (tmp_path / "a.nii").write_bytes(image.header.binaryblock + bytes(4) + stored.tobytes("F"))
    np.testing.assert_array_equal(read(tmp_path / "a.nii")[0], stored * factor + offset)


def test_what_is_no_number_becomes_the_least_and_what_is_infinite_the_last(tmp_path: Path) -> None:
    volume = VOLUME.copy()
    volume[0, 0, :3] = np.nan, np.inf, -np.inf
    nib.Nifti1Image(volume, np.eye(4)).to_filename(tmp_path / "a.nii")
    least, greatest = VOLUME.ravel()[3:].min(), VOLUME.max()
    assert read(tmp_path / "a.nii")[0][0, 0, :3].tolist() == [least, greatest, least]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_least_and_the_greatest_float_stand_for_no_value(tmp_path: Path, kind: type[np.floating]) -> None:
    volume = VOLUME.astype(kind)
    volume[0, 0, :3] = np.finfo(kind).min, np.finfo(kind).max, 9.96921e36
    nib.Nifti1Image(volume, np.eye(4)).to_filename(tmp_path / "a.nii")
    with np.errstate(over="ignore"):
        got = read(tmp_path / "a.nii")[0]
    least = VOLUME.ravel()[3:].min()
    assert got[0, 0, [0, 2]].tolist() == [least, least]
    assert got.max() == VOLUME.max()
    np.testing.assert_array_equal(got[1:], VOLUME[1:])


@pytest.mark.parametrize(
    ("intent", "why"),
    [("label", "label-mask"), ("neuroname", "label-mask"), ("t test", "derived-object"), ("vector", "derived-object")],
)
def test_what_is_meant_for_no_image_is_none(tmp_path: Path, intent: str, why: str) -> None:
    image = nib.Nifti1Image(VOLUME, np.eye(4))
    image.header.set_intent(intent, (9,) if intent == "t test" else ())
    image.to_filename(tmp_path / "a.nii")
    assert reason(tmp_path / "a.nii") == why


def test_complex_numbers_are_no_image_and_equal_colours_are_grey(tmp_path: Path) -> None:
    nib.Nifti1Image(VOLUME.astype(np.complex64), np.eye(4)).to_filename(tmp_path / "complex.nii")
    assert reason(tmp_path / "complex.nii") == "complex"
    grey = np.rint(VOLUME / 4).astype(np.uint8)
    for name, green, alpha in (("grey", grey, None), ("colour", grey[::-1], None), ("alpha", grey, 255)):
        names = ["R", "G", "B"] if alpha is None else ["R", "G", "B", "A"]
        coloured = np.zeros(grey.shape, [(one, "u1") for one in names])
        for one in names:
            coloured[one] = green if one == "G" else 255 if one == "A" else grey
        nib.Nifti1Image(coloured, np.eye(4)).to_filename(tmp_path / f"{name}.nii")
    np.testing.assert_array_equal(read(tmp_path / "grey.nii")[0], grey)
    np.testing.assert_array_equal(read(tmp_path / "alpha.nii")[0], grey)
    assert reason(tmp_path / "colour.nii") == "colour"


def test_a_pair_of_header_and_pixels_is_one_scan_and_names_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    nib.Nifti1Pair(VOLUME, np.eye(4)).to_filename(tmp_path / "scans" / "pair.hdr")
    nib.Nifti1Image(VOLUME + 1, np.eye(4)).to_filename(tmp_path / "a.nii")
    nib.Nifti1Image(VOLUME[::-1], np.eye(4)).to_filename(tmp_path / "b.nii")
    (tmp_path / "scans" / "packed.img").write_bytes(gzip.compress((tmp_path / "a.nii").read_bytes()))
    (tmp_path / "scans" / "plain.nii.gz").write_bytes((tmp_path / "b.nii").read_bytes())
    for path in (tmp_path / "scans").iterdir():
        with path.open("rb") as file:
            assert is_volume(path, file.read(4096))
    store = take(tmp_path / "scans", tmp_path / "store")
    assert store.provenance["read"]["series"] == 3
    assert store.provenance["set_aside"]["files"] == {}


@pytest.mark.parametrize("length", [100, 344, 348, 352, 400, 2000])
def test_a_truncated_volume_is_turned_down(tmp_path: Path, length: int) -> None:
    nib.Nifti2Image(VOLUME, np.eye(4)).to_filename(tmp_path / "whole.nii")
    nib.Nifti1Image(VOLUME, np.eye(4)).to_filename(tmp_path / "whole1.nii")
    for name in ("whole.nii", "whole1.nii"):
        cut = tmp_path / f"cut-{name}"
        cut.write_bytes((tmp_path / name).read_bytes()[:length])
        with cut.open("rb") as file:
            recognised = is_volume(cut, file.read(4096))
        assert not recognised or reason(cut) == "unreadable"


def test_a_checksum_that_is_wrong_is_noticed_and_what_follows_the_stream_is_not_read(tmp_path: Path) -> None:
    nib.Nifti1Image(VOLUME, np.eye(4)).to_filename(tmp_path / "a.nii")
    zipped = gzip.compress((tmp_path / "a.nii").read_bytes())
    (tmp_path / "wrong").write_bytes(zipped[:-8] + bytes(4) + zipped[-4:])
    assert reason(tmp_path / "wrong") == "unreadable"
    (tmp_path / "more").write_bytes(zipped + b"padding of a tape")
    np.testing.assert_array_equal(read(tmp_path / "more")[0], VOLUME)


def test_the_header_of_zipped_pixels_may_be_zipped(tmp_path: Path) -> None:
    nib.Nifti1Pair(VOLUME, np.eye(4)).to_filename(tmp_path / "a.img.gz")
    found = {path.name: describe(path, path.name) for path in tmp_path.iterdir() if is_volume(path, b"")}
    assert {name: len(pieces) for name, pieces in found.items()} == {"a.hdr.gz": 1, "a.img.gz": 0}


def test_time_stands_before_space_in_minc(tmp_path: Path) -> None:
    written = Path(nib.__file__).parent / "tests" / "data" / "minc1_4d.mnc"
    path = tmp_path / "a.mnc"
    path.write_bytes(written.read_bytes())
    (piece,) = describe(path, path.name)
    volume, meta = load([piece])
    assert piece.volumes == 2
    assert meta["slice_axis"] == 0
    np.testing.assert_array_equal(volume, np.asarray(nib.load(path).dataobj)[0].astype(np.float32))
