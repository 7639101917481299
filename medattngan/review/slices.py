"""The slices of a study: drawn from samples and store, brought to one size and put on one grid of grey levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from medattngan.core.files import UserError
from medattngan.core.provenance import provenance
from medattngan.core.types import Codes
from medattngan.data.alike import one_spacing
from medattngan.data.images import load_images
from medattngan.data.intensity import unit_to_codes
from medattngan.data.store import SliceStore
from medattngan.external import given
from medattngan.review.choose import choose_real, choose_synthetic
from medattngan.review.grid import common_levels, grid_ends, place
from medattngan.review.letters import without_letters
from medattngan.review.stacks import VOLUME, Stacks, neighbours, of_volumes, require_one_size, volume_parts


@dataclass(frozen=True)
class Slices:
    """What a study shows, in the order synthetic, real.

    Args:
        cases: (2 count, H, W) uint16 on the common grid; (2 count, depth, H, W) of stacks.
        references: (references, H, W) uint16 on the same grid.
        truth: one row a case: `synthetic`, `row` of the samples or of the store, `patient`, `label`, `position_mm`;
            of a stack those of its middle slice, and `first_row` and `last_row`.
        facts: geometry and intensity, the same for all cases.
        provenance: digests and versions.
    """

    cases: Codes
    references: Codes
    truth: pd.DataFrame
    facts: dict[str, Any]
    provenance: dict[str, Any]


def gather(
    source: given.Slices,
    store: SliceStore,
    *,
    count: int,
    split: str,
    references: int,
    seed: int,
    value_range: tuple[float, float] | None = None,
    letters: str = "leave-out",
    depth: int = 1,
) -> Slices:
    """Choose `count` slices, or stacks of `depth` slices, of each kind, and `references` of the split train.

    `value_range` is that of `External.unit`. With `letters` "leave-out" no slice shows what looks like letters; with
    "keep" nobody looks.

    Raises:
        UserError: there are not enough, or real and synthetic ones cannot be made alike.
    """
    rng = np.random.default_rng([seed, 0])
    codes, table, intensity, origin = _synthetic(source, store, value_range, depth)
    size, name = codes.shape[-1], given.name_of(source)
    _check_alike(name, intensity, size, store)
    part = store.split(split)
    choice = _Choice(rng, letters == "leave-out")
    made = of_volumes(table, depth, name, np.random.default_rng([seed, 5]))
    found = neighbours(part.index, depth, store.path)
    fits = partial(choose_synthetic, made.table, count)
    drawn = choice(fits, lambda ones: [codes[row] for row in made.slices(ones)], depth)
    wanted = made.table.reindex(columns=["label", "position_mm"]).iloc[drawn].astype({"position_mm": "float64"})
    fits = partial(choose_real, found.table, wanted, apart_mm=found.apart_mm)
    real = choice(fits, lambda ones: _codes(part, found.slices(ones), size), depth)
    shown, shown_rows = _references(store, references, choice, size)
    raw = [codes[row] for row in made.slices(drawn)] + _codes(part, found.slices(real), size)
    raw += _codes(shown, shown_rows, size)
    levels = common_levels(raw)
    seeds = np.random.default_rng([seed, 1]).integers(0, 2**63, len(raw))
    placed = np.stack([place(one, levels, int(number)) for one, number in zip(raw, seeds, strict=True)])
    spacings = part.index["spacing_mm"].iloc[found.slices(real)] * store.size / size
    lower, upper = grid_ends(float(intensity["lower"]), float(intensity["upper"]))
    facts = {
        "height": size, "width": size, "levels": levels, "lower": lower, "upper": upper, "unit": intensity["unit"],
        "modality": intensity.get("modality"), "plane": intensity.get("plane"),
        "spacing_mm": _spacing(intensity.get("spacing_mm"), spacings),
    }  # fmt: skip
    record = {**provenance(0), "store_digest": store.digest, "split": split, "samples": origin}
    record["seed"] = "sealed in truth.parquet"
    record["left_out_for_letters"] = sum(choice.passed) if letters == "leave-out" else None
    cases = placed[: 2 * count * depth].reshape(2 * count, *([depth] if depth > 1 else []), size, size)
    return Slices(cases, placed[2 * count * depth :], _truth(drawn, made, real, found), facts, record)


class _Choice:
    """Draws rows, each time anew from where the generator stood, until none shows letters."""

    def __init__(self, rng: np.random.Generator, screened: bool) -> None:
        self.rng, self.screened = rng, screened
        self.passed: list[int] = []

    def __call__(
        self,
        choose: Callable[[np.random.Generator, frozenset[int]], list[int]],
        codes: Callable[[list[int]], Sequence[Codes]],
        depth: int = 1,
    ) -> list[int]:
        if not self.screened:
            return choose(self.rng, frozenset())
        state = self.rng.bit_generator.state

        def again(without: frozenset[int]) -> list[int]:
            self.rng.bit_generator.state = state
            return choose(self.rng, without)

        rows, passed = without_letters(again, codes, depth)
        self.passed.append(passed)
        return rows


def _synthetic(
    source: given.Slices, store: SliceStore, value_range: tuple[float, float] | None = None, depth: int = 1
) -> tuple[Codes, pd.DataFrame, dict[str, Any], dict[str, Any]]:
    """Codes, table, intensity map and origin of the synthetic side; slices from elsewhere are given the store's map."""
    if depth > 1 and (parts := volume_parts(source)):
        opened = [_synthetic(part, store, value_range) for part in parts]
        require_one_size(parts, [codes.shape[-1] for codes, *_ in opened])
        for part, (part_codes, _, intensity, _) in zip(parts, opened, strict=True):
            _check_alike(str(part), intensity, part_codes.shape[-1], store)
        codes = np.concatenate([codes for codes, *_ in opened])
        tables = [table.assign(**{VOLUME: number}) for number, (_, table, *_) in enumerate(opened)]
        origin = {"foreign": True, "volumes": len(parts), "notes": opened[0][3].get("notes", [])}
        return codes, pd.concat(tables, ignore_index=True), store.intensity, origin
    found = given.given_slices(source)
    if found.samples is not None:
        found.samples.require_synthetic("shown to readers")
    if (samples := found.samples) is not None and value_range is None:
        samples.require_verdict()
        names = ("run", "preset", "weights_digest", "store_digest", "seed", "truncation", "versions")
        origin = {name: samples.provenance[name] for name in names if name in samples.provenance}
        return samples.codes, samples.table, samples.intensity, origin
    unit = found.unit(store.map, value_range)
    codes = unit_to_codes(unit.images[:, 0].numpy())
    return codes, pd.DataFrame(index=range(len(codes))), store.intensity, {"foreign": True, "notes": unit.notes}


