"""`medattngan audit`: search, calibrate, judge every sample, and write what was found.

audit.json       shares with intervals, control recalls, calibration, digests, versions; written last
audit.parquet    one row a sample: the nearest training slice (its row in the store), distances, `flagged`; of slices
                 that were drawn from latents of patients also `sources`
gallery.png      the closest pairs; shows slices of training patients
README.txt       says so
encoder/         only where none was given
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from medattngan.core.files import UserError, atomic_folder, digest, require_absent, write_json, write_text
from medattngan.core.locks import alone
from medattngan.core.processes import require_workers
from medattngan.core.progress import Watch, watching
from medattngan.core.run import Run
from medattngan.core.seal import seal, thorough
from medattngan.data.images import load_images
from medattngan.data.slice_images import SliceImages
from medattngan.data.store import SliceStore
from medattngan.external.given import Slices, given_slices
from medattngan.external.open import External
from medattngan.extractors.encoder import Encoder, load_encoder
from medattngan.stages.audit.calibrate import Flags, LeftOut, Thresholds, leave_one_out, require_enough, thresholds
from medattngan.stages.audit.findings import Side, findings, nearest_patients
from medattngan.stages.audit.gallery import MOST_PAIRS, Pair, save_gallery
from medattngan.stages.audit.membership import require_trained_on
from medattngan.stages.audit.planted import PLANTED, plant
from medattngan.stages.audit.search import Bank, read_bank
from medattngan.stages.audit.searchers import Search, searching
from medattngan.stages.audit.sources import with_sources
from medattngan.stages.audit.verdict import is_samples_folder, require_same_store, require_writable, write_verdict
from medattngan.stages.audit.volumes import Judged, judge_volumes
from medattngan.stages.encoder.encoder import encoder as train_encoder
from medattngan.statistics.draws import require_seed

LIMIT = 4000
"""More slices of a held-out split would not narrow the intervals, whose width the patients set."""
NOTE = """gallery.png shows slices of training patients beside synthetic ones, and audit.parquet says which training
slices are near: guard this folder as you guard the scans. audit.json holds numbers only.
"""


@dataclass(frozen=True)
class AuditOptions:
    """What an audit was asked for; the arguments of `audit`."""

    split: str
    false_positives: float
    planted: int
    limit: int
    seed: int


@alone
@thorough()
def audit(
    samples: Slices,
    store: SliceStore | str | Path,
    out: str | Path,
    *,
    run: Run | str | Path | None = None,
    encoder: str | Path | None = None,
    split: str = "val",
    false_positives: float = 0.01,
    planted: int = 400,
    limit: int = LIMIT,
    seed: int = 0,
    value_range: tuple[float, float] | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Look for copies of training patients among `samples`, and write the folder `out`.

    Where `samples` is a folder that `sample` wrote, the verdict of each goes into its table as the column `flagged`;
    volumes are marked as a whole (see `audit.volumes`).
    The same arguments give the same bytes on one machine. Every file of every folder is read and compared with its seal
    first.

    Args:
        samples: whatever `given_slices` takes: a samples folder, pictures, DICOM, a .npy, Samples or an array.
        store: the slices that the generator was trained on, and held-out patients.
        run: the training, for membership inference by its discriminator.
        encoder: a folder that `medattngan encoder` wrote for this store; None trains one into `out`.
        split: the held-out patients that set the thresholds: `val` or `test`.
        false_positives: the share of real slices of other patients that may be flagged, in both spaces together.
        planted: copies of each kind for the positive control.
        limit: take at most so many slices of each held-out split, at random.
        seed: of every draw, 0 or more.
        value_range: the values of black and white pixels, where their type leaves that in doubt.
        workers: search in so many processes of one thread each, which each hold the training slices: the same bytes
            whatever their number. None searches in this process.
        progress: show on the terminal (stderr) how far it is.

    Returns:
        What audit.json holds.

    Raises:
        UserError: `out` exists, an option is out of range, something cannot be read, samples, run or encoder belong to
            another store, or there are too few held-out slices.
    """
    given, out, store = given_slices(samples), Path(out), SliceStore.of(store)
    samples, run = given.path, None if run is None else Run.of(run)
    options = AuditOptions(split, false_positives, planted, limit, seed)
    require_absent(out)
    _require(options, workers)
    _require_one_store(samples, given, store, run, options)
    found = given.unit(store.map, value_range)
    with atomic_folder(out) as folder:
        loaded = _encoder(encoder, store, folder, seed, workers, progress)
        bank = read_bank(store, loaded.network)
        images = SliceImages.of(found.resized(bank.size).images)
        with watching(progress) as watch, searching(bank, loaded.network, workers) as search:
            sides = _search_all(bank, store, images, search, options, watch)
        table, marked, report = _judged(bank, sides, given, store, run, options)
        table, sources = with_sources(table, given.samples, store)
        report |= {**sources, "notes": found.notes, "digests": _digests(samples, store, loaded, images)}
        _write(folder, samples, table, marked, _closest(table, images, store, bank.size), report)
    return report


