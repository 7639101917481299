"""Bipartite attention: positions read a few tokens in place of each other.

Hudson & Zitnick 2021 (GANformer), arXiv:2103.01209, Eq. 1-4.

    a = softmax(q kᵀ / √d) v,        q = W_q x + W_p p,   k = W_k y,   v = W_v y
    read = ω(x) ⊙ (W_s a) + W_b a    ω normalises each channel over the positions

y are k tokens and p is a code of the position, so the cost is O(N k), not O(N²). The positions that follow one token
are a region: it scales and shifts their features together (Section 3.1.2 of the paper). Where the network has a latent,
it makes the tokens; elsewhere they are parameters that first read the positions themselves (the paper's duplex
attention; induced points in Lee et al. 2019, arXiv:1810.00825).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from medattngan.attention.functional import attend_textbook, scores_dot, to_map, to_tokens
from medattngan.core.types import Features

POSITIONS = 16
"""Numbers that say where a position is."""


class BipartiteAttention2d(nn.Module):
    """Let every position be ruled by a few tokens, and the tokens by the latent or by all positions.

    The gate `gamma` starts at 0, so a new module is the identity.

    Args:
        channels: width of the input (B, channels, H, W); the output has the same shape.
        tokens: how many.
        reduction: queries, keys, values and tokens are channels // reduction wide.
        latent: width of the latent that makes the tokens; 0 where the positions do.
        routed: without it every position reads the mean of the tokens, for ablations: as many weights, and no regions.

    >>> BipartiteAttention2d(16)(torch.zeros(2, 16, 8, 8)).shape
    torch.Size([2, 16, 8, 8])
    """

    def __init__(
        self, channels: int, *, tokens: int = 8, reduction: int = 2, latent: int = 0, routed: bool = True
    ) -> None:
        super().__init__()
        width = max(1, channels // reduction)
        # Plain parameters, not layers: spectral normalization is for what images pass through.
        self.tokens = nn.Parameter(torch.randn(tokens, width) / math.sqrt(width))
        self.place = nn.Parameter(torch.randn(width, POSITIONS) / math.sqrt(POSITIONS))
        self.query = nn.Conv2d(channels, width, 1, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.output = nn.Conv2d(width, 2 * channels, 1, bias=False)
        self.latent = nn.Linear(latent, tokens * width) if latent else None
        self.seen = None if latent else nn.Conv2d(channels, 2 * width, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))
        self.scale = width**-0.5
        self.routed = routed

    def forward(self, x: Features, w: Tensor | None = None) -> Features:
        return x + self.gamma * self.read(x, w)

    def read(self, x: Features, w: Tensor | None = None) -> Features:
        """What the positions read, before the gate: the shape of x. `w` (B, latent), where the module has a latent."""
        tokens = self._tokens(x, w)
        read = self._routes(x, tokens).to(x.dtype) @ self.value(tokens)
        size = x.shape[-2:]
        scale, shift = self.output(to_map(read[:, None], *size)).chunk(2, 1)
        centred = x - x.mean((2, 3), keepdim=True)
        normal = centred * torch.rsqrt(centred.square().mean((2, 3), keepdim=True) + 1e-5)
        moved: Features = normal * scale + shift
        return moved

    def regions(self, x: Features, w: Tensor | None = None) -> Tensor:
        """How much each position follows each token: (B, tokens, H, W), summing to 1 over the tokens."""
        routes = self._routes(x, self._tokens(x, w)).transpose(1, 2)
        return routes.reshape(x.shape[0], -1, *x.shape[-2:])

    def weights(self, x: Features, query: tuple[int, int], w: Tensor | None = None) -> Tensor:
        """The positions that follow the same tokens as `query` = (row, column): (B, 1, H, W), summing to 1.

        Each token's region, in the shares in which the position follows the tokens.
        """
        regions = self.regions(x, w)
        shares = regions[:, :, query[0], query[1]][:, :, None, None]
        spread = regions / regions.sum((2, 3), keepdim=True)
        return (shares * spread).sum(1, keepdim=True)

    def _tokens(self, x: Features, w: Tensor | None) -> Tensor:
        """(B, k, width), of unit mean square."""
        own = self.tokens.expand(x.shape[0], -1, -1)
        if self.latent is not None:
            if w is None:
                raise ValueError("this attention's tokens are made by the latent, and none was given")
            found = own + self.latent(w).view_as(own)
        else:
            assert self.seen is not None
            keys, values = (to_tokens(part) for part in self.seen(x).chunk(2, 1))
            found = own + attend_textbook(own[:, None], keys, values, self.scale)[:, 0]
        tokens: Tensor = found * torch.rsqrt(found.square().mean(2, keepdim=True) + 1e-8)
        return tokens

    def _routes(self, x: Features, tokens: Tensor) -> Tensor:
        """(B, N, k), float32 or wider, summing to 1 over the tokens."""
        if not self.routed:
            return x.new_full((x.shape[0], x.shape[-2] * x.shape[-1], tokens.shape[1]), 1 / tokens.shape[1])
        code = (self.place @ position_waves(x).flatten(1)).reshape(-1, *x.shape[-2:])
        queries = to_tokens(self.query(x) + code)[:, 0]
        return scores_dot(queries, self.key(tokens), self.scale).softmax(-1)


def position_waves(x: Features) -> Tensor:
    """Sines and cosines of row and column in 1/2, 1, 2 and 4 waves across the map: (16, H, W), like x.

    In shares of the map, so that the code means the same place at every resolution.
    """
    rates = math.pi * 2 ** torch.arange(POSITIONS // 4, device=x.device, dtype=torch.float32)
    row, column = (torch.outer(rates, (torch.arange(n, device=x.device) + 0.5) / n) for n in x.shape[-2:])
    rows = torch.cat([row.sin(), row.cos()])[:, :, None].expand(-1, -1, x.shape[-1])
    columns = torch.cat([column.sin(), column.cos()])[:, None, :].expand(-1, x.shape[-2], -1)
    return torch.cat([rows, columns]).to(x.dtype)
