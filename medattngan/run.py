"""The Run: a folder that holds one training from its configuration to its last checkpoint.

config.yaml        every key as resolved
store.json         what sampling must know of the training data: intensity map, geometry, labels, digest
provenance.json    code version, seed, hardware, library versions
metrics.csv        one row every `train.log_kimg`; TensorBoard's events stand in tensorboard/
checkpoints/       step-…/ folders, best.json
grids/             PNGs of the same latents as training goes on
"""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from medattngan import __version__
from medattngan.config import Config
from medattngan.files import UserError, read_json, require_absent, write_json

_LIBRARIES = ("torch", "lightning-fabric", "monai", "numpy", "pydicom", "nibabel")


@dataclass(frozen=True)
class Run:
    """A run folder, opened.

    Args:
        path: the folder.
        config: as resolved when the run was created.
        store: what sampling must know of the training data.
    """

    path: Path
    config: Config
    store: dict[str, Any]

    @classmethod
    def create(cls, path: Path, config: Config, store: dict[str, Any]) -> Run:
        """Start a run at `path`. `config.yaml` comes last: a folder without it is not a run.

        Raises:
            UserError: `path` holds something already.
        """
        require_absent(path)
        path.mkdir(parents=True, exist_ok=True)
        write_json(path / "store.json", store)
        write_json(path / "provenance.json", provenance(config.train.seed))
        config.save(path / "config.yaml")
        return cls(path, config, store)

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Open the run at `path`.

        Raises:
            UserError: there is none.
        """
        path = Path(path)
        if not (path / "config.yaml").is_file():
            raise UserError(f"{path} is not a run; make one with: medattngan train CONFIG --data STORE --out {path}")
        return cls(path, Config.load(path / "config.yaml"), read_json(path / "store.json"))

    def checkpoints(self) -> list[Path]:
        """The whole checkpoints, oldest first."""
        folder = self.path / "checkpoints"
        return sorted(p for p in folder.glob("step-*") if re.fullmatch(r"step-\d{9}", p.name))

    def checkpoint(self, which: str = "best") -> Path:
        """The checkpoint with the `best` validation score (the last where there was none), or the `last`.

        Raises:
            UserError: the run has not written one yet.
        """
        found = self.checkpoints()
        if not found:
            raise UserError(f"{self.path} has no checkpoint yet; let it train for longer.")
        best = self.path / "checkpoints" / "best.json"
        if which == "best" and best.is_file():
            return self.path / "checkpoints" / str(read_json(best)["name"])
        return found[-1]


def provenance(seed: int) -> dict[str, Any]:
    """Where and with what a folder was made: versions, hardware, seed. No host name and no user name."""
    return {
        "seed": seed,
        "versions": {
            "medattngan": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in _LIBRARIES},
        },
        "hardware": {
            "machine": platform.machine(),
            "system": platform.system(),
            "cpu_count": os.cpu_count(),
            "torch_threads": torch.get_num_threads(),
            "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
    }
