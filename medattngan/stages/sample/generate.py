"""The verb for who wants slices at once: a run → Samples in memory, and nothing on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from medattngan.conditions.table import of_run
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.samples import Samples
from medattngan.stages.sample.sample import choose, load_generator, record_of, slices_of, table_of


def generate(
    run: Run | str | Path,
    n: int,
    *,
    seed: int = 0,
    truncation: float = 1.0,
    checkpoint: str = "best",
    **conditions: Any,
) -> Samples:
    """Draw `n` synthetic slices in memory: the first `n` that `sample` writes with this seed.

        mg.generate("run", 16)
        mg.generate("run", 5, label="tumour", position_mm=[-60, -30, 0, 30, 60]).unit()

    Args:
        run: a Run, the path of one, or of what `export-model --format safetensors` wrote.
        seed: 0 or more.
        truncation: standard deviation of the latents, above 0 and at most 1 (see `latents`).
        checkpoint: `best` or `last`.
        conditions: of the run, by name: one value for all slices or one for each; those not given are drawn as the
            training slices had them.

    Returns:
        Samples: `.codes` (n, H, W) uint16, `.unit()` a tensor (n, 1, H, W) in [-1, 1], `.physical(i)` in scanner units.

    Raises:
        UserError: the run has no such condition or was not trained on such a value, or a number is out of range.
    """
    run = Run.of(run)
    if seed < 0 or n < 1 or not 0 < truncation <= 1:
        raise UserError(
            f"seed is {seed}, n is {n} and truncation is {truncation}; seed must be 0 or more, n 1 or more, and "
            "truncation above 0 and not above 1."
        )
    folder, told = run.checkpoint(checkpoint), of_run(run.store)
    chosen = choose(run, conditions.pop("label", None), conditions, n, seed)
    made = slices_of(load_generator(run, folder), told, chosen, seed, n, truncation, run.config.data.size)
    record = record_of(run, folder, seed, n, truncation)
    table = table_of(told, chosen, seed, n, truncation)
    return Samples(np.concatenate(list(made)), table, dict(run.store["intensity"]), record)
