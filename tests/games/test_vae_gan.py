"""In the game of a VAE and a GAN each loss moves those networks that the paper says, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from helpers.tiny import tiny
from torch import Tensor, nn

from medattngan.games.game import Batch, Round, System
from medattngan.games.latents import reparameterised
from medattngan.games.vae_gan import VaeGanGame, layer_error

MOVED_BY = {
    "loss_generator": {"generator"},
    "loss_l1": {"generator", "encoder"},
    "loss_features": {"generator", "encoder"},
    "kl": {"encoder"},
    "loss_discriminator": {"discriminator"},
}


class Bare:
    """A network as a game meets it."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.seen: list[Tensor] = []

    def __call__(self, *inputs: Any) -> Any:
        self.seen.append(inputs[0])
        return self.network(*inputs)

    def bare(self, *inputs: Any, twice: bool = False) -> Tensor:
        return torch.as_tensor(self(*inputs))


def played(system: System, count: int = 4) -> tuple[dict[str, Tensor], dict[str, Tensor], Mapping[str, Bare], Batch]:
    """Every term of a round that takes no penalty, its draws, and who was asked what."""
    game = system.game
    assert isinstance(game, VaeGanGame)
    source = torch.Generator().manual_seed(3)
    batch = Batch(torch.rand(count, 1, 32, 32, generator=source) * 2 - 1, {})
    draws = game.draw(Round(1, count, 32), source)
    networks = {name: Bare(network) for name, network in system.networks.items()}
    terms: dict[str, Tensor] = {}
    for phase in game.phases(networks, batch, draws):
        terms |= phase.terms()
    return terms, draws, networks, batch


@pytest.mark.parametrize("name", MOVED_BY)
def test_every_loss_reaches_those_networks_that_it_is_to_move_and_no_other(name: str) -> None:
    system = tiny("vae_gan")
    nn.init.normal_(system.networks["encoder"].get_parameter("last.weight"))
    terms, _, _, _ = played(system)
    players = {"loss_discriminator": ("discriminator",)}.get(name, ("generator", "encoder"))
    reached = set()
    for player in players:
        weights = list(system.networks[player].parameters())
        found = torch.autograd.grad(terms[name], weights, retain_graph=True, allow_unused=True)
        if any(one is not None and bool(one.abs().max() > 0) for one in found):
            reached.add(player)
    assert reached == MOVED_BY[name]


def test_the_terms_are_those_of_the_equations() -> None:
    system = tiny("vae_gan")
    nn.init.normal_(system.networks["encoder"].get_parameter("last.weight"), 0.0, 0.1)
    terms, draws, _, batch = played(system)
    codes = system.networks["encoder"](batch.images)
    made = system.networks["generator"](reparameterised(*codes.float().unbind(1), draws["noise"]))
    torch.testing.assert_close(terms["loss_l1"], 10 * (made - batch.images).abs().mean())
    mean, log_variance = codes.unbind(1)
    normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
    nats = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(terms["kl"], nats * 10 * 0.1 / 32**2)


def test_the_discriminator_is_shown_as_many_drawn_slices_as_reconstructed_ones() -> None:
    system = tiny("vae_gan")
    _, draws, networks, batch = played(system)
    shown, of_codes = networks["generator"].seen
    code = reparameterised(*system.networks["encoder"](batch.images).float().unbind(1), draws["noise"])
    torch.testing.assert_close(shown[:2], draws["z"][:2])
    torch.testing.assert_close(shown[2:], code[2:])
    assert not shown.requires_grad
    assert of_codes.requires_grad


def test_the_error_of_a_layer_does_not_grow_with_its_maps() -> None:
    source = torch.Generator().manual_seed(0)
    one, other = torch.randn(2, 3, 5, 4, 4, generator=source)
    torch.testing.assert_close(layer_error(one, other), layer_error(100 * one, 0.5 * other))
    torch.testing.assert_close(layer_error(one, one), torch.zeros(3))


def test_the_maps_are_those_before_the_last_halvings() -> None:
    system = tiny("vae_gan")
    maps = system.networks["discriminator"](torch.zeros(2, 1, 32, 32), {}, True)
    assert maps.shape[2:] == (8, 8)
    assert system.networks["discriminator"](torch.zeros(2, 1, 32, 32)).shape == (2,)