def _check_alike(source: str, intensity: dict[str, Any], size: int, store: SliceStore) -> None:
    if store.size < size:
        raise UserError(f"{source} is {size} px but {store.path} holds {store.size} px; ingest with --size {size}.")
    for key in ("unit", "modality", "plane"):
        if intensity.get(key) != store.intensity.get(key):
            which = f"is {intensity.get(key)} but that of {store.path} is {store.intensity.get(key)}"
            raise UserError(f"the {key} of {source} {which}; use the store that the samples were trained on.")
    ours, theirs = ((float(one["lower"]), float(one["upper"])) for one in (intensity, store.intensity))
    if intensity["unit"] == "HU" and not np.allclose(ours, theirs, rtol=0, atol=0.5):
        raise UserError(f"{source} was made for the window {ours} HU but {store.path} holds {theirs}; use its own.")


def _references(store: SliceStore, count: int, choice: _Choice, size: int) -> tuple[SliceStore, list[int]]:
    """Slices of training patients, who are never among the cases."""
    if count == 0:
        return store, []
    part = store.split("train")
    unknown = pd.DataFrame({"label": [None] * count, "position_mm": np.full(count, np.nan)})
    return part, choice(partial(choose_real, part.index, unknown), lambda rows: _codes(part, rows, size))


def _codes(store: SliceStore, rows: list[int], size: int) -> list[Codes]:
    """Slices of a store as codes (size, size); larger ones are averaged down as they were in training."""
    return list(unit_to_codes(load_images(store, rows, size)[:, 0].numpy()))


def _spacing(synthetic: float | None, real: pd.Series[float]) -> float | None:
    """The one pixel size of all cases, in mm; None where it is unknown or not one: a scale must not tell them apart."""
    return None if one_spacing([synthetic, *real]) is None else synthetic


def _truth(drawn: list[int], made: Stacks, real: list[int], found: Stacks) -> pd.DataFrame:
    synthetic = made.table.reindex(columns=["label", "position_mm"]).iloc[drawn].assign(patient=None)
    originals = found.table[["label", "position_mm", "patient"]].iloc[real]
    rows = [made.rows[one] for one in drawn] + [found.rows[one] for one in real]
    types = {"label": "string", "patient": "string", "position_mm": "float64"}
    both = pd.concat([synthetic.astype(types), originals.astype(types)], ignore_index=True)
    both = both.assign(row=[one[len(one) // 2] for one in rows], synthetic=np.arange(len(both)) < len(drawn))
    if len(rows[0]) > 1:
        both = both.assign(first_row=[one[0] for one in rows], last_row=[one[-1] for one in rows])
    return both
