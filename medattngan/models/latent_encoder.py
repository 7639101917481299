"""An encoder: the discriminator's trunk, which ends in a normal distribution over latents in place of a score.

q(z | x) = N(μ(x), σ²(x)). Kingma & Welling 2014, arXiv:1312.6114, Eq. 9; told of conditions as Sohn et al. 2015 have
it (Learning Structured Output Representation, NeurIPS 28, section 4.1).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medattngan.conditions.condition import NOTHING, Conditions
from medattngan.conditions.embedding import ValueEmbedding
from medattngan.core.types import Images
from medattngan.models.compact import DISCRIMINATOR_WIDTH, width_at
from medattngan.models.layers import attention_at
from medattngan.models.shape import Shape

HIDDEN = 512
LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE = -12.0, 4.0
FIRST_LOG_VARIANCE = -4.0
"""Before training: noise of an eighth, so that the first reconstructions have something to go by."""


class LatentEncoder(nn.Module):
    """(B, 1, size, size) → (B, 2, z_dim): means, and logarithms of variances within [-12, 4].

    Args:
        shape: of the run whose latents it finds; attends where the run's other networks do.
        z_dim: width of the latent.

    >>> LatentEncoder(Shape(32, discriminator_width=8), 4)(torch.zeros(3, 1, 32, 32)).shape
    torch.Size([3, 2, 4])
    """

    def __init__(self, shape: Shape, z_dim: int) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.width = base = shape.discriminator_width or DISCRIMINATOR_WIDTH
        layers: list[nn.Module] = []
        channels, resolution = 1, shape.size
        while resolution > 4:
            resolution //= 2
            width = width_at(resolution, shape.size, base)
            convolution = nn.Conv2d(channels, width, 4, stride=2, padding=1)
            nn.init.kaiming_normal_(convolution.weight, 0.2)
            layers += [convolution, nn.LeakyReLU(0.2, inplace=True), *attention_at(shape, resolution, width)]
            channels = width
        self.stages = nn.Sequential(*layers)
        self.hidden = nn.Linear(channels * 16, HIDDEN)
        self.embedding = nn.Embedding(shape.classes, HIDDEN) if shape.classes else None
        self.values = ValueEmbedding(shape.numbers, HIDDEN) if shape.numbers else None
        self.last = nn.Linear(HIDDEN, 2 * z_dim)
        nn.init.kaiming_normal_(self.hidden.weight, 0.2)
        nn.init.normal_(self.last.weight, 0.0, 1 / math.sqrt(HIDDEN))
        with torch.no_grad():
            self.last.weight[z_dim:].zero_()
            self.last.bias.zero_()
            self.last.bias[z_dim:] = FIRST_LOG_VARIANCE

    def forward(self, images: Images, conditions: Conditions = NOTHING) -> Tensor:
        x = self.stages(images.contiguous(memory_format=torch.channels_last)).flatten(1)
        x = self.hidden(x)
        if self.embedding is not None:
            x = x + self.embedding(conditions["label"])
        if self.values is not None:
            x = x + self.values(conditions)
        mean, log_variance = self.last(F.leaky_relu(x, 0.2)).chunk(2, 1)
        return torch.stack([mean, log_variance.clamp(LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE)], 1)
