"""The part of a configuration that says how a preset of stacks draws."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from medattngan.core.section import Section


class StackConfig(Section):
    """Stacks of neighbouring slices, for the preset stack alone. `None` leaves the preset's own choice."""

    depth: int | None = Field(None, ge=8, multiple_of=2)
    """Slices of the stacks that training sees; sampled stacks may be deeper."""
    step_mm: float | None = Field(None, gt=0)
    """From slice to slice, a multiple of the store's own step; `None` for that step itself."""
    across: Literal["attention", "none", "convolution", "channels"] | None = None
    """What slices of one stack share beside their latent: attention across slices; nothing; 3-D convolutions of the
    same cost; or one pass that draws 8 slices as channels."""
    resolutions: tuple[int, ...] | None = None
    """Heights of the maps at which slices read each other."""
