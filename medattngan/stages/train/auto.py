"""`train auto`: preset, size, batch and minutes, chosen by the store and the machine.

The habit is nnU-Net's (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z), which plans by rules from a fingerprint of
the data and from the memory at hand. The rules here are a table of what docs/benchmarks has measured; nothing is timed,
so that the same store and the same kind of machine give the same configuration.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.data.store import SliceStore

AUTO = "auto"
"""What `train` takes in place of a configuration."""
UPDATES = 16_150
"""Of both networks, in the training whose quality is best known: 129,200 images in batches of 8 (compact.md)."""
ROUND_TO = 5
"""Minutes."""
MOST_PASSES = 170
"""Images shown of each slice, at most: 100 slices still drew near the test patients at that (augmentation.md)."""
COPIED_AT = 80
"""Passes at which a discriminator of few patients knew them by heart and copies were found (audit.md)."""
LEAST_BATCH = 4
BYTES_A_PIXEL = 1_400
"""Of the card, for each pixel of a batch: 1,451 MB for 64 images of 128 px (gpu.md)."""


@dataclass(frozen=True)
class Measured:
    """One line of what was measured.

    Args:
        device: cpu or cuda.
        size: height and width, in pixels.
        threads: of a CPU, at least.
        rate: images a second.
        machine: on which that was, in words.
        page: of docs/benchmarks, where it stands.
    """

    device: str
    size: int
    threads: int
    preset: str
    batch: int
    rate: float
    machine: str
    page: str


MEASURED = (
    Measured("cuda", 128, 1, "compact", 64, 1577, "an H100", "gpu.md"),
    Measured("cuda", 64, 1, "compact", 8, 280, "an H100", "gpu.md"),
    Measured("cpu", 64, 2, "compact", 8, 54, "two cores", "compact.md"),
    Measured("cpu", 64, 1, "compact", 8, 36, "one core", "presets.md"),
    Measured("cpu", 32, 1, "compact", 8, 88, "one core", "ablation.md"),
)
"""The first line that store and machine allow is taken: the largest size first. 128 px were not measured on a CPU, 256
and 512 px on nothing."""


@dataclass(frozen=True)
class Machine:
    """What a training would run on.

    Args:
        device: cpu, cuda or mps.
        threads: that PyTorch computes with.
        memory: bytes that are free on a card; 0 for none.
    """

    device: str
    threads: int
    memory: int = 0

    @classmethod
    def here(cls) -> Machine:
        """This one."""
        if torch.cuda.is_available():
            return cls("cuda", torch.get_num_threads(), torch.cuda.mem_get_info()[0])
        return cls("mps" if torch.backends.mps.is_available() else "cpu", torch.get_num_threads())


@dataclass(frozen=True)
class Chosen:
    """A configuration, and in two sentences what it is and why."""

    config: Config
    sentences: tuple[str, str]


def choose(size: int, slices: int, machine: Machine, settings: Sequence[str] = ()) -> Chosen:
    """The configuration for a store of this size, with so many training slices.

    Args:
        settings: `section.key=value`, which go before what is chosen: the rest is chosen for the size, batch and device
            that they name.

    Raises:
        UserError: the slices are too small for any preset, or a setting is none.
    """
    asked, named = Config.load(MEASURED[0].preset, settings), {one.partition("=")[0].strip() for one in settings}
    device = "cuda" if machine.device == "cuda" and asked.train.accelerator != "cpu" else "cpu"
    size = min(size, asked.data.size) if "data.size" in named else size
    able = [one for one in MEASURED if one.device == device and one.threads <= machine.threads]
    # Nothing was measured at 32 px on a card: there the rate of 64 px stands for it.
    found = next((one for one in able if one.size <= size), able[-1] if size >= 32 else None)
    if found is None:
        raise UserError(f"the slices are of {size} px, and the smallest networks draw 32; ingest with --size 64.")
    side = min(found.size, 2 ** (size.bit_length() - 1))
    own = asked.train.batch_size if "train.batch_size" in named else None
    batch = own or _batch(found, side, slices, machine.memory)
    planned = UPDATES * batch
    minutes = -(-planned / found.rate / 60 // ROUND_TO) * ROUND_TO
    most = max(1, MOST_PASSES * slices // 1000)
    told = [f"data.size={side}", f"train.batch_size={batch}", f"train.minutes={minutes:g}"]
    if most * 1000 < planned:
        told.append(f"train.kimg={most}")
    config = Config.load(found.preset, [*told, *settings])
    there = "the card" if device == "cuda" else f"{machine.threads} threads"
    return Chosen(config, (_what(config, found.rate), _why(found, there, slices, _images(config, found.rate))))


def automatic(store: SliceStore, settings: Sequence[str] = (), begun: Path | None = None) -> Chosen:
    """`choose` for the training slices of `store` on this machine; a run that is `begun` goes on as it was chosen.

    Raises:
        UserError: see `choose`; or the store has no training slices.
    """
    if begun is not None and (begun / "config.yaml").is_file():
        config = Config.load(begun / "config.yaml", settings)
        return Chosen(config, (_what(config, math.inf), f"That is what {begun} was begun with."))
    return choose(store.size, len(store.split("train")), Machine.here(), settings)


def _batch(found: Measured, side: int, slices: int, memory: int) -> int:
    """As measured, or less where half the card's free memory or the slices are less."""
    batch = found.batch
    while batch > LEAST_BATCH and (batch > slices or 0 < memory < 2 * batch * side**2 * BYTES_A_PIXEL):
        batch //= 2
    return batch


def _images(config: Config, rate: float) -> float:
    """That a training shows at so many a second."""
    minutes = math.inf if config.train.minutes is None else config.train.minutes
    return min(config.train.kimg * 1000, minutes * 60 * rate)


def _what(config: Config, rate: float) -> str:
    minutes = "no limit of time" if config.train.minutes is None else f"{config.train.minutes:g} minutes"
    if _images(config, rate) == config.train.kimg * 1000 and math.isfinite(rate):
        shown = f"{config.train.kimg:g} thousand images"
        minutes = shown if config.train.minutes is None else f"{shown}, {config.train.minutes:g} minutes at most"
    batch = "its own batches" if config.train.batch_size is None else f"batches of {config.train.batch_size}"
    return f"Chosen: {config.model.preset} at {config.data.size} px, in {batch}, for {minutes}."


def _why(found: Measured, there: str, slices: int, images: float) -> str:
    said = (
        f"The training whose quality is known best moved both networks {UPDATES:,} times (docs/benchmarks/compact.md), "
        f"and {there} should show about the {found.rate:,.0f} images a second of {found.machine} "
        f"(docs/benchmarks/{found.page})"
    )
    passes = images / max(slices, 1)
    if passes > COPIED_AT:
        said += (
            f"; with {slices:,} slices each would be shown {passes:.0f} times, so audit the samples for copies of "
            "patients before they are shared"
        )
    return said + "."
