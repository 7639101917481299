"""Scores of synthetic slices: each value with its interval, and with what real slices of other patients
score.

    scores.json        {name: {value, ci95, floor, ratio, n_real, n_fake, strata, worst_stratum, …}}, written last
    provenance.json    the digests of what was compared, the extractor, the seed, the versions; what was left out
    positions.json     of volumes: do slices come from all heights as often as real ones (see `positions`)
    text.json          of samples with captions, where asked for: do they show what is said
    contact_sheet.png, scores.png, and positions.png and labels.png where there are such
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

import medattngan
from medattngan.core.files import NO_ROOM, UserError, atomic_folder, digest, require_absent, write_json
from medattngan.core.locks import only_writer
from medattngan.core.progress import watching
from medattngan.core.seal import seal
from medattngan.core.types import Images
from medattngan.data.slice_images import SliceImages
from medattngan.data.store import SliceStore
from medattngan.external.given import Slices, given_slices
from medattngan.external.open import External
from medattngan.extractors.cache import content_digest
from medattngan.extractors.crew import crew
from medattngan.extractors.table import Extractor, load_extractor
from medattngan.stages.evaluate.arrays import is_array, score_arrays
from medattngan.stages.evaluate.by_label import by_label
from medattngan.stages.evaluate.figures import save_contact_sheet, save_scores
from medattngan.stages.evaluate.part_figures import save_labels, save_positions
from medattngan.stages.evaluate.positions import asked_coverage
from medattngan.stages.evaluate.real_sets import choose_real
from medattngan.stages.evaluate.score import Scored
from medattngan.stages.evaluate.scoring import score
from medattngan.stages.evaluate.text import text_scores
from medattngan.statistics.bootstrap import REPLICATES
from medattngan.statistics.draws import require_seed

POSITIONS = "positions.json"


def evaluate(
    samples: Slices,
    store: SliceStore | Slices,
    out: str | Path | None = None,
    *,
    split: str = "test",
    extractor: str = "efficientnet-lite0",
    weights: str | Path | None = None,
    seed: int = 0,
    limit: int | None = None,
    value_range: tuple[float, float] | None = None,
    patients: Sequence[str] | None = None,
    text: bool = False,
    say: Callable[[Mapping[str, Mapping[str, Any]]], None] = lambda scores: None,
    progress: bool = True,
    workers: int | None = None,
    cluster: str | None = None,
) -> dict[str, dict[str, Any]]:
    """Score synthetic slices against real ones, and write the folder `out` where one is given.

        mg.evaluate("samples", "store", "scores")       # a folder, against the split `test` of a store
        mg.evaluate(samples, store)                      # objects; nothing is written
        mg.evaluate(real, fake, patients=whose)          # arrays or tensors, the real ones first

    Both sides are cut at random to the same count, and so are the two sets of the floor. The same arguments
    give the same bytes.

    Args:
        samples: whatever `open_slices` opens: a samples folder, a folder of pictures or of DICOM, or a .npy; Samples in
            memory; or an array or tensor, (n, H, W) or (n, 1, H, W). Beside a second array it holds the real slices.
        store: the real slices: a SliceStore or its path; or the synthetic slices as an array, see above.
        out: the folder to make; None writes nothing.
        split: the split to compare with; the floor takes patients from the other splits.
        extractor: a name from `all_extractors()`, or a path (see `load_extractor`).
        weights: the weights file, where the extractor needs one.
        seed: of every draw, 0 or more.
        limit: compare at most so many slices a side.
        value_range: the values of black and white pixels, where their type leaves that in doubt.
        patients: of two arrays: whose each real slice is; without it each counts as a patient of its own, and the
            intervals are too narrow where a patient has several.
        text: also ask whether the slices show what their captions say (text.json; see `text.text_scores`).
        say: is told the scores before anything is written, so that a full disk does not take them away.
        progress: show on the terminal (stderr) how far it is.
        workers: make the features in so many processes of one thread each. The scores have the same bytes whatever
            the number; without, this process makes them with all its threads, and they may differ in the last digit.
            A script that asks for processes guards its own code by `if __name__ == "__main__":`.
        cluster: the address of a Dask scheduler whose workers make the features, in place of processes here. A path in
            `extractor` or `weights` must hold there, too. Needs the extra `cluster`.

    Returns:
        What scores.json holds.

    Raises:
        UserError: `out` exists, slices cannot be read or are of another kind, there are too few on a side, or the seed
            is negative; or the scores were written, but there was no room for the pictures.
    """
    require_seed(seed)
    if out is not None:
        require_absent(Path(out))
    network = load_extractor(extractor, None if weights is None else Path(weights))
    if is_array(samples) and is_array(store):
        if out is not None:
            raise UserError(
                "of two arrays no folder is written; leave out `out`, or give a SliceStore for the real slices."
            )
        scores = score_arrays(samples, store, network, patients, seed=seed, limit=limit, value_range=value_range)
        say(scores)
        return scores
    if text and out is None:
        raise UserError("text scores are written into a folder; give `out`.")
    at_work = _AtWork(progress, workers, cluster)
    found = given_slices(samples)
    real = SliceStore.of(cast("SliceStore | str | Path", store))  # which says what else it is not
    asked = _Asked(found, real, split, network, seed, limit, value_range, at_work)
    if out is None:
        scores = asked.scored()[0]
        say(scores)
        return scores
    with only_writer(Path(out)):
        return _write(asked, Path(out), text, say)


@dataclass(frozen=True)
class _AtWork:
    """Who makes the features, and whether it shows."""

    progress: bool
    workers: int | None
    cluster: str | None


@dataclass(frozen=True)
class _Asked:
    """One evaluation, as asked for."""

    found: External
    store: SliceStore
    split: str
    network: Extractor
    seed: int
    limit: int | None
    value_range: tuple[float, float] | None
    at_work: _AtWork

    def scored(self) -> tuple[dict[str, dict[str, Any]], Scored, list[str], tuple[SliceImages, Images | SliceImages]]:
        """scores.json, what it comes from, the digests of the sets, and the slices to show of each side."""
        found = self.found.unit(self.store.map, self.value_range)
        n_fake = len(found) if self.limit is None else min(self.limit, len(found))
        rng = np.random.default_rng([self.seed, 0])
        real = choose_real(self.store, self.split, n_fake, rng)
        warnings = [*found.notes, *_warnings(self.found, SliceImages.of(found.images), self.store), *real.notes]
        fake = found.take(rng.permutation(len(found))[: len(real.reference)].tolist()).resized(self.store.size)
        contents = [content_digest(images) for images in (real.reference, fake.images, real.other)]
        at_work = self.at_work
        with watching(at_work.progress) as watch, crew(at_work.workers, at_work.cluster) as by:
            scored = score(real, fake, self.network, contents, seed=self.seed, watch=watch, by=by)
        for entry in scored.entries.values():
            entry |= {"warnings": warnings} if warnings else {}
        table = None if self.found.samples is None else self.found.samples.table
        if scored.positions is not None and table is not None and "position_mm" in table:
            asked = asked_coverage(real, table["position_mm"].to_numpy(np.float64, na_value=np.nan))
            scored.positions.update({} if asked is None else {"asked": asked})
        return scored.entries, scored, contents, (real.reference, fake.images)


def _write(
    asked: _Asked, out: Path, text: bool, say: Callable[[Mapping[str, Mapping[str, Any]]], None]
) -> dict[str, dict[str, Any]]:
    require_absent(out)
    told = text_scores(asked.found.path, asked.store, asked.split, asked.seed) if text else None
    scores, scored, contents, shown = asked.scored()
    say(scores)
    with atomic_folder(out) as folder:
        provenance = _provenance(asked.store, asked.split, asked.network, asked.seed, asked.limit, contents)
        if (asked.found.path / "pixels.npy").is_file():
            provenance["samples_file"] = digest(asked.found.path / "pixels.npy")
        write_json(folder / "provenance.json", provenance | {"left_out": scored.left_out})
        write_json(folder / "scores.json", scores)
        for name, found in (("text.json", told), (POSITIONS, scored.positions)):
            if found is not None:
                write_json(folder / name, found)
        pictures = _save_pictures(folder, *shown, scored)
        seal(folder, "scores")
    if not pictures:
        raise UserError(f"{out} holds every score, but there was no room for its pictures; free some space for those.")
    return scores


def _save_pictures(folder: Path, real: SliceImages, fake: Images | SliceImages, scored: Scored) -> bool:
    """Draw what a first look is for; False where the disk had no room for it."""
    try:
        save_contact_sheet(folder / "contact_sheet.png", real, fake)
        save_scores(folder / "scores.png", scored.entries)
        if labels := by_label(scored.entries):
            save_labels(folder / "labels.png", labels)
        if scored.positions is not None:
            save_positions(folder / "positions.png", scored.positions)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        return False
    return True


def _warnings(found: External, images: SliceImages, store: SliceStore) -> list[str]:
    """What makes the comparison less than fair, in sentences."""
    warnings = []
    if images.shape[-1] != store.size:
        warnings.append(f"the samples of {images.shape[-1]} px were resized to the store's {store.size} px")
    if found.samples is not None:
        theirs = found.samples.intensity
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
