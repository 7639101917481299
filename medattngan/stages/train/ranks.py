"""The processes of one training: one a device, on one machine or on many, each with its share of every batch.

Every process draws the same random numbers and takes its own rows of them, so that n processes with B / n images each
play the round that one process with B plays, up to rounding. Gradients are averaged by one operation a phase, after the
backward pass and outside of any wrapper: PyTorch's DistributedDataParallel hangs its own on the wrapper's forward pass,
which gradient penalties have to go past.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.utilities.rank_zero import rank_zero_only
from torch import Tensor, distributed, nn

from medattngan.core import allocator, openmp
from medattngan.core.config import TrainConfig
from medattngan.core.files import UserError
from medattngan.stages.train.precision import precision_for

T = TypeVar("T")

STARTED_BY = {"torchrun": "LOCAL_WORLD_SIZE", "SLURM": "SLURM_STEP_NUM_TASKS"}
"""Programs that start the processes themselves, and where they say how many: torchrun on this machine, SLURM in all."""


class BareModules(DDPStrategy):
    """Fabric's processes and devices, without a wrapper around the networks."""

    def setup_module(self, module: nn.Module) -> nn.Module:  # type: ignore[override]
        """The network itself."""
        return module


class Ranks:
    """This process among those of its training.

    Args:
        options: `accelerator`, `devices`, `nodes` and `precision` say where and how to compute.

    Raises:
        UserError: the device is not there, or something else started another number of processes.
    """

    def __init__(self, options: TrainConfig) -> None:
        self.devices, self.count = options.devices, options.devices * options.nodes
        _require_accelerator(options)
        _require_processes(options)
        self.fabric = Fabric(
            accelerator=options.accelerator,
            devices=options.devices,
            num_nodes=options.nodes,
            strategy=BareModules() if self.count > 1 else "auto",
            precision=precision_for(options),
        )
        if self.fabric.device.type == "cpu":
            allocator.keep_freed_memory()
        self._talk: distributed.ProcessGroup | None = None

    def launch(self) -> None:
        """Start the other processes of this machine, unless torchrun or SLURM did, and wait for all."""
        if self.count > 1:
            logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells each process's number
            if self.fabric.device.type == "cpu" and (threads := openmp.share(self.devices)):
                torch.set_num_threads(threads)
            self.fabric.launch()
            # Numbers of the clock travel beside the device: through NCCL each would wait for the whole queue.
            self._talk = distributed.new_group(backend="gloo")

    def part(self) -> None:
        """End the talk between the processes, all at once; a process that just ends may abort in a thread of gloo's."""
        if self.count > 1:
            with _together():
                self.fabric.barrier()
            distributed.destroy_process_group()

    @property
    def number(self) -> int:
        """Of this process, from 0."""
        return self.fabric.global_rank

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.number == 0

    def share(self, count: int) -> slice:
        """This process's rows of a batch of `count`, which `count` processes divide without rest."""
        each = count // self.count
        return slice(self.number * each, (self.number + 1) * each)

    def rows(self, drawn: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
        """This process's rows of each tensor (count, …)."""
        part = self.share(count)
        return {name: tensor[part] for name, tensor in drawn.items()}

    def mean(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over the processes, all in one operation."""
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with _together():
            distributed.all_reduce(flat)
        flat /= self.count
        for tensor, mean in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))

    def copy_first(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by the first process's."""
        if self.count > 1:
            with _together():
                for tensor in tensors:
                    distributed.broadcast(tensor, 0)

    def agreed(self, number: float) -> float:
        """The first process's number, such as its clock's, in every process."""
        if self.count == 1:
            return number
        told = torch.tensor([number], dtype=torch.float64)
        with _together():
            distributed.broadcast(told, 0, group=self._talk)
        return float(told)

    def done_by_first(self, action: Callable[[], T]) -> T | None:
        """What the first process's `action` gave, None in the others; all go on when it is done.

        Raises:
            UserError: `action` raised one. The other processes end without a word.
        """
        if self.count == 1:
            return action()
        result, trouble = None, None
        if self.first:
            try:
                result = action()
            except UserError as error:
                trouble = error
        if self.agreed(float(trouble is not None)):
            raise trouble or SystemExit(1)
        return result


@contextmanager
def _together() -> Iterator[None]:
    """What takes all processes.

    Raises:
        UserError: another one has ended, and said why.
    """
    try:
        yield
    except RuntimeError as error:  # gloo has no kind of its own
        reason = re.sub(r"^\[\S*\] ?", "", str(error)).partition(". ")[0].strip()
        raise UserError(
            f"another process of this training has ended ({reason}); see above what it said, then run the same command "
            "with --resume to go on."
        ) from error


def is_first() -> bool:
    """Whether this process, once its training has been launched, is the one that speaks."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def require_shares(batch_size: int, options: TrainConfig, networks: Iterable[nn.Module] = ()) -> None:
    """Check that every process has the same number of images of a batch, and as many as `networks` can do with.

    Raises:
        UserError: naming the key.
    """
    count = options.devices * options.nodes
    if batch_size % count:
        raise UserError(
            f"train.batch_size is {batch_size}, which {count} processes (train.devices x train.nodes) cannot share "
            f"evenly; set it to a multiple of {count}."
        )
    normed = any(isinstance(layer, nn.BatchNorm1d) for network in networks for layer in network.modules())
    if normed and batch_size == count:
        raise UserError(
            f"train.batch_size is {batch_size}, which leaves one image to a process, and this preset normalises over "
            f"the images of a batch; set it to {2 * count} or more."
        )


def _require_accelerator(options: TrainConfig) -> None:
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    name = options.accelerator
    if not there.get(name, True):
        raise UserError(f"train.accelerator is {name!r}, but PyTorch finds none here; set it to auto or cpu.")
    uses_cuda = name == "cuda" or (name == "auto" and torch.cuda.is_available())
    if uses_cuda and options.devices > torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise UserError(f"train.devices is {options.devices}, but PyTorch finds {found} CUDA devices here; set fewer.")


def _require_processes(options: TrainConfig) -> None:
    """Several processes that each think they are alone would write over each other's run."""
    wanted = {"torchrun": options.devices, "SLURM": options.devices * options.nodes}
    for name, variable in STARTED_BY.items():
        started = int(os.environ.get(variable, "0") or 0)
        if started > 1 and started != wanted[name]:
            raise UserError(
                f"{name} started {started} processes ({variable}), but train.devices is {options.devices} and "
                f"train.nodes is {options.nodes}; make them agree."
            )
