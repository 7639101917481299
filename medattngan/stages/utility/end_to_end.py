"""Do synthetic slices help a classifier that is trained end to end, on few labelled images, if validation has its say?

Unlike `utility`, whose classifier reads the features of an ImageNet network, nothing here has seen other images, so
that there is room for what more data teach. For each number of real images a class and each seed a conditional GAN goes
on from one that was trained without labels on other patients; then one small network is trained in every arm:

    real                              so many real images
    real + classical                  augmented, as strongly as validation likes best, or not at all
    real + synthetic                  so large a share of synthetic slices as validation likes best, or none
    real + classical + synthetic      the same on top of the classical augmentation chosen

Choices are made by the cross-entropy on validation patients, for synthetic and for classical augmentation alike; what
is scored are test patients, or those of another store: a second hospital.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from medattngan.augment import LEAKS
from medattngan.core.config import Config
from medattngan.core.files import UserError, read_json, write_json
from medattngan.core.locks import alone
from medattngan.core.progress import Pace
from medattngan.core.provenance import provenance
from medattngan.core.run import Run
from medattngan.core.seal import finish, replace_file
from medattngan.core.terminal import say, terminal
from medattngan.data.images import load_images
from medattngan.data.store import SliceStore
from medattngan.extractors.encoder import EncoderNetwork, load_encoder
from medattngan.stages.audit.calibrate import require_enough
from medattngan.stages.encoder.encoder import encoder as train_encoder
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train
from medattngan.stages.utility.arms import Judges, arms, told
from medattngan.stages.utility.cell import CHANCES, CLASSICAL, has_chances
from medattngan.stages.utility.compare import score_arms
from medattngan.stages.utility.draw import draw_per_class, halve
from medattngan.stages.utility.figure import save_figure
from medattngan.stages.utility.filtered import copies, keep
from medattngan.stages.utility.network import Labelled, Recipe
from medattngan.stages.utility.utility import (
    BASELINES,
    PRETRAINED,
    RUNS,
    SCRATCH,
    begin_folder,
    of_seed,
    pretrain,
    require_cells,
    require_labels,
)  # fmt: skip

CANDIDATES = 2
"""Slices drawn for each that is kept."""
FILE, CHOSEN = "utility.json", "chosen.json"


@dataclass(frozen=True)
class Asked:
    """What every cell has in common.

    Args:
        config: of one cell's GAN.
        amount: synthetic slices kept for every real one.
        steps: of every classifier's training.
        pretrain_minutes: of a GAN without labels on the other half of the training patients; 0 for none.
        encoder_kimg: thousands of slices shown to the encoder that looks for copies.
        false_positives: share of the validation patients' slices that would be taken for copies. More than an audit
            allows, as slices are cheap.
    """

    config: Config
    amount: int = 10
    steps: int = 400
    pretrain_minutes: float = 0.0
    encoder_kimg: float = 10.0
    false_positives: float = 0.05

    def record(self) -> dict[str, Any]:
        """As settings.json keeps it."""
        plain = {key: value for key, value in vars(self).items() if key != "config"}
        return {"task": "classification, end to end", "config": self.config.model_dump(mode="json"), **plain}


@dataclass(frozen=True)
class Study:
    """What the cells are made of.

    Args:
        names: of the classes.
        pool: training patients whose labels may be used.
        held_out: validation patients.
        begin: the GAN that every cell's begins from, or None.
        network: the encoder that looks for copies.
    """

    asked: Asked
    names: tuple[str, ...]
    pool: SliceStore
    held_out: SliceStore
    judges: Judges
    begin: Run | None
    network: EncoderNetwork


@alone
def end_to_end(
    config: Config | str | Path, data: SliceStore | str | Path, out: str | Path, *,
    test: SliceStore | str | Path | None = None, per_class: Sequence[int] = (10, 25, 50), seeds: int = 5,
    progress: bool = True, **options: Any,
) -> dict[str, Any]:  # fmt: skip
    """Fill the folder `out` with `utility.json` and a figure; what stands there is not computed again.

    Args:
        config: of one cell's GAN; `data.conditional` is set. `train.minutes` is spent in every cell.
        test: a store whose test patients are scored in place of its own, to see a change of hospital or of scanner.
        per_class: numbers of real images a class; each image of another patient as far as there are patients.
        seeds: draws of the real images, each with a GAN and classifiers of its own.
        progress: show on the terminal (stderr) how far it is.
        options: the others of `Asked`.

    Raises:
        UserError: a split lacks a class, there are too few validation slices to tell copies by, or `out` was started
            with other settings.
    """
    store, out, given = SliceStore.of(data), Path(out), Config.of(config)
    given = given.model_copy(update={"data": given.data.model_copy(update={"conditional": True})})
    asked, foreign = Asked(given, **options), store if test is None else SliceStore.of(test)
    require_cells(seeds, asked.pretrain_minutes)
    if others := sorted({"text", "mask", "drawn_mask"} & set(given.data.conditions)):
        raise UserError(f"slices are drawn by label here; leave {others[0]} out of data.conditions.")
    parts, names = _labelled(store, foreign)
    require_labels(parts["train"].select(halve(parts["train"].index, 0)), parts["test"])
    if foreign is not store:
        _require_other(store, foreign, given.data.size)
    require_enough(len(parts["val"]), asked.false_positives)
    begin_folder(out, {**asked.record(), "store_digest": store.digest, "test_digest": foreign.digest})
    study = _prepare(asked, store, parts, names, out, progress)
    truth = np.searchsorted(names, parts["test"].index["label"].to_numpy(str))
    patients = parts["test"].index["patient"].to_numpy(str)
    start, results = SCRATCH if study.begin is None else PRETRAINED, dict[str, Any]()
    line = _Line([out / f"{count}-seed{seed}" for count in per_class for seed in range(seeds)], progress)
    for count in per_class:
        folders = [out / f"{count}-seed{seed}" for seed in range(seeds)]
        found: dict[str, list[npt.NDArray[np.float64]]] = {}
        for seed, folder in enumerate(folders):
            line.begin(folder)
            for arm, values in cell(study, count, seed, folder, progress).items():
                found.setdefault(arm, []).append(values)
        chosen = [read_json(folder / CHOSEN) for folder in folders]
        scores = score_arms(truth, patients, found, BASELINES)
        results[f"{count} {start}"] = {
            "per_class": count, "start": start, "seeds": seeds, "chosen": chosen, **scores
        }  # fmt: skip
        page = {"settings": read_json(out / "settings.json"), "provenance": provenance(0), "results": results}
        page |= {"test_slices": len(truth), "test_patients": len(set(patients))}
        replace_file(out, "utility", FILE, partial(write_json, value=page))
    save_figure(out / "utility.png", results)
    finish(out, "utility", (*RUNS, "encoder/*"))
    return results


class _Line:
    """Says which cell begins, of how many that do not stand yet."""

    def __init__(self, folders: Sequence[Path], progress: bool) -> None:
        self.left = [folder for folder in folders if not has_chances(folder)]
        self.pace, self.console = Pace(), terminal(quiet=not progress)

    def begin(self, folder: Path) -> None:
        """Of this cell, where it does not stand."""
        if folder in self.left:
            number = self.left.index(folder)
            parts = (f"cell {number + 1} of {len(self.left)}: {folder.name}", self.pace.left(number / len(self.left)))
            say(self.console, "  ".join(filter(None, parts)))


def _labelled(store: SliceStore, foreign: SliceStore) -> tuple[dict[str, SliceStore], tuple[str, ...]]:
    """The labelled slices of each split, those of `test` from `foreign`, and the names of the classes.

    Raises:
        UserError: the splits have other classes, or fewer than two.
    """
    parts = {}
    for name, of in (("train", store), ("val", store), ("test", foreign)):
        part = of.split(name)
        parts[name] = part.select(part.index["label"].notna())
    classes = {name: sorted(set(part.index["label"].astype(str))) for name, part in parts.items()}
    if len(classes["train"]) < 2 or any(own != classes["train"] for own in classes.values()):
        raise UserError(
            f"the splits of {store.path} have the labels {classes}; training, validation and test need the same, two "
            "or more: ingest with --labels, and a larger share of patients in the split that lacks one."
        )
    return parts, tuple(classes["train"])


def _require_other(store: SliceStore, foreign: SliceStore, size: int) -> None:
    """Refuse a store to test on that is not of other patients, seen alike.

    Raises:
        UserError: its test patients are also here, its slices are smaller than `size`, or it maps intensities
            otherwise.
    """
    seen = store.index.loc[store.index["split"] != "test", "patient"]
    if shared := set(foreign.split("test").index["patient"]) & set(seen):
        raise UserError(
            f"{len(shared)} test patients of {foreign.path} are training or validation patients of {store.path}; take "
            "a store of others."
        )
    if foreign.size < size:
        raise UserError(f"{foreign.path} has slices of {foreign.size} px, fewer than data.size {size}; ingest it anew.")
    ends = ("lower", "upper", "unit")
    if differing := [key for key in ends if store.intensity.get(key) != foreign.intensity.get(key)]:
        raise UserError(
            f"{foreign.path} maps intensities otherwise than {store.path} ({', '.join(differing)}); ingest it with the "
            "same window."
        )


def _prepare(
    asked: Asked, store: SliceStore, parts: Mapping[str, SliceStore], names: tuple[str, ...], out: Path, progress: bool
) -> Study:
    """Pre-train the GAN and the encoder where they do not stand yet, and read what judges."""
    own, size = halve(parts["train"].index, 0), asked.config.data.size
    begin = None
    if asked.pretrain_minutes > 0:
        begin = pretrain(asked.config, parts["train"].select(~own), out, asked.pretrain_minutes, progress)
    if not (out / "encoder").is_dir():
        train_encoder(store, out / "encoder", kimg=asked.encoder_kimg, progress=progress)
    judges = Judges(_slices(parts["val"], names, size), load_images(parts["test"], size=size))
    network = load_encoder(out / "encoder").network
    return Study(asked, names, parts["train"].select(own), parts["val"], judges, begin, network)


def _slices(part: SliceStore, names: Sequence[str], size: int) -> Labelled:
    classes = np.searchsorted(names, part.index["label"].to_numpy(str))
    return Labelled(load_images(part, size=size), torch.from_numpy(classes))


def cell(study: Study, count: int, seed: int, folder: Path, progress: bool) -> dict[str, npt.NDArray[np.float64]]:
    """The chances of each class for every test slice, by arm; from disk where they stand."""
    if not has_chances(folder):
        asked, real = study.asked, study.pool.select(draw_per_class(study.pool.index, count, seed))
        run = train(
            of_seed(asked.config, seed), real, folder / "run", resume=True, begin=study.begin, progress=progress
        )
        own, made = _slices(real, study.names, asked.config.data.size), _made(study, real, run, seed)
        modality = str(real.intensity.get("modality"))
        policy = tuple(name for name in CLASSICAL if name not in LEAKS.get(modality, LEAKS["OT"]))
        found, chosen = arms(study.judges, own, made, Recipe(len(study.names), asked.steps, seed, policy))

        def write(to: Path) -> None:
            with to.open("wb") as handle:
                np.savez(handle, allow_pickle=False, **found)

        for name, writer in ((CHOSEN, partial(write_json, value=chosen)), (CHANCES, write)):
            replace_file(folder.parent, "utility", f"{folder.name}/{name}", writer)
        say(terminal(quiet=not progress), f"chosen by validation: {told(chosen)}")
    with np.load(folder / CHANCES, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _made(study: Study, real: SliceStore, run: Run, seed: int) -> Labelled:
    """Synthetic slices of each class, less what may be copies and what the discriminator likes least."""
    asked, folder = study.asked, run.path.parent / "samples"
    each = asked.amount * len(real) // len(study.names)
    shutil.rmtree(folder, ignore_errors=True)
    parts = []
    for number, name in enumerate(study.names):
        made = sample(
            run, folder / str(number), count=CANDIDATES * each, seed=seed, label=name, checkpoint="last", progress=False
        )
        flagged = copies(made, real, study.held_out, study.network, asked.false_positives)
        parts.append(keep(made, flagged, run, each))
    shutil.rmtree(folder)
    return Labelled(torch.cat(parts), torch.arange(len(parts)).repeat_interleave(each))
