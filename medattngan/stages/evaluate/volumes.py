"""Do the slices of a volume belong together? Synthetic volumes against held-out patients, and those against others.

    volumes.json      every measure with what real volumes of other patients score in the place of the synthetic ones
    through.png       likeness by distance and power through the plane, real and synthetic
    provenance.json   digests, extractor, seed, versions

One volume a series, the one whose middle lies where that of the synthetic ones does, with as many slices as far apart.
All sides have the same number of volumes: a Fréchet distance depends on the count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from medattngan.core.files import UserError, atomic_folder, require_absent, write_json
from medattngan.core.locks import alone
from medattngan.core.plots import save_picture
from medattngan.core.provenance import provenance
from medattngan.core.seal import seal, thorough
from medattngan.core.types import Images
from medattngan.data.images import codes_to_images, resize
from medattngan.data.reformat import cut_names, reformats
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.extractors.table import Extractor, extract, load_extractor
from medattngan.metrics.frechet import frechet_distance
from medattngan.metrics.volumes import (
    differences,
    neighbour_similarity,
    power,
    power_gap,
    similarity_between,
)
from medattngan.stages.evaluate.through import through_figure
from medattngan.statistics.draws import draw_cases, draw_patients, percentile_interval, require_seed

STEPS = (1, 2, 4, 8)
"""Slices apart at which likeness is measured."""
REPLICATES = 1000
LEAST_VOLUMES = 3
MIDDLE = (0.2, 0.8)
"""The cuts across slices that are compared: outside there is little but background."""
EVERY = 2
"""Of cuts and slices every second is compared: the next shows nearly the same."""


@dataclass(frozen=True)
class Kinds:
    """Equally many volumes of three kinds, (N, D, H, W) in [-1, 1] each.

    Args:
        fake: synthetic.
        real: of patients of the split.
        other: of patients outside it.
    """

    fake: Tensor
    real: Tensor
    other: Tensor

    def each(self, seen: Callable[[Tensor], Tensor]) -> Kinds:
        """What `seen` makes of each."""
        return Kinds(seen(self.fake), seen(self.real), seen(self.other))


@alone
@thorough()
def evaluate_volumes(
    samples: Samples | str | Path, store: SliceStore | str | Path, out: str | Path, *, split: str = "test",
    extractor: str = "efficientnet-lite0", weights: Path | None = None, seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Measure synthetic volumes and write the folder `out`; returns what volumes.json holds.

    Args:
        samples: that `sample` wrote as volumes.
        split: of the real patients to compare with.
        extractor, weights: as `evaluate` takes them.
        seed: of the choice of other patients, and of the bootstrap; 0 or more.

    Raises:
        UserError: the samples are no volumes, there are too few real ones as deep or they are of one patient, `out`
            exists, or the seed is negative.
    """
    require_seed(seed)
    require_absent(Path(out))
    samples, store = Samples.of(samples), SliceStore.of(store)
    loaded = load_extractor(extractor, weights)
    kinds, patients, described = volumes_to_compare(samples, store, split, seed)
    plane = str(samples.intensity.get("plane"))
    quotient = described["step_mm"] / float(samples.intensity.get("spacing_mm") or described["step_mm"])
    record: dict[str, Any] = {
        **described,
        "likeness": _likeness(kinds, patients, described["step_mm"], seed),
        **_distances(kinds, plane, quotient, loaded),
        "power_gap": {"value": power_gap(kinds.real, kinds.fake), "floor": power_gap(kinds.real, kinds.other)},
    }
    through = {name: power(volumes)[1:].tolist() for name, volumes in vars(kinds).items()}
    with atomic_folder(Path(out)) as folder:
        save_picture(folder / "through.png", through_figure(record["likeness"], through, described))
        write_json(folder / "volumes.json", record)
        about = {"store_digest": store.digest, "extractor": {"name": loaded.name, "digest": loaded.digest}}
        write_json(folder / "provenance.json", {**provenance(seed), **about, "run": samples.provenance.get("run")})
        seal(folder, "scores")
    return record


