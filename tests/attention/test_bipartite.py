"""Bipartite attention: what its tokens rule, and who makes them."""

from __future__ import annotations

import pytest
import torch

from medattngan.attention.bipartite import BipartiteAttention2d
from medattngan.conditions.condition import NOTHING
from medattngan.core.config import Config
from medattngan.models.table import build


def module(**options: int | bool) -> BipartiteAttention2d:
    torch.manual_seed(0)
    made = BipartiteAttention2d(8, **options)
    torch.nn.init.ones_(made.gamma)
    return made


def test_every_position_follows_the_tokens_in_shares_of_one() -> None:
    regions = module(tokens=5).regions(torch.randn(2, 8, 6, 4))
    assert regions.shape == (2, 5, 6, 4)
    torch.testing.assert_close(regions.sum(1), torch.ones(2, 6, 4))


def test_one_token_scales_and_shifts_all_positions_alike() -> None:
    made, x = module(tokens=1), torch.randn(2, 8, 6, 4)
    normal = (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
    scale, shift = made.output(made.value(made._tokens(x, None)).transpose(1, 2)[..., None]).chunk(2, 1)
    torch.testing.assert_close(made.read(x), normal * scale + shift)


def test_without_routes_every_position_reads_the_mean_of_the_tokens() -> None:
    regions = module(tokens=4, routed=False).regions(torch.randn(2, 8, 6, 4))
    assert torch.equal(regions, torch.full((2, 4, 6, 4), 0.25))


def test_the_latent_makes_the_tokens_and_another_gives_other_regions() -> None:
    made, x = module(latent=6), torch.randn(1, 8, 6, 4)
    first, second = (made.regions(x, torch.randn(1, 6)) for _ in range(2))
    assert not torch.allclose(first, second, atol=1e-3)


def test_a_latent_that_is_not_given_is_missed() -> None:
    with pytest.raises(ValueError, match="none was given"):
        module(latent=6)(torch.randn(1, 8, 4, 4))


def test_positions_of_one_look_are_told_apart_by_where_they_are() -> None:
    regions = module().regions(torch.ones(1, 8, 6, 4))
    assert not torch.allclose(regions[..., 0, 0], regions[..., 5, 3], atol=1e-3)


def test_the_generator_of_the_default_tells_its_tokens_the_latent() -> None:
    tree = {"data": {"size": 32}, "attention": {"kind": "bipartite", "resolutions": [8, 16], "tokens": 3}}
    system = build(Config.model_validate(tree))
    found = [m for m in system.networks["generator"].modules() if isinstance(m, BipartiteAttention2d)]
    assert [one.tokens.shape[0] for one in found] == [3, 3]
    assert all(one.latent is not None for one in found)
    asked = [m for m in system.networks["discriminator"].modules() if isinstance(m, BipartiteAttention2d)]
    assert asked
    assert all(one.latent is None for one in asked)
    for one in found:
        torch.nn.init.ones_(one.gamma)
    z = torch.randn(2, system.z_dim)
    assert system.networks["generator"](z, NOTHING).isfinite().all()
