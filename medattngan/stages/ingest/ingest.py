"""Scans → SliceStore: find files, prepare series in parallel, join the results.

Work in progress lives in a hidden folder beside the store, as shards that are each written atomically. The
store appears by one rename when all is done. Started again with the same arguments, the shards are used
again.
"""

from __future__ import annotations

import hmac
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path

import medattngan
from medattngan.core.files import UserError, digest, read_json, write_json
from medattngan.core.locks import alone, sweep_inside
from medattngan.core.plugins import versions
from medattngan.core.progress import Watch, watching
from medattngan.core.terminal import say, terminal
from medattngan.data.store import SliceStore
from medattngan.data.store_writer import StoreWriter
from medattngan.scans.bounds import Bounds
from medattngan.scans.captures import PAGE
from medattngan.scans.find import Found, stacks, state, walk
from medattngan.scans.formats.table import GROUP, formats
from medattngan.scans.masks.find import File, MasksAsked
from medattngan.scans.options import Options
from medattngan.scans.series import Series
from medattngan.scans.table.rows import Labels, read_labels
from medattngan.stages.ingest.assemble import Ledger, distinct, read_parts, write_slices
from medattngan.stages.ingest.captions import Captions
from medattngan.stages.ingest.examine import Run, examine, runner
from medattngan.stages.ingest.grouping import examples
from medattngan.stages.ingest.jobs import Job, batches
from medattngan.stages.ingest.masks import mask_files, masks_asked, table_of
from medattngan.stages.ingest.only import Only
from medattngan.stages.ingest.provenance import provenance
from medattngan.stages.ingest.pseudonyms import load_salt
from medattngan.stages.ingest.rejected import write_rejected
from medattngan.stages.ingest.request import FOLDERS, Places, Request
from medattngan.stages.ingest.told import nothing, summary
from medattngan.stages.ingest.watch import METHOD
from medattngan.stages.ingest.worker import quiet, run_job


