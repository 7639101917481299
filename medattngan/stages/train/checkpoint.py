"""All that a training must remember, and how it reaches the disk whole or not at all."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from medattngan.core.files import UserError, naming, read_json, write_json
from medattngan.core.run import best_checkpoint
from medattngan.core.seal import check, replace_file, seal, thorough
from medattngan.stages.train.adam import put_back

AVERAGED = "ema"
"""The file that `sample` reads, less its ending."""
KEEP = 2
"""Newest checkpoints kept, besides the best."""


@dataclass
class Progress:
    """The numbers of a training. Randomness is derived from seed and step, so there is no generator to save."""

    step: int = 0
    images: int = 0
    seconds: float = 0.0
    lr_scale: float = 1.0
    """Halved at each roll-back."""
    rollbacks: int = 0
    augment_probability: float = 0.0
    augment_due: float = 0.0
    """What `State.due` was when a checkpoint was written."""
    validated_at: float = 0.0
    """`seconds` at the last validation."""
    validated_step: int = -1
    score: float | None = None
    """What the last validation gave."""
    privacy: dict[str, Any] | None = None
    """What has been spent, of a private training; see `stages.train.private.Privacy`."""

    ema_kimg: float | None = None
    """The half-life with the best score in the last validation, where several are averaged."""

    @property
    def kimg(self) -> float:
        """Thousands of real images shown."""
        return self.images / 1000

    def record(self) -> dict[str, Any]:
        """As checkpoint.json keeps it; what only some trainings have is left out of the others."""
        some = ("ema_kimg", "privacy")
        return {key: value for key, value in asdict(self).items() if key not in some or value is not None}


@dataclass(frozen=True)
class Snapshot:
    """The weights of every file, the state of every optimiser, and ADA's count."""

    weights: Mapping[str, Mapping[str, Tensor]]
    moments: Mapping[str, Mapping[str, Any]]
    due: Tensor


@dataclass
class State:
    """The networks, their averaged twins and optimisers by name, and the numbers.

    Args:
        generator: name of the network that `sample` asks, whose averaged twin is `ema` on the disk.
        due: a number on the device: what ADA's control has counted and not answered yet.
        half_lives: where several are averaged, the generator's twins by half-life in kimg, the first of `averaged`
            among them; else empty.
    """

    networks: dict[str, nn.Module]
    averaged: dict[str, nn.Module]
    optimizers: dict[str, Optimizer]
    progress: Progress
    generator: str = "generator"
    due: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    half_lives: dict[float, nn.Module] = field(default_factory=dict)

    @property
    def best(self) -> nn.Module:
        """The averaged generator, of several the one with the best score in the last validation."""
        chosen = self.progress.ema_kimg
        return self.averaged[self.generator] if chosen is None else self.half_lives[chosen]

    def files(self) -> dict[str, nn.Module]:
        """Every network by the name of its file; of several averages the best is written as `ema` besides."""
        twins = {averaged_name(name, self.generator): twin for name, twin in self.averaged.items()}
        if self.half_lives:
            twins.pop(AVERAGED)
        return {**self.networks, **twins, **{f"{AVERAGED}-{one:g}": twin for one, twin in self.half_lives.items()}}

    def snapshot(self) -> Snapshot:
        """A copy of every tensor that a round writes to."""
        weights = {
            name: {key: tensor.clone() for key, tensor in network.state_dict().items()}
            for name, network in self.files().items()
        }
        moments = {name: copy.deepcopy(optimizer.state_dict()) for name, optimizer in self.optimizers.items()}
        return Snapshot(weights, moments, self.due.clone())

    def put_back(self, kept: Snapshot) -> None:
        """Write them back into the tensors that there are: a recorded round finds them where they were.

        Raises:
            KeyError, RuntimeError, ValueError: they are of other networks.
        """
        for name, network in self.files().items():
            network.load_state_dict(kept.weights[name])
        for name, optimizer in self.optimizers.items():
            put_back(optimizer, kept.moments[name])
        self.due.copy_(kept.due)

    def finite(self) -> bool:
        """Whether every weight and buffer is a number."""
        tensors = (t for net in self.files().values() for t in net.state_dict().values() if t.is_floating_point())
        return all(bool(torch.isfinite(t).all()) for t in tensors)


