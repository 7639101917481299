"""Private trainings: what is settled before, where a round finds patients and noise, and what has been spent."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.core.secret import Secret, make_secret
from medattngan.core.types import Images
from medattngan.data.images import load_images
from medattngan.data.poisson import PoissonPatients
from medattngan.data.store import SliceStore
from medattngan.games.game import DRAWN, System
from medattngan.games.private import NOISE
from medattngan.stages.train.initialise import Start
from medattngan.statistics.privacy import Accountant, least_noise, version_of

KEY = "secret.key"
"""In the run's folder while it trains: whoever has it can take the noise away again. It goes when training ends."""
BATCH = 64
"""Patients expected in a round, where the configuration does not say."""
NOISE_PLACE = 0


def settled(config: Config, part: SliceStore, begun: Path | None, begin: Start | None) -> Config:
    """`config`, of a private training with everything that its promise depends on.

    Args:
        part: the training slices.
        begun: the folder of a run that is gone on with, whose noise stays, if it is there.
        begin: networks that it begins from.

    Raises:
        UserError: it cannot be private, or not as wanted.
    """
    options, private = config.train, config.private
    if private.epsilon is None:
        return config
    if options.devices * options.nodes > 1 or options.compile or options.graphs == "on":
        raise UserError(
            "private training runs in one process, round by round; set train.devices=1, train.nodes=1, "
            "train.compile=false and train.graphs=auto."
        )
    patients, batch = part.index["patient"].nunique(), options.batch_size or BATCH
    if batch > patients:
        raise UserError(f"train.batch_size is {batch}, but there are only {patients} training patients; set it lower.")
    if private.delta >= 1 / patients:
        raise UserError(
            f"private.delta is {private.delta:g}, which lets one of {patients} patients go unprotected; set it below "
            f"{1 / patients:.1g}."
        )
    if begin is not None and begin.store["digest"] == part.digest:
        raise UserError(
            f"--begin {begin.path} was trained on {part.path}, whose patients this training is to protect; begin from "
            "a run on other patients."
        )
    noise = private.noise
    if noise is None and begun is not None and (begun / "config.yaml").is_file():
        noise = Run.open(begun).config.private.noise
    if noise is None:
        moves = math.ceil(options.kimg * 1000 / batch)
        noise = least_noise(batch / patients, moves, private.epsilon, private.delta)
    changed = options.model_copy(update={"batch_size": batch, "graphs": "off", "validate_minutes": None})
    return config.model_copy(update={"train": changed, "private": private.model_copy(update={"noise": noise})})


class Privacy:
    """What a private training has spent after so many moves, and how many it may make.

    Args:
        config: as `settled`.
        patients: in the training.

    Raises:
        UserError: the first move would spend too much.
    """

    @classmethod
    def of(cls, config: Config, patients: int) -> Privacy | None:
        """That of a private training; None of any other."""
        return None if config.private.epsilon is None else cls(config, patients)

    def __init__(self, config: Config, patients: int) -> None:
        self.options, self.batch = config.private, config.train.batch_size
        assert self.batch is not None
        assert self.options.noise is not None
        assert self.options.epsilon is not None
        self.rate, self.noise = self.batch / patients, self.options.noise
        self.accountant = Accountant(self.rate, self.noise, self.options.delta)
        self.most_moves = self.accountant.most_moves(self.options.epsilon)
        if not self.most_moves:
            raise UserError(
                f"private.noise={self.noise:g} spends more than private.epsilon={self.options.epsilon:g} in one move; "
                "set it higher."
            )

    def __str__(self) -> str:
        return (
            f"private: {self.batch} patients expected in a round, each with a chance of {self.rate:.3g}; noise "
            f"{self.noise:g}; epsilon {self.options.epsilon:g} at delta {self.options.delta:g} is spent after "
            f"{self.most_moves:,} rounds. No gradient penalty, no augmentation and no validation score: the last "
            "checkpoint is the one that counts"
        )

    def epsilon(self, moves: int) -> float:
        """Spent by so many moves."""
        return self.accountant.epsilon(moves)

    def record(self, moves: int) -> dict[str, Any]:
        """For a checkpoint, and whatever is made from it; see `core.privacy.promised`."""
        return {
            "epsilon": self.epsilon(moves),
            "delta": self.options.delta,
            "unit": "patient",
            "moves": moves,
            "rate": self.rate,
            "noise": self.noise,
            "clip": self.options.clip,
            "accountant": version_of(),
        }


class PrivateSlices:
    """Where a round finds its patients and its noise; see `data.resident.Slices`.

    Args:
        part: the training slices.
        config: as `settled`.
        secret: of the run.
        parameters: how many numbers the gradient has.
    """

    def __init__(self, part: SliceStore, config: Config, secret: Secret, parameters: int) -> None:
        patients = [str(name) for name in part.index["patient"]]
        rate = float(config.train.batch_size or 0) / len(set(patients))
        self.drawn = PoissonPatients(patients, rate, config.private.slices, secret)
        self.part, self.size, self.secret, self.parameters = part, config.data.size, secret, parameters

    @classmethod
    def of(cls, run: Run, part: SliceStore, system: System) -> PrivateSlices:
        """For the discriminator of `system`, with the secret that lies in the folder of `run`."""
        assert system.discriminator is not None
        parameters = sum(one.numel() for one in system.networks[system.discriminator].parameters())
        return cls(part, run.config, secret_of(run.path, run.config), parameters)

    def fetch(self, step: int, part: slice = slice(None)) -> dict[str, Tensor]:
        """The slices of all patients of a round, (patients drawn × slices, 1, size, size), and its noise."""
        rows = self.drawn.rows(step).ravel().tolist()
        images = load_images(self.part, rows, self.size) if rows else torch.empty(0, 1, self.size, self.size)
        noise = torch.from_numpy(self.secret.normal(self.parameters, step, NOISE_PLACE)).float()
        return {"images": images, DRAWN + NOISE: noise}

    def batch(self, fetched: Mapping[str, Tensor]) -> tuple[Images, dict[str, Tensor]]:
        """As they were fetched."""
        return fetched["images"], {}


def secret_of(run: Path, config: Config) -> Secret:
    """The secret of a run, made where there is none yet.

    A resumed training repeats the moves after its last checkpoint with the same noise; one that goes on with other
    settings would make other moves, and two moves with one noise would give away what it hides: so it gets another.

    Raises:
        UserError: the key cannot be read or made.
    """
    path = run / KEY
    try:
        if not path.exists():
            make_secret(path)
        key = path.read_bytes()
    except OSError as error:
        raise UserError(f"The key {path} cannot be read or made ({error.strerror}).") from error
    return Secret(key, json.dumps(config.model_dump(mode="json"), sort_keys=True))


def forget_secret(run: Path) -> None:
    """Remove the key: training has ended, and the noise can never be taken away again."""
    (run / KEY).unlink(missing_ok=True)