def _by_volume(
    given: External, sides: dict[str, Side], limits: Thresholds, alone: LeftOut
) -> tuple[Flags | None, dict[str, Any] | None]:
    """Of samples that are volumes: for each slice whether its volume is flagged, and what the report says of them."""
    if given.samples is None or "volume" not in given.samples.table:
        return None, None
    number = given.samples.table["volume"].to_numpy()
    held_out, own = sides["held_out"], sides["samples"]
    left_out = np.where(alone.judged, alone.flags, held_out.flag(limits))
    judged = [
        Judged(of, flags, limits.score(side.pixel.relative, side.embedding.relative), nearest_patients(side, limits))
        for of, flags, side in (
            (number, own.flag(limits), own), (np.asarray(held_out.patients), left_out, held_out)
        )
    ]  # fmt: skip
    found, report = judge_volumes(*judged)
    return found["flagged"].loc[number].to_numpy(bool), report


def _judged(
    bank: Bank, sides: dict[str, Side], given: External, store: SliceStore, run: Run | None, options: AuditOptions
) -> tuple[pd.DataFrame, Flags, dict[str, Any]]:
    """The verdict of every sample by what was searched, how each is marked, and what audit.json says of all."""
    held_out, rate = sides["held_out"], options.false_positives
    limits = thresholds(held_out.pixel.relative, held_out.embedding.relative, rate)
    alone = leave_one_out(held_out.pixel.relative, held_out.embedding.relative, held_out.patients, rate)
    report = findings(bank, sides, limits, alone, rate, options.seed, store=store, run=run, split=options.split)
    table = verdicts(sides["samples"], limits)
    marked, volumes = _by_volume(given, sides, limits, alone)
    report |= {"volumes": volumes} if volumes else {}
    return table, table["flagged"].to_numpy(bool) if marked is None else marked, report


def _write(
    folder: Path, samples: Path, table: pd.DataFrame, marked: Flags, pairs: list[Pair], report: dict[str, Any]
) -> None:
    """Write all that the audit found into its folder, and the verdict of each sample into theirs."""
    table.to_parquet(folder / "audit.parquet", index=False)
    save_gallery(folder / "gallery.png", pairs)
    write_text(folder / "README.txt", NOTE)
    write_json(folder / "audit.json", report)
    seal(folder, "audit")
    if is_samples_folder(samples):
        write_verdict(samples, marked, _record(report, int(marked.sum()), folder / "audit.json"))


def verdicts(searched: Side, limits: Thresholds) -> pd.DataFrame:
    """One row a sample. Training slices are named by their row in the store's index, never by patient."""
    pixel, embedding = searched.pixel, searched.embedding
    by_pixel = pixel.relative / limits.pixel <= embedding.relative / limits.embedding
    return pd.DataFrame(
        {
            "sample": np.arange(len(pixel.row)),
            "nearest_row": np.where(by_pixel, pixel.row, embedding.row),
            "score": limits.score(pixel.relative, embedding.relative),
            "pixel_row": pixel.row,
            "pixel_distance": pixel.distance,
            "pixel_relative": pixel.relative,
            "embedding_row": embedding.row,
            "embedding_distance": embedding.distance,
            "embedding_relative": embedding.relative,
            "flagged": limits.flag(pixel.relative, embedding.relative),
        }
    )


def _require(options: AuditOptions, workers: int | None) -> None:
    require_workers(workers)
    if options.split not in ("val", "test"):
        raise UserError(f"--calibrate {options.split} is not held out from training; choose val or test.")
    if not 0 < options.false_positives < 0.5:
        raise UserError(f"--false-positives {options.false_positives} must lie above 0 and below 0.5, such as 0.01.")
    if options.planted < 1:
        raise UserError(f"--planted {options.planted}: an audit without a control proves nothing; give 1 or more.")
    require_seed(options.seed)


