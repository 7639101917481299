"""The losses of one round, against the formulas."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from helpers.tiny import LIGHT, PLAIN
from torch import Tensor

from medattngan.attention import ATTENTION
from medattngan.core.config import Config
from medattngan.games.adversarial import AdversarialGame, discriminator_terms, generator_terms
from medattngan.games.losses import LOSSES
from medattngan.games.objective import LossKind, Objective
from medattngan.models import build


class Mean:
    """A critic whose logit is `scale` times an image's mean; it counts its calls."""

    def __init__(self, scale: float) -> None:
        self.scale, self.calls = scale, 0

    def __call__(self, images: Tensor) -> Tensor:
        self.calls += 1
        return self.scale * images.mean((1, 2, 3))


def small(preset: str, attention: str = "scaled_dot") -> Config:
    model = {"preset": preset, "generator_width": 8, "discriminator_width": 8}
    tree = {"data": {"size": 32}, "model": model, "attention": {"kind": attention, "resolutions": [8], "heads": 2}}
    return Config.from_tree(tree, "test")


def group(preset: str) -> int:
    """In groups of how many a preset's discriminator compares images; 0 where it has a pass for each kind."""
    game = build(small(preset)).game
    return game.group if isinstance(game, AdversarialGame) else 0


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


@pytest.mark.parametrize("penalised", [False, True])
@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("preset", [one for name, one in zip(PLAIN, LIGHT, strict=True) if group(name)])
def test_a_critic_that_may_see_both_at_once_says_of_each_what_it_says_apart(
    preset: str, attention: str, penalised: bool
) -> None:
    torch.manual_seed(0)
    gan = build(small(preset, attention))
    assert isinstance(gan.game, AdversarialGame)
    for module in gan.networks["discriminator"].modules():
        if type(module) in ATTENTION.values():  # gates open, so that attention has a say
            torch.nn.init.constant_(module.get_parameter("gamma"), 0.5)
    critic, mix = gan.networks["discriminator"].double(), torch.rand(8, 1, 1, 1) if penalised else None
    real, fake = torch.randn(2, 8, 1, 32, 32, dtype=torch.float64).unbind()
    found = []
    for joint in (False, True):
        terms, real_logits, fake_logits = discriminator_terms(critic, gan.game.objective, real, fake, mix, joint)
        critic.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        gradients = torch.cat([p.grad.flatten() for p in critic.parameters() if p.grad is not None])
        found.append({**terms, "real": real_logits, "fake": fake_logits, "gradients": gradients})
    apart, together = found
    assert apart.keys() == together.keys()
    assert ("r1" in apart) == penalised
    for name, value in apart.items():
        torch.testing.assert_close(together[name], value, rtol=1e-6, atol=1e-9, msg=name)


@pytest.mark.parametrize(("r1", "r2"), [(0.4, 0.0), (0.0, 0.6), (0.4, 0.6)])
@pytest.mark.parametrize("joint", [False, True])
def test_penalties_are_those_asked_for(joint: bool, r1: float, r2: float) -> None:
    critic = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 1), torch.nn.Flatten(0))
    objective = Objective("relativistic", r1_gamma=r1, r2_gamma=r2, penalty_every=2)
    real, fake = torch.randn(2, 4, 1, 2, 2).unbind()
    terms, _, _ = discriminator_terms(critic, objective, real, fake, torch.rand(4, 1, 1, 1), joint)
    square = critic[1].get_parameter("weight").square().sum().item()
    wanted = {name: gamma * square for name, gamma in (("r1", r1), ("r2", r2)) if gamma}  # γ/2 on every second step
    assert {name: terms[name].item() for name in ("r1", "r2") if name in terms} == pytest.approx(wanted)
