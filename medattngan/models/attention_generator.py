"""The AttentionGenerator this project grew from, completed: one attention block at H/4.

    z → Linear → C maps at H/4 → attention → conv-BN-ReLU → two transposed convolutions → tanh

The attention reads with 1×1 queries and keys at C/8 and values at C, through a gate that starts at 0, and
adds its input back: Zhang et al. 2019, arXiv:1805.08318, Eq. 1-3. The game is the minimax of Goodfellow et
al. 2014, arXiv:1406.2661, Eq. 1, as written, saturation and all.

The listing this follows cannot run. Mended here:

- its Linear has `128 * img_size // 4 ** 2` outputs, which is 8 · img_size by precedence; C maps at H/4 take
  `128 * (img_size // 4) ** 2`;
- its query keeps its two spatial axes and cannot be multiplied with the flattened key; both are flattened;
- it has no discriminator: ours is the generator's mirror image, with the same block at its H/4 maps.

`attention.kind` chooses the attention, always at H/4: `attention.resolutions` is not read. At 512 px that is
16384 positions: memory stays linear in them, time does not, and the first Linear alone has 0.2 G weights.
"""

from __future__ import annotations

import torch
from torch import nn

from medattngan.conditions.condition import NOTHING, Conditions
from medattngan.core.types import Images, Latent, Logits
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.game import System
from medattngan.games.objective import Objective
from medattngan.models.layers import make_attention, prefer, require_unconditional
from medattngan.models.shape import Shape

WIDTH = 128
Z_DIM = 100


def attention_block(shape: Shape, channels: int) -> nn.Sequential:
    """Attention, convolution, batch normalisation, ReLU: (B, channels, H, W) → the same shape."""
    return nn.Sequential(
        make_attention(shape, channels),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


class Generator(nn.Module):
    """(B, z_dim) → (B, 1, size, size) in [-1, 1]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.z_dim = shape.z_dim or Z_DIM
        self.side = shape.size // 4
        self.width = channels = shape.generator_width or WIDTH
        self.first = nn.Linear(self.z_dim, channels * self.side**2)
        self.block = attention_block(shape, channels)
        self.grow = nn.Sequential(
            nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(channels // 2),
            nn.ReLU(),
            nn.ConvTranspose2d(channels // 2, 1, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, z: Latent, conditions: Conditions = NOTHING) -> Images:
        x = self.first(z).reshape(z.shape[0], -1, self.side, self.side)
        return torch.as_tensor(self.grow(self.block(x)))


class Discriminator(nn.Module):
    """The generator backwards. (B, 1, size, size) → (B,)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.width = channels = shape.discriminator_width or WIDTH
        self.shrink = nn.Sequential(
            nn.Conv2d(1, channels // 2, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels // 2, channels, 4, 2, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.LeakyReLU(0.2),
        )
        self.block = attention_block(shape, channels)
        self.last = nn.Linear(channels * (shape.size // 4) ** 2, 1)

    def forward(self, images: Images, conditions: Conditions = NOTHING) -> Logits:
        return torch.as_tensor(self.last(self.block(self.shrink(images)).flatten(1))).squeeze(1)


def build(shape: Shape) -> System:
    """Networks and game, unconditional and without augmentation.

    Raises:
        UserError: labels or conditions were asked for.
    """
    require_unconditional("attention_generator", shape)
    shape = prefer(shape, "scaled_dot", value_reduction=1, project=False)
    generator = Generator(shape)
    return System(
        {"generator": generator, "discriminator": Discriminator(shape)},
        AdversarialGame(Objective("minimax"), generator.z_dim),
        rates={"generator": 2e-4, "discriminator": 2e-4},
        z_dim=generator.z_dim,
        betas=(0.5, 0.999),
        batch_size=64,
    )