@alone
def ingest(
    sources: Sequence[str | Path] | str | Path,
    out: str | Path,
    *,
    size: int = 64,
    plane: str = "axial",
    window: str | None = None,
    labels: str | Path | None = None,
    split: tuple[float, float, float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    screen: str | None = None,
    captions: Sequence[str | Path] = (),
    keep_words: Sequence[str] = (),
    workers: int = 1,
    cluster: str | None = None,
    progress: bool = True,
    rejected: str | Path | None = None,
    file_seconds: float = 60.0,
    file_memory: str = "4GB",
    masks: str | Path | None = None,
    mask_classes: str | Path | None = None,
    only: Sequence[str] = (),
) -> SliceStore:
    """Read every scan under `sources` into a new SliceStore at `out`.

    The same input gives the same bytes at any number of workers, on a machine with the same salt (see `pseudonyms`).

    Args:
        sources: files and folders; DICOM, what nibabel reads, PNG, JPEG, TIFF, BMP and the formats that other
            packages add, found by their content.
        out: the folder to make.
        size: height and width of the stored slices, px.
        plane: axial, coronal or sagittal, to which volumes are turned and cut, or `acquired` for the scan's own.
        window: of CT: a name (see `intensity.WINDOWS`) or `CENTER,WIDTH` in HU; soft tissue when not given.
            Volumes that name no modality are taken for CT when it is given, and for MR when not.
        labels: CSV with a column `file` or `patient` or both, any of `label`, `age`, `sex`, and further columns of
            numbers (see `table.rows.read_labels`); or `folders`.
        split: shares of train, val and test; by patient.
        seed: of the split; not negative.
        screen: look for text burned into the scans: `set-aside` leaves out series with text, `mask` covers it.
            Needs the extra `screen`. Headers that speak of text or of faces are heeded too (see `screening.refuse`).
        captions: what is said of each slice: tables (CSV with `file` or `patient`, and `text`), recipes of region masks
            (YAML), the word `attributes`; see `captions.Captions`.
        keep_words: of a table, which would be left out as they could identify.
        workers: processes; one does for little input.
        cluster: the address of a Dask scheduler whose workers are used in place of processes here. They must see the
            same files at the same paths. Needs the extra `cluster`.
        progress: draw a progress bar and a summary on the terminal (stderr).
        rejected: write a CSV of every file of which nothing was kept, with its reason, and of every file in which
            text was masked. It holds names of files,
            which may identify patients: keep it where the scans are.
        file_seconds: how long one file may take to read before it is set aside as `too-slow`.
        file_memory: how much memory one file may take, as `4GB`, before it is set aside as `too-large`.
        masks: the folder of label maps (NIfTI, DICOM SEG, PNG) that are of the scans, or how their names end beside
            the scans, as `_seg`. They go through the same geometry, with nearest neighbours.
        mask_classes: CSV with `value` and `name`: the classes that are wanted, those of one name together.
        only: which series to take, as `sequence=T1` or `modality=MR`; several values of one are alternatives
            (see `listing.list_series` for what there is).

    Raises:
        UserError: an argument is wrong, `out` or `rejected` exists, another process writes to `out`, or nothing usable
            is there.
    """
    asked = None if labels is None else "folders" if Path(labels) == FOLDERS else "table"
    request = Request(size, plane, window, split, seed, asked, screen, Only.parse(only).asked).check()
    if workers < 1:
        raise UserError(f"--workers {workers} is not a positive number.")
    bounds = Bounds.parse(file_seconds, file_memory)
    formats()  # what another package adds wrongly is said before any scan is read
    said = Captions.read(captions, keep_words)
    lists = said.files if mask_classes is None else (*said.files, Path(mask_classes))
    places = Places.check(sources, out, labels, rejected, lists)
    table = None if places.table is None else read_labels(places.table)
    labelled = None if masks is None else MasksAsked.parse(masks, mask_classes, places.sources)
    salt, console = load_salt(), terminal(quiet=not progress)
    files = walk(places.sources, skip=places.not_scans)
    files, of_masks = (files, list[File]()) if labelled is None else labelled.split(files, places.sources)
    run = runner(files, workers, cluster, bounds)
    with quiet(), watching(progress) as watch:
        found = examine(run, files, watch)
        jobs, found = _plan(request, places, table, found, salt, bounds, labelled, of_masks)
        _prepare(run, jobs, watch)
        _join(request, places, table, found, jobs, salt, said)
    store = SliceStore.open(places.out)
    for line in [*summary(store, places.rejected), *examples([one for job in jobs for one in job.series])]:
        say(console, line)
    return store


def _prepare(run: Run, jobs: Sequence[Job], watch: Watch) -> None:
    """Do the jobs whose shard is not there yet."""
    advance = watch("preparing series", sum(len(job.series) for job in jobs))
    left = [job for job in jobs if not job.records_path.is_file()]
    advance(sum(len(job.series) for job in jobs) - sum(len(job.series) for job in left))
    if left and METHOD == "fork":  # MONAI takes seconds to import: once, before the workers fork
        import_module("medattngan.stages.ingest.shards")
    for _, done in run(run_job, left, lambda job, lost: replace(job, lost=(*job.lost, lost)), 1):
        advance(done)


def _plan(
    request: Request, places: Places, table: Labels | None, found: Sequence[Found], salt: bytes, bounds: Bounds,
    labelled: MasksAsked | None, of_masks: Sequence[tuple[Path, str]],
) -> tuple[list[Job], list[Found]]:  # fmt: skip
    """The work to do, with a folder to do it in, and what was found, masks included."""
    series = stacks(found, table, request.window is not None, request.labels == "folders")
    if table is not None and series and not any(one.listed for one in series):
        raise UserError(f"No row of {places.table} matches a file or patient; check its column `file` or `patient`.")
    options = request.options
    if labelled is not None:
        series, alone = labelled.pair(series, of_masks)
        found = [*found, *mask_files(series, alone)]
        options = replace(options, classes=labelled.classes)
    series, found = Only.parse(request.only).of(series, found)
    _claim(places.work, _fingerprint(salt, request, found, series, places.table, bounds, options))
    return batches(series, options, places.work), list(found)


def _join(
    request: Request,
    places: Places,
    table: Labels | None,
    found: Sequence[Found],
    jobs: Sequence[Job],
    salt: bytes,
    said: Captions,
) -> None:
    """Make the store of the shards, and list what is not in it."""
    ledger = Ledger()
    for file in found:
        if file.reason is not None:
            ledger.file(file.path, file.reason, file.cause)
        ledger.frames(file.path, file.pages, PAGE)
    parts = read_parts(jobs, salt, ledger)
    chosen = distinct(parts, ledger)
    if chosen:
        building = places.work / "store"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        writer = StoreWriter(building, table_of([part for part, _ in chosen], jobs[0].options.classes))
        index, intensity = write_slices(chosen, writer, request.split, request.seed)
        record = provenance(asdict(request) | masks_asked(jobs), found, chosen, index, ledger, salt, table)
        index = said.join(index, chosen, record)
        writer.finish(index, intensity, record)
    if places.rejected is not None:
        write_rejected(places.rejected, ledger)
    if not chosen:
        shutil.rmtree(places.work)
        raise UserError(nothing(places.sources, ledger))
    if places.out.is_dir():
        places.out.rmdir()
    building.rename(places.out)
    shutil.rmtree(places.work)


def _fingerprint(
    salt: bytes, request: Request, found: Sequence[Found], series: Sequence[Series], labels: Path | None,
    bounds: Bounds, options: Options,
) -> str:  # fmt: skip
    """Names the work, so that shards of other work are never used. Salted, since it covers names of files.

    The series are of it: a file that a busy machine was too slow for is read the next time, and moves those behind it.
    The bounds are of it, though no store depends on them: whoever raises one wants the files that it set aside.
    """
    states = [(file.relative, file.format, *state(file.path)) for file in found]
    table = None if labels is None else digest(labels)
    read_by = versions(GROUP, {file.format for file in found})
    asked = (asdict(request), asdict(bounds), options.classes)
    planned = [
        (
            one.format, one.patient, one.key, [(piece.relative, piece.frame) for piece in one.pieces],
            None if one.mask is None else (one.mask.relative, *state(one.mask.path)),
        )
        for one in series
    ]  # fmt: skip
    work = json.dumps([medattngan.__version__, *asked, states, planned, table, read_by])
    return hmac.new(salt, work.encode("utf-8", "surrogateescape"), "sha256").hexdigest()


def _claim(work: Path, fingerprint: str) -> None:
    """Go on in the folder of an interrupted ingest if it did the same work, else begin an empty one."""
    claim = work / "work.json"
    if claim.is_file() and read_json(claim) == {"fingerprint": fingerprint}:
        sweep_inside(work)
        return
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    write_json(claim, {"fingerprint": fingerprint})
