"""The masks that slices are drawn from: of a store, of other samples, or of a file; as they are or edited.

Masks of a store are those of patients. Whoever wants pairs that hold no patient's outlines draws masks too, with a run
trained with `data.conditions: [drawn_mask]`, or takes the masks of its samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from medattngan.conditions.mask import CURE, mask_among
from medattngan.conditions.table import of_run
from medattngan.core.files import UserError, digest
from medattngan.core.run import Run
from medattngan.data.mask_edits import Edit
from medattngan.data.masks import BACKGROUND, Classes, Masks, resize_masks
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore


@dataclass(frozen=True)
class MasksGiven:
    """Masks to draw slices from.

    Args:
        masks: (count, size, size), numbered as the run's classes.
        record: where they come from, for the samples' provenance.
    """

    masks: Masks
    record: dict[str, Any]


@dataclass(frozen=True)
class Given:
    """What is known of the masks of the samples that are to be drawn: the values of the condition, the classes of the
    masks beside the slices, and what provenance says."""

    values: dict[str, Any]
    classes: Classes | None
    record: dict[str, Any]


def given_masks(
    run: Run, source: str | Path | SliceStore | None, split: str, edits: Sequence[str | Edit], count: int, seed: int
) -> Given:
    """The masks for `count` slices of `run`, as asked for.

    Raises:
        UserError: the run takes no masks, wants some, or cannot use these.
    """
    condition = mask_among(of_run(run.store))
    wanted = [edit if isinstance(edit, Edit) else Edit.parse(edit) for edit in edits]
    if condition is None or condition.drawn:
        if source is not None or wanted:
            cure = "train with data.conditions=[mask] for that"
            raise UserError(f"--masks: {run.path} does not draw slices from masks; leave it out, or {cure}.")
        drawn = {"masks": {"from": "generator", "of_patients": False}}
        return Given({}, None, {}) if condition is None else Given({}, Classes(condition.classes), drawn)
    classes = Classes(condition.classes)
    if source is None:
        raise UserError(f"{run.path} draws slices from masks; {CURE}.")
    where = source if isinstance(source, SliceStore) else Path(source)
    found = read_masks(where, split, classes, run.config.data.size, count, seed, wanted)
    return Given({condition.name: found.masks}, classes, {"masks": found.record})


def read_masks(
    source: Path | SliceStore, split: str, classes: Classes, size: int, count: int, seed: int, edits: Sequence[Edit]
) -> MasksGiven:
    """`count` masks of `source`, in an order drawn from `seed`; each once before any comes again.

    Args:
        source: a store with masks, a samples folder with masks, a .npy of (count, H, W) or a picture of one mask.
        split: of a store: train, val or test.
        classes: those of the run; a class of the source is found by its name.
        size: height and width of the run's slices.

    Raises:
        UserError: there are no masks, or they show what the run does not know.
    """
    found, told, origin = _open(source, split)
    if not len(found):
        raise UserError(f"{source} holds no mask; give a store or a folder of samples with masks.")
    rng = np.random.default_rng([seed, 4])
    rounds = -(-count // len(found))
    rows = np.concatenate([rng.permutation(len(found)) for _ in range(rounds)])[:count]
    masks = resize_masks(np.stack([found[int(row)] for row in rows]), size)
    masks = masks if told is None else _renumbered(masks, told, classes)
    if int(masks.max(initial=0)) >= len(classes):
        raise UserError(f"{source} has class {masks.max()}, but the run knows 0 to {len(classes) - 1}.")
    for edit in edits:
        masks = edit.apply(masks, classes)
    listed = [f"{edit.kind} {edit.name} {edit.rows:g},{edit.columns:g} x{edit.factor:g}" for edit in edits]
    return MasksGiven(masks, {**origin, "edits": listed})


def _open(source: Path | SliceStore, split: str) -> tuple[Any, Classes | None, dict[str, Any]]:
    """Masks that can be indexed, their classes where the source names them, and what provenance says of them."""
    if isinstance(source, SliceStore) or (source / "index.parquet").is_file():
        store = source if isinstance(source, SliceStore) else SliceStore.open(source)
        part = store.split(split).with_masks()
        origin = {"from": "store", "digest": part.digest, "split": split, "of_patients": True}
        return _OfStore(part), part.classes, origin
    if source.is_dir():
        samples = Samples.open(source)
        if samples.masks is None:
            raise UserError(f"{source} has no masks; give a store with masks, or samples of a run that draws masks.")
        origin = {"from": "samples", "run": samples.provenance.get("run")}
        origin["of_patients"] = samples.provenance.get("masks", {}).get("of_patients", False)
        return samples.masks, samples.classes, origin
    try:
        if source.suffix.lower() == ".npy":
            masks = np.load(source, allow_pickle=False)
        else:
            with Image.open(source) as opened:
                masks = np.asarray(opened)
        masks = masks[None] if masks.ndim == 2 else masks
    except (OSError, ValueError):
        raise UserError(f"{source} cannot be read; give a store, samples, a .npy of masks or a PNG of one.") from None
    if masks.ndim != 3 or masks.dtype.kind not in "iub" or masks.shape[1] != masks.shape[2] or masks.min(initial=0) < 0:
        raise UserError(f"{source} holds no square masks of whole numbers from 0, (count, H, H) or (H, H).")
    if masks.max(initial=0) > np.iinfo(np.uint8).max:
        raise UserError(
            f"{source} has class {masks.max()}, and masks go up to 255; number its classes as the run does."
        )
    return masks.astype(np.uint8), None, {"from": "file", "sha256": digest(source), "of_patients": None}


@dataclass(frozen=True)
class _OfStore:
    store: SliceStore

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, row: int) -> Masks:
        mask: Masks = self.store.masks([row])[0]
        return mask


def _renumbered(masks: Masks, told: Classes, classes: Classes) -> Masks:
    """Masks with the run's numbers for the same names.

    Raises:
        UserError: the run does not know a class that is in them.
    """
    here = {name: number for number, name in enumerate(classes.names)}
    for number in np.unique(masks):
        if told.names[number] not in here:
            raise UserError(f"the masks show {told.names[number]}, which the run does not know: {', '.join(here)}.")
    table = np.array([here.get(name, here[BACKGROUND]) for name in told.names], np.uint8)
    renumbered: Masks = table[masks]
    return renumbered
