"""Attention OCR: what a line of text says, a character at a time. Wojna et al. 2017, arXiv:1704.03549, Eq. 1-7 and
Sec. 3.

With f the features that a convolutional network gives at row i and column j of a crop, c the last character as a
one-hot and u what was last looked at,

    x_t = W_c c_{t-1} + W_u1 u_{t-1} + W_3 ē_{t-1}                          s_t = LSTM(x_t, s_{t-1})
    α_t = softmax_ij(Vᵀ tanh(W_s s_t + W_f f_ij + W_1 e_i + W_2 e_j))       u_t = Σ_ij α_t,ij f_ij
    character_t ~ softmax(W_o s_t + W_u2 u_t)                               ē_t = Σ_ij α_t,ij (e_i, e_j)

where e_i and e_j are one-hot coordinates: by them it can go from left to right, and from a line to the next. W_3 is
not in the paper's equations but in its authors' program, where coordinates are channels of the features: without it
the LSTM must guess from the number of characters how far it has come. Ours differs in the features: a small network
in place of Inception-v3, and one view of a text in place of four. Training is by the true characters as c, with
label smoothing, and a token ends the text (`scripts/train_screen.py`).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from medattngan.attention.additive import scores_additive
from medattngan.scans.text.alphabet import END, TOKENS
from medattngan.scans.text.detector import Residual, convolution

LINE_PX = 32
"""Height of a line in a crop; a crop of k lines is k times as high."""

STRIDE = (8, 4)
"""Pixels of a crop a feature, down and across: letters are narrower than they are tall."""

MAX_ROWS, MAX_COLUMNS = 12, 96
"""Coordinates that have a weight: crops of three lines, and 384 px wide."""

MAX_CHARACTERS = 40

WIDTHS = (16, 32, 64)
STATE = 256
INPUT = 96
MATCH = 32


class Read(NamedTuple):
    """What the reader made of a batch of B crops, T steps at most.

    tokens: (B, T), END and what follows it included.
    confidence: (B,) the mean probability of the characters and the end token.
    attention: (B, T, H/8, W/4), summing to 1 over the map.
    """

    tokens: Tensor
    confidence: Tensor
    attention: Tensor


def standardised(crops: Tensor) -> Tensor:
    """Each crop (B, 1, H, W) with mean 0 and deviation 1 of its own, within ±4: faint ink reads as strong ink
    does."""
    centred = crops - crops.mean((1, 2, 3), keepdim=True)
    return (centred / (centred.square().mean((1, 2, 3), keepdim=True).sqrt() + 0.01)).clamp(-4, 4)


class Reader(nn.Module):
    """Features, an LSTM of 256, and additive attention with coordinates.

    >>> Reader().eval()(torch.zeros(2, 1, 32, 64), torch.zeros(2, 5, dtype=torch.long)).shape[:2]
    torch.Size([2, 5])
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, width = WIDTHS
        self.features = nn.Sequential(
            convolution(1, first, size=5, stride=2),
            convolution(first, second, stride=2), Residual(second),
            convolution(second, width, stride=(2, 1)), Residual(width), Residual(width), Residual(width),
        )  # fmt: skip
        self.of_character = nn.Embedding(TOKENS, INPUT)  # W_c
        self.of_seen = nn.Linear(width, INPUT)  # W_u1
        self.of_place = nn.Linear(MAX_ROWS + MAX_COLUMNS, INPUT, bias=False)  # W_3
        self.lstm = nn.LSTMCell(INPUT, STATE)
        self.query = nn.Linear(STATE, MATCH)  # W_s
        self.key = nn.Conv2d(width, MATCH, 1, bias=False)  # W_f
        self.rows = nn.Parameter(torch.randn(MAX_ROWS, MATCH) * 0.1)  # W_1
        self.columns = nn.Parameter(torch.randn(MAX_COLUMNS, MATCH) * 0.1)  # W_2
        self.energy = nn.Parameter(torch.randn(MATCH) * MATCH**-0.5)  # V
        self.by_state = nn.Linear(STATE, TOKENS)  # W_o
        self.by_seen = nn.Linear(width, TOKENS, bias=False)  # W_u2

    def forward(self, crops: Tensor, tokens: Tensor) -> Tensor:
        """Logits (B, T, TOKENS) of each of `tokens` (B, T), given those before it. Crops are (B, 1, H, W) in [0,
        1]."""
        return self.follow(self.look(crops), tokens)[0]

    def look(self, crops: Tensor) -> Tensor:
        """Features (B, C, H/8, W/4)."""
        features: Tensor = self.features(standardised(crops))
        return features

    def follow(self, features: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """`forward`, from features, and where it looked: attention (B, T, H/8, W/4)."""
        step, memory = self._begin(features), self._memory(features)
        last, logits, seen = torch.full_like(tokens[:, 0], END), [], []
        for at in range(tokens.shape[1]):
            step = self._step(last, step, memory)
            logits.append(self.by_state(step[0]) + self.by_seen(step[2]))
            seen.append(step[3])
            last = tokens[:, at]
        return torch.stack(logits, 1), torch.stack(seen, 1)

    @torch.no_grad()
    def read(self, crops: Tensor) -> Read:
        """The likeliest character at each step, until all crops have ended."""
        features = self.look(crops)
        step, memory = self._begin(features), self._memory(features)
        last = torch.full((len(crops),), END, device=crops.device)
        tokens, sure, seen = [], [], []
        going = torch.ones(len(crops), dtype=torch.bool, device=crops.device)
        for _ in range(MAX_CHARACTERS):
            step = self._step(last, step, memory)
            probability, last = (self.by_state(step[0]) + self.by_seen(step[2])).softmax(-1).max(-1)
            last = torch.where(going, last, END)
            tokens.append(last)
            sure.append(torch.where(going, probability, torch.nan))
            seen.append(step[3])
            going = going & (last != END)
            if not going.any():
                break
        return Read(torch.stack(tokens, 1), torch.stack(sure, 1).nanmean(1), torch.stack(seen, 1))

    def _memory(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """What is looked at, a position a row: keys (B, 1, N, MATCH) with their coordinates, and features (B, N,
        C)."""
        height, width = features.shape[2:]
        if height > MAX_ROWS or width > MAX_COLUMNS:
            raise ValueError(f"a crop is at most {MAX_ROWS * STRIDE[0]} by {MAX_COLUMNS * STRIDE[1]} px")
        where = self.rows[:height, None] + self.columns[None, :width]
        keys = self.key(features).permute(0, 2, 3, 1) + where
        return keys.flatten(1, 2).unsqueeze(1), features.flatten(2).transpose(1, 2)

    def _begin(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """State, cell, what was seen, and attention, before the first step."""
        zeros = features.new_zeros(len(features), STATE)
        return zeros, zeros, features.new_zeros(features.shape[:2]), torch.zeros_like(features[:, 0])

    def _step(
        self, last: Tensor, before: tuple[Tensor, Tensor, Tensor, Tensor], memory: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        keys, features = memory
        inside = self.of_character(last) + self.of_seen(before[2]) + self._place(before[3])
        state, cell = self.lstm(inside, before[:2])
        query = self.query(state)[:, None, None]
        attention = scores_additive(query, keys, self.energy)[:, 0, 0].softmax(-1)
        return state, cell, (attention.unsqueeze(1) @ features)[:, 0], attention.view_as(before[3])

    def _place(self, attention: Tensor) -> Tensor:
        """Where was looked (B, H/8, W/4), as (B, INPUT): W_3 times the shares of rows and columns."""
        height, width = attention.shape[1:]
        by_row, by_column = self.of_place.weight[:, :MAX_ROWS], self.of_place.weight[:, MAX_ROWS:]
        return attention.sum(2) @ by_row[:, :height].T + attention.sum(1) @ by_column[:, :width].T
