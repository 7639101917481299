"""Reading values by the match of queries and keys, in linear memory and differentiable as often as needed.

    attend(q, k, v) = softmax(scale · q kᵀ) v          Vaswani et al. 2017, arXiv:1706.03762, Eq. 1

Shapes: queries (B, h, N, d), keys (B, h, M, d), values (B, h, M, d_v), for h heads.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from medattngan.attention.fold import Tensors, fold, wide
from medattngan.core.types import Features

BLOCK_SCORES = 1 << 20
"""Scores (one a query and key) that a block may hold at once."""


def to_tokens(x: Features, heads: int = 1) -> Tensor:
    """A feature map (B, h·d, H, W) as tokens (B, h, H·W, d), row by row.

    >>> to_tokens(torch.zeros(2, 6, 4, 5), heads=3).shape
    torch.Size([2, 3, 20, 2])
    """
    batch, channels, height, width = x.shape
    return x.reshape(batch, heads, channels // heads, height * width).transpose(2, 3)


def to_map(tokens: Tensor, height: int, width: int) -> Features:
    """Tokens (B, h, H·W, d) as a feature map (B, h·d, H, W). Inverse of `to_tokens`."""
    joined = tokens.transpose(1, 2).flatten(2)
    return joined.transpose(1, 2).reshape(tokens.shape[0], -1, height, width)


def scores_dot(q: Tensor, k: Tensor, scale: float) -> Tensor:
    """scale · q kᵀ: (B, h, N, M), float32 or wider."""
    return wide((q * scale) @ k.transpose(-1, -2))


def attend_textbook(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """softmax(scale · q kᵀ) v: (B, h, N, d_v), with the whole (N, M) matrix in memory."""
    return scores_dot(q, k, scale).softmax(-1).to(v.dtype) @ v


def attend(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """softmax(scale · q kᵀ) v: (B, h, N, d_v), by the fused kernel, in memory linear in N and M.

    The fused kernels have no second derivative. Where one is asked for, as by a gradient penalty, it is
    worked out by plain operations, a block of queries at a time.

    >>> q, k, v = torch.zeros(1, 1, 3, 2), torch.zeros(1, 1, 4, 2), torch.arange(4.0).view(1, 1, 4, 1)
    >>> attend(q, k, v, 1.0).flatten()
    tensor([1.5000, 1.5000, 1.5000])
    """
    tracked = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad)
    if not tracked or torch.compiler.is_compiling():  # what is compiled is not differentiated twice
        return _fused(q, k, v, scale)
    if q.device.type == "cpu" and block_rows(q, k) >= q.shape[2]:
        # So few scores fit one block, and there the kernel's start and padding cost more than they save.
        return attend_textbook(q, k, v, scale)

    def block(rows: Tensors, shared: Tensors) -> tuple[Tensors, Tensors]:
        return (attend_textbook(rows[0], shared[0], shared[1], scale),), ()

    kernel = _FusedPass(scale)
    return fold(block, (q,), (k, v), block_rows(q, k), fast=(kernel.value, kernel.gradient))[0]


def _fused(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """The fused kernels want one width, a multiple of 8: zeros added to q, k and v change nothing."""
    width = -(-max(q.shape[-1], v.shape[-1]) // 8) * 8
    wide_q, wide_k, wide_v = (F.pad(t, (0, width - t.shape[-1])) for t in (q, k, v))
    kernel = _kernel
    if q.is_cuda and torch.compiler.is_compiling():
        # Compiled for CUDA in float32 by PyTorch 2.11, no kernel takes its inputs: "cutlassF: no kernel found to
        # launch". Only there: to import the compiler takes longer than the rest of torch.
        kernel = torch.compiler.disable(_kernel)  # type: ignore[no-untyped-call]
    return kernel(wide_q, wide_k, wide_v, scale)[..., : v.shape[-1]]


def _kernel(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    return F.scaled_dot_product_attention(q.contiguous(), k.contiguous(), v.contiguous(), scale=scale)


def is_exported() -> bool:
    """Whether the code is being written down for another runtime: by `torch.jit.trace` or `torch.export`.

    It is run once for all inputs then, and may not look into them.
    """
    traced: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    return traced or (torch.compiler.is_compiling() and not torch.compiler.is_dynamo_compiling())


class _FusedPass:
    """One pass through the fused kernel: its value, then its gradient, by the graph that PyTorch keeps."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def value(self, *inputs: Tensor) -> Tensors:
        with torch.enable_grad():
            self.inputs = [t.detach().requires_grad_() for t in inputs]
            self.output = _fused(self.inputs[0], self.inputs[1], self.inputs[2], self.scale)
        return (self.output.detach(),)

    def gradient(self, q: Tensor, gradient: Tensor, k: Tensor, v: Tensor) -> Tensors:
        return torch.autograd.grad(self.output, self.inputs, gradient, retain_graph=True)


def block_rows(q: Tensor, k: Tensor, width: int = 1) -> int:
    """Queries a block, so that `width` numbers for each of its scores fit in `BLOCK_SCORES`."""
    return max(1, BLOCK_SCORES // (q.shape[0] * q.shape[1] * k.shape[2] * width))
