"""What the attentions of a network did with one slice: their inputs and outputs, gates, and maps of query points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from medattngan.attention import all_attention
from medattngan.attention.dynamic import DynamicAttention2d
from medattngan.core.types import Features

Map = npt.NDArray[np.float32]
"""(H, W), how many times as much as its even share each position is read; its mean is 1."""
Point = tuple[int, int]
"""Row and column."""


@dataclass(frozen=True)
class Attended:
    """One attention at work on one slice.

    Args:
        network: generator or discriminator.
        number: its place among the attentions of the network, from the input on.
        kind: its key in ATTENTION.
        module: itself.
        before, after: (1, C, H, W), what it was given and what it made of it.
        told: what else it was given: the latent, where it listens to one.
    """

    network: str
    number: int
    kind: str
    module: nn.Module
    before: Features
    after: Features
    told: tuple[Tensor, ...] = ()

    @property
    def height(self) -> int:
        """Of the maps."""
        return int(self.before.shape[-2])

    @property
    def gamma(self) -> float:
        """The gate that a new attention has at 0."""
        return float(self.module.get_parameter("gamma").detach())

    @property
    def added(self) -> float:
        """‖γ · read‖ / ‖x‖: how much the attention adds to its input, which γ alone does not tell."""
        return float((self.after - self.before).norm() / self.before.norm().clamp(min=1e-12))

    def shares(self) -> dict[str, float]:
        """The share of each expert of a dynamic attention for this slice; nothing of other kinds."""
        if not isinstance(self.module, DynamicAttention2d):
            return {}
        with torch.no_grad():
            shares = self.module.shares(self.before)[0].tolist()
        return dict(zip(self.module.experts, shares, strict=True))


def kind_of(module: nn.Module) -> str | None:
    """The key in ATTENTION of what a module is, None for other modules."""
    return next((kind for kind, made in all_attention().items() if type(module) is made), None)


def _attentions(module: nn.Module) -> Iterator[nn.Module]:
    """The attentions in a network, in order; a dynamic one's experts are part of it."""
    if kind_of(module) is not None:
        yield module
        return
    for child in module.children():
        yield from _attentions(child)


def observe(name: str, network: nn.Module, *inputs: Any) -> tuple[Tensor, list[Attended]]:
    """The network's output for inputs of batch size 1, and what each of its attentions did on the way."""
    found = list(_attentions(network))
    seen: dict[nn.Module, tuple[Tensor, Tensor, tuple[Tensor, ...]]] = {}

    def keep(module: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        seen[module] = given[0].detach(), made.detach(), tuple(one.detach() for one in given[1:])

    hooks = [module.register_forward_hook(keep) for module in found]
    try:
        with torch.no_grad():  # not inference_mode: multi_scale's maps are a gradient
            output = cast(Tensor, network(*inputs))
    finally:
        for hook in hooks:
            hook.remove()
    attended = [Attended(name, i, str(kind_of(module)), module, *seen[module]) for i, module in enumerate(found)]
    return output, attended


def maps(attended: Attended, point: Point, size: int) -> dict[str, Map]:
    """Where the position under `point` of an image of side `size` reads.

    The first map is the whole attention's; those of heads or of experts follow.

    Raises:
        ValueError: the kind is none, which reads nowhere.
    """
    row, column = (n * attended.height // size for n in point)
    with torch.no_grad():
        whole = _weights(attended.module, attended.before, (row, column), *attended.told)
        parts = {f"head {i}": one for i, one in enumerate(whole, 1)} if len(whole) > 1 else {}
        if isinstance(attended.module, DynamicAttention2d):
            experts = attended.module.experts.items()
            parts = {name: _weights(expert, attended.before, (row, column)).mean(0) for name, expert in experts}
        every = {attended.kind: whole.mean(0), **parts}
    return {name: (one * one.numel()).numpy() for name, one in every.items()}


def _weights(module: nn.Module, x: Features, query: Point, *told: Tensor) -> Tensor:
    """(heads, H', W'), each summing to 1."""
    weights = module.weights
    assert callable(weights)
    return cast(Tensor, weights(x, query, *told))[0].float()
