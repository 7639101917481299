"""Closed forms of the gradient penalties, on critics whose gradient is known."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from medattngan.games.penalties import squared_gradient, unit_gradient_penalty


def images(count: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(count, 1, 4, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31))
def test_penalty_of_a_linear_critic_is_its_squared_weight(seed: int) -> None:
    weight, x = images(1, seed), images(5, seed + 1).requires_grad_()
    penalty = squared_gradient((x * weight).sum((1, 2, 3)), x)
    torch.testing.assert_close(penalty, weight.square().sum().expand(5))


def test_penalty_of_a_quadratic_critic_is_its_squared_input() -> None:
    x = images().requires_grad_()
    penalty = squared_gradient(x.square().sum((1, 2, 3)) / 2, x)
    torch.testing.assert_close(penalty, x.detach().square().sum((1, 2, 3)))


def test_penalty_of_a_critic_moves_its_weights() -> None:
    weight = images(1).requires_grad_()
    x = images(2, seed=1).requires_grad_()
    squared_gradient((x * weight).sum((1, 2, 3)), x).mean().backward()
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, 2 * weight.detach())


def unit_critic(x: Tensor) -> Tensor:
    return x.sum((1, 2, 3)) / 4  # 16 weights of 1/4: a gradient of norm 1 everywhere


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 3.0])
def test_a_gradient_of_any_norm_costs_its_squared_distance_from_one(slope: float) -> None:
    def critic(x: Tensor) -> Tensor:
        return slope * unit_critic(x)

    penalty = unit_gradient_penalty(critic, images(), images(seed=1), torch.rand(3, 1, 1, 1).double())
    torch.testing.assert_close(penalty, torch.full((3,), (slope - 1) ** 2).double(), atol=1e-5, rtol=0)


def test_the_gradient_is_taken_between_the_images_where_mix_says() -> None:
    seen = []

    def critic(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return unit_critic(x)

    real, fake = images(), images(seed=1)
    mix = torch.tensor([1.0, 0.0, 0.25]).double().reshape(3, 1, 1, 1)
    unit_gradient_penalty(critic, real, fake, mix)
    torch.testing.assert_close(seen[0], torch.stack([real[0], fake[1], 0.25 * real[2] + 0.75 * fake[2]]))


def test_penalties_of_a_network_have_the_derivatives_that_autograd_says() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Softplus(), nn.Flatten(), nn.Linear(8, 1)).double()
    real, fake, mix = images(2), images(2, seed=1), torch.rand(2, 1, 1, 1).double()
    weight = network[0].weight.detach().clone().requires_grad_()

    def critic(x: Tensor, w: Tensor) -> Tensor:
        return torch.func.functional_call(network, {"0.weight": w}, (x,)).squeeze(1)

    def both(w: Tensor) -> Tensor:
        x = real.clone().requires_grad_()
        penalty = unit_gradient_penalty(lambda y: critic(y, w), real, fake, mix)
        return squared_gradient(critic(x, w), x) + penalty

    assert torch.autograd.gradcheck(both, (weight,))


def test_a_critic_that_is_flat_gives_a_finite_step() -> None:
    weight = torch.zeros(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    penalty = unit_gradient_penalty(
        lambda x: (x * weight).sum((1, 2, 3)), images(), images(seed=1), torch.rand(3, 1, 1, 1).double()
    )
    penalty.mean().backward()
    assert weight.grad is not None
    assert torch.isfinite(weight.grad).all()