def volumes_to_compare(
    samples: Samples, store: SliceStore, split: str, seed: int
) -> tuple[Kinds, dict[str, list[str]], dict[str, Any]]:  # fmt: skip
    """Synthetic and real volumes of one depth and step, whose the real ones are by kind, and what they all are.

    Raises:
        UserError: the samples are no volumes, or there are fewer than LEAST_VOLUMES on a side.
    """
    about = samples.provenance.get("volumes")
    if about is None or not {"volume", "slice", "position_mm"} <= set(samples.table.columns):
        raise UserError("--task volumes is for samples that are volumes; draw them with a run of stacks, or --slices.")
    slices, step, size = int(about["slices"]), float(about["step_mm"]), int(samples.codes.shape[-1])
    order = np.lexsort((samples.table["position_mm"].to_numpy(), samples.table["volume"].to_numpy()))
    fake = codes_to_images(np.asarray(samples.codes)[order])[:, 0].view(-1, slices, size, size)
    inside = store.split(split)
    outside = store.select(~store.index["patient"].isin(inside.index["patient"].unique()))
    real = inside.stacks(slices, step).one_each(about["centre_mm"])
    other = outside.stacks(slices, step).one_each(about["centre_mm"])
    count = min(len(fake), len(real), len(other))
    if count < LEAST_VOLUMES:
        raise UserError(
            f"it takes {LEAST_VOLUMES} volumes a side or more; there are {len(fake)} synthetic ones, "
            f"{len(real)} real ones of {split} and {len(other)} of other patients, as deep."
        )
    for name, side in ((split, real), ("other splits", other)):
        if len(set(side.patients())) < 2:
            raise UserError(f"an interval needs volumes of 2 patients; those of {name} are of one: ingest more.")
    rng = np.random.default_rng([seed, 40])
    chosen = [np.sort(rng.permutation(len(side))[:count]) for side in (real, other)]
    pixels = [
        torch.cat([resize(codes_to_images(side.codes(int(i))), size)[None, :, 0] for i in rows]).clamp(-1, 1)
        for side, rows in zip((real, other), chosen, strict=True)
    ]
    sides = zip(("real", "other"), (real.patients(), other.patients()), chosen, strict=True)
    patients = {name: [names[int(i)] for i in rows] for name, names, rows in sides}
    described = {
        "volumes": count, "slices": slices, "step_mm": step, "split": split,
        "patients": len(set(patients["real"])), "set_aside": real.set_aside,
    }  # fmt: skip
    return Kinds(fake[:count], *pixels), patients, described


def _likeness(kinds: Kinds, patients: Mapping[str, Sequence[str]], step_mm: float, seed: int) -> dict[str, Any]:
    """By distance in mm: SSIM of neighbouring slices, with its interval, of each kind; and of two patients' slices at
    one place."""
    found: dict[str, Any] = {}
    pairs = next_patients(patients["real"])
    for steps in STEPS:
        if steps < kinds.fake.shape[1]:
            values = kinds.each(lambda volumes, n=steps: neighbour_similarity(volumes, n))  # type: ignore[misc]
            told = {name: _mean(one, seed, patients.get(name)) for name, one in vars(values).items()}
            found[f"{steps * step_mm:g} mm"] = told | {"gap": told["fake"]["value"] - told["real"]["value"]}
    if pairs:
        first, second = ([pair[i] for pair in pairs] for i in (0, 1))
        likeness = similarity_between(kinds.real[first], kinds.real[second])
        whose = [patients["real"][i] for i in first]
        found["two patients at one place"] = {"real": _mean(likeness, seed, whose)}
    return found


def next_patients(patients: Sequence[str]) -> list[tuple[int, int]]:
    """Each volume with the next one of another patient; none where all are of one.

    >>> next_patients(["a", "a", "b"])
    [(0, 2), (1, 2), (2, 0)]
    """
    count, pairs = len(patients), []
    for i, own in enumerate(patients):
        others = [j % count for j in range(i + 1, i + count) if patients[j % count] != own]
        pairs += [(i, others[0])] if others else []
    return pairs


def _mean(values: Tensor, seed: int, whose: Sequence[str] | None = None) -> dict[str, Any]:
    """The mean over volumes, with its interval: over patients, where they are of patients."""
    rng = np.random.default_rng([seed, 41])
    times = draw_cases(rng, len(values), REPLICATES) if whose is None else draw_patients(rng, whose, REPLICATES)
    replicates = times @ values.double().numpy() / times.sum(1)
    return {"value": float(values.mean()), "ci95": list(percentile_interval(replicates))}


def _distances(kinds: Kinds, plane: str, quotient: float, extractor: Extractor) -> dict[str, Any]:
    """Fréchet distances of slices, of both cuts across them and of differences, each with its floor."""
    first, second = cut_names(plane)
    views: dict[str, Callable[[Tensor], Images]] = {
        "slices": lambda volumes: volumes[:, ::EVERY].flatten(0, 1).unsqueeze(1),
        first: lambda volumes: _middle(reformats(volumes, 0, quotient), len(volumes)),
        second: lambda volumes: _middle(reformats(volumes, 1, quotient), len(volumes)),
        "differences": lambda volumes: differences(volumes)[::EVERY],
    }
    found = {}
    for name, view in views.items():
        seen = kinds.each(lambda volumes, view=view: extract(extractor, view(volumes)))  # type: ignore[misc]
        value, floor = (float(frechet_distance(seen.real, one)) for one in (seen.fake, seen.other))
        images = len(seen.real)
        found[extractor.score_name(f"fd_{name.replace(' ', '_')}")] = {"value": value, "floor": floor, "images": images}
    return found


def _middle(cuts: Images, volumes: int) -> Images:
    """Of the cuts of each volume every second between MIDDLE."""
    each = cuts.view(volumes, -1, *cuts.shape[1:])
    low, high = (round(share * each.shape[1]) for share in MIDDLE)
    return each[:, low:high:EVERY].flatten(0, 1)
