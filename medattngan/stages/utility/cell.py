"""One cell: so many real images a class, one seed. A GAN is trained on them alone, then the classifier in every arm."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch

from medattngan.augment import LEAKS, augment
from medattngan.core import types
from medattngan.core.config import Config
from medattngan.core.progress import Advance, Watch, watching
from medattngan.core.run import Run
from medattngan.core.seal import replace_file
from medattngan.data.images import codes_to_images, load_images
from medattngan.data.store import SliceStore
from medattngan.extractors.cache import cached_features
from medattngan.extractors.table import Extractor
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train
from medattngan.stages.utility.classifier import Array, FeatureSet, choose_strength, fit, standardise

CLASSICAL = ("flip", "translate", "scale", "rotate", "brightness", "contrast")
"""The transforms of classical augmentation, less those that would be medically false in the modality (`LEAKS`)."""
CLASSICAL_PROBABILITY = 0.8


@dataclass(frozen=True)
class Cell:
    """What a cell sees and does.

    Args:
        real: the real slices it may see.
        amounts: synthetic images for every real one, for the sweep, increasing.
        begin: a run whose networks training starts from, or None.
    """

    folder: Path
    real: SliceStore
    seed: int
    amounts: tuple[int, ...]
    config: Config
    begin: Run | None


CHANCES = "chances.npz"


def has_chances(folder: Path) -> bool:
    """Whether this cell was done before."""
    return (folder / CHANCES).is_file()


def chances(cell: Cell, test: SliceStore, extractor: Extractor, progress: bool = False) -> dict[str, Array]:
    """Chances of each class for every test slice, (count, classes), by arm; from disk where they stand.

    With `progress`, show on the terminal (stderr) how far the training and the features are.
    """
    path = cell.folder / CHANCES
    if not has_chances(cell.folder):
        run = train(cell.config, cell.real, cell.folder / "run", resume=True, begin=cell.begin, progress=progress)
        with watching(progress) as watch:
            arms = dict(_arms(cell, run, test, extractor, watch))

        def write(to: Path) -> None:
            with to.open("wb") as handle:
                np.savez(handle, allow_pickle=False, **arms)

        replace_file(path.parent.parent, "utility", f"{path.parent.name}/{path.name}", write)
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _arms(cell: Cell, run: Run, test: SliceStore, extractor: Extractor, watch: Watch) -> Iterator[tuple[str, Array]]:
    """(a) real, (b) with classical augmentation, (c) with synthetic by amount, (d) synthetic only, and (b) with (c)."""
    most = max(cell.amounts)
    labels: list[str] = run.store["labels"]
    each = most * len(cell.real) // len(labels)
    total = len(cell.real) * (1 + most) + each * len(labels) + len(test)
    see = partial(_features, extractor, watch(f"features of slices, {extractor.name}", total))
    size = cell.config.data.size  # of all: slices of another sharpness would be told from each other by that
    real, classical, synthetic = _real(see, cell.real, size), _augmented(see, cell), _synthetic(see, cell, run, each)
    strength = choose_strength(real, cell.seed)
    unseen = _real(see, test, size).features

    def predict(own: FeatureSet | None, made: FeatureSet | None) -> Array:
        model = fit(own, made, strength, real)
        answer: Array = model.predict_proba(standardise(unseen, real))
        return answer

    yield "real", predict(real, None)
    yield "real + classical", predict(real, classical)
    for amount in cell.amounts:
        yield f"real + synthetic x{amount}", predict(real, _first(synthetic, amount * len(cell.real)))
    yield "synthetic", predict(None, _first(synthetic, most * len(cell.real)))
    yield "real + classical + synthetic", predict(real, classical + synthetic)


See: TypeAlias = Callable[[types.Images], Array]
"""Images (count, 1, H, W) to their features (count, dim)."""


def _features(extractor: Extractor, advance: Advance, images: types.Images) -> Array:
    return cached_features(extractor, images, advance=advance).double().numpy()


def _real(see: See, part: SliceStore, size: int) -> FeatureSet:
    labels = part.index["label"].to_numpy(str)
    return FeatureSet(see(load_images(part, size=size)), labels, part.index["patient"].to_numpy(str))


def _augmented(see: See, cell: Cell) -> FeatureSet:
    """As many copies of every real slice as the sweep's largest amount, each transformed by itself."""
    modality = str(cell.real.intensity.get("modality"))
    policy = [name for name in CLASSICAL if name not in LEAKS.get(modality, LEAKS["OT"])]
    source = torch.Generator().manual_seed(cell.seed)
    images = load_images(cell.real, size=cell.config.data.size)
    copies = [augment(images, policy, CLASSICAL_PROBABILITY, source).clamp(-1, 1) for _ in range(max(cell.amounts))]
    index, times = cell.real.index, len(copies)
    features = see(torch.cat(copies))
    labels = np.tile(index["label"].to_numpy(str), times)
    return FeatureSet(features, labels, np.tile(index["patient"].to_numpy(str), times))


def _synthetic(see: See, cell: Cell, run: Run, each: int) -> FeatureSet:
    """So many synthetic slices of each class; the classes take turns."""
    labels: list[str] = run.store["labels"]
    drawn = []
    for number, label in enumerate(labels):
        folder = cell.folder / f"samples-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        made = sample(run, folder, count=each, seed=cell.seed, label=label, checkpoint="last", progress=False)
        drawn.append(made.codes)
        shutil.rmtree(folder)
    codes = np.stack(drawn, 1).reshape(-1, *drawn[0].shape[1:])
    names = np.tile(np.array(labels), each)
    return FeatureSet(see(codes_to_images(codes)), names, np.full(len(names), "synthetic"))


def _first(images: FeatureSet, count: int) -> FeatureSet:
    return FeatureSet(images.features[:count], images.labels[:count], images.groups[:count])
