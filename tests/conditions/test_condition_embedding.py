"""Values reach both networks, near values alike, and a network without conditions is the one it was."""

from __future__ import annotations

import math

import pytest
import torch
from helpers.tiny import PLAIN, presets_that_take, tiny
from helpers.told import told
from torch import nn

from medattngan.conditions.embedding import WAVES, ValueEmbedding, waves
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.game import System
from medattngan.games.losses import LOSSES
from medattngan.games.penalties import squared_gradient

TAKE_VALUES = presets_that_take(numbers=("a", "b"))


def informed(preset: str, classes: int = 0) -> System:
    """Tiny networks with the conditions a and b, whose values have a say from the start."""
    gan = tiny(preset, classes, data={"conditions": ["a", "b"]})
    for module in gan.networks["generator"].modules():
        if isinstance(module, ValueEmbedding):  # gains and shifts start out the same for every value
            nn.init.normal_(module.output.weight, 0.0, 0.1)
    return gan


def test_some_presets_take_values() -> None:
    assert TAKE_VALUES


def test_waves_are_cosines_of_unit_variance() -> None:
    grid = torch.linspace(-1, 1, 4001)[:, None]
    told = waves(grid)
    assert told.shape == (4001, WAVES + 1)
    torch.testing.assert_close(told.square().mean(0), torch.ones(WAVES + 1), atol=2e-3, rtol=0)
    torch.testing.assert_close(told[:, 3], math.sqrt(2) * torch.cos(3 * math.pi * (grid[:, 0] + 1) / 2))


def test_each_condition_has_waves_of_its_own() -> None:
    two = waves(torch.tensor([[0.25, -0.5]]))
    one, other = (waves(torch.tensor([[v]])) for v in (0.25, -0.5))
    torch.testing.assert_close(two, torch.cat([one, other], 1))


def test_a_vector_is_of_about_unit_variance_and_near_values_have_near_ones() -> None:
    torch.manual_seed(0)
    embed = ValueEmbedding(("a",), 256)
    vectors = embed({"a": torch.linspace(-1, 1, 101)}).detach()
    assert 0.5 < float(vectors.square().mean()) < 2
    near = (vectors[1:] - vectors[:-1]).norm(dim=1)
    far = (vectors[60:] - vectors[:-60]).norm(dim=1)
    assert near.max() < 0.3 * far.min()


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("preset", TAKE_VALUES)
def test_a_value_changes_both_networks(preset: str, classes: int) -> None:
    gan = informed(preset, classes)
    gan.networks["generator"].eval()
    gan.networks["discriminator"].eval()
    label = torch.zeros(3, dtype=torch.long) if classes else None
    asked = told(label, a=torch.tensor([-1.0, 0.5, 0.5]), b=torch.tensor([0.0, 0.0, 1.0]))
    z = torch.randn(1, gan.z_dim).expand(3, -1)
    with torch.no_grad():
        images = gan.networks["generator"](z, asked)
        logits = gan.networks["discriminator"](images[:1].expand(3, -1, -1, -1), asked)
    assert all((images[i] - images[j]).abs().max() > 1e-4 for i, j in ((0, 1), (1, 2)))
    assert len(set(logits.tolist())) == 3


@pytest.mark.parametrize("preset", TAKE_VALUES)
def test_every_weight_gets_a_finite_gradient(preset: str) -> None:
    gan = informed(preset, classes=2)
    assert isinstance(gan.game, AdversarialGame)
    loss = LOSSES[gan.game.objective.kind]
    values = torch.rand(4, 2) * 2 - 1
    asked = told(torch.tensor([0, 1, 1, 0]), a=values[:, 0], b=values[:, 1])
    fake = gan.networks["generator"](torch.randn(4, gan.z_dim), asked)
    real = (torch.rand(4, 1, 32, 32) * 2 - 1).requires_grad_()
    logits = gan.networks["discriminator"](real, asked), gan.networks["discriminator"](fake.detach(), asked)
    (loss.discriminator(*logits).mean() + squared_gradient(logits[0], real).mean()).backward()
    loss.generator(logits[0].detach(), gan.networks["discriminator"](fake, asked)).mean().backward()
    for network in (gan.networks["generator"], gan.networks["discriminator"]):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("preset", PLAIN)
def test_without_conditions_no_weight_and_no_random_number_is_spent_on_them(preset: str) -> None:
    gan = tiny(preset)
    left = torch.rand(1)
    assert not any(
        isinstance(m, ValueEmbedding)
        for net in (gan.networks["generator"], gan.networks["discriminator"])
        for m in net.modules()
    )
    torch.manual_seed(0)
    z = torch.randn(2, gan.z_dim)
    gan.networks["generator"].eval()
    with torch.no_grad():
        assert torch.equal(gan.networks["generator"](z), gan.networks["generator"](z, {}))
    tiny(preset)
    assert torch.equal(torch.rand(1), left)
