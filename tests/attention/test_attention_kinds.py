"""What holds for every attention in the table."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from medattngan.attention import ATTENTION

KINDS = sorted(ATTENTION)


def opened(kind: str, channels: int = 8, **options: object) -> nn.Module:
    """A module whose gate is open, so that its attention shows."""
    torch.manual_seed(0)
    module = ATTENTION[kind](channels, **options)
    nn.init.ones_(module.get_parameter("gamma"))
    return module


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_module_is_the_identity(kind: str) -> None:
    x = torch.randn(2, 8, 5, 6)
    assert torch.equal(ATTENTION[kind](8)(x), x)


@pytest.mark.parametrize("kind", KINDS)
def test_first_and_second_derivatives_agree_with_finite_differences(kind: str) -> None:
    module = opened(kind).double()
    x = torch.randn(2, 8, 2, 3, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in module.named_parameters()]

    def run(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(module, dict(zip(names, values, strict=True)), (x,))

    values = [p.detach().clone().requires_grad_() for p in module.parameters()]
    assert torch.autograd.gradcheck(run, (x, *values), fast_mode=True)
    assert torch.autograd.gradgradcheck(run, (x, *values), fast_mode=True)
