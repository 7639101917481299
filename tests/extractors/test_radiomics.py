"""Radiomic features of slices, and the distance in them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from scipy.ndimage import gaussian_laplace

from medattngan.core.files import UserError
from medattngan.core.types import Images
from medattngan.extractors.radiomics import DIM, SIGMAS_PX, Radiomics, _operators, first_order, pictures
from medattngan.extractors.texture import LEVELS
from medattngan.metrics.frechet import frechet_distance, standardised


def draw(count: int, seed: int, size: int = 32, rough: float = 0.1) -> Images:
    generator = torch.Generator().manual_seed(seed)
    smooth = torch.nn.functional.interpolate(
        torch.randn(count, 1, 6, 6, generator=generator), (size, size), mode="bicubic"
    )
    return (smooth + rough * torch.randn(smooth.shape, generator=generator)).tanh()


def test_features_do_not_see_brightness_or_contrast() -> None:
    images = draw(2, 0, 24)
    torch.testing.assert_close(Radiomics()(0.5 * images - 0.3), Radiomics()(images), rtol=1e-3, atol=1e-3)


def test_a_flat_slice_has_finite_features() -> None:
    assert Radiomics()(torch.full((1, 1, 16, 16), -1.0)).isfinite().all()


def test_slices_below_their_least_size_are_refused() -> None:
    with pytest.raises(UserError, match="16 px"):
        Radiomics()(torch.zeros(1, 1, 15, 16))


def test_first_order_statistics_agree_with_numpy_and_scipy() -> None:
    values = torch.randn(2, 500, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).exp()
    levels = torch.randint(0, LEVELS, (2, 500), generator=torch.Generator().manual_seed(2))
    for row, bins, found in zip(values.numpy(), levels.numpy(), first_order(values, levels).numpy(), strict=True):
        p10, p25, p75, p90 = np.percentile(row, [10, 25, 75, 90])
        inner = row[(row >= p10) & (row <= p90)]
        shares = np.bincount(bins, minlength=LEVELS) / len(bins)
        expected = [
            row.min(), p10, p90, row.max(), row.mean(), np.median(row), p75 - p25, np.ptp(row),
            np.abs(row - row.mean()).mean(), np.abs(inner - inner.mean()).mean(), np.sqrt((row**2).mean()),
            scipy.stats.skew(row), scipy.stats.kurtosis(row, fisher=False), row.var(),
            scipy.stats.entropy(shares, base=2), (shares**2).sum(),
        ]  # fmt: skip
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_laplacians_of_gaussians_are_scipys_times_the_variance() -> None:
    image = draw(1, 3, size=64)[0]
    for place, sigma in enumerate(SIGMAS_PX, 1):
        theirs = sigma**2 * gaussian_laplace(image[0].double().numpy(), sigma, mode="mirror")
        np.testing.assert_allclose(pictures(image)[0, place].numpy(), theirs, atol=0.01)


def test_the_bands_of_the_wavelet_keep_the_energy() -> None:
    """Low and high filter of an orthogonal wavelet are complementary: |L|² + |H|² = 2 at every frequency."""
    rows = [_operators(32)[name][16].double() for name in ("low", "high")]
    spectrum = torch.fft.fft(torch.stack(rows)).abs().square().sum(0)
    torch.testing.assert_close(spectrum, torch.full_like(spectrum, 2.0), rtol=1e-6, atol=1e-6)


def test_each_feature_is_measured_in_deviations_of_the_real_side_and_constant_ones_are_left_out() -> None:
    real = torch.tensor([[0.0, 7.0], [2.0, 7.0], [4.0, 7.0]])
    left, right = standardised(real, real + 2)
    torch.testing.assert_close(left, torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64))
    assert frechet_distance(left, right).item() == pytest.approx(1.0)


def test_rougher_texture_lies_farther_than_other_slices_of_the_same_kind() -> None:
    network = Radiomics()
    real, other, rough = network(draw(16, 4, 20)), network(draw(16, 5, 20)), network(draw(16, 6, 20, rough=0.3))
    floor = frechet_distance(*standardised(real, other))
    assert frechet_distance(*standardised(real, rough)) > 2 * floor


def test_the_width_is_as_stated() -> None:
    assert Radiomics()(draw(2, 7)).shape == (2, DIM)
