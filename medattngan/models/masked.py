"""The default with masks: slices drawn from a mask by SPADE, or slice and mask drawn together.

Both are the networks of `compact` and layers beside them, so that a run without masks can be begun from: what it
knows of other patients' scans is kept. The discriminator sees a slice and its mask as one picture of several channels,
as pix2pix does (Isola et al. 2017, arXiv:1611.07004, section 3.2.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medattngan.conditions.condition import NOTHING, Conditions
from medattngan.conditions.mask import Mask, mask_among
from medattngan.core.files import UserError
from medattngan.core.types import Images, Logits
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.game import System
from medattngan.games.masked import MaskGame, outlines
from medattngan.models import compact
from medattngan.models.compact import After, faint, unchanged, upsampled
from medattngan.models.layers import attended, prefer
from medattngan.models.shape import Shape
from medattngan.models.spade import Spade


def hard_choice(logits: Tensor) -> Tensor:
    """(B, classes, H, W) → channels of the likeliest class, 1 there and -1 elsewhere, with the gradient of softmax.

    The straight-through estimator (Bengio et al. 2013, arXiv:1308.3432). A soft choice would give itself away: no
    real mask has a pixel of two classes.

    >>> hard_choice(torch.tensor([[[[0.1]], [[0.3]]]])).flatten()
    tensor([-1.,  1.])
    """
    soft = logits.softmax(1)
    hard = F.one_hot(logits.argmax(1), logits.shape[1]).movedim(-1, 1).to(soft)
    return 2 * (hard + (soft - soft.detach())) - 1


class MaskGenerator(compact.Generator):
    """`compact.Generator`, told a mask or drawing one.

    Told: (B, z_dim) and a mask (B, H, W) → (B, 1, H, W). Drawing: (B, z_dim) → (B, 1 + classes, H, W), the slice and a
    channel for each class, 1 where it is and -1 elsewhere.
    """

    def __init__(self, shape: Shape, mask: Mask) -> None:
        super().__init__(shape)
        self.mask, classes = mask, len(mask.classes)
        self.classes = classes
        widths = [cast(nn.Conv2d, part).in_channels for part in self.images]
        self.spades = nn.ModuleList(Spade(width, classes) for width in widths) if not mask.drawn else None
        self.outlines = nn.ModuleList(faint(width, classes) for width in widths) if mask.drawn else None

    def draw(self, styles: Sequence[Tensor], conditions: Conditions = NOTHING, after: After = unchanged) -> Images:
        """One style (B, z_dim) a resolution, and the mask where one is told → (B, 1 or 1 + classes, size, size)."""
        first, *others = styles
        x = F.leaky_relu(self.first(first), 0.2).reshape(first.shape[0], -1, 4, 4)
        x = x.contiguous(memory_format=torch.channels_last)
        told = None if self.spades is None else (outlines(conditions[self.mask.name], self.classes) + 1) / 2
        image, mask = x.new_zeros(first.shape[0], 1, 4, 4), x.new_zeros(first.shape[0], self.classes, 4, 4)
        parts = zip(self.stages, self.attentions, self.images, others, strict=True)
        for i, (stage, attention, part, w) in enumerate(parts):
            x = stage(x, w)
            if self.spades is not None:
                x = self.spades[i](x, told)
            x = after(attended(attention, x, w))
            image = upsampled(image) + part(x)
            if self.outlines is not None:
                mask = upsampled(mask) + self.outlines[i](x)
        image = torch.tanh(image)
        return image if self.outlines is None else torch.cat([image, hard_choice(mask)], 1)


class MaskDiscriminator(compact.Discriminator):
    """`compact.Discriminator` of pairs: (B, 1 + classes, H, W) → (B,), or (B, 1, H, W) and told the mask."""

    def __init__(self, shape: Shape, mask: Mask) -> None:
        super().__init__(shape)
        self.mask, self.classes = mask, len(mask.classes)
        first = self.stages[0]
        assert isinstance(first, nn.Conv2d)
        self.outline = nn.Conv2d(self.classes, first.out_channels, 4, stride=2, padding=1, bias=False)
        nn.init.kaiming_normal_(self.outline.weight, 0.2)

    def forward(self, images: Images, conditions: Conditions = NOTHING) -> Logits:
        if images.shape[1] == 1:
            images = torch.cat([images, outlines(conditions[self.mask.name], self.classes)], 1)
        images = images.contiguous(memory_format=torch.channels_last)
        first, *others = self.stages
        x = first(images[:, :1]) + self.outline(images[:, 1:])
        for layer in others:
            x = layer(x)
        return self.judge(x, conditions)


def build(shape: Shape) -> System:
    """`compact`, with masks where they are among the conditions.

    Raises:
        UserError: there is a condition that the networks do not know.
    """
    mask = mask_among(shape.conditions)
    if mask is None:
        return compact.build(shape)
    for name, asked in (("model.excitation", shape.excitation), ("loss.rebuild", shape.rebuilding)):
        if asked:
            raise UserError(f"{name} is set, and the networks with masks have no place for it; take it out.")
    plain = compact.build(replace(shape, conditions=tuple(one for one in shape.conditions if one is not mask)))
    game = plain.game
    assert isinstance(game, AdversarialGame)
    shape = prefer(shape, "scaled_dot", pool=True)
    networks = {"generator": MaskGenerator(shape, mask), "discriminator": MaskDiscriminator(shape, mask)}
    return replace(plain, networks=networks, game=MaskGame(game.objective, game.z_dim, game.group, mask=mask))
