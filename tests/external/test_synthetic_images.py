"""What people bring: samples folders, pictures, arrays. Read to the same values, or refused with the cure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from medattngan.core.files import UserError
from medattngan.data.intensity import IntensityMap
from medattngan.data.samples import Samples
from medattngan.external.open import Synthetic, open_slices

LEVELS = np.linspace(0, 1, 36).reshape(1, 6, 6)
MAP = IntensityMap(0.0, 1.0, "a.u.")
UNIT = torch.from_numpy(LEVELS * 2 - 1).float().unsqueeze(1)


def read_images(path: Path) -> tuple[torch.Tensor, list[str]]:
    found = open_slices(path).unit(MAP)
    return found.images[:], found.notes


@pytest.mark.parametrize(
    ("values", "tolerance"),
    [
        (np.rint(LEVELS * 255).astype(np.uint8), 1 / 255),
        (np.rint(LEVELS * 65535).astype(np.uint16), 1 / 65535),
        (LEVELS.astype(np.float32), 1e-6),
        (LEVELS * 2 - 1, 1e-6),
        ((LEVELS * 2 - 1)[:, None].astype(np.float16), 1e-3),
    ],
)
def test_an_array_reads_to_the_same_values_in_any_type(tmp_path: Path, values: Any, tolerance: float) -> None:
    np.save(tmp_path / "a.npy", values)
    torch.testing.assert_close(read_images(tmp_path / "a.npy")[0], UNIT, atol=tolerance, rtol=0)


@pytest.mark.parametrize("kind", ["gray8.png", "rgb8.png", "rgba8.png", "gray16.png", "gray16.tif", "gray8.bmp"])
def test_a_picture_reads_to_the_same_values_in_any_format(tmp_path: Path, kind: str) -> None:
    eight = np.rint(LEVELS[0] * 255).astype(np.uint8)
    sixteen = np.rint(LEVELS[0] * 65535).astype(np.uint16)
    image = Image.fromarray(sixteen if "16" in kind else eight)
    if "rgb" in kind:
        image = image.convert("RGBA" if "rgba" in kind else "RGB")
    (tmp_path / "nested").mkdir()
    image.save(tmp_path / "nested" / kind)
    images, notes = read_images(tmp_path)
    torch.testing.assert_close(images, UNIT, atol=1 / 255, rtol=0)
    assert notes == []


def test_pictures_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for number in (12, 2, 100, 1, 11, 3):
        Image.fromarray(np.full((4, 4), number, np.uint8)).save(tmp_path / f"img{number}.png")
    values = (read_images(tmp_path)[0][:, 0, 0, 0] + 1) * 127.5
    torch.testing.assert_close(values, torch.tensor([1.0, 2.0, 3.0, 11.0, 12.0, 100.0]))


def test_colours_become_luminance_and_it_is_said(tmp_path: Path) -> None:
    for name, colour in [
        ("1-red", (255, 0, 0)),
        ("2-green", (0, 255, 0)),
        ("3-blue", (0, 0, 255)),
        ("4-grey", (9,) * 3),
    ]:
        Image.new("RGB", (4, 4), colour).save(tmp_path / f"{name}.png")
    images, notes = read_images(tmp_path)
    bytes_ = (images[:, 0, 0, 0] + 1) * 127.5
    torch.testing.assert_close(bytes_, torch.tensor([0.299, 0.587, 0.114, 9 / 255]) * 255, atol=0.5, rtol=0)
    assert notes == ["3 samples in colour were taken as luminance"]


def test_our_samples_folder_reads_as_the_network_saw_it(tmp_path: Path) -> None:
    codes = np.arange(3 * 16, dtype=np.uint16).reshape(3, 4, 4) * 1000
    table = pd.DataFrame({"seed": [0, 1, 2], "label": [None] * 3})
    samples = Samples(codes, table, {"lower": 0.0, "upper": 1.0, "unit": "a.u."}, {})
    samples.save(tmp_path / "samples")
    torch.testing.assert_close(read_images(tmp_path / "samples")[0], samples.unit())


@pytest.mark.parametrize(
    ("values", "cure"),
    [
        (np.zeros((2, 4, 4), np.int16), "save floats"),
        (np.full((2, 4, 4), 255.0), r"scale them to \[-1, 1\]"),
        (np.full((2, 4, 4), np.nan), "broken images"),
        (np.zeros(4), r"\(count, H, W\)"),
        (np.zeros((2, 3, 4, 4)), r"\(count, H, W\)"),
        (np.zeros((2, 4, 4), np.complex64), "no grey levels"),
        (np.array([["a"]]), "no grey levels"),
        (np.zeros((0, 4, 4)), "something in it"),
        (np.zeros((2, 4, 5)), "squares"),
        (np.array([{"a": 1}], dtype=object), "holds Python objects .* numpy.save"),
    ],
)
def test_an_array_that_cannot_be_placed_is_refused_with_the_cure(tmp_path: Path, values: Any, cure: str) -> None:
    np.save(tmp_path / "a.npy", values, allow_pickle=True)
    with pytest.raises(UserError, match=cure) as raised:
        read_images(tmp_path / "a.npy")
    assert "pickle" not in str(raised.value)


def test_an_array_that_is_cut_short_or_none_is_refused_in_our_words(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 4, 4)))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:200])
    with pytest.raises(UserError, match="is cut short or damaged, so it holds no slices; save these with numpy"):
        read_images(tmp_path / "a.npy")
    (tmp_path / "a.npy").write_bytes(b"hello")
    with pytest.raises(UserError, match=r"is no \.npy at all"):
        read_images(tmp_path / "a.npy")


def test_folders_that_cannot_be_read_are_refused_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read_images(tmp_path / "nowhere")
    with pytest.raises(UserError, match="medattngan ingest"):
        read_images(tmp_path)
    (tmp_path / "a.png").write_bytes(b"not a picture")
    with pytest.raises(UserError, match=r"a\.png is not a readable image"):
        read_images(tmp_path)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(tmp_path / "b.png")
    with pytest.raises(UserError, match=r"b\.png is \(5, 5\) uint8 .* one size and depth"):
        read_images(tmp_path)
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "b.png")
    with pytest.raises(UserError, match=r"b\.png is \(4, 4\) uint16 .* one size and depth"):
        read_images(tmp_path)
    Image.new("RGBA", (4, 4), (1, 1, 1, 9)).save(tmp_path / "b.png")
    with pytest.raises(UserError, match="transparent"):
        read_images(tmp_path)
    Image.new("L", (4, 4)).save(tmp_path / "b.tif", save_all=True, append_images=[Image.new("L", (4, 4))])
    (tmp_path / "b.png").unlink()
    with pytest.raises(UserError, match="several pages"):
        read_images(tmp_path)


def test_resizing_keeps_the_range_and_the_right_size() -> None:
    images = torch.where(torch.rand(8, 1, 100, 100) < 0.5, -1.0, 1.0)
    images[:4] = 1
    given = Synthetic(images, None, [])
    assert torch.equal(given.resized(100).images[:], images)
    smaller = given.resized(64).images[:]
    assert smaller.shape == (8, 1, 64, 64)
    assert smaller.abs().max() == 1
