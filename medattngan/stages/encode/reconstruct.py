"""The verb: a run and latents → the slices it draws from them: reconstructions, edits, interpolations.

None of them is synthetic. They lie in a samples folder, so that `evaluate` and `audit` read them; its record says of
whom they are, its table in the column `sources` for each, and `export`, `push`, `review` and `report` refuse them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from medattngan.conditions.condition import Column, Conditions
from medattngan.core.files import UserError, require_absent
from medattngan.core.locks import alone
from medattngan.core.progress import watching
from medattngan.core.run import Run
from medattngan.core.types import Images
from medattngan.data.images import load_images
from medattngan.data.intensity import unit_to_codes
from medattngan.data.latents import Latents
from medattngan.data.samples import Samples, write_samples
from medattngan.data.sources import SOURCES, named
from medattngan.data.store import SliceStore
from medattngan.metrics.ssim import ssim
from medattngan.stages.encode.encode import record_of
from medattngan.stages.encode.networks import Networks, in_chunks

STEPS = 9


@dataclass(frozen=True)
class Drawn:
    """What is to be drawn.

    Args:
        z: (count, z_dim).
        values: of the run's conditions, by name: `count` each.
        told: the same as the networks are told them.
        behind: of each slice, the rows of the latents that it comes from.
        share: (count,), how much of the second of them; 0 where there is one.
    """

    z: Tensor
    values: dict[str, Column]
    told: dict[str, Tensor]
    behind: list[tuple[int, ...]]
    share: Tensor


@alone
def reconstruct(
    run: Run | str | Path,
    latents: Latents | str | Path,
    out: str | Path,
    *,
    between: tuple[int, int] | None = None,
    steps: int = STEPS,
    values: Mapping[str, Any] | None = None,
    data: SliceStore | str | Path | None = None,
    checkpoint: str = "best",
    progress: bool = True,
) -> Samples:
    """Draw slices from latents of real ones and write them to the folder `out`, marked as being of patients.

    Args:
        run: the one that `latents` belong to.
        latents: what `encode` wrote.
        between: rows of two latents, to draw the way from the first to the second in their place.
        steps: slices on that way, both ends among them; 2 or more.
        values: of the run's conditions, by name, in place of those that the slices had: an edit. Text as on the command
            line, or values.
        data: the store of the sources; then the column `ssim` says how like each reconstruction is to its slice.
        checkpoint: of the run, `best` or `last`.
        progress: show on the terminal (stderr) how far it is.

    Raises:
        UserError: the latents are of another run or the store of other slices, a row, number or value is not possible,
            or `out` exists.
    """
    require_absent(Path(out))
    latents, networks = Latents.of(latents), Networks.of(run, checkpoint)
    networks.encoder_for(latents)  # refuses latents of another run
    drawn = _between(networks, latents, between, steps) if between else _each(networks, latents, values or {})
    if between and values:
        raise UserError("--between goes from one slice to the other, conditions and all; leave out --condition.")
    with watching(progress) as watch:
        advance = watch("drawing slices", len(drawn.z))
        images = in_chunks(networks.draw, drawn.z, drawn.told)
        advance(len(drawn.z))
    table = _table(networks, latents, drawn)
    record = record_of(networks, 0) | {
        "source": latents.provenance["source"],
        "made": "interpolated" if between else "edited" if values else "reconstructed",
        "count": len(table),
    }
    if data is not None:
        if between:
            raise UserError("--data compares reconstructions with their slices; leave it out with --between.")
        table["ssim"] = ssim(images, originals(latents, SliceStore.of(data), networks.size)).numpy()
    side = networks.size
    write_samples(
        Path(out), [unit_to_codes(images[:, 0].numpy())], (side, side), table, networks.run.store["intensity"], record
    )
    return Samples.open(out)


def originals(latents: Latents, store: SliceStore, size: int) -> Images:
    """The slices behind `latents`, (count, 1, size, size) in [-1, 1].

    Raises:
        UserError: `store` is not the one they were encoded from.
    """
    if store.digest != latents.provenance["source"]["store_digest"]:
        raise UserError(f"{latents.path} was encoded from another store than {store.path}; give that one.")
    return load_images(store, [int(row) for row in latents.table["row"]], size)


def _each(networks: Networks, latents: Latents, edits: Mapping[str, Any]) -> Drawn:
    """Every latent once, its conditions as they were but for the edits."""
    values: dict[str, Column] = {one.name: list(latents.table[one.name]) for one in networks.conditions}
    known = {one.name: one for one in networks.conditions}
    for name, given in edits.items():
        if name not in known:
            raise UserError(f"--condition {name}: {networks.run.path} is told {', '.join(known) or 'nothing'}.")
        value = known[name].parse(given) if isinstance(given, str) else given
        known[name].require([value])
        values[name] = [value] * len(latents)
    behind: list[tuple[int, ...]] = [(row,) for row in range(len(latents))]
    z = torch.from_numpy(np.array(latents.means))
    return Drawn(z, values, networks.told(values), behind, torch.zeros(len(z)))


def _between(networks: Networks, latents: Latents, rows: tuple[int, int], steps: int) -> Drawn:
    """The straight way from one latent to another; numbers go along with it, a label changes half way.

    Raises:
        UserError: there is no such row, or there are too few steps.
    """
    for row in rows:
        if not 0 <= row < len(latents):
            raise UserError(f"--between {rows[0]},{rows[1]}: {latents.path} has the rows 0 to {len(latents) - 1}.")
    if steps < 2:
        raise UserError(f"--steps is {steps}; a way has two ends.")
    share = torch.linspace(0, 1, steps)
    first, last = (torch.from_numpy(np.array(latents.means[row])) for row in rows)
    z = first + (last - first) * share[:, None]
    z[-1] = last
    ends = {one.name: [latents.table[one.name].iloc[row] for row in rows] for one in networks.conditions}
    values: dict[str, Column] = {}
    for name, (start, end) in ends.items():
        number = isinstance(start, float | int | np.number)
        way = [start + (end - start) * float(at) if number else (start if at < 0.5 else end) for at in share]
        values[name] = way
    return Drawn(z, values, networks.told(values), [rows] * steps, share)


def _table(networks: Networks, latents: Latents, drawn: Drawn) -> pd.DataFrame:
    """One row a slice; `seed` and `truncation` have no meaning here, and stay empty."""
    patients, rows = latents.table["patient"], latents.table["row"]
    count = len(drawn.z)
    columns = {one.name: one.column(drawn.values[one.name]) for one in networks.conditions}
    return pd.DataFrame(
        {
            "number": np.arange(count),
            "seed": pd.array([None] * count, dtype="Int64"),
            "label": columns.pop("label", pd.array([None] * count, dtype="string")),
            SOURCES: pd.array([_names(patients, some) for some in drawn.behind], dtype="string"),
            "source_rows": pd.array([_names(rows, some) for some in drawn.behind], dtype="string"),
            "share": drawn.share.numpy(),
            **columns,
        }
    )


def _names(column: Any, rows: Sequence[int]) -> str:
    return named([str(column.iloc[row]) for row in rows])


def reconstructed(networks: Networks, encoder: torch.nn.Module, images: Images, told: Conditions) -> Images:
    """G(E(x)) of slices (N, 1, H, W), the same shape in [-1, 1]."""
    z = in_chunks(encoder, images, told)[:, 0]
    return in_chunks(networks.draw, z, told)
