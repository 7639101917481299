"""Attention across the slices of a stack, and its rival of equal cost."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from medattngan.attention.slices import (
    HEADS,
    SliceAttention,
    SliceConvolution,
    attention_cost,
    equal_width,
    offset_code,
)


def opened(channels: int = 16, reach: int = 7) -> SliceAttention:
    torch.manual_seed(0)
    module = SliceAttention(channels, reach)
    nn.init.normal_(module.bias)
    nn.init.constant_(module.gamma, 0.5)
    return module


def test_each_position_reads_the_same_position_of_the_other_slices_by_the_formula() -> None:
    module, depth = opened(reach=2), 4
    x = torch.randn(2 * depth, 16, 2, 3)
    code = module.offsets(offset_code(depth, 2, x))
    read = module.read(x, depth)
    weights = [one.weight[:, :, 0, 0] for one in (module.query, module.key, module.value, module.output)]
    for stack, row, column, i in [(0, 0, 0, 0), (1, 1, 2, 3), (1, 0, 1, 1)]:
        tokens = x[stack * depth : (stack + 1) * depth, :, row, column]
        q, k, v = (tokens @ one.T for one in weights[:3])
        found = []
        for head in range(HEADS):
            d, dv = q.shape[1] // HEADS, v.shape[1] // HEADS
            at, of = slice(head * d, (head + 1) * d), slice(head * dv, (head + 1) * dv)
            scores = torch.tensor(
                [
                    (q[i, at] @ k[j, at] + (q[i, at] + module.bias[at]) @ code[i, j, at]).item() / math.sqrt(d)
                    if abs(i - j) <= 2 else -math.inf
                    for j in range(depth)
                ]
            )  # fmt: skip
            found.append(scores.softmax(0) @ v[:, of])
        expected = torch.cat(found) @ weights[3].T
        torch.testing.assert_close(read[stack * depth + i, :, row, column], expected, atol=1e-5, rtol=1e-4)


def test_a_slice_reads_no_farther_than_its_reach_and_so_the_same_in_a_deeper_stack() -> None:
    module = opened(reach=2)
    deep = torch.randn(9, 16, 4, 4)
    whole = module(deep, 9)
    torch.testing.assert_close(whole[4], module(deep[2:7], 5)[2], atol=1e-5, rtol=1e-4)
    deep[8] += 10
    assert torch.equal(module(deep, 9)[:6], whole[:6])
    assert not torch.equal(module(deep, 9)[6], whole[6])


@pytest.mark.parametrize("kind", [SliceAttention, SliceConvolution])
def test_stacks_of_a_batch_do_not_see_each_other(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    module = kind(16, 7)
    x = torch.randn(8, 16, 4, 4)
    assert torch.equal(module(x, 4), x)  # fresh
    nn.init.constant_(module.gamma, 0.5)  # type: ignore[arg-type]
    apart = torch.cat([module(x[:4], 4), module(x[4:], 4)])
    torch.testing.assert_close(module(x, 4), apart, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(module(x, 8), apart)


@pytest.mark.parametrize("channels", [32, 64, 128, 192])
def test_the_rival_costs_what_attention_costs(channels: int) -> None:
    width = equal_width(channels, 16)
    assert (27 * width**2 + 2 * channels * width) / attention_cost(channels, 16) == pytest.approx(1, abs=0.1)
    module = SliceConvolution(channels, 15)
    taps = sum(p.numel() for p in module.parameters() if p.ndim > 1)
    assert taps == 27 * width**2 + 2 * channels * width


def test_attention_takes_the_multiplications_that_are_said() -> None:
    module, depth = SliceAttention(64, 15), 16
    projections = sum(one.weight.numel() for one in (module.query, module.key, module.value, module.output))
    width = module.query.out_channels
    assert projections + depth * (width + width + 2 * width) == attention_cost(64, depth)
