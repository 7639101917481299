"""Do synthetic pairs help a segmenter that has few patients? MONAI's U-Net, trained end to end, on untouched patients.

For each number of patients and each seed a GAN is trained on the pairs of those patients alone, or goes on from one
that was trained without masks on other patients, whose scans a group has and has not outlined. Then the same U-Net is
trained in every arm for as many steps: real pairs, with nnU-Net's augmentation, with synthetic pairs, with both.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from medattngan.conditions.mask import DRAWN, NAME
from medattngan.core.config import Config
from medattngan.core.files import UserError, write_json
from medattngan.core.locks import alone
from medattngan.core.provenance import provenance
from medattngan.core.run import Run
from medattngan.core.seal import finish, replace_file
from medattngan.data.store import SliceStore
from medattngan.metrics.dice import Counts, mean_dice
from medattngan.stages.sample.sample import sample
from medattngan.stages.segmenter.unet import Pairs, fit, judged
from medattngan.stages.train.train import train
from medattngan.stages.utility.utility import (
    PRETRAINED,
    RUNS,
    SCRATCH,
    begin_folder,
    of_seed,
    pretraining,
    require_cells,
)  # fmt: skip
from medattngan.statistics.draws import draw_patients, percentile_interval

REAL, CLASSICAL, SYNTHETIC, BOTH = "real", "real + classical", "real + synthetic", "real + classical + synthetic"
BASELINES = (REAL, CLASSICAL)
"""What synthetic pairs must be better than: augmentation can do harm too, and is no bar then."""
REPLICATES = 2000
FILE = "segmentation.json"


@dataclass(frozen=True)
class Study:
    """What every cell has in common.

    Args:
        config: of one cell's GAN.
        amount: synthetic pairs for every real one.
        steps: of every segmenter's training.
        test: pairs of untouched patients.
    """

    config: Config
    amount: int
    steps: int
    test: Pairs
    classes: int


@alone
def segmentation_utility(
    config: Config, data: SliceStore | str | Path, out: str | Path, *, patients: Sequence[int] = (5, 10, 20),
    seeds: int = 5, amount: int = 3, steps: int = 1000, pretrain_minutes: float = 0.0,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:  # fmt: skip
    """Fill the folder `out` with `segmentation.json`; what stands there is not computed again.

    Args:
        config: of one cell's GAN, with `mask` or `drawn_mask` among `data.conditions`. `mask` draws new slices for the
            masks of the cell's patients, `drawn_mask` new pairs.
        patients: numbers of patients with masks.
        seeds: draws of these patients, each with a GAN and segmenters of its own.
        amount: synthetic pairs for every real one.
        steps: of every segmenter's training, 16 pairs each.
        pretrain_minutes: of a GAN without masks on the other half of the training patients, from which every cell is
            trained once more; 0 for none.
        say: is told how far it is.

    Raises:
        UserError: the store has no masks or too few patients, the configuration no masks, or `out` was started with
            other settings.
    """
    store = data if isinstance(data, SliceStore) else SliceStore.open(data)
    out, size = Path(out), config.data.size
    require_cells(seeds, pretrain_minutes)
    if not {NAME, DRAWN} & set(config.data.conditions):
        raise UserError(f"utility of pairs needs a GAN with masks; set data.conditions=[{DRAWN}] or [{NAME}].")
    settings = {
        "config": config.model_dump(mode="json"), "store_digest": store.digest, "amount": amount, "steps": steps,
        "pretrain_minutes": pretrain_minutes, "task": "segmentation",
    }  # fmt: skip
    begin_folder(out, settings)
    training, untouched = store.split("train").with_masks(), store.split("test").with_masks()
    assert store.classes is not None
    study = Study(config, amount, steps, Pairs.of_store(untouched, size), len(store.classes))
    pool, others = halves(training)
    begins: dict[str, Run | None] = {SCRATCH: None}
    if pretrain_minutes > 0:
        begins[PRETRAINED] = _pretrain(config, others, out, pretrain_minutes)
    whose = untouched.index["patient"].to_numpy(str)
    results: dict[str, Any] = {}
    for count in patients:
        for start, begin in begins.items():
            arms: dict[str, list[Counts]] = {}
            for seed in range(seeds):
                say(f"{count} patients, {start}, seed {seed}")
                real = draw_patients_of(pool, count, seed)
                for arm, counts in cell(study, real, begin, seed, out / f"{count}-{start}-seed{seed}").items():
                    arms.setdefault(arm, []).append(counts)
            results[f"{count} {start}"] = {"patients": count, "start": start, "seeds": seeds, **compare(arms, whose)}
            page = {"settings": settings, "provenance": provenance(0), "test_patients": len(set(whose))}
            page |= {"test_slices": len(whose), "results": results}
            replace_file(out, "utility", FILE, partial(write_json, value=page))
    finish(out, "utility", RUNS)
    return results


def halves(training: SliceStore) -> tuple[SliceStore, SliceStore]:
    """The patients whose masks may be used, and those whose slices are to be had without: half each, by chance."""
    names = np.array(sorted(training.index["patient"].unique()))
    chosen = set(np.random.default_rng([0, 17]).permutation(names)[: (len(names) + 1) // 2])
    own = training.index["patient"].isin(chosen).to_numpy(bool)
    return training.select(own), training.select(~own)


def draw_patients_of(pool: SliceStore, count: int, seed: int) -> SliceStore:
    """All slices of `count` patients; of one seed, few are among many.

    Raises:
        UserError: there are fewer.
    """
    names = np.array(sorted(pool.index["patient"].unique()))
    if len(names) < count:
        raise UserError(f"there are {len(names)} patients with masks to draw from, not {count}; ask for fewer.")
    chosen = set(np.random.default_rng([seed, 18]).permutation(names)[:count])
    return pool.select(pool.index["patient"].isin(chosen).to_numpy(bool))


def _pretrain(config: Config, others: SliceStore, out: Path, minutes: float) -> Run:
    """A GAN without masks on the patients whose masks nobody is to have."""
    conditions = tuple(one for one in config.data.conditions if one not in (NAME, DRAWN))
    plain = config.data.model_copy(update={"conditions": conditions})
    own = config.model_copy(update={"data": plain, "train": pretraining(config.train, minutes)})
    return train(own, others, out / "pretraining", resume=True)


def cell(study: Study, real: SliceStore, begin: Run | None, seed: int, folder: Path) -> dict[str, Counts]:
    """What Dice's coefficient needs of every test slice, by arm; from disk where it stands."""
    path = folder / "counts.npz"
    if not path.is_file():
        run = train(of_seed(study.config, seed), real, folder / "run", resume=True, begin=begin)
        arms = {arm: judged(network, study.test, study.classes) for arm, network in _arms(study, real, run, seed)}

        def write(to: Path) -> None:
            with to.open("wb") as handle:
                np.savez(handle, allow_pickle=False, **arms)

        replace_file(folder.parent, "utility", f"{folder.name}/{path.name}", write)
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _arms(study: Study, real: SliceStore, run: Run, seed: int) -> Iterator[tuple[str, nn.Module]]:
    """The segmenter of every arm, by name: of one seed, all start from the same weights."""
    own = Pairs.of_store(real, study.config.data.size)
    made = _drawn(study, real, run, seed)
    for arm, parts, augmented in (
        (REAL, [own], False),
        (CLASSICAL, [own], True),
        (SYNTHETIC, [own, made], False),
        (BOTH, [own, made], True),
    ):
        yield arm, fit(parts, study.classes, steps=study.steps, seed=seed, augmented=augmented)


