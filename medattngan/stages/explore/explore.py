"""Look at what a run's generator can draw: its seeds side by side, the way from one to the next, two of them mixed.

seeds.png            one slice a seed, with the seed: pick one, and `sample` or `explain` it
interpolation.gif    from seed to seed along great circles, and back to the first
mixing.png           coarse styles of the slices on the left, fine ones of those at the top; only of styled generators
exploration.json     run, seeds, truncation, versions, and what there was not to show

Every slice in them is synthetic and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from medattngan.conditions.mask import mask_among
from medattngan.conditions.table import encoded, of_run
from medattngan.core.files import UserError, atomic_folder, require_absent, write_json
from medattngan.core.locks import alone
from medattngan.core.run import Run
from medattngan.core.seal import seal
from medattngan.core.types import Images
from medattngan.models.styles import Styled, truncated
from medattngan.stages.explore.figures import save_mixing, save_seeds
from medattngan.stages.explore.film import save_interpolation, way
from medattngan.stages.sample.origin import origin
from medattngan.stages.sample.sample import CHUNK, choose, generate, latents, load_generator

MOST_SEEDS = 400
MIXED = 5
"""Slices a side of the mixing sheet."""
STOPS = 6
"""Seeds that the film passes through, at most."""


@dataclass(frozen=True)
class Exploration:
    """The folder that was written, and what the reader must be told."""

    path: Path
    notes: tuple[str, ...]


@alone
def explore(
    run: Run | str | Path,
    out: str | Path,
    *,
    seed: int = 0,
    count: int = 64,
    label: str | None = None,
    values: Mapping[str, Any] | None = None,
    truncation: float = 1.0,
    checkpoint: str = "best",
) -> Exploration:
    """Draw the seeds `seed` to `seed + count - 1` of a run and write the folder `out`. Needs the run only.

    The slice of a seed is the first that `sample RUN --seed SEED` draws with the same label and values; of a run of
    stacks it is a single slice, and no part of the volume that `sample` would draw.

    Args:
        count: seeds on the sheet; 2 to 400. The film and the mixing take the first few of them.
        label, values, truncation: as for `sample`.

    Raises:
        UserError: the run, seed, count, label, values or truncation is not usable, or `out` exists.
    """
    run = Run.of(run)
    require_absent(Path(out))
    if seed < 0 or not 2 <= count <= MOST_SEEDS:
        raise UserError(f"--seed is {seed} and --count {count}; give 0 or more, and 2 to {MOST_SEEDS} of them.")
    if not 0 < truncation <= 1:
        raise UserError(f"--truncation is {truncation}; it must lie above 0 and not above 1.")
    mask = mask_among(of_run(run.store))
    if mask is not None and not mask.drawn:
        raise UserError(f"{run.path} draws slices from masks, which explore does not show; give a run without.")
    folder = run.checkpoint(checkpoint)
    generator = load_generator(run, folder)
    seeds = range(seed, seed + count)
    z = torch.cat([latents(one, 0, 1, int(generator.z_dim)) for one in seeds])  # type: ignore[arg-type]
    told = _told(run, seeds, label, values or {})
    draw = _drawer(generator, truncation)
    notes = [] if isinstance(generator, Styled) else [
        f"model.preset={run.config.model.preset} has no styles, so there is no mixing.png."
    ]  # fmt: skip
    with atomic_folder(Path(out)) as target:
        save_seeds(target / "seeds.png", draw(z, told), list(seeds))
        stops, told_at = way(z[:STOPS], {name: one[:STOPS] for name, one in told.items()})
        save_interpolation(target / "interpolation.gif", draw(stops, told_at))
        if isinstance(generator, Styled):
            few = min(MIXED, count // 2)
            save_mixing(target / "mixing.png", *_mixed(generator, z, told, few, truncation), list(seeds)[: 2 * few])
        write_json(target / "exploration.json", _record(run, folder, seed, count, truncation, notes))
        seal(target, "exploration")
    return Exploration(Path(out), tuple(notes))


def _told(run: Run, seeds: Sequence[int], label: str | None, values: Mapping[str, Any]) -> dict[str, Tensor]:
    """What the generator is told of the slice of each seed: what `sample` would tell it."""
    chosen = [choose(run, label, values, 1, seed) for seed in seeds]
    conditions = [one for one in of_run(run.store) if one.name in chosen[0]]
    return encoded(conditions, {one.name: [each[one.name][0] for each in chosen] for one in conditions})


def _drawer(generator: nn.Module, truncation: float) -> Callable[[Tensor, Mapping[str, Tensor]], Images]:
    def draw(z: Tensor, told: Mapping[str, Tensor]) -> Images:
        return generate(generator, z, dict(told), truncation)[:, :1]

    return draw


@torch.inference_mode()
def _mixed(
    generator: Styled, z: Tensor, told: Mapping[str, Tensor], few: int, truncation: float
) -> tuple[Images, Images, Images]:
    """Sources of the coarse and of the fine styles, (few, 1, H, W) each, and all pairs (few², 1, H, W), row by row.

    Coarse is what lies below a quarter of the height, as outline and place; fine is the rest. What else the generator
    is told is that of the coarse one.
    """
    told = {name: one[: 2 * few] for name, one in told.items()}
    styles = truncated(generator, z[: 2 * few], told, truncation)
    split = sum(resolution < max(8, generator.resolutions[-1] // 4) for resolution in generator.resolutions)

    def drawn(coarse: Sequence[int], fine: Sequence[int]) -> Images:
        images = []
        for start in range(0, len(coarse), CHUNK):
            rows, others = list(coarse[start : start + CHUNK]), list(fine[start : start + CHUNK])
            mixed = [styles[rows]] * split + [styles[others]] * (len(generator.resolutions) - split)
            images.append(generator.draw(mixed, {name: one[rows] for name, one in told.items()})[:, :1])
        return torch.cat(images).clamp(-1, 1)

    left, top = range(few), range(few, 2 * few)
    pairs = drawn([one for one in left for _ in top], [one for _ in left for one in top])
    return drawn(left, left), drawn(top, top), pairs


def _record(run: Run, folder: Path, seed: int, count: int, truncation: float, notes: Sequence[str]) -> dict[str, Any]:
    return {
        **origin(run, folder, seed),
        "count": count,
        "truncation": truncation,
        "notes": list(notes),
    }
