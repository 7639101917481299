"""The rounds of a training, one recording for each kind of round.

The kind of a round is the names and shapes of what it is given: rounds with and without penalties, with and without
augmentation have other draws, and so other kernels. What a round is given is copied into buffers that stay; what it
logs is written into others, outside the recordings' own memory, which the next recording may overwrite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from medattngan.core.files import UserError
from medattngan.games.game import Terms
from medattngan.stages.train.checkpoint import State
from medattngan.stages.train.graphs import Play, Recorder, Unrecorded

MOST = 8
"""Kinds that are recorded; any after these are played operation by operation."""

Inputs = Mapping[str, Tensor]
Kind = tuple[tuple[str, torch.Size, torch.dtype], ...]


@dataclass
class Recording:
    """One kind of round.

    Args:
        inputs: buffers on the device that it reads.
        logged: buffers that it writes its terms into, made by its first round.
        replay: plays it.
    """

    inputs: dict[str, Tensor]
    logged: Terms = field(default_factory=dict)
    replay: Play = lambda: None


class Recordings:
    """Play rounds by recording each kind once and repeating it.

    Args:
        round: a pure function of what it is given and of `state`, on the device.
        state: all that a round writes to.
        required: whether a failure ends the training, or is said and done without.
    """

    def __init__(
        self,
        recorder: Recorder,
        round: Callable[[Inputs], Terms],
        state: State,
        required: bool,
        say: Callable[[str], None],
    ) -> None:
        self.recorder, self.round, self.state = recorder, round, state
        self.required, self.say = required, say
        self.kinds: dict[Kind, Recording] = {}

    def play(self, inputs: Inputs) -> Terms:
        """One round; its terms stay what they are until the next round of this kind.

        Raises:
            UserError: it cannot be recorded, though that is required.
        """
        kind = tuple((name, tensor.shape, tensor.dtype) for name, tensor in inputs.items())
        one = self.kinds.get(kind)
        if one is None and len(self.kinds) >= MOST:
            return self.round({name: tensor.to(self.state.due.device) for name, tensor in inputs.items()})
        if one is None:
            one = self.kinds[kind] = self._record(inputs)
        for name, buffer in one.inputs.items():
            buffer.copy_(inputs[name], non_blocking=True)
        one.replay()
        return one.logged

    def _record(self, inputs: Inputs) -> Recording:
        """Record this kind of round; the state is then what it was."""
        device = self.state.due.device
        one = Recording({name: tensor.to(device, copy=True) for name, tensor in inputs.items()})

        def play() -> None:
            found = self.round(one.inputs)
            if not one.logged:
                one.logged.update({name: value.clone() for name, value in found.items()})
            torch._foreach_copy_(list(one.logged.values()), [found[name] for name in one.logged])

        before = self.state.snapshot()
        try:
            one.replay = self.recorder.record(play)
        except RuntimeError as error:
            # A capture that breaks off ends with another error, of its end; the first says why.
            self._go_without(str(error.__context__ or error).splitlines()[0])
            one.replay = play
        self.state.put_back(before)
        return one

    def _go_without(self, reason: str) -> None:
        """Play everything that is not recorded yet operation by operation, and say so.

        Raises:
            UserError: recording is required.
        """
        if self.required:
            raise UserError(
                f"train.graphs is on, but a round cannot be captured ({reason}); set it to auto or off."
            ) from None
        self.recorder = Unrecorded()
        self.say(f"rounds are not captured as CUDA graphs (train.graphs): {reason}")
