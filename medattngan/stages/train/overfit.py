"""How much of what the discriminator knows of the training slices does not carry over to other patients.

A discriminator that knows its patients by heart teaches the generator nothing new, whatever the losses say.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import nn

from medattngan.conditions.labels import Label
from medattngan.conditions.mask import NAME, Mask
from medattngan.core.config import Config
from medattngan.core.types import Logits
from medattngan.data.batches import Batches
from medattngan.data.store import SliceStore
from medattngan.stages.sample.sample import latents
from medattngan.stages.train.players import Players

COLUMN = "r_v"
SLICES = 512
"""Of each kind, or as many as there are held-out ones."""


class Overfitting:
    """r_v of Karras et al. 2020, arXiv:2006.06676, Eq. 1: 0 where held-out slices fare with the discriminator as
    training slices do, 1 where they fare as synthetic ones do.

    Args:
        players: whose discriminator is asked.
        held_out: real slices of other patients.
    """

    def __init__(self, players: Players, held_out: Batches) -> None:
        self.players, self.held_out = players, held_out

    @classmethod
    def prepare(cls, store: SliceStore, config: Config, players: Players) -> Overfitting | None:
        """Take the validation split; None where no whole batch of it has what the networks are told, where it
        is what they train on, or where the system has no discriminator."""
        if config.data.split == "val":
            return None
        part = store.select(store.index["split"] == "val")
        usable = np.ones(len(part), bool)
        for condition in players.batches.conditions:
            column = part.index[NAME if isinstance(condition, Mask) else condition.name]
            known = column.isin(condition.names) if isinstance(condition, Label) else column.notna()
            usable &= (column if isinstance(condition, Mask) else known).to_numpy(bool)
        part, size = part.select(usable), players.batches.batch_size
        if players.system.discriminator is None or len(part) < size:
            return None
        return cls(players, Batches(part, config.data.size, size, config.train.seed, players.batches.conditions))

    @torch.no_grad()
    def measure(self) -> float:
        """r_v of the discriminator as it is; see `share_not_carried_over`."""
        players, trained_on, system = self.players, self.players.batches, self.players.system
        steps = range(max(1, min(SLICES, len(self.held_out.store)) // trained_on.batch_size))
        assert system.discriminator is not None
        discriminator = cast(nn.Module, players.state.networks[system.discriminator].module)
        generator = players.state.averaged[system.generator]
        discriminator.eval()  # batch statistics and power iterations are the training's, and stay as they are
        parts: list[list[Logits]] = [[], [], []]
        for step in steps:
            images, told = players.fabric.to_device(self.held_out(step))
            z = latents(trained_on.seed, step * trained_on.batch_size, trained_on.batch_size, system.z_dim)
            made = generator(players.fabric.to_device(z), told)
            shown = (players.fabric.to_device(trained_on(step)), (images, told), (made, told))
            for part, batch in zip(parts, shown, strict=True):
                with players.fabric.autocast():
                    part.append(discriminator.forward(*batch).float())
        discriminator.train()
        return share_not_carried_over(*(torch.cat(part) for part in parts))


def share_not_carried_over(training: Logits, held_out: Logits, synthetic: Logits) -> float:
    """(mean of `training` - mean of `held_out`) / (mean of `training` - mean of `synthetic`), within [0, 1].

    It is 0 where the discriminator does not put training slices above synthetic ones: then it knows nothing of them.

    >>> share_not_carried_over(torch.tensor([3.0, 5.0]), torch.tensor([3.0]), torch.tensor([0.0]))
    0.25
    """
    apart = training.mean() - synthetic.mean()
    if apart <= 0:
        return 0.0
    return float(((training.mean() - held_out.mean()) / apart).clamp(0, 1))
