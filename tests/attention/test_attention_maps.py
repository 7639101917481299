"""The maps that explain what was read are those that the module reads by."""

from __future__ import annotations

import pytest
import torch

from medattngan.attention import ATTENTION
from medattngan.attention.additive import AdditiveAttention2d
from medattngan.attention.dynamic import DynamicAttention2d
from medattngan.attention.multi_head import MultiHeadAttention2d
from medattngan.attention.multi_scale import MultiScaleAttention2d
from medattngan.attention.scaled_dot import ScaledDotAttention2d


@pytest.mark.parametrize("kind", sorted(set(ATTENTION) - {"none"}))
def test_a_map_is_a_share_of_one_over_the_positions(kind: str) -> None:
    torch.manual_seed(0)
    module = ATTENTION[kind](8)
    maps = module.weights(torch.randn(2, 8, 5, 6), (4, 3))  # type: ignore[operator]
    assert maps.shape[0] == 2
    assert maps.min() >= 0
    torch.testing.assert_close(maps.sum((2, 3)), torch.ones(maps.shape[:2]))


@pytest.mark.parametrize(
    "module",
    [
        ScaledDotAttention2d(8),
        ScaledDotAttention2d(8, scaled=False),
        AdditiveAttention2d(8),
        MultiHeadAttention2d(8, heads=2, position=True),
        MultiScaleAttention2d(8, scales=(1, 2)),
    ],
)
def test_values_weighed_by_the_map_are_what_the_position_reads(
    module: ScaledDotAttention2d | AdditiveAttention2d | MultiHeadAttention2d | MultiScaleAttention2d,
) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 8, 4, 6)
    row, column = 3, 4
    maps = module.weights(x, (row, column))
    values = module.value(x).unflatten(1, (maps.shape[1], -1))
    weighed = (maps.unsqueeze(2) * values).sum((3, 4)).flatten(1)
    expected = module.read(x)[:, :, row, column]
    torch.testing.assert_close(module.output(weighed[:, :, None, None])[:, :, 0, 0], expected)


def test_pooled_keys_give_a_map_of_their_size() -> None:
    maps = ScaledDotAttention2d(8, pool=True).weights(torch.randn(1, 8, 5, 6), (0, 0))
    assert maps.shape == (1, 1, 3, 3)


def test_no_attention_has_no_map_and_says_so() -> None:
    with pytest.raises(ValueError, match="no attention map"):
        ATTENTION["none"](8).weights(torch.zeros(1, 8, 2, 2), (0, 0))  # type: ignore[operator]


def test_heads_that_do_not_divide_are_refused_with_both_numbers() -> None:
    with pytest.raises(ValueError, match=r"heads=3 .* 8"):
        MultiHeadAttention2d(8, heads=3)


def test_values_too_narrow_to_stand_alone_are_refused() -> None:
    with pytest.raises(ValueError, match="value_reduction=1"):
        ScaledDotAttention2d(8, project=False)


@pytest.mark.parametrize("scales", [(), (0,), (2, -1)])
def test_scales_that_are_no_cells_are_refused(scales: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="scales="):
        MultiScaleAttention2d(8, scales=scales)


@pytest.mark.parametrize("experts", [(), ("scaled_dot", "local")])
def test_experts_that_do_not_exist_are_refused(experts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="multi_scale"):
        DynamicAttention2d(8, experts=experts)


def test_the_mixture_of_one_expert_is_that_expert() -> None:
    module = DynamicAttention2d(8, experts=("multi_scale",)).double()
    x = torch.randn(2, 8, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(module.read(x), module.experts["multi_scale"].read(x))  # type: ignore[operator]


def test_the_mixture_follows_its_gate_and_keeps_it_for_the_log() -> None:
    module = DynamicAttention2d(4, experts=("scaled_dot", "additive"), heads=2)
    assert module.last_gate is None
    x = torch.stack([torch.full((4, 3, 3), 1.0), torch.full((4, 3, 3), -1.0)])
    torch.testing.assert_close(module.shares(x), torch.full((2, 2), 0.5))
    with torch.no_grad():
        module.gate_weight[0] = 10.0  # bright images read by scaled_dot, dark ones by additive
    read = module.read(x)
    torch.testing.assert_close(module.last_gate, torch.eye(2))
    assert module.last_gate is not None
    assert not module.last_gate.requires_grad
    torch.testing.assert_close(read[:1], module.experts["scaled_dot"].read(x)[:1])  # type: ignore[operator]
    torch.testing.assert_close(read[1:], module.experts["additive"].read(x)[1:])  # type: ignore[operator]
