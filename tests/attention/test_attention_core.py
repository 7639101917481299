"""The shared functions against the textbook, closed forms, and a bound on memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from medattngan.attention import additive_kernel, functional
from medattngan.attention.additive import attend_additive
from medattngan.attention.fold import Tensors, fold
from medattngan.attention.functional import attend, to_map, to_tokens
from medattngan.attention.multi_scale import pooled, shared_out
from medattngan.attention.scaled_dot import ScaledDotAttention2d


def naive_dot(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """Equation 1 a query at a time."""
    rows = [((k * q[:, :, i : i + 1]).sum(-1) * scale).exp() for i in range(q.shape[2])]
    return torch.stack([(r[..., None] * v).sum(2) / r.sum(-1, keepdim=True) for r in rows], dim=2)


def naive_additive(q: Tensor, k: Tensor, v: Tensor, energy: Tensor) -> Tensor:
    """Appendix A.1.2 a query at a time."""
    rows = [((q[:, :, i : i + 1] + k).tanh() * energy).sum(-1).exp() for i in range(q.shape[2])]
    return torch.stack([(r[..., None] * v).sum(2) / r.sum(-1, keepdim=True) for r in rows], dim=2)


def inputs(*shape: int, n_keys: int, width: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    batch, heads, _, d = shape
    q, k = torch.randn(*shape, dtype=dtype), torch.randn(batch, heads, n_keys, d, dtype=dtype)
    return (
        q.requires_grad_(),
        k.requires_grad_(),
        torch.randn(batch, heads, n_keys, width, dtype=dtype).requires_grad_(),
    )


SIZES = {
    "batch": st.integers(1, 3),
    "heads": st.integers(1, 3),
    "n": st.integers(1, 9),
    "m": st.integers(1, 9),
}


@settings(deadline=None, max_examples=15)
@given(**SIZES, d=st.integers(1, 9), width=st.integers(1, 9), block=st.sampled_from([1, 1 << 20]))
def test_attend_and_its_gradient_are_the_textbooks(
    batch: int, heads: int, n: int, m: int, d: int, width: int, block: int
) -> None:
    q, k, v = inputs(batch, heads, n, d, n_keys=m, width=width)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(functional, "BLOCK_SCORES", block)  # all that fits a block takes plain operations
        got, expected = attend(q, k, v, 0.7), naive_dot(q, k, v, 0.7)
        torch.testing.assert_close(got, expected)
        direction = torch.randn_like(expected)
        torch.testing.assert_close(
            torch.autograd.grad(got, (q, k, v), direction), torch.autograd.grad(expected, (q, k, v), direction)
        )


@settings(deadline=None, max_examples=15)
@given(**SIZES, d=st.integers(1, 5), tile=st.integers(1, 60), size=st.sampled_from([1.0, 40.0]))
def test_additive_attention_and_its_gradient_are_the_textbooks(
    batch: int, heads: int, n: int, m: int, d: int, tile: int, size: float
) -> None:
    q, k, v = inputs(batch, heads, n, d, n_keys=m, width=3)
    energy = torch.randn(d, dtype=torch.float64, requires_grad=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(additive_kernel, "TILE_CPU", tile)
        got = attend_additive(size * q, size * k, v, energy)
        expected = naive_additive(size * q, size * k, v, energy)
        torch.testing.assert_close(got, expected)
        direction = torch.randn_like(expected)
        torch.testing.assert_close(
            torch.autograd.grad(got, (q, k, v, energy), direction),
            torch.autograd.grad(expected, (q, k, v, energy), direction),
        )


def _penalty(value: Tensor, inputs: Tensors) -> Tensors:
    gradients = torch.autograd.grad(value.square().sum(), inputs, create_graph=True)
    return torch.autograd.grad(sum((g.square().sum() for g in gradients), torch.tensor(0.0)), inputs)


def test_second_derivatives_in_blocks_are_the_textbooks(monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v = inputs(2, 2, 7, 3, n_keys=5, width=4)
    energy = torch.randn(3, dtype=torch.float64, requires_grad=True)
    monkeypatch.setattr(functional, "BLOCK_SCORES", 2 * 2 * 5 * 3 * 2)  # two queries a block, of seven
    torch.testing.assert_close(_penalty(attend(q, k, v, 0.7), (q, k, v)), _penalty(naive_dot(q, k, v, 0.7), (q, k, v)))
    both = (q, k, v, energy)
    torch.testing.assert_close(_penalty(attend_additive(*both), both), _penalty(naive_additive(*both), both))


def test_a_third_derivative_is_a_fold_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functional, "BLOCK_SCORES", 1)
    q, k, v = inputs(1, 1, 3, 2, n_keys=4, width=2)

    def third(value: Tensor) -> Tensor:
        (first,) = torch.autograd.grad(value.square().sum(), q, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), q, create_graph=True)
        return torch.autograd.grad(second.square().sum(), q)[0]

    torch.testing.assert_close(third(attend(q, k, v, 1.0)), third(naive_dot(q, k, v, 1.0)))


def test_equal_scores_read_the_mean_of_the_values() -> None:
    v = torch.randn(1, 2, 6, 3)
    zeros = torch.zeros(1, 2, 6, 4)
    mean = v.mean(2, keepdim=True).expand_as(v)
    torch.testing.assert_close(attend(zeros, zeros, v, 1.0), mean)
    torch.testing.assert_close(attend_additive(zeros, zeros, v, torch.ones(4)), mean)


def test_scores_that_match_one_key_read_its_value() -> None:
    keys, order = torch.eye(5)[None, None], torch.tensor([3, 0, 4, 4, 1])
    v = torch.randn(1, 1, 5, 3)
    torch.testing.assert_close(attend(keys[:, :, order], keys, v, 200.0), v[:, :, order])


def test_additive_attention_reads_the_only_key_that_excites_its_hidden_unit() -> None:
    k = torch.tensor([-30.0, 30.0, -30.0]).view(1, 1, 3, 1)
    v = torch.randn(1, 1, 3, 2)
    read = attend_additive(torch.zeros(1, 1, 2, 1), k, v, torch.tensor([100.0]))
    torch.testing.assert_close(read, v[:, :, 1:2].expand(-1, -1, 2, -1))


def test_heads_read_apart_from_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functional, "BLOCK_SCORES", 1)
    q, k, v = inputs(2, 3, 4, 5, n_keys=6, width=2)
    apart = [attend(q[:, i : i + 1], k[:, i : i + 1], v[:, i : i + 1], 0.3) for i in range(3)]
    torch.testing.assert_close(attend(q, k, v, 0.3), torch.cat(apart, dim=1))


def test_backward_twice_through_one_graph_gives_the_same_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functional, "BLOCK_SCORES", 1)
    q, k, v = inputs(1, 1, 4, 2, n_keys=4, width=3)
    out = attend(q, k, v, 1.0).sum()
    first = torch.autograd.grad(out, (q, k, v), retain_graph=True)
    torch.testing.assert_close(first, torch.autograd.grad(out, (q, k, v)))


def _largest_tensor(run: Callable[[], None]) -> int:
    """The largest number of elements that any operation under `run` gives out."""

    class Watch(TorchDispatchMode):
        largest = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            out = func(*args, **(kwargs or {}))
            for t in out if isinstance(out, tuple | list) else (out,):
                if isinstance(t, Tensor):
                    Watch.largest = max(Watch.largest, t.numel())
            return out

    with Watch():
        run()
    return Watch.largest


@pytest.mark.parametrize("twice", [False, True])
def test_no_tensor_holds_a_number_for_every_query_and_key(twice: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functional, "BLOCK_SCORES", 1 << 10)
    monkeypatch.setattr(additive_kernel, "TILE_CPU", 1 << 10)
    q, k, v = inputs(1, 1, 96, 4, n_keys=96, width=8, dtype=torch.float32)
    energy = torch.randn(4, requires_grad=True)

    def run() -> None:
        for value in (attend(q, k, v, 0.5), attend_additive(q, k, v, energy)):
            (slope,) = torch.autograd.grad(value.sum(), q, create_graph=twice)
            if twice:
                slope.sum().backward()

    assert _largest_tensor(run) < 96 * 96


def test_sagans_variant_is_sagans_attention() -> None:
    """Zhang et al. 2019, Eq. 1-3 with the pooling of the published code, written with einsum."""
    torch.manual_seed(0)
    module = ScaledDotAttention2d(16, pool=True, scaled=False)
    torch.nn.init.constant_(module.gamma, 0.5)
    x = torch.randn(2, 16, 6, 8)
    f, g, h = module.query(x).flatten(2), F.max_pool2d(module.key(x), 2), F.max_pool2d(module.value(x), 2)
    beta = torch.einsum("bcn,bcm->bnm", f, g.flatten(2)).softmax(-1)
    read = torch.einsum("bnm,bcm->bcn", beta, h.flatten(2)).view(2, 8, 6, 8)
    assert (f.shape[1], h.shape[1]) == (2, 8)
    torch.testing.assert_close(module(x), x + 0.5 * module.output(read))


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 5), st.booleans())
def test_tokens_become_the_map_they_came_from(heads: int, d: int, height: int, width: int, last: bool) -> None:
    x = torch.randn(2, heads * d, height, width)
    x = x.to(memory_format=torch.channels_last if last else torch.contiguous_format)
    assert torch.equal(to_map(to_tokens(x, heads), height, width), x)


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 4))
def test_sharing_out_cells_is_the_transpose_of_pooling(height: int, width: int, scale: int) -> None:
    x = torch.randn(1, 1, height, width, dtype=torch.float64)
    cells = torch.randn_like(pooled(x, scale))
    torch.testing.assert_close((pooled(x, scale) * cells).sum(), (x * shared_out(cells, height, width)).sum())


def test_a_fold_of_sums_adds_them_up_over_blocks() -> None:
    x, s = torch.randn(1, 7, 2), torch.randn(2)

    def block(rows: Tensors, shared: Tensors) -> tuple[Tensors, Tensors]:
        return (rows[0] * shared[0],), (rows[0].sum((0, 1)),)

    product, total = fold(block, (x,), (s,), 3)
    torch.testing.assert_close(product, x * s)
    torch.testing.assert_close(total, x.sum((0, 1)))


def test_large_arguments_take_the_path_that_does_not_overflow() -> None:
    q = torch.tensor([400.0, -400.0, 0.0]).view(1, 1, 3, 1)
    k = torch.tensor([-399.0, 399.0, 0.5]).view(1, 1, 3, 1)
    v, energy = torch.randn(1, 1, 3, 2), torch.tensor([2.0])
    expected = naive_additive(q.double(), k.double(), v.double(), energy.double())
    torch.testing.assert_close(attend_additive(q, k, v, energy).double(), expected, atol=1e-6, rtol=1e-5)
