"""The losses of one round, against the formulas."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from medattngan.losses import LOSSES
from medattngan.models.gan import LossKind, Objective
from medattngan.train.step import generator_terms


class Mean:
    """A critic whose logit is `scale` times an image's mean; it counts its calls."""

    def __init__(self, scale: float) -> None:
        self.scale, self.calls = scale, 0

    def __call__(self, images: Tensor) -> Tensor:
        self.calls += 1
        return self.scale * images.mean((1, 2, 3))


REAL, FAKE = torch.linspace(0, 1, 3)[:, None, None, None], torch.linspace(-1, 0.5, 3)[:, None, None, None]


def test_the_relativistic_generator_is_told_what_the_critic_says_of_real_images_now() -> None:
    critic = Mean(2.0)
    fake = FAKE.clone().requires_grad_()
    terms = generator_terms(critic, Objective("relativistic"), REAL, fake)
    assert terms["loss_generator"].item() == pytest.approx(F.softplus(2 * (REAL - FAKE)).mean().item())
    terms["loss_generator"].backward()
    assert fake.grad is not None
    assert torch.allclose(fake.grad, -2 * torch.sigmoid(2 * (REAL - FAKE)) / 3)


@pytest.mark.parametrize("kind", sorted(set(LOSSES) - {"relativistic"}))
def test_other_games_ask_about_synthetic_images_alone(kind: LossKind) -> None:
    critic = Mean(1.0)
    generator_terms(critic, Objective(kind), REAL, FAKE)
    assert critic.calls == 1
