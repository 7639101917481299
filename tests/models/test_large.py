"""The preset for a GPU: what it adds to the default is nothing at first, and lies where it is said to."""

from __future__ import annotations

import torch
from helpers.tiny import tiny_config

from medattngan.attention.bipartite import BipartiteAttention2d
from medattngan.core.config import Config
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.game import System
from medattngan.models import build
from medattngan.models.compact import StyledConv
from medattngan.models.large import BLOCKS, Residual


def large(**sections: object) -> System:
    torch.manual_seed(0)
    return build(tiny_config("large", **sections))  # type: ignore[arg-type]


def test_its_blocks_are_the_identity_at_first_and_can_learn() -> None:
    block, x = Residual(4), torch.randn(2, 4, 8, 8)
    assert torch.equal(block(x), x)
    block(x).square().sum().backward()
    assert block.second.weight.grad is not None
    assert float(block.second.weight.grad.abs().sum()) > 0


def test_each_resolution_from_8_px_on_has_its_blocks_in_both_networks() -> None:
    system = large(data={"size": 64})
    counts = {
        name: sum(isinstance(module, Residual) for module in network.modules())
        for name, network in system.networks.items()
    }
    assert counts == {"generator": 4 * BLOCKS, "discriminator": 3 * BLOCKS}  # 8, 16, 32, 64; 32, 16, 8 px


def test_a_height_that_is_named_twice_has_two_attentions_in_a_row() -> None:
    system = large(attention={"kind": "bipartite", "resolutions": [8, 16, 16]})
    for network in system.networks.values():
        widths = [m.query.in_channels for m in network.modules() if isinstance(m, BipartiteAttention2d)]
        assert len(widths) == 3
        assert len(set(widths)) == 2


def test_the_shipped_configuration_is_twice_as_wide_as_the_default_and_penalised_by_size() -> None:
    system = build(Config.load("large", ["data.size=64"]))
    game = system.game
    assert isinstance(game, AdversarialGame)
    assert (game.objective.r1_gamma, game.objective.gamma_end, system.rate_end) == (2.0, 0.1, 0.25)
    assert [getattr(network, "width", None) for network in system.networks.values()] == [64, 64]
    convolutions = [m.convolution for m in system.networks["generator"].modules() if isinstance(m, StyledConv)]
    assert convolutions[-1].out_channels == 32
