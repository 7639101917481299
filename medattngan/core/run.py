"""The Run: a folder that holds one training from its configuration to its last checkpoint.

config.yaml        every key as it was used: the preset's choice where none was made
store.json         what sampling must know of the training data: intensity map, geometry, labels, digest
provenance.json    code version, seed, hardware, library versions
metrics.csv        one row every `train.log_kimg`; TensorBoard's events stand in tensorboard/
checkpoints/       step-…/ folders: the newest two, and the one with the best validation score
grids/             PNGs of the same latents as training goes on
seal.json          what the records were when they were written, and once training has ended, every file but the
                   checkpoints, each of which has a seal of its own (see `core/seal.py`)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medattngan.core import cards
from medattngan.core.config import Config
from medattngan.core.files import UserError, atomic_folder, digest, opened, read_json, unused, write_json
from medattngan.core.privacy import promised
from medattngan.core.provenance import provenance
from medattngan.core.seal import check, finish, is_thorough, replace_file, seal, unfinish
from medattngan.core.zoo import located

MODEL_CONFIG, MODEL_WEIGHTS = "config.json", "model.safetensors"
"""What `export-model --format safetensors` writes of one checkpoint: opened like a run, and good for drawing only."""
RECORDS = ("config.yaml", "provenance.json", "store.json")
ALL, CHECKPOINTS = "*", "checkpoints/*"


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

    def __repr__(self) -> str:
        return cards.lines(f"Run at {self.path}", self._facts())

    def _repr_html_(self) -> str:
        grids = sorted((self.path / "grids").glob("*.png"))
        picture = grids[-1].read_bytes() if grids else b""
        return cards.table(f"Run at {self.path}", self._facts(), picture, "what the networks drew last")

    def _facts(self) -> dict[str, object]:
        config, found = self.config, [self.path] if is_packed(self.path) else self.checkpoints()
        numbers = numbers_of(found[-1]) if found else {}
        facts: dict[str, object] = {
            "preset": f"{config.model.preset}, attention {config.attention.kind}, {config.data.size} px",
            "learned from": f"{self.store['slices']} slices of {self.store['patients']} patients",
            "trained": f"{numbers.get('images', 0) / 1000:.1f} kimg in {numbers.get('seconds', 0) / 60:.1f} minutes",
            "checkpoints": len(found),
        }
        if "privacy" in numbers:
            facts["private"] = promised(numbers["privacy"])
        told = [
            *(["label"] if self.store.get("labels") else []),
            *(c["name"] for c in self.store.get("conditions", [])),
        ]
        return facts | ({"conditions": ", ".join(told)} if told else {})

    @classmethod
    def create(cls, path: Path, config: Config, store: dict[str, Any]) -> Run:
        """Start a run at `path`: the folder appears with its records or not at all.

        Raises:
            UserError: `path` holds something already.
        """
        with atomic_folder(path) as folder:
            write_json(folder / "store.json", store)
            began = {key: store[key] for key in ("began_from",) if key in store}
            write_json(folder / "provenance.json", provenance(config.train.seed) | began)
            config.save(folder / "config.yaml")
            seal(folder, "run")
            unfinish(folder, "run", RECORDS, [ALL])
        return cls(path, config, store)

    @classmethod
    def of(cls, given: Run | str | Path) -> Run:
        """A run that is open already, or the one at a path.

        Raises:
            UserError: it is neither.
        """
        return opened(cls, given, "a run", 'mg.Run.open("run")')

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Open the run at `path`, or `zoo:NAME`, and find out whether its records are still what was written.

        Raises:
            UserError: there is none, or it is damaged.
        """
        path = located(path)
        if is_packed(path):
            return cls._unpacked(path)
        if not (path / "config.yaml").is_file():
            raise UserError(
                f"{path} is not a run; make one with: medattngan train CONFIG --data STORE --out {unused(path)}"
            )
        check(path, "run")
        run = cls(path, Config.load(path / "config.yaml"), read_json(path / "store.json"))
        if is_thorough():
            for checkpoint in run.checkpoints():
                check(checkpoint, "checkpoint")
        return run

    @classmethod
    def _unpacked(cls, path: Path) -> Run:
        held = read_json(path / MODEL_CONFIG)
        if held.get("model_type") != "medattngan":
            raise UserError(f"{path / MODEL_CONFIG} is of another program's model; give a run of medattngan.")
        if digest(path / MODEL_WEIGHTS) != held["weights_sha256"]:
            raise UserError(f"{path} is damaged: {MODEL_WEIGHTS} is not what was written; copy it again.")
        return cls(path, Config.from_tree(held["config"], str(path / MODEL_CONFIG)), held["store"])

    def resume(self, config: Config) -> Run:
        """Go on writing to the run, with what of `config` may differ between resumptions."""
        unfinish(self.path, "run", RECORDS, [ALL])
        replace_file(self.path, "run", "config.yaml", config.save)
        return Run(self.path, config, self.store)

    def finish(self) -> None:
        """Training has ended: seal the log and the pictures too."""
        finish(self.path, "run", [CHECKPOINTS])

    def checkpoints(self) -> list[Path]:
        """The whole checkpoints, oldest first."""
        folder = self.path / "checkpoints"
        return sorted(p for p in folder.glob("step-*") if re.fullmatch(r"step-\d{9}", p.name))

    def checkpoint(self, which: str = "best") -> Path:
        """The checkpoint with the `best` validation score (the last where there was none), or the `last`.

        Raises:
            UserError: the run has not written one yet, it is damaged, or `which` is neither.
        """
        if which not in ("best", "last"):
            raise UserError(f"--checkpoint is {which!r}; it must be best or last.")
        if is_packed(self.path):
            return self.path
        found = self.checkpoints()
        if not found:
            raise UserError(f"{self.path} has no checkpoint yet; let it train for longer.")
        for folder in found if which == "best" else found[-1:]:
            check(folder, "checkpoint")
        best = best_checkpoint(found) if which == "best" else None
        return best or found[-1]


def is_packed(path: Path) -> bool:
    """Whether a folder is one checkpoint for others to use, and not a whole run."""
    return (path / MODEL_CONFIG).is_file() and (path / MODEL_WEIGHTS).is_file()


def weights_of(checkpoint: Path) -> Path:
    """The averaged weights of the network that is sampled from."""
    return checkpoint / (MODEL_WEIGHTS if is_packed(checkpoint) else "ema.safetensors")


def numbers_of(checkpoint: Path) -> dict[str, Any]:
    """How far training was: `step`, `kimg`, `seconds`, `score` and the like."""
    if is_packed(checkpoint):
        return dict(read_json(checkpoint / MODEL_CONFIG)["checkpoint"])
    return dict(read_json(checkpoint / "checkpoint.json"))


def every_network(run: Run, which: str) -> Path:
    """The checkpoint of a run, for who needs more of it than the generator.

    Raises:
        UserError: it is one that was written for others to draw from, or see `Run.checkpoint`.
    """
    if is_packed(run.path):
        raise UserError(f"{run.path} holds a generator alone; give the run it was exported from.")
    return run.checkpoint(which)


def best_checkpoint(found: Sequence[Path]) -> Path | None:
    """Of these checkpoints, the one whose own validation score is lowest; None where none has one."""
    scores = {}
    for folder in found:
        numbers = read_json(folder / "checkpoint.json")
        if numbers["score"] is not None and numbers["validated_step"] == numbers["step"]:
            scores[folder] = float(numbers["score"])
    return min(scores, key=lambda folder: scores[folder], default=None)
