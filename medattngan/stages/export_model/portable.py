"""The generator of a run as one network that needs nothing of this package beside it.

    z (B, z_dim), and of each condition (B,)  →  slices (B, 1, H, W) float32 in the units of the training scans

Labels are told by their place in the list of labels, numbers in their own units, such as years or mm. Values come out
as `sample` writes them: on the 65536 steps of the run's intensity map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from medattngan.conditions.condition import Condition
from medattngan.conditions.labels import Label
from medattngan.conditions.numbers import Number
from medattngan.conditions.table import of_run
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.core.types import Images, Latent
from medattngan.data.intensity import CODE_MAX, IntensityMap
from medattngan.stages.sample.sample import load_generator

Told = Label | Number
"""The conditions that other programs can be told about."""
COUNTS = (16, 3)
"""Batches that a network written for another program is tried with."""


class Portable(nn.Module):
    """A generator with the encoding of its conditions before it and the map to physical units behind it.

    Args:
        generator: called as generator(z, conditions), gives (B, 1, H, W), in [-1, 1] or close to it.
        conditions: what it is told, in the order of the inputs after z.
        intensity: of the training scans.
        size: height and width of the slices, px.
    """

    def __init__(self, generator: nn.Module, conditions: Sequence[Told], intensity: IntensityMap, size: int) -> None:
        super().__init__()
        self.generator = generator
        self.conditions = tuple(conditions)
        self.intensity = intensity
        self.size = size
        self.z_dim = int(generator.z_dim)  # type: ignore[arg-type]

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs, in order."""
        return ("z", *(one.name for one in self.conditions))

    def example(self, count: int, seed: int = 0) -> tuple[Tensor, ...]:
        """Inputs of `count` slices, as often as training has them."""
        z = torch.randn(count, self.z_dim, generator=torch.Generator().manual_seed(seed))
        return (z, *(_plain(one, count, seed, place) for place, one in enumerate(self.conditions)))

    def forward(self, z: Latent, *values: Tensor) -> Images:
        told = {one.name: _encoded(one, value) for one, value in zip(self.conditions, values, strict=True)}
        unit = self.generator(z, told).float().clamp(-1, 1).double()
        codes = torch.round((unit + 1) / 2 * CODE_MAX)
        return torch.as_tensor(codes * self.intensity.step + self.intensity.lower).float()


class OneTensor(nn.Module):
    """The same with one input, (B, z_dim + number of conditions): z, then each condition in a channel of its own."""

    def __init__(self, network: Portable) -> None:
        super().__init__()
        self.network = network
        self.conditions = network.conditions
        self.channels = network.z_dim + len(network.conditions)

    def example(self, count: int, seed: int = 0) -> tuple[Tensor]:
        """As that of `Portable`, in one tensor."""
        z, *values = self.network.example(count, seed)
        return (torch.cat([z, *(value.float().unsqueeze(1) for value in values)], 1),)

    def forward(self, image: Tensor) -> Images:
        z_dim = self.network.z_dim
        values = [image[:, z_dim + place] for place in range(len(self.conditions))]
        return torch.as_tensor(self.network(image[:, :z_dim], *values))


def _encoded(condition: Told, value: Tensor) -> Tensor:
    """A condition as the network is told it, as `Condition.encode` does: (B,)."""
    if isinstance(condition, Label):
        return value.round().long().clamp(0, len(condition.names) - 1) if value.is_floating_point() else value
    clipped = value.double().clamp(condition.lower, condition.upper)
    return (2 * (clipped - condition.lower) / (condition.upper - condition.lower) - 1).float()


def _plain(condition: Told, count: int, seed: int, place: int) -> Tensor:
    drawn = condition.draw(count, seed, place)
    return condition.encode(drawn) if isinstance(condition, Label) else torch.as_tensor(drawn, dtype=torch.float32)


def portable(run: Run, checkpoint: Path) -> Portable:
    """The averaged generator of a checkpoint, made portable.

    Raises:
        UserError: its conditions or what it draws cannot be expressed elsewhere.
    """
    conditions = [_require_plain(one, run) for one in of_run(run.store)]
    generator = load_generator(run, checkpoint)
    if not hasattr(generator, "z_dim"):
        raise UserError(f"the generator of {run.path} does not say how wide its latent is (z_dim), so it stays here.")
    if run.store.get("stack"):
        raise UserError(f"{run.path} draws stacks and no slices by themselves; export-model cannot express it.")
    kept = run.store["intensity"]
    network = Portable(
        generator, conditions, IntensityMap(float(kept["lower"]), float(kept["upper"]), str(kept["unit"])),
        run.config.data.size,
    )  # fmt: skip
    found = _shape(network, run)
    if found != (2, 1, network.size, network.size):
        raise UserError(
            f"the generator of {run.path} draws {found[1:]} a slice and not {(1, network.size, network.size)}; "
            "export-model takes those that draw one slice of one channel."
        )
    return network.eval()


@torch.inference_mode()
def _shape(network: Portable, run: Run) -> tuple[int, ...]:
    made = network.generator(network.example(2)[0], {
        one.name: _encoded(one, value)
        for one, value in zip(network.conditions, network.example(2)[1:], strict=True)
    })  # fmt: skip
    if not isinstance(made, Tensor):
        raise UserError(f"the generator of {run.path} gives no single tensor; export-model cannot express it.")
    return tuple(made.shape)


def _require_plain(condition: Condition, run: Run) -> Told:
    if isinstance(condition, Label | Number) and condition.name.isidentifier() and condition.name != "z":
        return condition
    raise UserError(
        f"{run.path} was trained with {condition.name}, which is neither a label nor a number by a plain name; "
        "export-model cannot express it: draw with medattngan sample, or train without it."
    )


@torch.inference_mode()
def require_equal(network: nn.Module, written: Callable[..., Tensor], what: str, tolerance: float) -> None:
    """Refuse what does not draw what the network draws, in batches of every one of COUNTS.

    Args:
        tolerance: of a pixel, in physical units.

    Raises:
        UserError: it does not, as where a preset's code fixes the size of the batch.
    """
    for count in COUNTS:
        inputs = network.example(count, seed=count)  # type: ignore[operator]
        wanted = network(*inputs)
        try:
            worst = float((written(*inputs) - wanted).abs().max())
        except RuntimeError as error:
            raise UserError(
                f"as {what} the network fails on batches of {count} ({str(error).splitlines()[-1]}); "
                "its preset must take the size of a batch from z.shape[0]."
            ) from error
        if not worst <= tolerance:
            raise UserError(
                f"as {what} the network draws other slices, by up to {worst:.3g}; its preset computes something from "
                "the values that pass through, which cannot be written down."
            )
