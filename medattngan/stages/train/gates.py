"""What dynamic attentions chose in the last round, for the log: columns that only runs with such attentions have."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from medattngan.attention.dynamic import DynamicAttention2d
from medattngan.stages.train.checkpoint import State


def _attentions(state: State) -> Iterator[tuple[str, DynamicAttention2d]]:
    """The dynamic attentions of all networks, each by its network and its number there, from the input on."""
    for name, network in state.networks.items():
        found = [module for module in network.modules() if isinstance(module, DynamicAttention2d)]
        for number, module in enumerate(found):
            yield f"{name}_{number}", module


def gate_names(state: State) -> list[str]:
    """The columns of `gate_shares`: `gate_generator_0_additive` and so on."""
    return [f"gate_{place}_{expert}" for place, module in _attentions(state) for expert in module.experts]


def gate_shares(state: State) -> dict[str, Tensor]:
    """The share of each expert of each dynamic attention, in the mean of the last batch; each attention's sum to 1.

    What the round did not play, such as the decoder of a flow over its codes, has none.
    """
    shares: dict[str, Tensor] = {}
    for place, module in _attentions(state):
        if module.last_gate is not None:
            means = module.last_gate.float().mean(0).unbind()
            shares |= {f"gate_{place}_{expert}": mean for expert, mean in zip(module.experts, means, strict=True)}
    return dict(zip(shares, torch.stack(list(shares.values())).unbind(), strict=True)) if shares else {}
