"""Stacks of slices that hold together: the default with one latent a patient, and attention across slices.

Each slice is drawn by the networks of `compact` from the patient's latent and its own position; at maps 8 and 16 px
high the slices of a stack read each other, behind gates that start shut. So a run of `compact` with `position_mm` can
be begun from, and with the gates shut the two draw the same bytes. Training sees stacks of `depth` slices, and
`sample` draws deeper ones: no slice reads farther than training has shown it.

Three discriminators, as a volume must look right slice by slice, from slice to slice and as a whole (the last two
scales are those of HA-GAN, Sun et al. 2022, arXiv:2008.01910, section III.A). `stack.across` takes its rivals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

from torch import Tensor, nn

from medattngan.attention.slices import SliceAttention, SliceConvolution
from medattngan.conditions.condition import NOTHING, Conditions
from medattngan.core.files import UserError
from medattngan.core.types import Features, Images, Latent, Logits
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.game import System
from medattngan.games.stack import NEIGHBOURS, StackGame
from medattngan.models import compact
from medattngan.models.compact import After, faint, unchanged
from medattngan.models.layers import prefer, require_labels_and_numbers
from medattngan.models.shape import Shape

POSITION = "position_mm"
DEPTH, STACKS = 16, 4
"""Slices of a stack in training, and stacks of a batch."""
RESOLUTIONS = (8, 16)
ACROSS: dict[str, Callable[[int, int], nn.Module]] = {"attention": SliceAttention, "convolution": SliceConvolution}
"""What can stand at RESOLUTIONS, made of channels and reach."""


def depth_of(conditions: Conditions) -> int:
    """Slices a latent: what is told is (B, depth), or (B,) of slices by themselves."""
    position = conditions[POSITION]
    return int(position.shape[1]) if position.ndim == 2 else 1


def flat(conditions: Conditions) -> dict[str, Tensor]:
    """What each slice is told, stack after stack: (B · depth,) each; what is told of a stack holds for its slices."""
    depth = depth_of(conditions)
    return {
        name: one.reshape(-1) if one.ndim == 2 else one.repeat_interleave(depth, 0) for name, one in conditions.items()
    }


class StackGenerator(compact.Generator):
    """`compact.Generator` of stacks: (B, z_dim), told positions (B, depth) → (B · depth, 1, size, size).

    Args:
        shape: its `stack` says depth, kind and heights of what lies across slices; no slice reads farther than depth.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.stack = stack = shape.stack
        assert stack.depth is not None
        assert stack.across is not None
        across, reach, resolutions = stack.across, stack.depth - 1, stack.resolutions or ()
        # Made last: the other weights are then those that `compact` draws with the same seed.
        heights = [one for one in self.resolutions[1:] if one in resolutions and across in ACROSS]
        widths = {one: compact.width_at(one, shape.size, self.width) for one in heights}
        self.across = nn.ModuleDict({str(one): ACROSS[across](width, reach) for one, width in widths.items()})

    def style(self, z: Latent, conditions: Conditions = NOTHING) -> Tensor:
        """(B, z_dim), and what is known of the slices → (B · depth, z_dim)."""
        return super().style(z.repeat_interleave(depth_of(conditions), 0), flat(conditions))

    def draw(self, styles: Sequence[Tensor], conditions: Conditions = NOTHING, after: After = unchanged) -> Images:
        """One style (B · depth, z_dim) a resolution → (B · depth, 1, size, size) in [-1, 1]."""
        depth = depth_of(conditions)

        def read(x: Features) -> Features:
            height = str(x.shape[-1])
            return after(self.across[height](x, depth) if height in self.across else x)

        return super().draw(styles, flat(conditions), read)


