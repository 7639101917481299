"""What every preset is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medattngan.conditions.condition import Condition
from medattngan.conditions.labels import Label
from medattngan.conditions.numbers import Number
from medattngan.conditions.text import Text
from medattngan.core.stack_config import StackConfig


@dataclass(frozen=True)
class Shape:
    """What every preset is told.

    Args:
        size: height and width of the images, a power of two from 32 to 512.
        conditions: what the networks are to be told of each slice.
        z_dim, generator_width, discriminator_width: None for the preset's own.
        attention: a key of ATTENTION.
        attention_resolutions: attend wherever the maps have one of these heights; twice where it is named twice.
        attention_options: keyword arguments for the module, by kind.
        words: heights of the maps whose positions read the words of a caption; None for the preset's own.
        excitation: whether coarse maps of the generator scale the channels of fine ones.
        rebuilding: whether the discriminator has decoders that draw a slice again.
        pretrain_kimg: thousands of slices that encoders are shown before the game; None for the preset's own.
        stack: of a preset that draws stacks: see the configuration.
        alone: the discriminator is to judge each slice by itself, whatever else is in the batch.
        flow: `coupling` or `matching`, of a preset with a flow; None for the preset's own.
    """

    size: int
    conditions: tuple[Condition, ...] = ()
    z_dim: int | None = None
    generator_width: int | None = None
    discriminator_width: int | None = None
    attention: str = "scaled_dot"
    attention_resolutions: tuple[int, ...] = (16,)
    attention_options: Mapping[str, Any] | None = None
    words: tuple[int, ...] | None = None
    pretrain_kimg: float | None = None
    stack: StackConfig = StackConfig()  # noqa: RUF009
    alone: bool = False
    flow: str | None = None
    excitation: bool = False
    rebuilding: bool = False

    @property
    def text(self) -> Text | None:
        """The captions, where they are a condition."""
        return next((one for one in self.conditions if isinstance(one, Text)), None)

    @property
    def classes(self) -> int:
        """The number of labels, 0 for none."""
        return next((len(one.names) for one in self.conditions if isinstance(one, Label)), 0)

    @property
    def numbers(self) -> tuple[str, ...]:
        """The names of the continuous conditions."""
        return tuple(one.name for one in self.conditions if isinstance(one, Number))
