"""Measures through the plane: jumping is wrong, and so is not changing at all."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from medattngan.core.files import UserError
from medattngan.data.reformat import reformats
from medattngan.metrics.ssim import ssim
from medattngan.metrics.volumes import differences, neighbour_similarity, power, power_gap, similarity_between


def volumes(seed: int, count: int = 3, depth: int = 12, smooth: int = 3) -> torch.Tensor:
    """Noise that is smoothed along the normal, and in the plane."""
    noise = torch.randn(count, depth + smooth - 1, 24, 24, generator=torch.Generator().manual_seed(seed))
    return (torch.nn.functional.avg_pool3d(noise, (smooth, 5, 5), 1, (0, 2, 2)) * 3).tanh()


def test_likeness_is_ssim_of_slices_so_far_apart() -> None:
    found = volumes(0)
    expected = [ssim(found[i, :-2, None], found[i, 2:, None]).mean() for i in range(3)]
    torch.testing.assert_close(neighbour_similarity(found, 2), torch.stack(expected))
    with pytest.raises(UserError, match="have none that are 12 steps apart"):
        neighbour_similarity(found, 12)


def test_likeness_falls_with_distance_and_both_jumping_and_standing_still_are_far_from_real() -> None:
    real = volumes(0)
    near, far = (neighbour_similarity(real, steps).mean() for steps in (1, 4))
    still, jumping = real[:, :1].expand_as(real), volumes(1, smooth=1)
    assert neighbour_similarity(still, 1).mean() > near + 0.1
    assert neighbour_similarity(jumping, 1).mean() < near - 0.1
    assert far < near
    assert similarity_between(real, real).mean() == pytest.approx(1, abs=1e-5)


def test_power_obeys_parseval_and_its_gap_sees_both_faults() -> None:
    real = volumes(0)
    total = power(real) * torch.tensor([1.0] + [2.0] * 5 + [1.0], dtype=torch.float64)
    assert float(total.sum()) == pytest.approx(12 * float(real.double().square().sum(1).mean()), rel=1e-6)
    honest = power_gap(real, volumes(5))
    assert power_gap(real, real) == 0
    assert power_gap(real, volumes(5, smooth=5)) > 2 * honest
    assert power_gap(real, volumes(5, smooth=1)) > 2 * honest


def test_what_does_not_change_has_no_differences() -> None:
    assert not differences(torch.ones(2, 3, 4, 4)).any()
    assert differences(volumes(0)).shape == (33, 1, 24, 24)


def test_a_ball_looks_alike_in_every_plane_whatever_the_step() -> None:
    side, step = 32, 2.0
    z, y, x = np.mgrid[0:16, 0:side, 0:side] - np.array([7.5, 15.5, 15.5]).reshape(3, 1, 1, 1)
    ball = torch.from_numpy(np.tanh(10 - np.sqrt((z * step) ** 2 + y**2 + x**2))).float()[None]
    middle = [reformats(ball, along, step)[15, 0] for along in (0, 1)]
    assert torch.allclose(middle[0], middle[1], atol=1e-5)
    assert (middle[0] > 0).sum() == pytest.approx(int((ball[0, 7] > 0).sum()), rel=0.08)


def test_the_top_of_a_cut_is_the_last_slice_and_narrow_stacks_are_padded() -> None:
    ramp = torch.linspace(0, 1, 6).view(1, 6, 1, 1).expand(1, 6, 16, 16)
    for along in (0, 1):
        cut = reformats(ramp, along, 1.0)[3, 0]
        assert cut.shape == (16, 16)
        assert (cut[:5] == -1).all()
        assert (cut[11:] == -1).all()
        assert torch.allclose(cut[5:11, 4], torch.linspace(1, 0, 6), atol=1e-6)
    deep = reformats(ramp, 0, 8.0)  # 48 px high: brought down to the side of the slices
    assert deep.shape == (16, 1, 16, 16)
