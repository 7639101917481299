"""What is particular to the default: a faster convolution that is the plain one, and noise that a latent owns."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from medattngan.config import Config
from medattngan.models import build
from medattngan.models.compact import LatentNoise, StyledConv, upsampled_convolution


@settings(deadline=None, max_examples=12)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.sampled_from([2, 4, 7, 8, 9, 16]))
def test_convolving_after_upsampling_is_one_transposed_convolution(
    count: int, inputs: int, outputs: int, side: int
) -> None:
    x = torch.randn(count, inputs, side, side, dtype=torch.float64, requires_grad=True)
    kernel = torch.randn(outputs, inputs, 3, 3, dtype=torch.float64, requires_grad=True)
    plain = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), kernel, padding=1)
    got = upsampled_convolution(x, kernel)
    torch.testing.assert_close(got, plain)
    direction = torch.randn_like(plain)
    torch.testing.assert_close(
        torch.autograd.grad(got, (x, kernel), direction), torch.autograd.grad(plain, (x, kernel), direction)
    )


def test_the_noise_of_latents_is_white() -> None:
    torch.manual_seed(0)
    noise = LatentNoise(z_dim=128, size=32, maps=2)
    z = torch.randn(500, 128)
    maps = [noise(z, number, 32).flatten(1) for number in range(2)]
    assert maps[0].mean().item() == pytest.approx(0, abs=0.01)
    assert maps[0].var().item() == pytest.approx(1, abs=0.01)
    pixels, latents = torch.corrcoef(maps[0][:, :300].T), torch.corrcoef(maps[0][:300])
    # Of independent numbers the correlation has a standard deviation of 1 / √n.
    for correlation, n in ((pixels, 500), (latents, 1024)):
        apart = correlation[~torch.eye(300, dtype=torch.bool)]
        assert apart.std().item() == pytest.approx(n**-0.5, rel=0.1)
        assert apart.abs().max().item() < 0.5
    assert (maps[0] * maps[1]).mean().abs().item() < 0.01


def test_a_latent_gives_its_image_in_whatever_company() -> None:
    torch.manual_seed(0)
    generator = build(Config.from_tree({"data": {"size": 32}}, "test"), classes=0).generator
    for stage in generator.stages:
        torch.nn.init.normal_(stage.grain)
    z = torch.randn(5, 128)
    together = generator(z, None, None)
    torch.testing.assert_close(generator(z[3:4], None, None), together[3:4], atol=1e-4, rtol=1e-4)
    assert (together[3] - together[4]).abs().max() > 0.01


def test_grain_is_what_noise_adds_and_begins_at_none() -> None:
    torch.manual_seed(0)
    stage, x, w = StyledConv(3, 4, 8), torch.randn(2, 3, 4, 4), torch.randn(2, 8)
    silent, noise = stage(x, w, torch.zeros(2, 1, 8, 8)), torch.randn(2, 1, 8, 8)
    assert torch.equal(stage(x, w, noise), silent)
    torch.nn.init.ones_(stage.grain)
    before = torch.where(silent > 0, silent, silent / 0.2)
    torch.testing.assert_close(stage(x, w, noise), F.leaky_relu(before + noise, 0.2), atol=1e-5, rtol=1e-5)
