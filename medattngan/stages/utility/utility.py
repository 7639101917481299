"""Does it help? A classifier trained on few real images, with and without synthetic ones, tested on untouched patients.

For each number of real images a class and each seed, a conditional GAN is trained on those images alone, or goes on
from one that was trained without labels on other patients; then the same classifier is trained in every arm (Frid-Adar
et al. 2018, arXiv:1803.01229, ask the question this way for liver lesions).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from medattngan.core.allocator import keep_freed_memory
from medattngan.core.config import Config, TrainConfig
from medattngan.core.files import UserError, atomic_folder, read_json, write_json
from medattngan.core.locks import alone, sweep_inside
from medattngan.core.progress import Pace
from medattngan.core.provenance import provenance
from medattngan.core.run import Run
from medattngan.core.seal import check, finish, replace_file, seal, unfinish
from medattngan.core.terminal import say, terminal
from medattngan.data.store import SliceStore
from medattngan.extractors.table import load_extractor
from medattngan.stages.train.train import train
from medattngan.stages.utility.cell import Cell, chances, has_chances
from medattngan.stages.utility.classifier import Array
from medattngan.stages.utility.compare import score_arms
from medattngan.stages.utility.draw import draw_per_class, halve
from medattngan.stages.utility.figure import save_figure

BASELINES = ("real", "real + classical")
"""What synthetic images must be better than: augmentation can do harm too, and is no bar then."""
RUNS = ("*/run/*", "pretraining/*")
"""They have seals of their own."""
UNBOUNDED_KIMG = 1e6
SCRATCH, PRETRAINED = "scratch", "pretrained"


@alone
def utility(
    config: Config | str | Path,
    data: SliceStore | str | Path,
    out: str | Path,
    *,
    per_class: Sequence[int] = (10, 25, 50),
    seeds: int = 5,
    amounts: Sequence[int] = (1, 3, 10),
    pretrain_minutes: float = 0.0,
    extractor: str = "efficientnet-lite0",
    progress: bool = True,
) -> dict[str, Any]:
    """Fill the folder `out` with `utility.json` and a figure; what stands there is not computed again.

    Args:
        config: of one cell's GAN; `data.conditional` is set. `train.minutes` is spent in every cell.
        per_class: numbers of real images a class; each image of another patient as far as there are patients.
        amounts: synthetic images for every real one.
        pretrain_minutes: of a GAN on the unlabelled half of the training patients, from which every cell is
            trained once more; 0 for none.
        progress: show on the terminal (stderr) how far it is.

    Raises:
        UserError: the store has no two classes or too few slices, or `out` was started with other settings.
    """
    store, out, amounts = SliceStore.of(data), Path(out), tuple(sorted(amounts))
    config = Config.of(config)
    config = config.model_copy(update={"data": config.data.model_copy(update={"conditional": True})})
    require_cells(seeds, pretrain_minutes)
    training, test = _labelled(store)
    settings = {
        "config": config.model_dump(mode="json"), "store_digest": store.digest, "amounts": list(amounts),
        "pretrain_minutes": pretrain_minutes, "extractor": extractor,
    }  # fmt: skip
    keep_freed_memory()  # as its trainings do: provenance is then the same whatever is left to train
    begin_folder(out, settings)
    pool = training.select(halve(training.index, 0))
    require_labels(pool, test)
    begins = _begins(config, training, out, pretrain_minutes, progress)
    network = load_extractor(extractor)
    truth = np.unique(test.index["label"].to_numpy(str), return_inverse=True)[1]
    patients = test.index["patient"].to_numpy(str)
    record = {"settings": settings, "test_slices": len(test), "test_patients": len(set(patients))}
    results: dict[str, Any] = {}
    cells = [_folder(out, count, start, seed) for count in per_class for start in begins for seed in range(seeds)]
    told = _Told(sum(not has_chances(cell) for cell in cells), progress)
    for count in per_class:
        for start, begin in begins.items():
            arms: dict[str, list[Array]] = {}
            for seed in range(seeds):
                real = pool.select(draw_per_class(pool.index, count, seed))
                cell = Cell(_folder(out, count, start, seed), real, seed, amounts, of_seed(config, seed), begin)
                told.begin(cell.folder, f"{count} a class, {start}, seed {seed}")
                for arm, values in chances(cell, test, network, progress).items():
                    arms.setdefault(arm, []).append(values)
            scores = score_arms(truth, patients, arms, BASELINES)
            results[f"{count} {start}"] = {"per_class": count, "start": start, "seeds": seeds, **scores}
            page = {**record, "provenance": provenance(0), "results": results}
            replace_file(out, "utility", "utility.json", partial(write_json, value=page))
    save_figure(out / "utility.png", results)
    finish(out, "utility", RUNS)
    return results


def _folder(out: Path, count: int, start: str, seed: int) -> Path:
    """Of one cell."""
    return out / f"{count}-{start}-seed{seed}"


def _begins(
    config: Config, training: SliceStore, out: Path, pretrain_minutes: float, progress: bool
) -> dict[str, Run | None]:
    """What the GANs of all cells start from, by its name: random weights, and a run on unlabelled slices if wanted."""
    begins: dict[str, Run | None] = {SCRATCH: None}
    if pretrain_minutes > 0:
        unlabelled = training.select(~halve(training.index, 0))
        begins[PRETRAINED] = pretrain(config, unlabelled, out, pretrain_minutes, progress)
    return begins


class _Told:
    """Says which cell begins, of how many that do not stand yet, and how long the rest will take."""

    def __init__(self, total: int, progress: bool) -> None:
        self.total, self.begun, self.pace = total, 0, Pace()
        self.console = terminal(quiet=not progress)

    def begin(self, folder: Path, name: str) -> None:
        if has_chances(folder):
            return
        left = self.pace.left(self.begun / self.total)
        self.begun += 1
        say(self.console, "  ".join(part for part in (f"cell {self.begun} of {self.total}: {name}", left) if part))


def of_seed(config: Config, seed: int) -> Config:
    """The configuration of a cell's GAN: no validation, as its patients are few."""
    options = config.train.model_copy(update={"seed": seed, "validate_minutes": None})
    return config.model_copy(update={"train": options})


