"""Scores of synthetic slices: each value with its interval, and with what real slices of other patients
score.

    scores.json        {name: {value, ci95, floor, ratio, n_real, n_fake, …}}, written last
    provenance.json    the digests of what was compared, the extractor, the seed, the versions
    contact_sheet.png, scores.png
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

import medattngan
from medattngan.data.intensity import codes_to_unit
from medattngan.data.store import SliceStore
from medattngan.data.synthetic import read_images, resize
from medattngan.files import UserError, atomic_folder, read_json, require_absent, write_json
from medattngan.metrics import METRICS, Extractor, Metric, load_extractor
from medattngan.metrics.cache import cached_features, content_digest
from medattngan.metrics.figures import save_contact_sheet, save_scores
from medattngan.metrics.resample import REPLICATES, Plan, centred_interval, plan_bootstrap
from medattngan.types import Images

LEAST_IMAGES = 10
"""With fewer a side, every score is noise."""
_DIGITS = 6


@dataclass(frozen=True)
class RealSets:
    """Two sets of real slices of equal count that share no patient.

    Args:
        reference: (n, 1, H, W), what the synthetic slices are compared with.
        patients: the patient of each slice of `reference`.
        other: (n, 1, H, W), put in the place of the synthetic slices to measure the floor.
        described: where the two come from, in words.
    """

    reference: Images
    patients: list[str]
    other: Images
    described: str


def evaluate(
    samples: str | Path,
    store: SliceStore,
    out: str | Path,
    *,
    split: str = "test",
    extractor: str = "efficientnet-lite0",
    weights: str | Path | None = None,
    seed: int = 0,
    limit: int | None = None,
) -> dict[str, dict[str, Any]]:
    """Score `samples` against the real slices of `split` and write the folder `out`.

    Both sides are cut at random to the same count, and so are the two sets of the floor. The same arguments
    give the same bytes.

    Args:
        samples: a samples folder, a folder of images, or a .npy (see `read_images`).
        store: the real slices.
        split: the split to compare with; the floor takes patients from the other splits.
        extractor: a name from `EXTRACTORS`.
        weights: the weights file, where the extractor needs one.
        seed: of every draw, 0 or more.
        limit: compare at most so many slices a side.

    Returns:
        What scores.json holds.

    Raises:
        UserError: `out` exists, `samples` cannot be read, there are too few slices on a side, or the seed is
            negative.
    """
    samples, out = Path(samples), Path(out)
    require_absent(out)
    if seed < 0:
        raise UserError(f"--seed {seed} is negative; give 0 or more.")
    network = load_extractor(extractor, None if weights is None else Path(weights))
    found, notes = read_images(samples)
    warnings = [*notes, *_warnings(samples, found, store)]
    n_fake = len(found) if limit is None else min(limit, len(found))
    rng = np.random.default_rng([seed, 0])
    real = choose_real(store, split, n_fake, rng)
    fake = resize(found[rng.permutation(len(found))[: len(real.reference)]], store.size)
    plan = plan_bootstrap(real.patients, len(fake), seed=seed)
    scores = score(real, fake, network, plan)
    for entry in scores.values():
        entry |= {"warnings": warnings} if warnings else {}
    with atomic_folder(out) as folder:
        save_contact_sheet(folder / "contact_sheet.png", real.reference, fake)
        save_scores(folder / "scores.png", scores)
        write_json(folder / "provenance.json", _provenance(store, split, network, seed, limit, real, fake))
        write_json(folder / "scores.json", scores)
    return scores


def choose_real(store: SliceStore, split: str, n_fake: int, rng: np.random.Generator) -> RealSets:
    """Choose the reference and the floor's other set, as large as `n_fake` and the store allow.

    The other set comes from patients outside `split`. Only where that would leave fewer slices are the
    patients of `split` themselves divided into two halves.

    Raises:
        UserError: fewer than LEAST_IMAGES a side, or fewer than two patients in the reference.
    """
    inside = store.split(split)
    outside = store.select(~store.index["patient"].isin(inside.index["patient"].unique()))
    patients = rng.permutation(np.asarray(inside.index["patient"].unique(), dtype=str))
    first = inside.index["patient"].isin(patients[: (len(patients) + 1) // 2])
    halves = (inside.select(first), inside.select(~first))
    by_halves = min(len(halves[0]), len(halves[1]))
    if min(len(inside), len(outside)) >= min(by_halves, n_fake):
        reference, other = inside, outside
        described = f"{split}, and patients of the other splits"
    else:
        reference, other = halves
        described = f"{split}, its patients divided into two halves"
    n = min(n_fake, len(reference), len(other))
    _require_enough(n, n_fake, reference, other, split)
    rows = rng.permutation(len(reference))[:n]
    names = [str(name) for name in reference.index["patient"].iloc[rows]]
    return RealSets(_load(reference, rows), names, _load(other, rng.permutation(len(other))[:n]), described)


def score(real: RealSets, fake: Images, extractor: Extractor, plan: Plan) -> dict[str, dict[str, Any]]:
    """Every metric of `METRICS` between the reference and `fake`, with interval and floor."""
    sides: dict[str, tuple[Tensor, Tensor, Tensor]] = {"images": (real.reference, fake, real.other)}
    features = [cached_features(extractor, images) for images in sides["images"]]
    sides["features"] = (features[0], features[1], features[2])
    scores = {}
    for name, metric in METRICS.items():
        key = name if metric.on == "images" else extractor.score_name(name)
        scores[key] = _score_one(metric, *sides[metric.on], plan)
        scores[key] |= {"floor_sets": real.described, "patients_real": len(set(real.patients))}
    return scores


def _score_one(metric: Metric, real: Tensor, fake: Tensor, other: Tensor, plan: Plan) -> dict[str, Any]:
    value = metric.value(real, fake).item()
    floor = metric.value(real, other).item()
    low, high = centred_interval(value, metric.replicates(real, fake, plan))
    entry: dict[str, Any] = {
        "value": _rounded(value),
        "ci95": [_rounded(max(low, metric.least)), _rounded(min(high, metric.most))],
        "floor": _rounded(floor),
        "better": metric.better,
        "n_real": len(real),
        "n_fake": len(fake),
    }
    # Of a distance that cannot be negative only: the floor of others lies about 0, and so does any divisor.
    if metric.better == "lower" and metric.least == 0 and floor > 0:
        entry["ratio"] = _rounded(value / floor)
    return entry


def _rounded(value: float) -> float:
    """To 6 digits: the rest is rounding of the network's sums, which differs between machines."""
    if not math.isfinite(value):
        raise ValueError(f"a score came out as {value}")
    return float(f"{value:.{_DIGITS}g}")