def averaged_name(name: str, generator: str) -> str:
    """Of the file with a network's averaged weights: `ema` for the one that `sample` asks.

    >>> averaged_name("generator", "generator"), averaged_name("encoder", "generator")
    ('ema', 'encoder_ema')
    """
    return AVERAGED if name == generator else f"{name}_ema"


def save(state: State, checkpoints: Path) -> Path:
    """Write `checkpoints/step-…` atomically and remove the ones no longer needed.

    The folder gets its name by one rename after every file in it has reached the disk: a process killed
    at any moment leaves either no new checkpoint or a whole one. Where there is one of this step already, its
    weights are these, and only the numbers are written anew.
    """
    state.progress.augment_due = float(state.due)
    target = checkpoints / f"step-{state.progress.step:09d}"
    if target.exists():
        numbers = state.progress.record()
        if state.half_lives:  # a validation may have chosen another one since
            replace_file(target, "checkpoint", f"{AVERAGED}.safetensors", lambda path: _save(state.best, path))
        replace_file(target, "checkpoint", "checkpoint.json", lambda path: write_json(path, numbers))
        return target
    checkpoints.mkdir(parents=True, exist_ok=True)
    for stale in checkpoints.glob(".step-*"):
        shutil.rmtree(stale)
    temporary = checkpoints / f".{target.name}"
    temporary.mkdir()
    try:
        with naming(target, temporary):
            _write(state, temporary)
    except BaseException:  # Half a checkpoint takes room on a disk that may be full.
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    temporary.rename(target)
    _sync(checkpoints)
    _prune(checkpoints)
    return target


def _write(state: State, folder: Path) -> None:
    """Put a whole checkpoint into the empty `folder`, and have it on the disk."""
    for name, network in {**state.files(), AVERAGED: state.best}.items():
        _save(network, folder / f"{name}.safetensors")
    optimizers = {name: optimizer.state_dict() for name, optimizer in state.optimizers.items()}
    torch.save(optimizers, folder / "optimizers.pt")
    write_json(folder / "checkpoint.json", state.progress.record())
    seal(folder, "checkpoint")
    for path in [*folder.iterdir(), folder]:
        _sync(path)


def _save(network: nn.Module, path: Path) -> None:
    save_file({k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}, path)


def load(state: State, checkpoint: Path) -> None:
    """Put a checkpoint back into `state`, bit for bit, once every byte of it was found to be what was written.

    Raises:
        UserError: the checkpoint belongs to another configuration or is damaged.
    """
    with thorough():
        check(checkpoint, "checkpoint")
    numbers = read_json(checkpoint / "checkpoint.json")
    try:
        weights = {name: load_file(checkpoint / f"{name}.safetensors") for name in state.files()}
        moments = torch.load(checkpoint / "optimizers.pt", map_location="cpu", weights_only=True)
        due = torch.tensor(numbers.get("augment_due", 0.0), dtype=torch.float64)
        state.put_back(Snapshot(weights, moments, due))
    except (RuntimeError, OSError, KeyError, ValueError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{checkpoint} cannot be resumed from ({reason}); remove it to use the one before.") from error
    for key, value in {"ema_kimg": None, **numbers}.items():
        setattr(state.progress, key, value)


def _prune(checkpoints: Path) -> None:
    """Keep the newest few and the best."""
    found = sorted(checkpoints.glob("step-*"))
    best = best_checkpoint(found)
    for old in found[:-KEEP]:
        if old != best:
            # Out of sight by one rename: a kill in the middle of removing must not leave half a checkpoint.
            doomed = old.rename(checkpoints / f".{old.name}")
            shutil.rmtree(doomed)


def _sync(path: Path) -> None:
    """Have the operating system put a file or a folder's entries on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
