"""The networks of a run that encode, draw and judge, with what they are told of slices of a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from medattngan.conditions.condition import Column, Condition, Conditions
from medattngan.conditions.labels import Label
from medattngan.conditions.numbers import Number
from medattngan.conditions.table import encoded, of_run
from medattngan.core.files import UserError, digest
from medattngan.core.run import Run, every_network, weights_of
from medattngan.core.types import Images
from medattngan.data.latents import Latents
from medattngan.data.store import SliceStore
from medattngan.models import build, shape_of
from medattngan.models.latent_encoder import LatentEncoder
from medattngan.stages.sample.sample import CHUNK, filled, load_generator


@dataclass(frozen=True)
class Networks:
    """A checkpoint's networks on the CPU, fixed and ready.

    Args:
        run: the training.
        checkpoint: one of its folders.
        generator: averaged; (B, z_dim) and conditions → (B, 1, H, W).
        discriminator: as it was; None where the run has none.
        encoder: (B, 1, H, W) and conditions → (B, 2, z_dim); the run's own, or None.
        conditions: of the run: labels and numbers.
    """

    run: Run
    checkpoint: Path
    generator: nn.Module
    discriminator: nn.Module | None
    encoder: nn.Module | None
    conditions: tuple[Condition, ...]

    @classmethod
    def of(cls, run: Run | str | Path, which: str = "best") -> Networks:
        """Those of a checkpoint, `best` or `last`.

        Raises:
            UserError: there is none, it holds a generator alone, or the run is told what a latent does not say.
        """
        run = Run.of(run)
        folder, conditions = every_network(run, which), of_run(run.store)
        for one in conditions:
            if not isinstance(one, Label | Number):
                raise UserError(
                    f"{run.path} is told {one.name} of each slice, and encode knows labels and numbers only; train a "
                    "run without it."
                )
        system = build(run.config, conditions)
        judge = None
        if system.discriminator is not None:
            judge = _fixed(system.networks[system.discriminator], folder / f"{system.discriminator}.safetensors")
        own = system.networks.get("encoder")
        encoder = None if own is None else _fixed(own, folder / "encoder_ema.safetensors")
        return cls(run, folder, load_generator(run, folder), judge, encoder, conditions)

    @property
    def z_dim(self) -> int:
        """Width of the latent."""
        return int(self.generator.z_dim)  # type: ignore[arg-type]

    def draw(self, codes: Tensor, told: Conditions) -> Images:
        """Slices of codes (B, z_dim), as the encoder gives them: (B, 1, H, W). A flow is only for noise."""
        decode: Callable[[Tensor, Conditions], Tensor] = getattr(self.generator, "decode", self.generator)
        return decode(codes, told)[:, :1].clamp(-1, 1)

    @property
    def size(self) -> int:
        """Height and width of the slices, in pixels."""
        return int(self.run.config.data.size)

    @property
    def weights_digest(self) -> str:
        """SHA-256 of the generator's weights."""
        return digest(weights_of(self.checkpoint))

    def new_encoder(self) -> LatentEncoder:
        """An untrained encoder for the run's latents, which attends where its networks do."""
        return LatentEncoder(shape_of(self.run.config, self.conditions), self.z_dim)

    def encoder_for(self, latents: Latents) -> nn.Module:
        """The encoder that found `latents`.

        Raises:
            UserError: they are of another run or checkpoint.
        """
        if latents.provenance.get("weights_digest") != self.weights_digest:
            raise UserError(
                f"{latents.path} is of another run or checkpoint than {self.run.path}; encode the slices again with it."
            )
        weights = latents.encoder()
        if weights is None:
            assert self.encoder is not None
            return self.encoder
        encoder = self.new_encoder()
        encoder.load_state_dict(weights)
        return encoder.eval().requires_grad_(False)

    def told(self, values: Mapping[str, Column]) -> dict[str, Tensor]:
        """Values of the run's conditions, by name, as the networks are told them."""
        return encoded(self.conditions, values)

    def values(self, store: SliceStore) -> dict[str, Column]:
        """The values of the run's conditions on the slices of `store`, by name.

        Raises:
            UserError: the store lacks one, or the run was not trained on such a label.
        """
        found: dict[str, Column] = {}
        for one in self.conditions:
            if one.name not in store.index or store.index[one.name].isna().any():
                raise UserError(
                    f"{self.run.path} is told {one.name}, which not all slices of {store.path} have; ingest the scans "
                    "with a table that gives it."
                )
            found[one.name] = list(store.index[one.name])
            if isinstance(one, Label):
                one.require(found[one.name])
        return found


def _fixed(network: nn.Module, weights: Path) -> nn.Module:
    network.load_state_dict(load_file(weights))
    return network.eval().requires_grad_(False)


@torch.inference_mode()
def in_chunks(network: Callable[[Images, Conditions], Tensor], images: Tensor, told: Conditions) -> Tensor:
    """What a network makes of rows of `images` (N, …), told (N, …) each: (N, …) float32.

    Always so many rows at a time, so that no number of slices can change a byte of one (see `stages.sample`).
    """
    parts = []
    for start in range(0, len(images), CHUNK):
        some = {name: filled(one[start : start + CHUNK]) for name, one in told.items()}
        part = network(filled(images[start : start + CHUNK].float()), some)
        parts.append(part[: len(images) - start].float())
    return torch.cat(parts)
