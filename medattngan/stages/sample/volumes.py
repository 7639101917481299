"""Volumes: slices of one latent at positions one step apart, by a run of stacks or any that was told `position_mm`.

A run of single slices gives what it can: one latent swept over the positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from medattngan.conditions.condition import Column, Condition, Conditions
from medattngan.conditions.mask import Mask
from medattngan.conditions.numbers import Number
from medattngan.conditions.table import encoded, of_run
from medattngan.core.files import UserError
from medattngan.core.progress import Advance, uncounted
from medattngan.core.run import Run
from medattngan.core.types import Codes, Images, Latent
from medattngan.data.intensity import unit_to_codes
from medattngan.data.stack_batches import POSITION
from medattngan.models.styles import MEAN_OF, Styled

MOST_SLICES = 512


@dataclass(frozen=True)
class Volumes:
    """What volumes are to be drawn.

    Args:
        count: of them.
        slices: of each.
        step_mm: from slice to slice.
        centre_mm: where the middle of each lies.
        stacked: whether the generator draws a stack at a time.
    """

    count: int
    slices: int
    step_mm: float
    centre_mm: float
    stacked: bool

    @property
    def positions_mm(self) -> list[float]:
        """Of the slices of each, from the least on."""
        first = self.centre_mm - self.step_mm * (self.slices - 1) / 2
        return [round(first + self.step_mm * i, 6) for i in range(self.slices)]

    def intensity(self, intensity: Mapping[str, Any]) -> dict[str, Any]:
        """What the samples keep of their values, with the step from slice to slice."""
        return {**intensity, "slice_step_mm": self.step_mm}

    def columns(self, chosen: Mapping[str, Column]) -> dict[str, Column]:
        """The values of each slice: those of its volume, and its own position."""
        own = {name: np.repeat(np.asarray(column), self.slices) for name, column in chosen.items()}
        return {**own, POSITION: np.tile(self.positions_mm, self.count)}

    def table(self, table: pd.DataFrame) -> pd.DataFrame:
        """With the number of the volume and of the slice in it, both from 0."""
        number = np.arange(len(table))
        return table.assign(volume=number // self.slices, slice=number % self.slices)

    def record(self) -> dict[str, Any]:
        """As the samples' provenance has it."""
        return {
            "volumes": {
                "count": self.count, "slices": self.slices, "step_mm": self.step_mm, "centre_mm": self.centre_mm,
                "stacked": self.stacked,
            }
        }  # fmt: skip


def volumes_asked(
    run: Run, count: int, slices: int | None, step_mm: float | None, values: Mapping[str, Any]
) -> Volumes | None:
    """The volumes to draw from `run`: `count` of them where it draws stacks or slices are asked for, else None.

    Raises:
        UserError: the run knows no positions, a number is out of range, or what is asked for does not go together.
    """
    stack: dict[str, Any] = run.store.get("stack") or {}
    if not stack and slices is None:
        if step_mm is not None:
            raise UserError("--step-mm is for volumes; give --slices too.")
        return None
    number = next((one for one in of_run(run.store) if one.name == POSITION and isinstance(one, Number)), None)
    if number is None:
        raise UserError(
            f"--slices: {run.path} was trained without {POSITION}; train with data.conditions=[{POSITION}]."
        )
    if any(isinstance(one, Mask) for one in of_run(run.store)):
        raise UserError(f"--slices: {run.path} was trained with masks, which volumes do not have; leave it out.")
    if POSITION in values:
        raise UserError(f"--condition {POSITION}: the slices of a volume lie one step apart; leave it out.")
    if not stack and step_mm is None:
        raise UserError("--slices: this run was trained on single slices; say how far apart they lie: --step-mm 4.")
    if stack and step_mm is not None and abs(step_mm - stack["step_mm"]) > 1e-6:
        raise UserError(
            f"--step-mm is {step_mm:g}, but the stacks of {run.path} have {stack['step_mm']:g} mm; leave it out."
        )
    slices = int(stack["slices"]) if slices is None else slices
    step = float(stack["step_mm"] if stack else step_mm or 0)
    if not 2 <= slices <= MOST_SLICES or not step > 0:
        raise UserError(
            f"--slices is {slices} and --step-mm {step:g}; give 2 to {MOST_SLICES} slices and a step above 0."
        )
    centre = float(stack["centre_mm"]) if stack else round(float(number.at([0.5])[0]))
    asked = Volumes(count, slices, step, centre, bool(stack))
    first, last = asked.positions_mm[0], asked.positions_mm[-1]
    # The range leaves out what fewer than three patients reach: the outermost slices of most series.
    if first < number.lower - step or last > number.upper + step:
        most = max(1, int((number.upper - number.lower) / step) + 1)
        raise UserError(
            f"--slices {slices} at {step:g} mm reach from {first:g} to {last:g} mm, but the run was trained on "
            f"{number.lower:g} to {number.upper:g} mm; ask for {most} slices, or for a smaller step."
        )
    return asked


