"""What is particular to the default: a faster convolution that is the plain one."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from medattngan.models.compact import upsampled_convolution


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


def test_a_kernel_that_is_not_trained_gives_the_same_maps() -> None:
    x, kernel = torch.randn(2, 3, 4, 4), torch.randn(5, 3, 3, 3)
    trained = upsampled_convolution(x, kernel.clone().requires_grad_())
    torch.testing.assert_close(upsampled_convolution(x, kernel), trained.detach(), atol=1e-5, rtol=1e-5)
