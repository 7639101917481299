"""Scores of synthetic slices: each value with its interval, and with what real slices of other patients
score.

    scores.json        {name: {value, ci95, floor, ratio, n_real, n_fake, strata, worst_stratum, …}}, written last
    provenance.json    the digests of what was compared, the extractor, the seed, the versions; what was left out
    contact_sheet.png, scores.png
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import medattngan
from medattngan.core.files import NO_ROOM, UserError, atomic_folder, digest, read_json, require_absent, write_json
from medattngan.core.locks import alone
from medattngan.core.seal import seal
from medattngan.core.types import Images
from medattngan.data.slice_images import SliceImages
from medattngan.data.store import SliceStore
from medattngan.external.open import Synthetic, open_slices
from medattngan.extractors.cache import cached_features, content_digest
from medattngan.extractors.table import Extractor, load_extractor
from medattngan.metrics import all_metrics
from medattngan.metrics.sets import Sides
from medattngan.stages.evaluate.figures import save_contact_sheet, save_scores
from medattngan.stages.evaluate.score import Scored
from medattngan.stages.evaluate.strata import THIRDS, Strata, brightness_thirds, by_vote, score_strata, worst
from medattngan.statistics.bootstrap import REPLICATES

LEAST_IMAGES = 10
"""With fewer a side, every score is noise."""
THIRD_OF_VOLUME = "third_of_volume"


@dataclass(frozen=True)
class RealSets:
    """Two sets of real slices of equal count that share no patient.

    Args:
        reference: (n, 1, H, W), what the synthetic slices are compared with.
        rows: the index row of each slice of `reference`, with its third of the volume.
        other: (n, 1, H, W), put in the place of the synthetic slices to measure the floor.
        other_rows: the index row of each slice of `other`.
        described: where the two come from, in words.
    """

    reference: SliceImages
    rows: pd.DataFrame
    other: SliceImages
    other_rows: pd.DataFrame
    described: str

    @property
    def patients(self) -> list[str]:
        """The patient of each slice of `reference`."""
        return [str(name) for name in self.rows["patient"]]


@alone
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
    value_range: tuple[float, float] | None = None,
    say: Callable[[Mapping[str, Mapping[str, Any]]], None] = lambda scores: None,
) -> dict[str, dict[str, Any]]:
    """Score `samples` against the real slices of `split` and write the folder `out`.

    Both sides are cut at random to the same count, and so are the two sets of the floor. The same arguments
    give the same bytes.

    Args:
        samples: whatever `open_slices` opens: a samples folder, a folder of pictures or of DICOM, or a .npy.
        store: the real slices.
        split: the split to compare with; the floor takes patients from the other splits.
        extractor: a name from `all_extractors()`, or a path (see `load_extractor`).
        weights: the weights file, where the extractor needs one.
        seed: of every draw, 0 or more.
        limit: compare at most so many slices a side.
        value_range: the values of black and white pixels, where their type leaves that in doubt.
        say: is told the scores before anything is written, so that a full disk does not take them away.

    Returns:
        What scores.json holds.

    Raises:
        UserError: `out` exists, `samples` cannot be read, there are too few slices on a side, or the seed is
            negative; or the scores were written, but there was no room for the pictures.
    """
    samples, out = Path(samples), Path(out)
    require_absent(out)
    if seed < 0:
        raise UserError(f"--seed {seed} is negative; give 0 or more.")
    network = load_extractor(extractor, None if weights is None else Path(weights))
    found = open_slices(samples).unit(store.map, value_range)
    warnings = [*found.notes, *_warnings(samples, SliceImages.of(found.images), store)]
    n_fake = len(found) if limit is None else min(limit, len(found))
    rng = np.random.default_rng([seed, 0])
    real = choose_real(store, split, n_fake, rng)
    fake = found.take(rng.permutation(len(found))[: len(real.reference)].tolist()).resized(store.size)
    contents = [content_digest(images) for images in (real.reference, fake.images, real.other)]
    scored = score(real, fake, network, contents, seed=seed)
    scores = scored.entries
    for entry in scores.values():
        entry |= {"warnings": warnings} if warnings else {}
    say(scores)
    with atomic_folder(out) as folder:
        provenance = _provenance(store, split, network, seed, limit, contents)
        if (samples / "pixels.npy").is_file():
            provenance["samples_file"] = digest(samples / "pixels.npy")
        write_json(folder / "provenance.json", provenance | {"left_out": scored.left_out})
        write_json(folder / "scores.json", scores)
        pictures = _save_pictures(folder, real.reference, fake.images, scores)
        seal(folder, "scores")
    if not pictures:
        raise UserError(f"{out} holds every score, but there was no room for its pictures; free some space for those.")
    return scores


def _save_pictures(
    folder: Path, real: SliceImages, fake: Images | SliceImages, scores: dict[str, dict[str, Any]]
) -> bool:
    """Draw what a first look is for; False where the disk had no room for it."""
    try:
        save_contact_sheet(folder / "contact_sheet.png", real, fake)
        save_scores(folder / "scores.png", scores)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        return False
    return True


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
    rows, other_rows = rng.permutation(len(reference))[:n], rng.permutation(len(other))[:n]
    tables = [with_third_of_volume(part.index) for part in (reference, other)]
    images = (
        SliceImages.of_store(reference, rows.tolist()), SliceImages.of_store(other, other_rows.tolist()),
    )  # fmt: skip
    return RealSets(images[0], tables[0].iloc[rows], images[1], tables[1].iloc[other_rows], described)


def score(real: RealSets, fake: Synthetic, extractor: Extractor, contents: Sequence[str], *, seed: int) -> Scored:
    """Every metric of `all_metrics()` between the reference and `fake`, with interval, floor and strata.

    `contents` are the digests of the reference, of `fake`, and of the other patients' slices.
    """
    images = Sides(real.reference, fake.images, real.other)
    radiomics = load_extractor("radiomics-2d")
    features, of_radiomics = (_features(one, images, contents) for one in (extractor, radiomics))
    sides = {"images": images, "features": features, "radiomics": of_radiomics}
    divisions, absent = _divide(real, fake, sides)
    scored, by_metric, too_few = score_strata(sides, real.patients, divisions, seed=seed)
    for metric, entry in scored.entries.items():
        entry["floor_sets"] = real.described
        if metric in by_metric:
            entry |= {"strata": by_metric[metric], "worst_stratum": worst(by_metric[metric])}
    by_kind = {"features": extractor, "radiomics": radiomics}
    names = {
        name: name if metric.on == "images" else by_kind[metric.on].score_name(name)
        for name, metric in all_metrics().items()
    }
    left_out = {names[metric]: sentence for metric, sentence in scored.left_out.items()}
    return Scored({names[metric]: entry for metric, entry in scored.entries.items()}, left_out | absent | too_few)


def _features(extractor: Extractor, images: Sides, contents: Sequence[str]) -> Sides:
    sets = zip((images.reference, images.fake, images.other), contents, strict=True)
    reference, fake, other = (cached_features(extractor, one, content) for one, content in sets)
    return Sides(reference, fake, other)


def _divide(real: RealSets, fake: Synthetic, sides: Mapping[str, Sides]) -> tuple[dict[str, Strata], dict[str, str]]:
    """The divisions into strata that the slices allow, and in sentences why there are no others."""
    divisions, absent = {"brightness": brightness_thirds(sides["images"])}, {}
    of_whom = [str(name) for name in real.other_rows["patient"]]
    for by, column in (("label", "label"), ("position", THIRD_OF_VOLUME)):
        reference, other = (rows[column].fillna("").astype(str).tolist() for rows in (real.rows, real.other_rows))
        if any(reference) and any(other):
            known = fake.labels if by == "label" and set(fake.labels or ()) <= set(reference) else None
            divisions[by] = by_vote(sides["features"], reference, other, of_whom, known)
        else:
            absent[f"by {by}"] = f"the real slices have no {by}, so there are no scores by it."
    return divisions, absent


def _require_enough(n: int, n_fake: int, reference: SliceStore, other: SliceStore, split: str) -> None:
    if n_fake < LEAST_IMAGES:
        raise UserError(f"a score needs at least {LEAST_IMAGES} synthetic slices, preferably 2000; got {n_fake}.")
    if n < LEAST_IMAGES:
        raise UserError(
            f"a score needs {LEAST_IMAGES} real slices of split {split!r} and as many of other patients; "
            f"got {len(reference)} and {len(other)}: ingest more patients."
        )
    if (count := reference.index["patient"].nunique()) < 2:
        raise UserError(f"an interval needs at least 2 patients in split {split!r}; got {count}: ingest more.")


def with_third_of_volume(index: pd.DataFrame) -> pd.DataFrame:
    """`index` with the column `third_of_volume`: where a slice lies between the first and the last of its series.

    `low` are the smallest positions along the slice normal. Empty where a series has no positions, or only one.
    """
    positions = index.groupby("series")["position_mm"]
    first, last = positions.transform("min"), positions.transform("max")
    share = (index["position_mm"] - first) / (last - first).where(last > first)
    third = pd.cut(share, [-1, 1 / 3, 2 / 3, 2], labels=list(THIRDS)).astype("string").fillna("")
    return index.assign(**{THIRD_OF_VOLUME: third})


def _warnings(samples: Path, images: SliceImages, store: SliceStore) -> list[str]:
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
    contents: Sequence[str],
) -> dict[str, Any]:
    reference, samples, other = contents
    return {
        "store": store.digest,
        "split": split,
        "reference": reference,
        "other": other,
        "samples": samples,
        "extractor": {"name": extractor.name, "weights_sha256": extractor.digest},
        "seed": seed,
        "limit": limit,
        "interval": f"bootstrap over patients and samples, {REPLICATES} replicates, centred on the value",
        "versions": {"medattngan": medattngan.__version__, "torch": torch.__version__},
    }