def _require_enough(n: int, n_fake: int, reference: SliceStore, other: SliceStore, split: str) -> None:
    if n_fake < LEAST_IMAGES:
        raise UserError(f"a score needs {LEAST_IMAGES} synthetic slices at the least, better 2000; got {n_fake}.")
    if n < LEAST_IMAGES:
        raise UserError(
            f"a score needs {LEAST_IMAGES} real slices of split {split!r} and as many of other patients; "
            f"got {len(reference)} and {len(other)}: ingest more patients."
        )
    if (count := reference.index["patient"].nunique()) < 2:
        raise UserError(f"an interval needs 2 patients in split {split!r} at the least; got {count}: ingest more.")


def _load(store: SliceStore, rows: npt.NDArray[np.intp]) -> Images:
    codes = np.stack([store.codes(int(row)) for row in rows])
    return torch.from_numpy(codes_to_unit(codes)).unsqueeze(1)


def _warnings(samples: Path, images: Images, store: SliceStore) -> list[str]:
    """What makes the comparison less than fair, in sentences."""
    warnings = []
    if images.shape[-1] != store.size:
        warnings.append(f"the samples of {images.shape[-1]} px were resized to the store's {store.size} px")
    if samples.is_dir() and (samples / "intensity.json").is_file():
        theirs = read_json(samples / "intensity.json")
        differing = [key for key in ("lower", "upper", "unit") if theirs.get(key) != store.intensity.get(key)]
        if differing:
            warnings.append(f"samples and store map intensities differently ({', '.join(differing)})")
    return warnings


def _provenance(
    store: SliceStore,
    split: str,
    extractor: Extractor,
    seed: int,
    limit: int | None,
    real: RealSets,
    fake: Images,
) -> dict[str, Any]:
    return {
        "store": store.digest,
        "split": split,
        "reference": content_digest(real.reference),
        "other": content_digest(real.other),
        "samples": content_digest(fake),
        "extractor": {"name": extractor.name, "weights_sha256": extractor.digest},
        "seed": seed,
        "limit": limit,
        "interval": f"bootstrap over patients and samples, {REPLICATES} replicates, centred on the value",
        "versions": {"medattngan": medattngan.__version__, "torch": torch.__version__},
    }
