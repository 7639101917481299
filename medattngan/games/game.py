"""What a game is: the phases of a round over named networks.

A round is a pure function of the networks, a batch and its draws. Every random number is drawn outside, from seed
and step, and handed in as a tensor; nothing in a round waits for the device. So a round resumes exactly, and can be
captured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from medattngan.conditions.condition import Conditions
from medattngan.core.files import UserError
from medattngan.core.types import Images

Terms = dict[str, Tensor]
"""Named scalars."""
Draws = Mapping[str, Tensor]
"""The random numbers of a round, by name."""
DRAWN = "draw."
"""Begins the names of what was drawn among all that a round is given."""


class Batch(NamedTuple):
    """Real slices and what the networks are told of them.

    Args:
        images: (B, 1, H, W) in [-1, 1].
        conditions: by name, (B, …) each; empty for an unconditional training.
    """

    images: Images
    conditions: Conditions


class Network(Protocol):
    """A network as a game meets it, set up on its device."""

    @property
    def module(self) -> nn.Module:
        """The network itself, for who takes gradients with respect to its parameters."""
        ...

    def __call__(self, *inputs: Any) -> Any:
        """Its output, in the configured precision, compiled where that is wanted."""
        ...

    def bare(self, *inputs: Any, twice: bool = False) -> Tensor:
        """Its output as float32, past every wrapper, so that gradients with respect to an input can be taken.

        Args:
            twice: such a gradient is to be differentiated again, as gradient penalties are.
        """
        ...


Networks = Mapping[str, Network]


@dataclass(frozen=True)
class Phase:
    """One move: the parameters of `players` descend the sum of `terms`, and each term is logged by its name.

    Args:
        players: names of the networks that move; the others are fixed meanwhile.
        terms: computes the losses, with their graph.
        watched: numbers for the log that nobody descends; asked for after `terms`, without graph.
        gradients: of all parameters of the players, in their order, where the game takes them itself; `terms` are then
            for the log alone.
    """

    players: tuple[str, ...]
    terms: Callable[[], Terms]
    watched: Callable[[], Terms] = dict
    gradients: Callable[[], Sequence[Tensor]] | None = None


@dataclass(frozen=True)
class Round:
    """What is known of a round before it is played.

    Args:
        step: its number, from 0.
        count: images in the batch.
        size: their height and width, in pixels.
        policy: names of the augmentations.
        probability: of each of them, for each image.
        annealed: share of `train.anneal` that is over, 0 to 1.
    """

    step: int
    count: int
    size: int
    policy: tuple[str, ...] = ()
    probability: float = 0.0
    annealed: float = 0.0


class Game(Protocol):
    """The rules."""

    def columns(self) -> Sequence[str]:
        """The names of every term and every watched number, in the order of the log."""
        ...

    def draw(self, now: Round, source: torch.Generator) -> dict[str, Tensor]:
        """All random numbers of a round, on the CPU, from `source` alone: by name, (count, …) each, a row an image, so
        that several processes can share a round."""
        ...

    def phases(self, networks: Networks, batch: Batch, draws: Draws) -> Iterator[Phase]:
        """The moves of a round, in order. The networks have moved when the next phase is asked for."""
        ...

    def override(self, settings: Mapping[str, Any]) -> Game:
        """The same game with these of the configuration's `loss` settings.

        Raises:
            UserError: it has no such setting.
        """
        ...


@dataclass(frozen=True)
class System:
    """A system, ready to be trained: what a preset returns.

    Args:
        networks: by the name that keys checkpoints, optimisers and columns of the log.
        game: the rules they play by.
        rates: Adam's learning rate by network; one that is not named stays as it is.
        z_dim: width of the latent.
        betas: Adam's decay rates.
        rate_end: share of the rates that is left when `train.anneal` is over.
        beta2_end: what the second decay rate is then; None where it stays.
        batch_size: the preset's own.
        generator: name of the network that `sample` asks: called as generator(z, conditions) with z (B, z_dim), gives
            (B, 1, H, W), in [-1, 1] or close to it.
        discriminator: name of the network that is asked how real slices look: called as discriminator(images,
            conditions), gives logits (B,). None where there is no such network.
        averaged: names of the networks whose weights are averaged over the training; the generator is always one.
        policy: names of the augmentations that the preset wants, where the configuration names none.
        control: name of the watched number that steers adaptive augmentation.
        depth: slices of a batch that are one stack, in a row; 1 where each is by itself. The generator of stacks is
            called with one latent a stack and conditions (B, depth), and gives (B · depth, 1, H, W).
        augments: whether its game shows its discriminator augmented images.
        continues: name of the preset from whose run it must begin, as it learns nothing without.
    """

    networks: Mapping[str, nn.Module]
    game: Game
    rates: Mapping[str, float]
    z_dim: int
    betas: tuple[float, float] = (0.0, 0.99)
    rate_end: float = 1.0
    beta2_end: float | None = None
    batch_size: int = 32
    generator: str = "generator"
    discriminator: str | None = "discriminator"
    averaged: tuple[str, ...] = field(default=())
    policy: tuple[str, ...] = ()
    control: str = "sign_real"
    depth: int = 1
    augments: bool = True
    continues: str | None = None

    def __post_init__(self) -> None:
        asked = {self.generator, *self.rates, *self.averaged, *([self.discriminator] if self.discriminator else [])}
        if unknown := sorted(asked - set(self.networks)):
            raise UserError(f"a system names the network {unknown[0]}, but has only: {', '.join(self.networks)}.")
        object.__setattr__(self, "averaged", tuple(dict.fromkeys((self.generator, *self.averaged))))

    @property
    def last_beta2(self) -> float:
        """What the second decay rate is at the end."""
        return self.betas[1] if self.beta2_end is None else self.beta2_end
