"""MS-SSIM against an independent implementation, and where it is refused."""

from __future__ import annotations

import pytest
import torch

from medattngan.core.files import UserError
from medattngan.core.types import Images
from medattngan.metrics.msssim import LEAST_PX, ms_ssim, ms_ssim_pairs


def draw(count: int, seed: int, size: int = LEAST_PX) -> Images:
    generator = torch.Generator().manual_seed(seed)
    smooth = torch.nn.functional.interpolate(
        torch.randn(count, 1, 9, 9, generator=generator), (size, size), mode="bicubic"
    )
    return (smooth + 0.2 * torch.randn(smooth.shape, generator=generator)).tanh()


@pytest.mark.parametrize("size", [176, 200])
def test_ms_ssim_agrees_with_monai(size: int) -> None:
    from monai.metrics.regression import MultiScaleSSIMMetric

    x, y = draw(2, 0, size), draw(2, 1, size)
    near = 0.7 * x + 0.3 * y
    theirs = MultiScaleSSIMMetric(spatial_dims=2, data_range=1.0)((x + 1) / 2, (near + 1) / 2).flatten()
    torch.testing.assert_close(ms_ssim(x, near), theirs, atol=1e-5, rtol=1e-5)


def test_images_below_five_scales_are_refused_with_the_size_needed() -> None:
    small = torch.zeros(1, 1, 175, 175)
    with pytest.raises(UserError, match="176 px or more; got \\(175, 175\\)"):
        ms_ssim(small, small)


def test_opposite_images_have_similarity_zero_and_no_nan() -> None:
    image = draw(1, 2)
    assert ms_ssim(image, -image).tolist() == [0.0]


def test_collapsed_samples_are_more_alike_than_varied_ones() -> None:
    varied = draw(6, 3)
    collapsed = varied[:1] + 0.05 * draw(6, 4)
    assert ms_ssim_pairs(varied, collapsed).mean() > ms_ssim_pairs(varied, varied).mean() + 0.3
