"""A whole round as one CUDA graph: launched at once, where its thousand kernels took as many launches.

Gradient penalties rule out what would capture for us: `torch.cuda.make_graphed_callables` has no higher-order
gradients. So all of it is captured at once, gradients and optimisers included; see decision 0027.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch

from medattngan.core.config import TrainConfig
from medattngan.core.files import UserError
from medattngan.stages.train.ranks import Ranks

WARM_UP = 3
"""Rounds before a capture: kernels are chosen and workspaces taken by then, as PyTorch's notes on CUDA graphs ask."""

Play = Callable[[], None]


class Recorder(Protocol):
    """Whatever can repeat a round that reads and writes tensors which stay where they are."""

    def record(self, play: Play) -> Play:
        """Play it as often as that takes, and return what repeats it. The caller puts back what was written to."""
        ...


class Unrecorded:
    """No recording: the round is played again, operation by operation."""

    def record(self, play: Play) -> Play:
        """The round itself."""
        return play


class CudaGraphs:
    """Recordings as CUDA graphs that share one pool of memory: only one of them runs at a time.

    Args:
        device: the GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream: Any = None
        self._pool: Any = None

    def record(self, play: Play) -> Play:
        """Warm up and capture on one stream aside, so that no gradient is accumulated on another."""
        stream = self._stream = self._stream or torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        now = torch.cuda.current_stream(self.device)
        stream.wait_stream(now)
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                play()
        now.wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self._pool, stream=stream):
                play()
        finally:
            torch.cuda.set_stream(now)  # PyTorch leaves its own in place where a capture breaks off
        self._pool = self._pool or graph.pool()
        return graph.replay


def recorder_for(options: TrainConfig, ranks: Ranks, moving: bool = False) -> tuple[Recorder | None, str]:
    """What records the rounds of a training, if anything does; where `auto` finds nothing, why, in one sentence.

    Args:
        moving: β2 changes from round to round: Adam's kernel takes it as a number, which a graph holds fast.

    Raises:
        UserError: train.graphs is on, and rounds cannot be captured here.
    """
    device = ranks.fabric.device
    if options.graphs == "off" or (options.graphs == "auto" and device.type != "cuda"):
        return None, ""  # nobody misses CUDA graphs on a CPU
    reason = ""
    if device.type != "cuda":
        reason = f"the device is {device.type}, and graphs need CUDA"
    elif ranks.count > 1:
        reason = f"{ranks.count} processes talk to each other within every round"
    elif options.compile:
        reason = "train.compile is on, and makes kernels while rounds are played"
    elif moving:
        reason = "optimizer.beta2_end moves what a graph holds fast"
    if not reason:
        return CudaGraphs(device), ""
    if options.graphs == "on":
        raise UserError(f"train.graphs is on, but {reason}; set it to auto or off.")
    return None, f"rounds are not captured as CUDA graphs (train.graphs): {reason}"
