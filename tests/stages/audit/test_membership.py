"""How discriminators are asked who they were trained on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medattngan.stages.audit.membership import CHUNK, score_mixed


class Counting(nn.Module):
    """Scores an image by its mean, and notes how many came together."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        self.seen.append(len(images))
        return images.mean((1, 2, 3))


def test_every_image_gets_its_own_logit_in_batches_of_one_size() -> None:
    images = torch.arange(37.0)[:, None, None, None].expand(37, 1, 4, 4)
    critic = Counting()
    assert torch.equal(score_mixed(critic, images, {}, seed=3), torch.arange(37.0))
    assert critic.seen == [CHUNK] * 3