def _drawn(study: Study, real: SliceStore, run: Run, seed: int) -> Pairs:
    """Synthetic pairs, as many as real ones times `amount`."""
    folder = run.path.parent / "samples"
    shutil.rmtree(folder, ignore_errors=True)
    masks = real if NAME in study.config.data.conditions else None
    made = sample(run, folder, count=study.amount * len(real), seed=seed, masks=masks, checkpoint="last")
    pairs = Pairs.of_samples(made, study.config.data.size)
    shutil.rmtree(folder)
    return pairs


def compare(arms: Mapping[str, Sequence[Counts]], patients: npt.NDArray[np.str_]) -> dict[str, Any]:
    """Mean Dice of every arm and its differences from both baselines, paired, with 95 % intervals.

    Which patients were to be had and whom the segmenter meets both vary, so both are drawn anew (Davison & Hinkley
    1997, section 3.8, for two crossed factors).

    Args:
        arms: by arm, of each seed (test slices, classes, 2); the same seeds in the same order.
        patients: (test slices,) whose they are.
    """
    rng = np.random.default_rng([0, 19])
    seeds = len(next(iter(arms.values())))
    weights = draw_patients(rng, list(patients), REPLICATES)
    drawn = rng.integers(0, seeds, (REPLICATES, seeds))
    values = {arm: np.array([float(mean_dice(one)) for one in own]) for arm, own in arms.items()}
    spread = {
        arm: np.mean(np.stack([mean_dice(one, weights) for one in own])[drawn.T, np.arange(REPLICATES)], 0)
        for arm, own in arms.items()
    }

    def entry(value: npt.NDArray[np.float64], replicates: npt.NDArray[np.float64]) -> dict[str, Any]:
        ends = list(percentile_interval(replicates))
        return {"value": float(value.mean()), "ci95": ends, "by_seed": value.tolist()}

    differences = {
        f"{a} - {b}": entry(values[a] - values[b], spread[a] - spread[b]) for a in arms for b in BASELINES if a != b
    }
    best = max(BASELINES, key=lambda arm: float(values[arm].mean()))
    dice = {"arms": {arm: entry(values[arm], spread[arm]) for arm in arms}, "differences": differences}
    return {"dice": {**dice, "baseline": best}}
