"""Texture matrices of slices whose grey values are a few levels, and what is read off them.

Definitions are those of the Image Biomarker Standardisation Initiative (Zwanenburg et al. 2020, arXiv:1612.07003), in
2D, at distance 1, measured in each of four directions and averaged; names and conventions (logarithms to base 2, limits
for flat slices) are pyradiomics'. Every function takes a batch, (B, H, W) int64 levels from 0 to LEVELS − 1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

LEVELS = 32
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))
"""Rows and columns to the neighbour."""
EPS = 2.2e-16
_CAP = 1e6
"""Coarseness of a flat slice, which would be infinite."""


def cooccurrence(levels: Tensor) -> Tensor:
    """How often two levels stand side by side, as shares: (B, 4, LEVELS, LEVELS), symmetric, float64.

    >>> cooccurrence(torch.tensor([[[0, 1], [0, 1]]]))[0, 0, :2, :2]
    tensor([[0.0000, 0.5000],
            [0.5000, 0.0000]], dtype=torch.float64)
    """
    batch, height, width = levels.shape
    offsets = torch.arange(batch)[:, None, None] * LEVELS**2
    matrices = []
    for down, right in DIRECTIONS:
        left = max(0, -right)
        first = levels[:, : height - down, left : width - max(0, right)]
        second = levels[:, down:, left + right : width - left if right < 0 else width]
        pairs = (offsets + first * LEVELS + second).flatten()
        matrices.append(torch.bincount(pairs, minlength=batch * LEVELS**2).view(batch, LEVELS, LEVELS))
    counts = torch.stack(matrices, 1).double()
    counts = counts + counts.mT
    return counts / counts.sum((-2, -1), keepdim=True).clamp_min(1)


def cooccurrence_features(levels: Tensor) -> Tensor:
    """Of the grey level co-occurrence matrix: (B, 22)."""
    p = cooccurrence(levels)
    i = torch.arange(1, LEVELS + 1, dtype=p.dtype)
    rows, columns = i[:, None], i[None]
    px = p.sum(-1)
    sums, differences = _by_sum(p), _by_difference(p)
    k = torch.arange(LEVELS, dtype=p.dtype)
    mean = (px * i).sum(-1)
    variance = (px * (i - mean[..., None]).square()).sum(-1)
    centred = rows + columns - 2 * mean[..., None, None]
    product = (p * rows * columns).sum((-2, -1))
    difference = (differences * k).sum(-1)
    entropy = _entropy(p.flatten(-2))
    marginal = _entropy(px)
    outer = px[..., :, None] * px[..., None, :]
    cross = -(p * (outer + EPS).log2()).sum((-2, -1))
    independent = _entropy(outer.flatten(-2))
    features = [
        product,
        mean,
        *((p * centred.pow(power)).sum((-2, -1)) for power in (4, 3, 2)),  # cluster prominence, shade, tendency
        (differences * k.square()).sum(-1),  # contrast
        torch.where(variance > EPS, (product - mean.square()) / variance.clamp_min(EPS), 1.0),
        difference,
        _entropy(differences),
        (differences * (k - difference[..., None]).square()).sum(-1),
        p.square().sum((-2, -1)),  # joint energy
        entropy,
        torch.where(marginal > EPS, (entropy - cross) / marginal.clamp_min(EPS), 0.0),  # Imc1
        (1 - torch.exp(-2 * (independent - entropy))).clamp_min(0).sqrt(),  # Imc2
        (differences / (1 + k.square())).sum(-1),
        (differences / (1 + k.square() / LEVELS**2)).sum(-1),
        (differences / (1 + k)).sum(-1),
        (differences / (1 + k / LEVELS)).sum(-1),
        (differences[..., 1:] / k[1:].square()).sum(-1),  # inverse variance
        p.amax((-2, -1)),
        _entropy(sums),
        variance,
    ]
    return torch.stack(features, -1).mean(1)


def runs(levels: Tensor) -> Tensor:
    """How many runs of each level and length there are: (B, 4, LEVELS, longest), float64."""
    longest = max(levels.shape[-2:])
    lines = (levels, _diagonals(levels.flip(-1)), levels.mT, _diagonals(levels))
    return torch.stack([_runs(line, longest) for line in lines], 1)


def run_features(levels: Tensor) -> Tensor:
    """Of the grey level run length matrix: (B, 16)."""
    found = runs(levels)
    count = found.sum((-2, -1)).clamp_min(1)
    p = found / count[..., None, None]
    i = torch.arange(1, LEVELS + 1, dtype=p.dtype)
    j = torch.arange(1, found.shape[-1] + 1, dtype=p.dtype)
    by_level, by_length = p.sum(-1), p.sum(-2)
    level, length = (by_level * i).sum(-1), (by_length * j).sum(-1)
    short, long, low, high = j**-2, j**2, i**-2, i**2
    features = [
        (by_length * short).sum(-1),
        (by_length * long).sum(-1),
        by_level.square().sum(-1) * count,
        by_level.square().sum(-1),
        by_length.square().sum(-1) * count,
        by_length.square().sum(-1),
        count / (levels.shape[-2] * levels.shape[-1]),  # run percentage
        (by_level * (i - level[..., None]).square()).sum(-1),
        (by_length * (j - length[..., None]).square()).sum(-1),
        _entropy(p.flatten(-2)),
        (by_level * low).sum(-1),
        (by_level * high).sum(-1),
        *((p * a[:, None] * b).sum((-2, -1)) for b in (short, long) for a in (low, high)),
    ]
    return torch.stack(features, -1).mean(1)


def tone_features(levels: Tensor) -> Tensor:
    """Of the neighbouring grey tone difference matrix: (B, 5) coarseness, contrast, busyness, complexity, strength."""
    values = levels.float() + 1
    neighbours = _around(torch.ones_like(values[:1]))
    apart_by = (values - _around(values) / neighbours).abs().double()
    p, s = shares(levels), _by_level(levels, apart_by)
    i = torch.arange(1, LEVELS + 1, dtype=p.dtype)
    there = p > 0
    pairs = (there[:, :, None] & there[:, None, :]).double()
    a, b = p[:, :, None], p[:, None, :]
    apart = i[:, None] - i
    present = there.sum(1).double()
    total, pixels = s.sum(1), levels[0].numel()
    weighted = (p * s).sum(1)
    spread = ((p * i)[:, :, None] - (p * i)[:, None, :]).abs().mul(pairs).sum((1, 2))
    shared = (a * s[:, :, None] + b * s[:, None, :]) / (a + b).clamp_min(EPS)
    features = [
        torch.where(weighted > 0, 1 / weighted.clamp_min(1 / _CAP), _CAP),
        (a * b * apart.square()).sum((1, 2)) / (present * (present - 1)).clamp_min(1) * total / pixels,
        torch.where(spread > 0, weighted / spread.clamp_min(EPS), 0.0),
        (apart.abs() * shared * pairs).sum((1, 2)) / pixels,
        torch.where(total > 0, ((a + b) * apart.square() * pairs).sum((1, 2)) / total.clamp_min(EPS), 0.0),
    ]
    return torch.stack(features, -1)


def shares(levels: Tensor) -> Tensor:
    """The share of each level among the pixels: (B, LEVELS) float64."""
    return _by_level(levels, torch.ones(levels.shape, dtype=torch.float64)) / levels[0].numel()


def _by_level(levels: Tensor, values: Tensor) -> Tensor:
    """The sum of `values` (B, H, W) over the pixels of each level: (B, LEVELS)."""
    cell = (torch.arange(len(levels)) * LEVELS)[:, None] + levels.flatten(1)
    return torch.bincount(cell.flatten(), values.flatten(), len(levels) * LEVELS).view(-1, LEVELS)


def _around(values: Tensor) -> Tensor:
    """The sum of the up to eight neighbours of each pixel."""
    rows = F.pad(values, (0, 0, 1, 1))
    three = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    columns = F.pad(three, (1, 1))
    return columns[..., :-2] + columns[..., 1:-1] + columns[..., 2:] - values


def _by_sum(p: Tensor) -> Tensor:
    """Σ p over i + j = 2 … 2 LEVELS: (…, 2 LEVELS − 1)."""
    at = (torch.arange(LEVELS)[:, None] + torch.arange(LEVELS)).flatten()
    return p.new_zeros(*p.shape[:-2], 2 * LEVELS - 1).index_add_(-1, at, p.flatten(-2))


def _by_difference(p: Tensor) -> Tensor:
    """Σ p over |i − j| = 0 … LEVELS − 1: (…, LEVELS)."""
    at = (torch.arange(LEVELS)[:, None] - torch.arange(LEVELS)).abs().flatten()
    return p.new_zeros(*p.shape[:-2], LEVELS).index_add_(-1, at, p.flatten(-2))


def _entropy(p: Tensor) -> Tensor:
    return -(p * (p + EPS).log2()).sum(-1)


def _diagonals(levels: Tensor) -> Tensor:
    """Diagonals down to the left as lines, filled up with −1: each row moved one step to the right of the row above."""
    batch, height, width = levels.shape
    moved = F.pad(levels, (0, height), value=-1).flatten(1)[:, : height * (width + height - 1)]
    return moved.view(batch, height, width + height - 1).mT.contiguous()


def _runs(lines: Tensor, longest: int) -> Tensor:
    """Runs along the last axis of (B, lines, steps); −1 is no level and ends a run: (B, LEVELS, longest)."""
    batch = len(lines)
    flat = F.pad(lines, (0, 1), value=-1).reshape(-1)
    starts = torch.cat([flat.new_ones(1, dtype=torch.bool), flat[1:] != flat[:-1]]).nonzero().squeeze(1)
    lengths = torch.diff(starts, append=torch.tensor([len(flat)]))
    level, image = flat[starts], starts // (len(flat) // batch)
    real = level >= 0
    cell = (image * LEVELS + level)[real] * longest + lengths[real] - 1
    return torch.bincount(cell, minlength=batch * LEVELS * longest).view(batch, LEVELS, longest).double()
