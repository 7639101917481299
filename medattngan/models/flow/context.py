"""What a flow is told of a slice."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medattngan.conditions.condition import Conditions
from medattngan.conditions.embedding import ValueEmbedding

WIDTH = 32


class Context(nn.Module):
    """Labels and numbers as one vector: conditions by name, (B, …) each → (B, width); width 0 where there are none.

    Args:
        classes: the number of labels, 0 for none.
        numbers: names of the continuous conditions.
    """

    def __init__(self, classes: int = 0, numbers: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, WIDTH) if classes else None
        self.values = ValueEmbedding(numbers, WIDTH) if numbers else None
        self.width = WIDTH if classes or numbers else 0

    def forward(self, conditions: Conditions, like: Tensor) -> Tensor:
        parts = [] if self.embedding is None else [self.embedding(conditions["label"])]
        parts += [] if self.values is None else [self.values(conditions)]
        return torch.stack(parts).sum(0) if parts else like[:, :0]
