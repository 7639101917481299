"""Additive attention and its first gradient, a tile of (maps, queries) at a time, without a tanh a score.

With r = 1 / (1 + exp(2 q_i) · exp(2 k_j)) we have tanh(q_i + k_j) = 1 − 2r, and so

    score(i, j) = Σ_d w_d tanh(q_id + k_jd) = const − 2 Σ_d w_d r_ijd      (softmax does not see the constant)
    ∂tanh / ∂q = 1 − tanh² = 4 r (1 − r)

The exponentials are of single queries and keys: a score costs a product, a sum and a reciprocal for each d.
Arguments too large for float32's exponentials take r = sigmoid(−2 (q_i + k_j)) instead, and so does CUDA,
where the time goes into memory and looking for large arguments would make the host wait.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from medattngan.attention.fold import Tensors, wide

TILE_CPU = 1 << 21
"""Numbers r in a tile, 8 MB: an operation on it outlasts the waking of the threads that share it."""
TILE_CUDA = 1 << 26
"""Numbers r in a tile: enough to keep a GPU busy."""
LARGEST = 20.0
"""exp(2 · LARGEST)² is within float32."""


def additive_value(q: Tensor, k: Tensor, v: Tensor, energy: Tensor) -> Tensors:
    """softmax(wᵀ tanh(q_i + k_j)) v: (B, h, N, d_v), in a tuple. Shapes as in `attend_additive`."""
    match = _Match.of(q, k, energy)
    values = wide(v).flatten(0, 1)
    out = values.new_empty(*match.q.shape[:2], v.shape[-1])
    for maps, rows in match.tiles():
        torch.bmm(match.weights(match.tile(maps, rows)), values[maps], out=out[maps, rows])
    return (out.view(*q.shape[:3], -1).to(v.dtype),)


def additive_gradient(q: Tensor, gradient: Tensor, k: Tensor, v: Tensor, energy: Tensor) -> Tensors:
    """The gradients by q, k, v and energy, given the gradient (B, h, N, d_v) by the value."""
    match = _Match.of(q, k, energy)
    values, upstream = wide(v).flatten(0, 1), wide(gradient).flatten(0, 1)
    by_q, by_k, by_v = torch.empty_like(match.q), torch.zeros_like(match.k), torch.zeros_like(values)
    by_energy = torch.zeros_like(match.energy)
    for maps, rows in match.tiles():
        r = match.tile(maps, rows)
        weights = match.weights(r)
        by_v[maps].baddbmm_(weights.transpose(1, 2), upstream[maps, rows])
        by_weights = upstream[maps, rows] @ values[maps].transpose(1, 2)
        by_scores = (by_weights - (by_weights * weights).sum(-1, keepdim=True)).mul_(weights)
        by_energy += torch.bmm(r.flatten(0, 1), by_scores.flatten(0, 1).unsqueeze(2)).sum((0, 2))
        slope = torch.addcmul(r, r, r, value=-1, out=r).mul_(by_scores.unsqueeze(2))
        by_q[maps, rows] = slope.sum(-1)
        by_k[maps] += slope.sum(1)
    by_q, by_k = by_q * (4 * match.energy), (by_k * (4 * match.energy)[:, None]).transpose(1, 2)
    pairs = ((by_q, q), (by_k, k), (by_v, v), (-2 * by_energy, energy))
    return tuple(result.reshape(like.shape).to(like.dtype) for result, like in pairs)


@dataclass(frozen=True)
class _Match:
    """What tiles are made of: q (maps, N, d) and k (maps, d, M), as exponentials or arguments of sigmoid."""

    q: Tensor
    k: Tensor
    energy: Tensor
    exponential: bool
    scratch: Tensor

    @classmethod
    def of(cls, q: Tensor, k: Tensor, energy: Tensor) -> _Match:
        q, k = wide(q).flatten(0, 1).contiguous(), wide(k).flatten(0, 1).transpose(1, 2).contiguous()
        small = q.device.type == "cpu" and max(float(q.abs().max()), float(k.abs().max())) < LARGEST
        q, k = ((2 * q).exp_(), (2 * k).exp_()) if small else (-2 * q, -2 * k)
        size = max(q.shape[2] * k.shape[2], TILE_CUDA if q.is_cuda else TILE_CPU)
        return cls(q, k, wide(energy), small, q.new_empty(min(size, q.numel() * k.shape[2])))

    def tiles(self) -> Iterator[tuple[slice, slice]]:
        """Slices of the maps and of their queries, so that a tile is within its size."""
        n_maps, n_rows, depth = self.q.shape
        size = self.scratch.numel() // (depth * self.k.shape[2])
        rows, maps = min(n_rows, size), max(1, size // n_rows)
        for first_map in range(0, n_maps, maps):
            for first_row in range(0, n_rows, rows):
                yield slice(first_map, first_map + maps), slice(first_row, first_row + rows)

    def tile(self, maps: slice, rows: slice) -> Tensor:
        """r of these maps and queries: (maps, rows, d, M). The next tile takes its place."""
        q, k = self.q[maps, rows].unsqueeze(3), self.k[maps].unsqueeze(1)
        shape = (*q.shape[:3], k.shape[3])
        r = self.scratch[: math.prod(shape)].view(shape)
        if self.exponential:
            return torch.mul(q, k, out=r).add_(1).reciprocal_()
        return torch.add(q, k, out=r).sigmoid_()

    def weights(self, r: Tensor) -> Tensor:
        """The softmax over keys of the scores: (maps, rows, M)."""
        flat = r.flatten(0, 1)
        scores = torch.bmm((-2 * self.energy).expand(len(flat), 1, -1), flat)
        return scores.view(*r.shape[:2], -1).softmax(-1)
