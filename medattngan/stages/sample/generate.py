"""The verb for who wants slices at once: a run → Samples in memory, and nothing on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from medattngan.conditions.table import of_run
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.mask_edits import Edit
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.stages.sample.masks import given_masks
from medattngan.stages.sample.records import record_of, table_of
from medattngan.stages.sample.sample import SEEDS, choose, latents, load_generator, pairs_of, slices_of
from medattngan.stages.sample.volumes import volumes_asked, volumes_of


def generate(
    run: Run | str | Path,
    n: int,
    *,
    seed: int = 0,
    truncation: float = 1.0,
    checkpoint: str = "best",
    masks: str | Path | SliceStore | None = None,
    masks_split: str = "train",
    edits: Sequence[str | Edit] = (),
    slices: int | None = None,
    step_mm: float | None = None,
    **conditions: Any,
) -> Samples:
    """Draw `n` synthetic slices in memory: the first `n` that `sample` writes with this seed.

        mg.generate("run", 16)
        mg.generate("run", 5, label="tumour", position_mm=[-60, -30, 0, 30, 60]).unit()

    Args:
        run: a Run, the path of one, or of what `export-model --format safetensors` wrote.
        seed: 0 or more.
        truncation: above 0 and at most 1; below 1 slices are more typical and less varied.
        checkpoint: `best` or `last`.
        slices, step_mm: of volumes, `n` of them; see `sample`.
        masks, masks_split, edits: what to draw from, for a run that draws slices from masks; see `sample`.
        conditions: of the run, by name: one value for all slices or one for each; those not given are drawn as the
            training slices had them.

    Returns:
        Samples: `.codes` (n, H, W) uint16, `.unit()` a tensor (n, 1, H, W) in [-1, 1], `.physical(i)` in scanner units.

    Raises:
        UserError: the run has no such condition or was not trained on such a value, or a number is out of range.
    """
    run = Run.of(run)
    if not 0 <= seed < SEEDS or n < 1 or not 0 < truncation <= 1:
        raise UserError(
            f"seed is {seed}, n is {n} and truncation is {truncation}; seed must be 0 or more and below {SEEDS}, n 1 "
            "or more, and truncation above 0 and not above 1."
        )
    folder = run.checkpoint(checkpoint)
    given = given_masks(run, masks, masks_split, edits, n, seed)
    chosen = choose(run, conditions.pop("label", None), {**conditions, **given.values}, n, seed)
    told = [one for one in of_run(run.store) if one.name in chosen]
    generator, intensity = load_generator(run, folder), dict(run.store["intensity"])
    record = record_of(run, folder, seed, n, truncation) | given.record
    if (volumes := volumes_asked(run, n, slices, step_mm, conditions)) is not None:
        chosen = volumes.columns(chosen)
        made_volumes = volumes_of(generator, volumes, told, chosen, partial(latents, seed), truncation)
        table = volumes.table(table_of(told, chosen, seed, n * volumes.slices, truncation))
        codes = np.concatenate([one for one, _ in made_volumes])
        return Samples(codes, table, volumes.intensity(intensity), record | volumes.record())
    made = slices_of(generator, told, chosen, seed, n, truncation, run.config.data.size)
    table = table_of(told, chosen, seed, n, truncation)
    if given.classes is None:
        return Samples(np.concatenate([codes for codes, _ in made]), table, intensity, record)
    codes, drawn = (np.concatenate(parts) for parts in zip(*pairs_of(made, chosen), strict=True))
    return Samples(codes, table, intensity, record, masks=drawn, classes=given.classes)
