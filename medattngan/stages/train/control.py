"""ADA's control in two parts: one within each round, on the device, and one of the host, now and then.

Karras et al. 2020, arXiv:2006.06676, section 3, reads its heuristic every four minibatches. Reading makes the host wait
for all that it has launched, which on a CPU costs nothing and on a GPU the lead of the host.
"""

from __future__ import annotations

import torch

from medattngan.augment.adaptive import adjust
from medattngan.games.game import Terms
from medattngan.stages.train.checkpoint import State

ROUNDS = {"cuda": 8}
"""Between two readings, by the kind of device; every round elsewhere."""


class Control:
    """Raise the probability of augmentation while the discriminator overfits, else lower it.

    Args:
        state: `due` counts the rounds above the target less those below, since they were last read.
        name: of the watched number that steers.
        target: of it, r_t in the paper.
    """

    def __init__(self, state: State, name: str, target: float) -> None:
        self.state, self.name, self.target = state, name, target
        self.every = ROUNDS.get(state.due.device.type, 1)

    @torch.no_grad()
    def watch(self, logged: Terms) -> None:
        """Count this round; nothing is read back."""
        if self.name in logged:
            due = self.state.due
            due.add_((logged[self.name].to(due.dtype) - self.target).sign())

    def answer(self, batch: int) -> None:
        """After a round of so many images: move the probability, on every so-manieth round.

        What is not read yet is kept with the checkpoint, so that a resumed training reads it when the other would.
        """
        numbers, due = self.state.progress, self.state.due
        if numbers.step % self.every == 0 and (lead := int(due)):
            moved = batch * abs(lead)
            numbers.augment_probability = adjust(numbers.augment_probability, lead, 0.0, moved)
            due.zero_()
