"""What every preset promises, with every attention, at every size."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from helpers.captioned import text_system
from helpers.tiny import LIGHT, PLAIN, presets_that_take, tiny
from helpers.told import told
from torch import nn

from medattngan.attention import ATTENTION
from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.game import System
from medattngan.games.losses import LOSSES
from medattngan.games.penalties import squared_gradient
from medattngan.models import build

CONDITIONAL = presets_that_take(classes=2)
BATCH = 4


def opened(preset: str, size: int = 32, classes: int = 0, attention: str = "scaled_dot", **model: Any) -> System:
    """Tiny networks whose gates are open, so that attention has a say."""
    attends = {"kind": attention, "resolutions": [8, 16], "heads": 2}
    gan = tiny(preset, classes, data={"size": size}, model=model, attention=attends)
    for network in (gan.networks["generator"], gan.networks["discriminator"]):
        for module in network.modules():
            if type(module) in ATTENTION.values():
                nn.init.constant_(module.get_parameter("gamma"), 0.5)
    return gan


def attentions(network: nn.Module) -> list[nn.Module]:
    return [module for module in network.modules() if type(module) in ATTENTION.values()]


def gradients(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("preset", LIGHT)
@pytest.mark.parametrize("size", [32, 64])
def test_the_game_gives_every_weight_a_finite_gradient(preset: str, attention: str, size: int) -> None:
    gan = opened(preset, size, attention=attention)
    assert isinstance(gan.game, AdversarialGame)
    loss = LOSSES[gan.game.objective.kind]
    fake = gan.networks["generator"](torch.randn(BATCH, gan.z_dim))
    assert fake.shape == (BATCH, 1, size, size)
    real = (torch.rand(BATCH, 1, size, size) * 2 - 1).requires_grad_()
    logits = gan.networks["discriminator"](real), gan.networks["discriminator"](fake.detach())
    assert logits[0].shape == logits[1].shape == (BATCH,)
    (loss.discriminator(*logits).mean() + squared_gradient(logits[0], real).mean()).backward()
    loss.generator(logits[0].detach(), gan.networks["discriminator"](fake)).mean().backward()
    for network in (gan.networks["generator"], gan.networks["discriminator"]):
        found = gradients(network)
        assert found.keys() == dict(network.named_parameters()).keys()
        assert all(torch.isfinite(g).all() for g in found.values())
        assert attentions(network)
        for module in attentions(network):
            assert any(g.abs().max() > 0 for g in gradients(module).values())


@pytest.mark.parametrize("preset", PLAIN)
def test_images_stay_near_their_range(preset: str) -> None:
    gan = opened(preset)
    with torch.no_grad():
        images = gan.networks["generator"](torch.randn(16, gan.z_dim))
    assert images.abs().max() <= 1.0
    assert images.std() > 1e-3


@pytest.mark.parametrize("preset", PLAIN)
def test_different_latents_give_different_images(preset: str) -> None:
    gan = opened(preset)
    with torch.no_grad():  # in training mode: running means know nothing yet
        first, second = gan.networks["generator"](torch.randn(8, gan.z_dim))[:2]
    assert (first - second).abs().max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("preset", PLAIN)
@pytest.mark.parametrize("size", [128, 256, 512])
def test_large_sizes_have_their_shapes(preset: str, size: int) -> None:
    gan = opened(preset, size, generator_width=4, discriminator_width=4)
    with torch.no_grad():
        images = gan.networks["generator"](torch.randn(1, gan.z_dim).expand(2, -1))
        assert images.shape == (2, 1, size, size)
        assert gan.networks["discriminator"](images).shape == (2,)


def test_some_presets_take_labels_and_some_do_not() -> None:
    assert 0 < len(CONDITIONAL) < len(PLAIN)


@pytest.mark.parametrize("preset", CONDITIONAL)
def test_a_label_changes_both_networks(preset: str) -> None:
    gan = opened(preset, classes=3)
    for module in gan.networks["generator"].modules():
        if isinstance(module, nn.Embedding):  # batch normalisation starts out the same for every class
            nn.init.normal_(module.weight, 1.0, 0.5)
    gan.networks["generator"].eval()
    gan.networks["discriminator"].eval()
    z = torch.randn(1, gan.z_dim).expand(3, -1)
    with torch.no_grad():
        images = gan.networks["generator"](z, told(torch.arange(3)))
        logits = gan.networks["discriminator"](images[:1].expand(3, -1, -1, -1), told(torch.arange(3)))
    assert all((images[i] - images[j]).abs().max() > 1e-3 for i, j in ((0, 1), (0, 2), (1, 2)))
    assert len(set(logits.tolist())) == 3


@pytest.mark.parametrize("preset", sorted(set(PLAIN) - set(CONDITIONAL)))
def test_labels_are_refused_where_there_is_no_place_for_them(preset: str) -> None:
    with pytest.raises(UserError, match=rf"model\.preset={preset} takes no labels; set data\.conditional=false"):
        opened(preset, classes=2)


@pytest.mark.parametrize("preset", PLAIN)
def test_a_fresh_attention_leaves_the_network_as_it_is(preset: str) -> None:
    gan = opened(preset)
    gan.networks["generator"].eval()
    z = torch.randn(2, gan.z_dim)
    with torch.no_grad():
        with_attention = gan.networks["generator"](z)
        for module in attentions(gan.networks["generator"]):
            nn.init.zeros_(module.get_parameter("gamma"))
        shut = gan.networks["generator"](z)
        for module in attentions(gan.networks["generator"]):
            module.forward = lambda x: x  # type: ignore[method-assign]
        assert torch.equal(gan.networks["generator"](z), shut)
    assert not torch.equal(with_attention, shut)


@pytest.mark.parametrize("preset", PLAIN)
def test_widths_and_latent_follow_the_configuration(preset: str) -> None:
    small, large = opened(preset), opened(preset, generator_width=16, discriminator_width=16, z_dim=12)
    assert (small.z_dim, large.z_dim, large.networks["generator"].z_dim) == (8, 12, 12)
    for network in ("generator", "discriminator"):
        few, many = (sum(p.numel() for p in gan.networks[network].parameters()) for gan in (small, large))
        assert many > 1.5 * few


@pytest.mark.parametrize("preset", PLAIN)
def test_a_copy_of_the_generator_draws_the_same_images(preset: str) -> None:
    gan = opened(preset)
    z = torch.randn(4, gan.z_dim)
    gan.networks["generator"](z)
    copied = copy.deepcopy(gan.networks["generator"]).eval()
    gan.networks["generator"].eval()
    with torch.no_grad():
        assert torch.equal(copied(z), gan.networks["generator"](z))


def test_settings_of_the_configuration_replace_those_of_the_preset() -> None:
    tree = {"model": {"preset": "dcgan"}, "loss": {"kind": "hinge"}, "optimizer": {"beta1": 0.25}}
    system = build(Config.from_tree(tree | {"train": {"batch_size": 7}}, "test"))
    assert isinstance(system.game, AdversarialGame)
    assert (system.game.objective.kind, system.betas, system.batch_size) == ("hinge", (0.25, 0.999), 7)
    assert system.rates["generator"] == 2e-4


def test_an_unknown_preset_is_named_with_those_there_are() -> None:
    with pytest.raises(
        UserError,
        match=r"model\.preset is 'biggan', but there are only: attention_generator, attngan, compact, ",
    ):
        build(Config.from_tree({"model": {"preset": "biggan"}}, "test"))


@pytest.mark.parametrize("wanted", [[64], [16, 128], [4], [16, 4]])
def test_an_attention_that_would_be_nowhere_is_refused(wanted: list[int]) -> None:
    tree = {"model": {"preset": "dcgan", "generator_width": 4, "discriminator_width": 4}}
    with pytest.raises(UserError, match=r"choose among \[8, 16, 32\], or \[\] for no attention"):
        build(Config.from_tree(tree | {"attention": {"resolutions": wanted}}, "test"))


def test_heads_that_do_not_divide_the_width_are_refused_by_key() -> None:
    tree = {"model": {"generator_width": 8}, "attention": {"kind": "multi_head", "heads": 7}}
    with pytest.raises(UserError, match=r"attention\.kind=multi_head does not fit .* change attention\.heads"):
        build(Config.from_tree(tree, "test"))


def test_dcgan_has_the_tutorial_s_layers() -> None:
    gan = build(Config.from_tree({"model": {"preset": "dcgan"}, "attention": {"resolutions": []}}, "test"))
    assert sum(p.numel() for p in gan.networks["generator"].parameters()) == 3_574_656
    assert sum(p.numel() for p in gan.networks["discriminator"].parameters()) == 2_763_520


def test_seed_s_first_layer_fills_128_maps_at_a_quarter_of_the_side() -> None:
    gan = build(Config.from_tree({"model": {"preset": "attention_generator"}}, "test"))
    (weight,) = (p for name, p in gan.networks["generator"].named_parameters() if name == "first.weight")
    assert weight.shape == (128 * 16 * 16, 100)
    assert isinstance(gan.game, AdversarialGame)
    assert gan.game.objective.kind == "minimax"


def test_seed_attends_at_a_quarter_of_the_side_only() -> None:
    gan = opened("attention_generator", size=64)
    seen: list[torch.Size] = []
    for network in (gan.networks["generator"], gan.networks["discriminator"]):
        for module in attentions(network):
            module.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    gan.networks["discriminator"](gan.networks["generator"](torch.randn(2, 8)))
    assert seen == [(2, 8, 16, 16)] * 2


@pytest.mark.parametrize("preset", ["attngan", "latent_flow"])
@pytest.mark.parametrize("keys", [{"policy": ["translate"]}, {"probability": 0.5}, {"adaptive": True}])
def test_augmentation_is_refused_where_nothing_is_augmented(preset: str, keys: dict[str, object]) -> None:
    with pytest.raises(
        UserError, match=rf"augment\.{next(iter(keys))} is set, but model\.preset={preset} augments nothing"
    ):
        text_system(preset, augment=keys) if preset == "attngan" else tiny(preset, augment=keys)
    kept = {"policy": [], "probability": 0.0, "adaptive": False}  # as a run keeps it
    assert not (text_system(preset, augment=kept) if preset == "attngan" else tiny(preset, augment=kept)).augments


def test_a_flow_is_refused_where_there_is_none() -> None:
    with pytest.raises(UserError, match=r"model\.flow is set, but model\.preset=compact has no flow"):
        tiny("compact", model={"flow": "coupling"})
