"""Adam, and its state put back where it lies.

Kingma & Ba 2015, arXiv:1412.6980, algorithm 1. A round that is recorded finds rate, step and moments at the addresses
they had then: they are tensors on the device, and whoever changes them writes into them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer


def make_adam(
    parameters: Iterable[nn.Parameter], rate: float, betas: tuple[float, float], device: torch.device, recorded: bool
) -> Adam:
    """Adam for parameters that lie on `device`.

    Args:
        recorded: whether rounds are recorded: rate and step then lie on the device, and a step is one kernel.
    """
    if not recorded:
        # On a CPU the fused step reads and writes each number once; foreach is a loop over eight operations.
        fused = device.type == "cpu"
        return Adam(parameters, lr=rate, betas=betas, fused=fused, foreach=not fused)
    held = torch.tensor(rate, dtype=torch.float32, device=device)
    adam = Adam(parameters, lr=held, betas=betas, fused=True, capturable=device.type == "cuda")
    # PyTorch warns of a step that is not captured, once, and keeps in this that it has: the rounds before a capture.
    adam._warned_capturable_if_run_uncaptured = True
    return adam


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Let every group of parameters move at this rate from here on."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def set_beta2(optimizer: Optimizer, beta2: float) -> None:
    """Let every group of parameters average its squared gradients at this rate from here on."""
    for group in optimizer.param_groups:
        group["betas"] = (group["betas"][0], beta2)


@torch.no_grad()
def put_back(optimizer: Optimizer, saved: Mapping[str, Any]) -> None:
    """Write the moments and steps of a `state_dict` into those of `optimizer`; rate and settings stay its own.

    `Optimizer.load_state_dict` puts other tensors in their place, and takes the settings of the device it was saved on.

    Raises:
        ValueError: it is of another number of parameters.
    """
    own = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    count = sum(len(group["params"]) for group in saved["param_groups"])
    if count != len(own):
        raise ValueError(f"an optimiser of {count} parameters, not of {len(own)}")
    on_device = any(group["fused"] or group["capturable"] for group in optimizer.param_groups)
    for number, parameter in enumerate(own):
        kept, held = saved["state"].get(number, {}), optimizer.state.get(parameter, {})
        for name, tensor in held.items():
            tensor.copy_(kept[name]) if name in kept else tensor.zero_()
        missing = {name: tensor for name, tensor in kept.items() if name not in held}
        for name, tensor in missing.items():
            home = parameter.device if on_device or name != "step" else torch.device("cpu")
            optimizer.state[parameter][name] = tensor.to(home, copy=True)
