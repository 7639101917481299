"""What a CUDA graph does, on any device: a tape of operations on fixed tensors, and a guard against what none may hold.

A CUDA graph repeats kernels on the addresses and with the numbers that were there when it was captured. So does the
tape: whatever Python worked out while it ran is frozen, and a rate or a probability that is a number of the host's
would stay what it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Play = Callable[[], None]


class Tape(TorchDispatchMode):
    """Operations with the very tensors they read and wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[Any, Any, Any, list[Tensor]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        made, mutable = _tensors(out), func._schema.is_mutable
        read = {t.untyped_storage().data_ptr() for t in _tensors(args)}
        fresh = [t for t in made if t.untyped_storage().data_ptr() not in read]
        if mutable or fresh or not made:  # a view stays a view
            self.steps.append((func, args, kwargs or {}, [] if mutable else made))
        return out

    @torch.no_grad()
    def replay(self) -> None:
        """Every operation again, its results into the tensors it made then."""
        for func, args, kwargs, made in self.steps:
            again = func(*args, **kwargs)
            for old, new in zip(made, _tensors(again) if made else (), strict=True):
                old.copy_(new)


def _tensors(tree: Any) -> list[Tensor]:
    """The tensors among arguments or results of an operation."""
    if isinstance(tree, Tensor):
        return [tree]
    return [t for one in tree for t in _tensors(one)] if isinstance(tree, list | tuple) else []


class Taped:
    """A recorder (see `medattngan.stages.train.graphs`) that records on tapes, warm-up included."""

    def __init__(self) -> None:
        self.tapes: list[Tape] = []

    def record(self, play: Play) -> Play:
        play()
        tape = Tape()
        with tape:
            play()
        self.tapes.append(tape)
        return tape.replay


TAGS = {
    torch.Tag.nondeterministic_seeded: "draws random numbers",
    torch.Tag.data_dependent_output: "reads a value back",
    torch.Tag.dynamic_output_shape: "reads a size back",
}
LIFT = {"aten::lift_fresh", "aten::lift_fresh_copy", "aten::lift"}
"""How numbers of Python's become a tensor: on a GPU a copy from the host."""


class Guard(TorchDispatchMode):
    """Lists operations that a captured round may not hold; an empty `broken` is a pure round."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: list[str] = []
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        out = func(*args, **(kwargs or {}))
        given = dict(zip((one.name for one in func._schema.arguments), args, strict=False)) | (kwargs or {})
        # Fused attention counts as random for the dropout that it can do.
        drops_nothing = "scaled_dot_product" in func.name() and given.get("dropout_p", 0.0) == 0.0
        tags = set(func.tags) - ({torch.Tag.nondeterministic_seeded} if drops_nothing else set())
        self.broken += [f"{func} {TAGS[tag]}" for tag in tags if tag in TAGS]
        if func.name() in LIFT:
            self.broken.append(f"{func} makes a tensor of numbers of the host")
        devices = {t.device.type for t in _tensors((args, list((kwargs or {}).values()), out))}
        if len(devices) > 1:
            self.broken.append(f"{func} goes between {' and '.join(sorted(devices))}")
        return out