class SlabGenerator(compact.Generator):
    """2.5-D: one pass of `compact.Generator` draws NEIGHBOURS slices as channels, told the position of their middle.

    Deeper stacks are slabs side by side, of one latent.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.stack = shape.stack
        widths = [cast(nn.Conv2d, part).in_channels for part in self.images]
        self.images = nn.ModuleList(faint(width, NEIGHBOURS) for width in widths)

    def style(self, z: Latent, conditions: Conditions = NOTHING) -> Tensor:
        """(B, z_dim), and what is known of the slices → (B · slabs, z_dim)."""
        told = slabs(conditions)
        return super().style(z.repeat_interleave(told[POSITION].shape[1], 0), flat(told))

    def draw(self, styles: Sequence[Tensor], conditions: Conditions = NOTHING, after: After = unchanged) -> Images:
        """One style (B · slabs, z_dim) a resolution → (B · depth, 1, size, size) in [-1, 1]."""
        drawn = super().draw(styles, flat(slabs(conditions)), after)
        depth, (height, width) = depth_of(conditions), drawn.shape[2:]
        whole = drawn.reshape(conditions[POSITION].shape[0], -1, height, width)
        first = (whole.shape[1] - depth) // 2
        return whole[:, first : first + depth].reshape(-1, 1, height, width)


def slabs(conditions: Conditions) -> dict[str, Tensor]:
    """What the slabs of each stack are told, (B, slabs) each: the position of their middle, the rest as it is.

    Where the depth is no multiple of NEIGHBOURS, slabs reach as far beyond the stack at both of its ends.

    >>> import torch
    >>> slabs({"position_mm": torch.arange(16.0)[None]})["position_mm"]
    tensor([[ 3.5000, 11.5000]])
    """
    depth = depth_of(conditions)
    position = conditions[POSITION].reshape(-1, depth)
    count = -(-depth // NEIGHBOURS)
    step = (position[:, -1:] - position[:, :1]) / max(depth - 1, 1)
    number = position.new_ones(count).cumsum(0) - (count + 1) / 2
    middles = position.mean(1, keepdim=True) + step * NEIGHBOURS * number
    told = {name: one if one.ndim == 1 else one[:, :1].expand(-1, count) for name, one in conditions.items()}
    return {name: one[:, None].expand(-1, count) if one.ndim == 1 else one for name, one in told.items()} | {
        POSITION: middles
    }


class SlabDiscriminator(compact.Discriminator):
    """`compact.Discriminator` of neighbouring slices as channels: (B, NEIGHBOURS, size, size) → (B,)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        first = cast(nn.Conv2d, self.stages[0])
        wider = nn.Conv2d(NEIGHBOURS, first.out_channels, 4, stride=2, padding=1)
        nn.init.kaiming_normal_(wider.weight, 0.2)
        nn.init.zeros_(wider.bias)  # type: ignore[arg-type]
        self.stages[0] = wider


class VolumeDiscriminator(compact.Discriminator):
    """Of whole stacks at half size, by 3-D convolutions: (B, depth / 2, size / 2, size / 2) → (B,)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(replace(shape, attention_resolutions=()))
        layers: list[nn.Module] = []
        channels, resolution, depth = 1, shape.size // 2, (shape.stack.depth or DEPTH) // 2
        while resolution > 4:
            resolution //= 2
            width = compact.width_at(resolution, shape.size, self.width)
            deep = depth > 1
            kernel, stride = (4 if deep else 3, 4, 4), (2 if deep else 1, 2, 2)
            convolution = nn.Conv3d(channels, width, kernel, stride=stride, padding=1)
            nn.init.kaiming_normal_(convolution.weight, 0.2)
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
            layers += [convolution, nn.LeakyReLU(0.2, inplace=True)]
            channels, depth = width, max(depth // 2, 1)
        self.stages = nn.Sequential(*layers)

    def forward(self, images: Images, conditions: Conditions = NOTHING) -> Logits:
        return self.judge(self.stages(images.unsqueeze(1)).mean(2), conditions)


def build(shape: Shape) -> System:
    """Networks and game of stacks.

    Raises:
        UserError: position_mm is not among the conditions, or something else is that is neither label nor number.
    """
    if POSITION not in shape.numbers:
        raise UserError(f"model.preset=stack draws slices at positions; set data.conditions=[{POSITION}].")
    require_labels_and_numbers("stack", shape)
    stack = shape.stack
    depth, across = stack.depth or DEPTH, stack.across or "attention"
    resolutions = RESOLUTIONS if stack.resolutions is None else stack.resolutions
    stack = stack.model_copy(update={"depth": depth, "across": across, "resolutions": tuple(resolutions)})
    shape = prefer(replace(shape, stack=stack), "scaled_dot", pool=True)
    generator = SlabGenerator(shape) if across == "channels" else StackGenerator(shape)
    if across in ACROSS and isinstance(generator, StackGenerator) and not generator.across:
        heights = list(generator.resolutions[1:])
        raise UserError(f"stack.resolutions is {list(resolutions)}, but no maps are so high; choose among {heights}.")
    # After the generator, whose weights are then compact's of the same seed.
    plain = compact.build(replace(shape, rebuilding=False))
    game, rate = cast(AdversarialGame, plain.game), plain.rates["discriminator"]
    networks: dict[str, nn.Module] = {
        "generator": generator,
        "discriminator": plain.networks["discriminator"],
        "neighbours": SlabDiscriminator(shape),
        "volume": VolumeDiscriminator(shape),
    }
    return replace(
        plain,
        networks=networks,
        game=StackGame(game.objective, game.z_dim, game.group, depth=depth),
        rates={"generator": plain.rates["generator"], **dict.fromkeys(("discriminator", "neighbours", "volume"), rate)},
        batch_size=STACKS * depth,
        depth=depth,
    )
