"""What makes SAGAN itself: norms, conditions, attention; and that its power iteration survives a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from helpers.tiny import tiny, tiny_config
from helpers.told import told
from safetensors.torch import load_file, save_file
from torch import nn

from medattngan.attention.scaled_dot import ScaledDotAttention2d
from medattngan.data.batches import Batches
from medattngan.data.store import SliceStore
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.game import System
from medattngan.models import build
from medattngan.models.sagan import ClassBatchNorm2d, GeneratorBlock, _width
from medattngan.stages.train import checkpoint as checkpointing
from medattngan.stages.train.players import Players
from medattngan.stages.train.select import select_training

SMALL = {
    "model": {"generator_width": 4, "discriminator_width": 4},
    "attention": {"resolutions": [16]},
    "train": {"batch_size": 4},
}


def sagan(classes: int = 0) -> System:
    return tiny("sagan", classes, **SMALL)


def test_spectral_norms_of_all_convolutions_and_linears_are_one() -> None:
    gan = sagan(classes=3)
    with torch.no_grad():
        for _ in range(20):
            label = torch.randint(3, (4,))
            gan.networks["discriminator"](gan.networks["generator"](torch.randn(4, 8), told(label)), told(label))
    checked = 0
    for network in (gan.networks["generator"].eval(), gan.networks["discriminator"].eval()):
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                norm = torch.linalg.matrix_norm(module.weight.flatten(1), ord=2)
                assert 0.95 <= norm <= 1.05
                checked += 1
    assert checked == (1 + 3 * 3 + 1 + 4) + (3 * 3 + 2 + 1 + 4)  # blocks of three, a last of two, attentions of four


def test_the_label_embedding_of_the_critic_is_normalised_and_the_gains_are_not() -> None:
    gan = sagan(classes=3)
    names = [n for n, _ in gan.networks["discriminator"].named_parameters() if "embedding" in n]
    assert names == ["embedding.parametrizations.weight.original"]
    assert any(name.endswith("gain.weight") for name, _ in gan.networks["generator"].named_parameters())


def test_class_batch_norm_with_one_class_is_batch_norm() -> None:
    ours, theirs = ClassBatchNorm2d(3, 1), nn.BatchNorm2d(3)
    nn.init.normal_(ours.gain.weight)
    nn.init.normal_(ours.shift.weight)
    theirs.weight.data, theirs.bias.data = ours.gain.weight.data[0], ours.shift.weight.data[0]
    x = torch.randn(4, 3, 5, 5)
    torch.testing.assert_close(ours(x, told(torch.zeros(4, dtype=torch.long))), theirs(x))
    torch.testing.assert_close(ours.eval()(x, told(torch.zeros(4, dtype=torch.long))), theirs.eval()(x))


def test_the_shortcut_may_double_after_its_convolution() -> None:
    block = GeneratorBlock(3, 2, classes=0).eval()
    x = torch.randn(2, 3, 4, 4)
    doubled_first = block.shortcut(F.interpolate(x, scale_factor=2.0, mode="nearest"))
    torch.testing.assert_close(F.interpolate(block.shortcut(x), scale_factor=2.0, mode="nearest"), doubled_first)


def test_attention_is_sagan_s_own_in_both_networks() -> None:
    for network in (sagan().networks["generator"], sagan().networks["discriminator"]):
        (attention,) = (m for m in network.modules() if isinstance(m, ScaledDotAttention2d))
        assert attention.pool
        assert attention.scale == 1.0


def test_the_paper_s_game_is_played() -> None:
    system = sagan()
    assert isinstance(system.game, AdversarialGame)
    assert (system.game.objective.kind, system.betas) == ("hinge", (0.0, 0.9))
    assert system.rates == {"generator": 1e-4, "discriminator": 4e-4}


def test_weights_and_power_iteration_survive_a_file(tmp_path: Path) -> None:
    first, second = sagan().networks["discriminator"], build(tiny_config("sagan", **SMALL)).networks["discriminator"]
    images = torch.randn(2, 1, 32, 32)
    first(images)
    save_file({k: v.contiguous() for k, v in first.state_dict().items()}, tmp_path / "d.safetensors")
    second.load_state_dict(load_file(tmp_path / "d.safetensors"))
    for _ in range(3):  # in training each pass moves the power iteration on
        assert torch.equal(first(images), second(images))


@pytest.mark.slow
def test_a_resumed_game_goes_on_to_the_same_weights(tiny_store: SliceStore, tmp_path: Path) -> None:
    config = tiny_config("sagan", **SMALL)
    part = select_training(tiny_store, config)

    def new() -> Players:
        return Players(config, sagan(), Batches(part, 32, 4, seed=0))

    whole = new()
    for _ in range(2):
        whole.play(0.0)
    saved = checkpointing.save(whole.state, tmp_path)
    for _ in range(2):
        whole.play(0.0)
    resumed = new()
    torch.rand(5)  # nothing may hang on the state of the global generator
    checkpointing.load(resumed.state, saved)
    for _ in range(2):
        resumed.play(0.0)
    for name, network in whole.state.files().items():
        other = resumed.state.files()[name].state_dict()
        assert all(torch.equal(value, other[key]) for key, value in network.state_dict().items()), name


@pytest.mark.parametrize("size", [32, 64, 128, 256, 512])
def test_maps_are_as_wide_as_the_paper_s_and_never_wider(size: int) -> None:
    paper = {4: 1024, 8: 1024, 16: 512, 32: 256, 64: 128, 128: 64}  # of 128 px, generator
    for resolution in (2**n for n in range(2, size.bit_length())):
        alike = max(resolution * 128 // size, 4)  # the map of the paper that is the same share of its image
        assert _width(resolution, size, 64) == paper[alike]