def _require_one_store(
    samples: Path, given: External, store: SliceStore, run: Run | None, options: AuditOptions
) -> None:
    """Samples and run are of this store, which is large enough, and the verdict can be written into the samples."""
    if given.samples is not None:
        require_same_store(samples, given.samples, store)
    if is_samples_folder(samples):
        require_writable(samples)
    if run is not None:
        require_trained_on(run, store)
    require_enough(min(options.limit, len(store.split(options.split))), options.false_positives)


def _encoder(
    path: str | Path | None, store: SliceStore, folder: Path, seed: int, workers: int | None, progress: bool
) -> Encoder:
    if path is None:
        return train_encoder(store, folder / "encoder", seed=seed, workers=workers, progress=progress)
    loaded = load_encoder(path)
    if loaded.record["store_digest"] != store.digest:
        raise UserError(
            f"{path} was trained on another store, whose training patients may be held out here; make one with: "
            f"medattngan encoder {store.path} --out ENCODER"
        )
    return loaded


def _search_all(
    bank: Bank, store: SliceStore, images: SliceImages, search: Search, options: AuditOptions, watch: Watch
) -> dict[str, Side]:
    """Every set of slices that the audit looks at, searched: held-out, the other held-out split, copies, samples."""
    sets = {"held_out": _real(bank, store, options.split, options)}
    other = "test" if options.split == "val" else "val"
    if (store.index["split"] == other).any():
        sets["checked"] = _real(bank, store, other, options)
    chosen = np.random.default_rng([options.seed, 21]).permutation(len(bank.rows))[: options.planted]
    originals = bank.images[torch.from_numpy(chosen)]
    names = [str(number) for number in bank.patients[chosen]]
    for number, kind in enumerate(PLANTED):
        copies = plant(kind, originals, options.seed * 100 + number)
        sets[f"planted {kind}"] = SliceImages.of(copies), names
    sets["samples"] = images, []
    advance = watch("searching slices", sum(len(some) for some, _ in sets.values()))
    return {name: Side(*search(some, advance), patients) for name, (some, patients) in sets.items()}


def _real(bank: Bank, store: SliceStore, split: str, options: AuditOptions) -> tuple[SliceImages, list[str]]:
    """Slices of a held-out split, and their patients."""
    part = store.split(split)
    chosen = np.random.default_rng([options.seed, 22]).permutation(len(part))[: options.limit]
    part = part.select(np.isin(np.arange(len(part)), chosen))
    images = SliceImages.of_store(part, size=bank.size, dtype=torch.float16)
    return images, [str(name) for name in part.index["patient"]]


def _closest(table: pd.DataFrame, images: SliceImages, store: SliceStore, size: int) -> list[Pair]:
    pairs = []
    for number in np.argsort(table["score"].to_numpy(), kind="stable")[:MOST_PAIRS].tolist():
        row = int(table["nearest_row"].iloc[number])
        training = load_images(store, [row], size, torch.float16)[0, 0].float()
        score, flagged = float(table["score"].iloc[number]), bool(table["flagged"].iloc[number])
        pairs.append(Pair(number, images[number, 0].numpy(), training.numpy(), score, flagged))
    return pairs


def _digests(samples: Path, store: SliceStore, encoder: Encoder, images: SliceImages) -> dict[str, str]:
    """What was compared. `samples` is the digest of the file where there is one, else of the images as read."""
    file = samples / "pixels.npy" if is_samples_folder(samples) else samples
    found = digest(file) if file.is_file() else _digest(images)
    return {"store": store.digest, "samples": found, "encoder_weights": encoder.digest}


def _digest(images: SliceImages) -> str:
    """SHA-256 of their values."""
    sha = hashlib.sha256()
    for batch in images.batches():
        sha.update(batch.numpy().tobytes())
    return sha.hexdigest()


def _record(report: dict[str, Any], marked: int, path: Path) -> dict[str, Any]:
    """What the samples' table says of the verdict in it, in which so many are marked."""
    return {
        "audit_sha256": digest(path),
        "digests": report["digests"],
        "thresholds": report["thresholds"],
        "false_positives": report["calibration"]["false_positives"],
        "calibrated_on": report["calibration"]["split"],
        "flagged": marked,
        "controls_met": report["controls_met"],
        "versions": report["versions"],
    }
