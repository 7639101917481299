"""The range of values is decided by more than an extreme value, and asked for where they leave a doubt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.core.files import UserError
from medattngan.data.intensity import IntensityMap
from medattngan.external.open import open_slices
from medattngan.stages.export.export import export

MAP = IntensityMap(0.0, 1.0, "a.u.")
RNG = np.random.default_rng(0)
FRACTIONS = np.where(RNG.uniform(size=(12, 32, 32)) < 0.5, 0.0, RNG.uniform(0, 1, (12, 32, 32)))
"""Half of it is black ground, as in a slice."""
UNIT = FRACTIONS * 2 - 1


def given(folder: Path, values: npt.NDArray[Any]) -> Path:
    np.save(folder / "x.npy", values)
    return folder / "x.npy"


def seen(path: Path, value_range: tuple[float, float] | None = None) -> npt.NDArray[np.float32]:
    return open_slices(path).unit(MAP, value_range).images[:, 0].numpy()


def with_pixel(values: npt.NDArray[Any], value: float) -> npt.NDArray[Any]:
    changed = values.copy()
    changed[0, 0, 0] = value
    return changed


@pytest.mark.parametrize(
    ("values", "placed"),
    [
        (with_pixel(FRACTIONS, -1e-6), UNIT),
        (with_pixel(FRACTIONS, 1.0001), UNIT),
        (with_pixel(FRACTIONS.astype(np.float16), -5e-4), UNIT),
        (FRACTIONS, UNIT),
        (UNIT, UNIT),
        (with_pixel(UNIT, -1.0004), UNIT),
        (np.where(UNIT > 0.8, UNIT, -1), np.where(UNIT > 0.8, UNIT, -1)),
        (-np.abs(UNIT), -np.abs(UNIT)),
        (FRACTIONS > 0, np.where(FRACTIONS > 0, 1, -1)),
        ((FRACTIONS * 65535 - 32768).astype(">i2"), UNIT),
        ((FRACTIONS * 255 - 128).astype(np.int8), UNIT),
        ((FRACTIONS * 65535).astype(">u2"), UNIT),
        (np.asfortranarray(FRACTIONS * 255).astype(np.uint8), UNIT),
        (np.zeros((2, 8, 8), np.uint16), -np.ones((2, 8, 8))),
    ],
)
def test_a_range_that_the_values_fill_is_theirs(tmp_path: Path, values: Any, placed: Any) -> None:
    np.testing.assert_allclose(seen(given(tmp_path, values))[0, 1:], placed[0, 1:], atol=0.01)


@pytest.mark.parametrize(
    "values",
    [
        with_pixel(FRACTIONS, -0.3),
        np.where(RNG.uniform(size=FRACTIONS.shape) < 0.005, -0.9, FRACTIONS),
        FRACTIONS * 4095 / 65535,
        FRACTIONS * 255,
        FRACTIONS * 1.2,
        (FRACTIONS * 4095).astype(np.uint16),
        (FRACTIONS * 16383).astype(np.uint16),
        (FRACTIONS * 32767).astype(np.uint16),
        with_pixel((FRACTIONS * 4095).astype(np.uint16), 65535),
        (FRACTIONS * 4095 + 31744).astype(np.uint16),
        (FRACTIONS * 4095 - 1024).astype(np.int16),
        (FRACTIONS > 0).astype(np.uint8),
        with_pixel((FRACTIONS > 0).astype(np.uint8), 255),
        (FRACTIONS * 255).astype(np.int64),
        (FRACTIONS * 255).astype(np.uint32),
    ],
)
def test_values_that_leave_a_doubt_are_asked_about(tmp_path: Path, values: Any) -> None:
    path = given(tmp_path, values)
    with pytest.raises(UserError, match=r"--range"):
        seen(path)
    lower, upper = float(values.min()), float(values.max())
    expected = (values.astype(float) - lower) / (upper - lower) * 2 - 1
    np.testing.assert_allclose(seen(path, (lower, upper)), expected, atol=1e-4)


def test_a_range_that_is_given_is_noted_with_what_it_clips(tmp_path: Path) -> None:
    path = given(tmp_path, with_pixel((FRACTIONS * 4095).astype(np.uint16), 65535))
    found = open_slices(path).unit(MAP, (0, 4095))
    np.testing.assert_allclose(found.images[1, 0].numpy(), UNIT[1], atol=1e-3)
    assert found.images[0, 0, 0, 0] == 1
    assert found.notes == ["values of 0 were taken as black and of 4095 as white", "1 pixels beyond them were clipped"]
    for wrong in ((1.0, 0.0), (0.0, float("nan"))):
        with pytest.raises(UserError, match="not a range"):
            seen(path, wrong)


@pytest.mark.parametrize("bits", [12, 14])
@pytest.mark.parametrize("as_picture", [False, True])
def test_a_range_of_export_says_for_which_pixel_values_it_stands(tmp_path: Path, bits: int, as_picture: bool) -> None:
    top = 2**bits - 1
    values = np.rint(FRACTIONS * top).astype(np.uint16)
    path = given(tmp_path, values)
    if as_picture:
        (tmp_path / "pictures").mkdir()
        path = tmp_path / "pictures"
        for number, one in enumerate(values):
            Image.fromarray(one).save(path / f"{number}.png")
    with pytest.raises(UserError, match=f"--stored 0,{top} .* or --stored 0,65535"):
        open_slices(path).physical(value_range=(-1024, -1024 + top), unit="HU")
    samples = open_slices(path).physical(value_range=(-1024, -1024 + top), stored=(0, top), unit="HU")
    np.testing.assert_array_equal(np.rint(samples.physical(3)), values[3].astype(float) - 1024)
    assert samples.map.step == 1
    whole = open_slices(path).physical(value_range=(-1024, 3071), stored=(0, 65535), unit="HU")
    np.testing.assert_allclose(whole.physical(3), values[3] / 65535 * 4095 - 1024, atol=0.01)
    plain = open_slices(path).physical()
    np.testing.assert_array_equal(np.rint(plain.physical(3)), values[3])


def test_fractions_are_not_taken_for_the_physical_values_of_a_wide_range(tmp_path: Path) -> None:
    path = given(tmp_path, with_pixel(FRACTIONS, 1.00001))
    with pytest.raises(UserError, match=r"--stored=-1024,3071; .* --stored 0,1"):
        open_slices(path).physical(value_range=(-1024, 3071), unit="HU")
    samples = open_slices(path).physical(value_range=(-1024, 3071), stored=(0, 1), unit="HU")
    np.testing.assert_allclose(samples.physical(2), FRACTIONS[2] * 4095 - 1024, atol=0.05)
    signed = given(tmp_path, (FRACTIONS * 100).astype(np.int16))
    meant = open_slices(signed).physical(value_range=(-1024, 3071), stored=(-1024, 3071), unit="HU")
    np.testing.assert_allclose(meant.physical(2), (FRACTIONS[2] * 100).astype(int), atol=0.05)


def test_pixel_values_without_their_meaning_are_refused(tmp_path: Path) -> None:
    path = given(tmp_path, (FRACTIONS * 255).astype(np.uint8))
    with pytest.raises(UserError, match="--range LOWER,UPPER with it"):
        open_slices(path).physical(stored=(0, 1))
    with pytest.raises(UserError, match="--stored 1,0 is not a range"):
        open_slices(path).physical(value_range=(0, 1), stored=(1, 0))


def test_pixels_without_a_sign_are_no_hounsfield_units(tmp_path: Path) -> None:
    path = given(tmp_path, (FRACTIONS * 4095).astype(np.uint16))
    with pytest.raises(UserError, match="air is in HU; say with --range"):
        open_slices(path).physical(unit="HU")
    open_slices(path).physical(unit="HU", value_range=(0, 4095), stored=(0, 4095))


def test_a_folder_that_says_what_its_values_mean_is_not_told_otherwise(tmp_path: Path) -> None:
    open_slices(given(tmp_path, (FRACTIONS * 65535).astype(np.uint16))).physical().save(tmp_path / "samples")
    export(tmp_path / "samples", tmp_path / "dicom")
    for name in ("samples", "dicom"):
        with pytest.raises(UserError, match="leave out --range"):
            seen(tmp_path / name, (0, 1))
    options: list[dict[str, Any]] = [{"value_range": (0, 1)}, {"unit": "HU"}, {"plane": "axial"}, {"spacing_mm": 2.0}]
    for option in options:
        with pytest.raises(UserError, match="is a samples folder"):
            open_slices(tmp_path / "samples").physical(**option)
    with pytest.raises(UserError, match="leave out --stored"):
        open_slices(tmp_path / "dicom").physical(value_range=(0, 65535), stored=(0, 1))


def test_dark_samples_of_a_samples_folder_are_in_no_doubt(tmp_path: Path) -> None:
    dark = (FRACTIONS * 1000).astype(np.uint16)
    open_slices(given(tmp_path, dark)).physical().save(tmp_path / "samples")
    np.testing.assert_allclose(seen(tmp_path / "samples"), dark / 32767.5 - 1, atol=1e-5)


def test_a_tiff_with_signs_is_read_by_every_door(tmp_path: Path) -> None:
    signed = np.rint(FRACTIONS * 4095 - 1024).astype(np.int16)
    for number, one in enumerate(np.concatenate([signed[:2], np.abs(signed[:1])])):
        tifffile.imwrite(tmp_path / f"{number}.tif", one)
    found = open_slices(tmp_path)
    assert found.pixels.dtype == np.int16
    np.testing.assert_array_equal(np.rint(found.physical().physical(1)), signed[1])
    np.testing.assert_allclose(seen(tmp_path, (-1024, 3071))[1], UNIT[1], atol=1e-3)
    with pytest.raises(UserError, match="--range"):
        seen(tmp_path)


@pytest.mark.parametrize("shape", [(12, 1, 32, 32), (12, 32, 32, 1), (12, 32, 32)])
def test_an_axis_for_channels_does_not_matter(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.testing.assert_allclose(seen(given(tmp_path, FRACTIONS.reshape(shape))), UNIT, atol=1e-6)


@pytest.mark.parametrize("shape", [(32, 32), (32, 32, 1), (1, 32, 32)])
def test_one_slice_may_come_without_its_axis(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.testing.assert_allclose(seen(given(tmp_path, FRACTIONS[0].reshape(shape))), UNIT[:1], atol=1e-6)


def test_an_archive_of_one_array_is_read_and_of_several_is_asked_about(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "one.npz", slices=FRACTIONS)
    np.testing.assert_allclose(seen(tmp_path / "one.npz"), UNIT, atol=1e-6)
    np.savez(tmp_path / "two.npz", slices=FRACTIONS, labels=np.arange(12))
    with pytest.raises(UserError, match=r"holds 2 arrays \(slices, labels\)"):
        open_slices(tmp_path / "two.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(UserError, match="cut short or damaged"):
        open_slices(tmp_path / "bad.npz")


def test_export_says_what_it_leaves_out_and_takes_a_stored_range(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(np.rint(FRACTIONS[0] * 4095).astype(np.uint16)).save(folder / "a.png")
    (folder / "a.txt").write_text("x")
    command = ["export", str(folder), "--out", str(tmp_path / "out"), "--unit", "HU", "--range=-1024,3071"]
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, UserError)
    assert "--stored 0,4095" in str(refused.exception)
    ran = CliRunner().invoke(app, [*command, "--stored", "0,4095"])
    assert ran.exit_code == 0
    assert "1 file was" in ran.stderr
    assert "left out" in ran.stderr
    (file,) = (tmp_path / "out").rglob("*.dcm")
    dataset = pydicom.dcmread(file)
    values = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    np.testing.assert_allclose(values, np.rint(FRACTIONS[0] * 4095) - 1024, atol=1e-3)
