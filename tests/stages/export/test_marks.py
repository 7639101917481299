"""The word SYNTHETIC over the picture and in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.export_cases import CT, files_of, make_samples

from medattngan.stages.export.export import export
from medattngan.stages.export.marks import GLYPHS, draw_word, stamp


@pytest.mark.parametrize("sop", ["sc", "ct"])
def test_the_overlay_spells_synthetic_and_leaves_the_pixels_alone(sop: str, tmp_path: Path) -> None:
    samples = make_samples(CT, 1)
    (file,) = files_of(export(samples, tmp_path / "dicom", sop=sop).path)
    dataset = pydicom.dcmread(file)
    word = draw_word(40, 64)
    assert word is not None
    overlay = dataset.overlay_array(0x6000).astype(bool)
    np.testing.assert_array_equal(overlay[-word.shape[0] :, : word.shape[1]], word)
    assert overlay.sum() == word.sum()
    np.testing.assert_array_equal(dataset.pixel_array, samples.codes[0])
    (file,) = files_of(export(samples, tmp_path / "plain", sop=sop, overlay=False).path)
    assert not [element for element in pydicom.dcmread(file) if 0x6000 <= element.tag.group <= 0x60FF]


def test_the_word_is_spelled_with_its_letters() -> None:
    word = draw_word(64, 64)
    assert word is not None
    for i, letter in enumerate("SYNTHETIC"):
        drawn = word[1:8, 1 + 6 * i : 6 + 6 * i]
        assert ["".join(".#"[int(pixel)] for pixel in row) for row in drawn] == list(GLYPHS[letter])


@pytest.mark.parametrize("shape", [(26, 20), (32, 32), (64, 64), (256, 256), (512, 300), (9, 60)])
def test_a_stamp_stays_in_its_corner_and_is_seen_on_black_and_on_white(shape: tuple[int, int]) -> None:
    for value in (0, 65535):
        stamped = stamp(np.full((2, *shape), value, np.uint16))
        word = draw_word(*shape)
        assert word is not None
        box = stamped[:, -word.shape[0] :, : word.shape[1]]
        np.testing.assert_array_equal(box == 65535, np.broadcast_to(word, box.shape))
        assert (box[~np.broadcast_to(word, box.shape)] == 0).all()
        assert np.count_nonzero(stamped != value) == np.count_nonzero(box != value)
