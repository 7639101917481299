"""Slices from other generators keep their values on the way in."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.pixels import apply_modality_lut

from medattngan.core.files import UserError
from medattngan.external.open import open_slices
from medattngan.stages.export.export import export

SCRIPT = Path(__file__).parents[2] / "scripts" / "export_dicom.py"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_integers_of_up_to_16_bits_come_through_exactly(dtype: type, tmp_path: Path) -> None:
    limits = np.iinfo(dtype)
    pixels = np.random.default_rng(1).integers(limits.min, limits.max, (2, 6, 5), dtype=dtype, endpoint=True)
    np.save(tmp_path / "slices.npy", pixels)
    samples = open_slices(tmp_path / "slices.npy").physical()
    np.testing.assert_array_equal(np.rint(samples.physical(1)), pixels[1].astype(np.float32))
    (file, _) = sorted(export(samples, tmp_path / "dicom").path.rglob("*.dcm"))
    dataset = pydicom.dcmread(file)
    np.testing.assert_allclose(apply_modality_lut(dataset.pixel_array, dataset), pixels[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize(("dtype", "suffix"), [(np.uint8, "png"), (np.uint16, "png"), (np.uint16, "tiff")])
def test_a_folder_of_images_is_read_in_order_with_its_labels(dtype: type, suffix: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, (3, 6, 5), dtype=dtype)
    for i, folder in enumerate(["a", "a", "b"]):
        (tmp_path / folder).mkdir(exist_ok=True)
        Image.fromarray(pixels[i]).save(tmp_path / folder / f"{i}.{suffix}")
    samples = open_slices(tmp_path).physical(modality="MR", plane="axial", spacing_mm=1.5)
    assert samples.table["label"].tolist() == ["a", "a", "b"]
    assert samples.intensity["spacing_mm"] == 1.5
    for i in range(3):
        np.testing.assert_array_equal(np.rint(samples.physical(i)), pixels[i].astype(np.float32))


def test_colors_become_luminance(tmp_path: Path) -> None:
    gray = np.arange(30, dtype=np.uint8).reshape(5, 6)
    Image.fromarray(np.stack([gray] * 3, -1)).save(tmp_path / "x.png")
    np.testing.assert_array_equal(open_slices(tmp_path).physical().codes[0] // 257, gray)


def test_floating_point_needs_a_range_and_must_lie_in_it(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.float32([[[-1000.0, 50.0]]]))
    with pytest.raises(UserError, match="--range"):
        open_slices(tmp_path / "x.npy").physical()
    with pytest.raises(UserError, match=r"1 pixels .* outside"):
        open_slices(tmp_path / "x.npy").physical(value_range=(-1000, 0))
    samples = open_slices(tmp_path / "x.npy").physical(value_range=(-1000, 400), unit="HU")
    np.testing.assert_allclose(samples.physical(0), [[-1000, 50]], atol=samples.map.step / 2)


def test_export_takes_a_samples_folder_a_folder_of_images_or_an_array(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.fromarray(np.arange(30, dtype=np.uint8).reshape(5, 6)).save(tmp_path / "images" / "x.png")
    np.save(tmp_path / "x.npy", np.arange(30, dtype=np.uint8).reshape(1, 5, 6))
    open_slices(tmp_path / "images").physical().save(tmp_path / "samples")
    uids = []
    for name in ("images", "x.npy", "samples"):
        (file,) = export(tmp_path / name, tmp_path / f"{name}-dicom").path.rglob("*.dcm")
        uids.append(pydicom.dcmread(file).SOPInstanceUID)
    assert len(set(uids)) == 1
    (tmp_path / "samples" / "samples.parquet").unlink()
    with pytest.raises(UserError, match="not a samples folder"):
        export(tmp_path / "samples", tmp_path / "out")


def test_the_pixels_of_a_samples_folder_are_not_taken_without_its_table(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(30, dtype=np.uint8).reshape(1, 5, 6))
    open_slices(tmp_path / "x.npy").physical().save(tmp_path / "samples")
    with pytest.raises(UserError, match="give its folder"):
        export(tmp_path / "samples" / "pixels.npy", tmp_path / "out")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name of a file is text")
def test_a_folder_whose_name_is_no_text_is_refused_as_a_label(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"l\xe9sion")
    folder.mkdir()
    with (folder / "a.png").open("wb") as file:
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(file, "PNG")
    with pytest.raises(UserError, match="not UTF-8"):
        open_slices(tmp_path)


def test_what_is_not_a_stack_of_slices_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.zeros(3))
    np.save(tmp_path / "object.npy", np.array([{}]), allow_pickle=True)
    np.save(tmp_path / "nan.npy", np.float32([[[np.nan]]]))
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.png").write_bytes(b"no picture")
    (tmp_path / "mixed").mkdir()
    Image.new("L", (3, 3)).save(tmp_path / "mixed" / "a.png")
    Image.new("L", (4, 3)).save(tmp_path / "mixed" / "b.png")
    for name, said in [
        ("flat.npy", "count, H, W"),
        ("object.npy", "Python objects"),
        ("empty", "no image and no DICOM"),
    ]:
        with pytest.raises(UserError, match=said):
            open_slices(tmp_path / name).physical()
    with pytest.raises(UserError, match="not a readable image"):
        open_slices(tmp_path / "bad").physical()
    with pytest.raises(UserError, match="one size"):
        open_slices(tmp_path / "mixed")
    with pytest.raises(UserError, match="not numbers"):
        open_slices(tmp_path / "nan.npy").physical(value_range=(0, 1))
    with pytest.raises(UserError, match="plane"):
        open_slices(tmp_path / "nan.npy").physical(plane="oblique")
    with pytest.raises(UserError, match="spacing"):
        open_slices(tmp_path / "nan.npy").physical(spacing_mm=-1)
    with pytest.raises(UserError, match="not a range"):
        open_slices(tmp_path / "nan.npy").physical(value_range=(1, 0))


def test_the_script_exports_any_npy_and_says_in_one_sentence_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.float32([[[-1000.0, 50.0]]]))
    command = [str(SCRIPT), str(tmp_path / "x.npy"), "--out", str(tmp_path / "dicom")]
    command += ["--modality", "CT", "--unit", "HU"]
    monkeypatch.setattr(sys, "argv", list(command))
    with pytest.raises(SystemExit) as failed:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert failed.value.code == 2
    assert "--range" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", [*command, "--range=-1350,150"])
    with pytest.raises(SystemExit) as ran:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert ran.value.code == 0
    (file,) = (tmp_path / "dicom").rglob("*.dcm")
    dataset = pydicom.dcmread(file)
    assert (dataset.Modality, dataset.RescaleType) == ("CT", "HU")
