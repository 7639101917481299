"""Start a training from the networks of another run."""

from __future__ import annotations

import torch
from safetensors.torch import load_file

from medattngan.attention.slices import SliceAttention, SliceConvolution
from medattngan.conditions.embedding import ValueEmbedding
from medattngan.core.files import UserError
from medattngan.core.run import Run, every_network
from medattngan.games.game import System
from medattngan.models.spade import Spade
from medattngan.stages.train.checkpoint import averaged_name


@torch.no_grad()
def begin_from(run: Run, system: System) -> None:
    """Give the networks of `system` the weights of `run`'s last checkpoint, the averaged ones where there are such.

    What `run` has no weights for, such as the embedding of labels in a run without, starts at zero: with every label
    and value alike, the networks then do what they did there. Networks that `run` has none of, such as the
    discriminators of neighbours and volumes in a run of single slices, stay as they were drawn.

    Raises:
        UserError: the networks of `run` are of another shape.
    """
    checkpoint = every_network(run, "last")
    for player, network in system.networks.items():
        name = averaged_name(player, system.generator) if player in system.averaged else player
        if system.depth > 1 and not (checkpoint / f"{name}.safetensors").is_file():
            continue
        weights, own = load_file(checkpoint / f"{name}.safetensors"), network.state_dict()
        unlike = sorted(key for key in weights if key not in own or own[key].shape != weights[key].shape)
        if unlike:
            raise UserError(
                f"{run.path} has other networks than this configuration makes ({unlike[0]}); "
                "begin from a run with the same preset, size, widths and attention."
            )
        # Of the two layers that embed values or masks the last alone: with both at zero neither would ever learn.
        kinds = (ValueEmbedding, Spade)
        drawn = [f"{at}.hidden." for at, module in network.named_modules() if isinstance(module, kinds)]
        # Of what lies across slices the gate alone is shut.
        across = (SliceAttention, SliceConvolution)
        drawn += [f"{at}." for at, module in network.named_modules() if isinstance(module, across)]
        for key, tensor in own.items():
            if key in weights:
                tensor.copy_(weights[key])
            elif not key.startswith(tuple(drawn)):
                tensor.zero_()
