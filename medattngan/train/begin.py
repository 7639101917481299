"""Start a training from the networks of another run."""

from __future__ import annotations

import torch
from safetensors.torch import load_file
from torch import nn

from medattngan.files import UserError
from medattngan.run import Run


@torch.no_grad()
def begin_from(run: Run, generator: nn.Module, discriminator: nn.Module) -> None:
    """Give both networks the weights of `run`'s last checkpoint, the generator the averaged ones.

    What `run` has no weights for, such as the embedding of labels in a run without, starts at zero: with every label
    alike, both networks then do what they did there.

    Raises:
        UserError: the networks of `run` are of another shape.
    """
    checkpoint = run.checkpoint("last")
    for network, name in ((generator, "ema"), (discriminator, "discriminator")):
        weights, own = load_file(checkpoint / f"{name}.safetensors"), network.state_dict()
        unlike = sorted(key for key in weights if key not in own or own[key].shape != weights[key].shape)
        if unlike:
            raise UserError(
                f"{run.path} has other networks than this configuration makes ({unlike[0]}); "
                "begin from a run with the same preset, size, widths and attention."
            )
        for key, tensor in own.items():
            tensor.copy_(weights[key]) if key in weights else tensor.zero_()
