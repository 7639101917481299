"""Does a synthetic slice show its mask? A segmenter that has only met real patients is asked.

Its Dice on real patients it has not met is the ceiling: nobody can ask more of the slices than that. Its Dice against
the mask of another sample is the floor, which a segmenter reaches that knows where things usually lie. Both limits and
the samples are given the same network.

    segmentation.json   Dice by class, with 95 % intervals: samples, ceiling, their quotient, floor; and whether masks
                        that were drawn lie nearer to a training patient's than other patients' do
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medattngan.core.files import UserError, atomic_folder, digest, require_absent, write_json
from medattngan.core.locks import alone
from medattngan.core.provenance import provenance
from medattngan.core.seal import seal, thorough
from medattngan.data.masks import Masks, resize_masks
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.metrics.dice import Counts, dice, mean_dice, overlaps
from medattngan.stages.segmenter.unet import Pairs, fit, judged, segment
from medattngan.statistics.draws import draw_cases, draw_patients, percentile_interval, require_seed

STEPS = 1500
REPLICATES = 500
NEAREST_PX = 32
"""Masks are compared with all of the training's at this height."""
NEAREST_OF = 500


@alone
@thorough()
def evaluate_pairs(
    samples: Samples | str | Path, store: SliceStore, out: str | Path, *, split: str = "test", steps: int = STEPS,
    seed: int = 0, limit: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Judge pairs and write the folder `out`.

    Args:
        split: of the real patients that the ceiling is measured on.
        steps: of the segmenter's training on the training split, with classical augmentation.
        limit: at most so many pairs, from the first, and so many real slices, by chance.

    Raises:
        UserError: samples or store have no masks or not of the same classes, `out` exists, or the seed is negative.
    """
    require_seed(seed)
    require_absent(Path(out))
    samples = samples if isinstance(samples, Samples) else Samples.open(samples)
    samples.require_verdict()
    training, held_out = store.split("train").with_masks(), store.split(split).with_masks()
    chosen = np.random.default_rng([seed, 20]).permutation(len(held_out))[: limit or len(held_out)]
    held_out = held_out.select(np.isin(np.arange(len(held_out)), chosen))
    names = require_classes(samples, store)
    size, classes = int(samples.codes.shape[-1]), len(names)
    network = fit([Pairs.of_store(training, size)], classes, steps=steps, seed=seed, augmented=True)
    made, real = Pairs.of_samples(samples, size), Pairs.of_store(held_out, size)
    made = Pairs(made.images[:limit], made.masks[:limit])
    found = segment(network, made.images)
    asked = overlaps(found, made.masks.numpy(), classes)
    unlike = of_others(made.masks.numpy())
    ceiling = judged(network, real, classes)
    rng = np.random.default_rng([seed, 15])
    weights = {
        "samples": draw_cases(rng, len(made), REPLICATES),
        "real": draw_patients(rng, list(held_out.index["patient"]), REPLICATES),
    }
    record: dict[str, Any] = {
        "samples": _told(asked, weights["samples"], names),
        "ceiling": _told(ceiling, weights["real"], names),
        "quotient": _quotient(asked, ceiling, weights),
        "floor": None if unlike is None else float(mean_dice(overlaps(found, unlike, classes))),
        "of": {"pairs": len(made), "real_slices": len(real), "real_patients": int(held_out.index["patient"].nunique())},
        "split": split,
        "steps": steps,
        "store_digest": store.digest,
        "masks": samples.provenance.get("masks"),
    }
    if (samples.provenance.get("masks") or {}).get("of_patients") is False:
        record["nearest"] = _nearest(made.masks.numpy(), held_out, training, classes, seed)
    if record["of"]["real_patients"] == 1:  # who says nothing of others
        record["ceiling"]["ci95"] = record["quotient"]["ci95"] = None
    with atomic_folder(Path(out)) as folder:
        write_json(folder / "segmentation.json", record)
        judged_file = {} if samples.path is None else {"samples_file": digest(samples.path / "pixels.npy")}
        write_json(folder / "provenance.json", provenance(seed) | judged_file)
        seal(folder, "segmentation")
    return record


def of_others(masks: Masks) -> Masks | None:
    """For each mask one of another sample that differs from it, the next; None where all are the same.

    >>> of_others(np.uint8([[[1]], [[1]], [[2]]])).ravel().tolist()
    [2, 2, 1]
    """
    flat = masks.reshape(len(masks), -1)
    _, of_kind = np.unique(flat, axis=0, return_inverse=True)
    if of_kind.max(initial=0) == 0:
        return None
    after = (np.roll(np.arange(len(masks)), -1 - i) for i in range(len(masks)))
    return np.asarray(masks[[rows[np.argmax(of_kind[rows] != own)] for rows, own in zip(after, of_kind, strict=True)]])


def require_classes(samples: Samples, store: SliceStore) -> tuple[str, ...]:
    """The names of the classes, the same in both.

    Raises:
        UserError: they are not, or there are no masks.
    """
    if samples.classes is None:
        raise UserError("the samples have no masks; draw them with a run trained with data.conditions=[mask].")
    own = () if store.classes is None else store.classes.names
    if own != samples.classes.names:
        raise UserError(f"the samples have the classes {', '.join(samples.classes.names)}, the store {', '.join(own)}.")
    return own


def _told(counts: Counts, weights: npt.ArrayLike, names: tuple[str, ...]) -> dict[str, Any]:
    """Dice with its interval, and by class; null where no mask has the class."""
    by_class = {name: _or_none(float(value)) for name, value in zip(names[1:], dice(counts), strict=True)}
    interval = percentile_interval(mean_dice(counts, weights))
    return {"dice": float(mean_dice(counts)), "ci95": list(interval), "classes": by_class}


def _quotient(asked: Counts, ceiling: Counts, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Of the means: of the same classes, those that both have."""
    both = ~np.isnan(dice(asked)) & ~np.isnan(dice(ceiling))
    above, below = asked[:, both], ceiling[:, both]
    spread = mean_dice(above, weights["samples"]) / np.maximum(mean_dice(below, weights["real"]), 1e-9)
    value = float(mean_dice(above) / max(float(mean_dice(below)), 1e-9))
    return {"value": value, "ci95": list(percentile_interval(spread))}


def _nearest(
    drawn: Masks, held_out: SliceStore, training: SliceStore, classes: int, seed: int
) -> dict[str, float | int]:
    """Dice of each mask with the most alike one of training: of masks that were drawn, and of other patients' masks.

    A generator that copies masks has `drawn` above `held_out`; `above` is the share of drawn masks that are more alike
    to one of training than 95 % of the other patients' are.
    """
    rng = np.random.default_rng([seed, 16])
    rows = rng.permutation(len(held_out))[:NEAREST_OF]
    known = _flat(training.masks(range(len(training))), classes)
    ours = _most_alike(_flat(drawn[:NEAREST_OF], classes), known)
    theirs = _most_alike(_flat(held_out.masks(rows.tolist()), classes), known)
    if not len(ours) or not len(theirs):
        return {"masks": len(ours)}
    above = float((ours > np.quantile(theirs, 0.95)).mean())
    return {"masks": len(ours), "drawn": float(ours.mean()), "held_out": float(theirs.mean()), "above": above}


def _flat(masks: Masks, classes: int) -> npt.NDArray[np.float32]:
    """(count, pixels · classes) of masks that have a class, the background left out."""
    small = resize_masks(masks, NEAREST_PX)
    small = small[(small > 0).any(axis=(1, 2))].reshape(-1, NEAREST_PX**2)
    return np.concatenate([small == k for k in range(1, classes)], axis=1).astype(np.float32)


def _most_alike(masks: npt.NDArray[np.float32], known: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The Dice of each mask, over all classes at once, with the most alike of `known`."""
    best = np.zeros(len(masks), np.float32)
    for start in range(0, len(known), 1000):
        some = known[start : start + 1000]
        both = masks @ some.T
        best = np.maximum(best, (2 * both / (masks.sum(1)[:, None] + some.sum(1)[None])).max(1, initial=0))
    return best


def _or_none(value: float) -> float | None:
    return None if value != value else value