@torch.inference_mode()
def draw_stacks(generator: nn.Module, z: Latent, told: Conditions, truncation: float = 1.0) -> Images:
    """One stack a latent, each by itself: z (B, z_dim), told (B, depth) → (B · depth, 1, H, W) in [-1, 1]."""
    parts = [
        _drawn(generator, z[i : i + 1], {name: one[i : i + 1] for name, one in told.items()}, truncation)
        for i in range(len(z))
    ]
    return torch.cat(parts).float().clamp(-1, 1)


def _drawn(generator: nn.Module, z: Latent, told: Conditions, truncation: float) -> Tensor:
    if truncation < 1 and isinstance(generator, Styled):
        styles = generator.style(z, told)
        # The mean over latents of each slice's style, always of the same latents, as for slices by themselves.
        many = torch.randn(MEAN_OF, generator.z_dim, generator=torch.Generator().manual_seed(0))
        means = generator.style(many, {name: one.expand(MEAN_OF, *one.shape[1:]) for name, one in told.items()})
        mean = means.reshape(MEAN_OF, *styles.shape).mean(0)
        return generator.draw([mean.lerp(styles, truncation)] * len(generator.resolutions), told)
    drawn: Tensor = generator(z * truncation, told)
    return drawn


def _swept(generator: nn.Module, z: Latent, told: Conditions, truncation: float) -> Images:
    """One latent at every position, by a generator of single slices: as `draw_stacks`."""
    depth = next(iter(told.values())).shape[1]
    flat = {name: one.reshape(-1) for name, one in told.items()}
    if truncation < 1 and isinstance(generator, Styled):
        many = torch.randn(MEAN_OF, generator.z_dim, generator=torch.Generator().manual_seed(0))
        rows = [{name: one[i : i + 1].expand(MEAN_OF) for name, one in flat.items()} for i in range(depth)]
        mean = torch.stack([generator.style(many, row).mean(0) for row in rows])
        styles = mean.lerp(generator.style(z.expand(depth, -1), flat), truncation)
        return generator.draw([styles] * len(generator.resolutions), flat)
    drawn: Tensor = generator(z.expand(depth, -1) * truncation, flat)
    return drawn


@torch.inference_mode()
def volumes_of(
    generator: nn.Module,
    asked: Volumes,
    conditions: list[Condition],
    chosen: Mapping[str, Column],
    latents: Callable[[int, int, int], Latent],
    truncation: float,
    advance: Advance = uncounted,
) -> Iterator[tuple[Codes, None]]:
    """The slices as codes (slices, H, W), a volume at a time, without masks.

    Args:
        chosen: the values of every slice, by the name of the condition.
        latents: (first, count, z_dim) → latents (count, z_dim) by number, one a volume.
    """
    draw, width = draw_stacks if asked.stacked else _swept, int(generator.z_dim)  # type: ignore[arg-type]
    for number in range(asked.count):
        part = slice(number * asked.slices, (number + 1) * asked.slices)
        told = encoded(conditions, {name: column[part] for name, column in chosen.items()})
        stacked = {name: one[None] for name, one in told.items()}
        images = draw(generator, latents(number, 1, width), stacked, truncation)
        yield unit_to_codes(images[:, 0].float().clamp(-1, 1).numpy()), None
        advance(asked.slices)
