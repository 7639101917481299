"""The detector looks at every place of a picture of any size in the same way."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from medattngan.scans.text.boxes import Box
from medattngan.scans.text.detector import Detector, inputs
from medattngan.scans.text.lines import Line, islands, scales


def detector() -> Detector:
    torch.manual_seed(0)
    return Detector().eval()


def test_text_eight_pixels_further_is_found_eight_pixels_further() -> None:
    picture = torch.full((1, 1, 160, 160), 0.2)
    picture[..., 70:80, 60:90] = torch.rand(10, 30, generator=torch.Generator().manual_seed(0))
    moved = picture.roll((8, 16), (2, 3))
    with torch.no_grad():
        before, after = (detector()(one)[0, 0] for one in (picture, moved))
    torch.testing.assert_close(before[24:56, 24:48], after[28:60, 32:56], rtol=1e-3, atol=1e-4)


def test_what_stands_out_is_the_difference_from_the_mean_around() -> None:
    picture = torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    expected = (picture[0, 0, 20, 20] - picture[0, 0, 13:28, 13:28].mean()) * 8
    torch.testing.assert_close(inputs(picture)[0, 1, 20, 20], expected.clamp(-1, 1))
    flat = inputs(torch.full((1, 1, 40, 40), 0.7))
    torch.testing.assert_close(flat[0, 1], torch.zeros(40, 40), atol=1e-5, rtol=0)


@pytest.mark.parametrize("angle", [-10.0, 0.0, 8.0])
def test_an_island_tells_where_it_is_and_how_it_runs(angle: float) -> None:
    rows, columns = np.mgrid[:60, :120]
    along = np.cos(np.radians(angle)) * (columns - 60) - np.sin(np.radians(angle)) * (rows - 30)
    across = np.sin(np.radians(angle)) * (columns - 60) + np.cos(np.radians(angle)) * (rows - 30)
    chances = np.where((np.abs(along) < 40) & (np.abs(across) < 4), 0.9, 0.1).astype(np.float32)
    (line,) = islands(chances, 1.0, (120, 240))
    assert line.probability == pytest.approx(0.9)
    assert line.area == pytest.approx(80 * 8 * 4, rel=0.15)
    assert line.angle_deg == pytest.approx(angle, abs=1)
    held = chances > 0.5
    box = line.box
    assert held[box.top // 2 : -(-box.bottom // 2), box.left // 2 : -(-box.right // 2)].sum() == held.sum()


def test_small_pictures_are_looked_at_enlarged_and_large_ones_shrunk_too() -> None:
    assert scales((90, 120)) == [1.0, 2.0]
    assert scales((512, 512)) == [1.0]
    assert scales((2000, 2500)) == [1.0, 0.5]


def test_a_line_that_runs_askew_is_as_high_as_its_letters() -> None:
    level = Line(Box(0, 0, 12, 96), 0.9, 12 * 96, 0.0)
    askew = Line(Box(0, 0, 60, 90), 0.9, 12 * np.hypot(60, 90), 33.7)
    assert (level.height, level.elongation) == (12, 8)
    assert askew.height == pytest.approx(12)
    assert askew.elongation == pytest.approx(9, abs=0.1)