def _labelled(store: SliceStore) -> tuple[SliceStore, SliceStore]:
    """The labelled slices of the training and of the test patients.

    Raises:
        UserError: there are no two classes in both.
    """
    parts = []
    for name in ("train", "test"):
        part = store.split(name)
        parts.append(part.select(part.index["label"].notna()))
    classes = [set(part.index["label"]) for part in parts]
    if len(classes[0]) < 2 or classes[0] != classes[1]:
        raise UserError(
            f"{store.path} has the labels {sorted(classes[0])} for training and {sorted(classes[1])} for testing; "
            "both need the same labels, two or more: ingest with --labels."
        )
    return parts[0], parts[1]


def require_cells(seeds: int, pretrain_minutes: float) -> None:
    """Refuse tables without cells.

    Raises:
        UserError: there is not a seed, or less than no pre-training.
    """
    if seeds < 1 or pretrain_minutes < 0:
        raise UserError(f"--seeds {seeds} and --pretrain-minutes {pretrain_minutes:g}; give 1 or more, and 0 or more.")


def require_labels(pool: SliceStore, test: SliceStore) -> None:
    """Refuse a pool that lacks a class of the test patients.

    Raises:
        UserError: it does, since no patient's first slice is of it.
    """
    if lacking := sorted(set(test.index["label"]) - set(pool.index["label"])):
        raise UserError(
            f"no patient whose labels may be used has slices of {lacking[0]}; it takes more training patients of it."
        )


def begin_folder(out: Path, settings: dict[str, Any]) -> None:
    """Note what the folder is for, or refuse one that is for something else."""
    path = out / "settings.json"
    if path.is_file():
        known = check(out, "utility")
        if read_json(path) != settings:
            raise UserError(f"{out} was started with other settings ({path}); give another --out.")
        sweep_inside(out)
    else:
        with atomic_folder(out) as folder:
            write_json(folder / path.name, settings)
            known = seal(folder, "utility")
    unfinish(out, "utility", [name for name in known.files if name != "utility.png"], ["*"])


def pretraining(options: TrainConfig, minutes: float) -> TrainConfig:
    """Of so many minutes, whatever number of images ends a cell's training."""
    return options.model_copy(update={"minutes": minutes, "kimg": UNBOUNDED_KIMG, "validate_minutes": None})


def pretrain(config: Config, unlabelled: SliceStore, out: Path, minutes: float, progress: bool) -> Run:
    """A GAN without labels on the patients whose labels nobody is to have.

    Raises:
        UserError: no run with labels can begin from one without.
    """
    if config.model.preset == "sagan":
        raise UserError(
            "sagan has other layers with labels than without, so none can begin from a run without; leave out "
            "--pretrain-minutes, or take another preset."
        )
    conditions = tuple(one for one in config.data.conditions if one != "label")
    plain = config.data.model_copy(update={"conditional": False, "conditions": conditions})
    options = pretraining(config.train, minutes)
    own = config.model_copy(update={"data": plain, "train": options})
    return train(own, unlabelled, out / "pretraining", resume=True, progress=progress)


__all__ = ["utility"]
