"""Scans → SliceStore: find files, prepare series in parallel, join the results.

Work in progress lives in a hidden folder beside the store, as shards that are each written atomically. The
store appears by one rename when all is done. Started again with the same arguments, the shards are used
again.
"""

from __future__ import annotations

import csv
import hmac
import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

import medattngan
from medattngan.data.identity import load_salt
from medattngan.data.jobs import Job, batches, quiet, run_job, start_worker
from medattngan.data.join import Ledger, distinct, read_parts, write_slices
from medattngan.data.labels import Labels, read_labels
from medattngan.data.options import Options, parse_window
from medattngan.data.pieces import REASONS, Series
from medattngan.data.records import provenance
from medattngan.data.scan import Found, examine, stacks, walk
from medattngan.data.slicing import PLANES
from medattngan.data.split import check_shares
from medattngan.data.store import SliceStore, StoreWriter
from medattngan.files import UserError, atomic_path, digest, read_json, require_absent, write_json

MAX_SIZE = 4096
FILES_AT_ONCE = 64
SMALL_BYTES = 64 << 20
"""Less than this is read sooner by one process than others take to start."""


@dataclass(frozen=True)
class Request:
    """What was asked for, checked; all of it goes into provenance."""

    size: int
    plane: str
    window: str | None
    split: tuple[float, float, float]
    seed: int
    labels: bool

    def check(self) -> Request:
        """Raises UserError where a value is not allowed."""
        if not 4 <= self.size <= MAX_SIZE:
            raise UserError(f"--size {self.size} is not between 4 and {MAX_SIZE} pixels.")
        if self.plane not in (*PLANES, "acquired"):
            raise UserError(f"--plane {self.plane} is not one of {', '.join(PLANES)}, acquired.")
        check_shares(self.split)
        parse_window(self.window)
        return self


def ingest(
    sources: Sequence[Path],
    out: Path,
    *,
    size: int = 64,
    plane: str = "axial",
    window: str | None = None,
    labels: Path | None = None,
    split: tuple[float, float, float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    workers: int = 1,
    progress: bool = True,
    rejected: Path | None = None,
) -> SliceStore:
    """Read every scan under `sources` into a new SliceStore at `out`.

    The same input gives the same bytes at any number of workers, on a machine with the same salt (see
    `identity`).

    Args:
        sources: files and folders; DICOM, what nibabel reads, PNG, JPEG, TIFF, BMP, found by their content.
        out: the folder to make.
        size: height and width of the stored slices, px.
        plane: axial, coronal or sagittal, to which volumes are turned and cut, or `acquired` for the scan's
        own. window: of CT: a name (see `intensity.WINDOWS`) or `CENTER,WIDTH` in HU; soft tissue when not
        given. Volumes
            in formats that name no modality are taken for CT when it is given, and for MR when not.
        labels: CSV with a column `file` or `patient` or both, and any of `label`, `age`, `sex`.
        split: shares of train, val and test; by patient.
        seed: of the split.
        workers: processes; one does for little input.
        progress: draw a progress bar and a summary on the terminal (stderr).
        rejected: write a CSV of every file of which nothing was kept, with its reason. It holds names of
        files,
            which may identify patients: keep it where the scans are.

    Raises:
        UserError: an argument is wrong, `out` exists, or nothing usable is there.
    """
    request = Request(size, plane, window, split, seed, labels is not None).check()
    if workers < 1:
        raise UserError(f"--workers {workers} is not a positive number.")
    sources, out = [Path(source) for source in sources], Path(out).resolve()
    require_absent(out)
    salt = load_salt()
    table = None if labels is None else read_labels(labels)
    work = out.with_name(f".{out.name}.ingest")
    console = Console(stderr=True, quiet=not progress)
    ledger = Ledger()
    files = walk(sources, skip=[out, work])
    small = sum(path.stat().st_size for path, _ in files) < SMALL_BYTES
    with quiet(), _pool(1 if small else workers) as pool, _bars(console) as bars:
        found = _examine(pool, files, bars)
        series = stacks(found, table, window is not None)
        _check_labels(table, series, labels)
        _claim(work, _fingerprint(salt, request, files, labels))
        jobs = batches(series, Options(size, plane, parse_window(window)[1]), work)
        _run(pool, jobs, bars)
        for file in found:
            if file.reason is not None:
                ledger.reasons[file.path][file.reason] += 1
        chosen = distinct(read_parts(jobs, salt, ledger), ledger)
        if rejected is not None:
            _write_rejected(rejected, ledger)
        if not chosen:
            shutil.rmtree(work)
            raise UserError(_nothing(sources, ledger))
        building = work / "store"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        writer = StoreWriter(building)
        index, intensity = write_slices(chosen, writer, split, seed)
        used = [part.series for part, _ in chosen]
        record = provenance(asdict(request), found, used, index, ledger, salt)
        writer.finish(index, intensity, record)
        if out.is_dir():
            out.rmdir()
        building.rename(out)
        shutil.rmtree(work)
    for line in _summary(SliceStore.open(out), rejected):
        console.print(line, highlight=False, soft_wrap=True)
    return SliceStore.open(out)


@contextmanager
def _pool(workers: int) -> Iterator[Executor | None]:
    """Worker processes, started afresh rather than forked, so that no thread or lock is inherited; None for
    one."""
    if workers == 1:
        yield None
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), start_worker)
    try:
        yield pool
    except BrokenProcessPool:
        cure = "run the same command again with fewer --workers; what was done is kept"
        raise UserError(f"A worker process died, most likely for want of memory; {cure}.") from None
    finally:
        pool.shutdown(cancel_futures=True)


Bars = Callable[[str, int], Callable[[int], None]]


@contextmanager
def _bars(console: Console) -> Iterator[Bars]:
    """A function that starts a bar, given its words and total, and returns what advances it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=console.quiet) as bar:

        def start(words: str, total: int) -> Callable[[int], None]:
            task = bar.add_task(words, total=total)
            return lambda done: bar.update(task, advance=done)

        yield start


def _examine(pool: Executor | None, files: Sequence[tuple[Path, str]], bars: Bars) -> list[Found]:
    advance = bars("Looking into files", len(files))
    found = []
    for one in map(examine, files) if pool is None else pool.map(examine, files, chunksize=FILES_AT_ONCE):
        found.append(one)
        advance(1)
    return found


def _run(pool: Executor | None, jobs: Sequence[Job], bars: Bars) -> None:
    """Do the jobs whose shard is not there yet."""
    advance = bars("Preparing series", sum(len(job.series) for job in jobs))
    left = [job for job in jobs if not job.records_path.is_file()]
    advance(sum(len(job.series) for job in jobs) - sum(len(job.series) for job in left))
    if pool is None:
        for job in left:
            advance(run_job(job))
        return
    for future in as_completed([pool.submit(run_job, job) for job in left]):
        advance(future.result())


def _check_labels(table: Labels | None, series: Sequence[Series], labels: Path | None) -> None:
    if table is not None and series and not any(table.find(one.pieces[0].relative, one.patient) for one in series):
        raise UserError(f"No row of {labels} matches a file or patient; check its column `file` or `patient`.")


def _fingerprint(salt: bytes, request: Request, files: Sequence[tuple[Path, str]], labels: Path | None) -> str:
    """Names the work, so that shards of other work are never used. Salted, since it covers names of files."""
    states = [(relative, path.stat().st_size, path.stat().st_mtime_ns) for path, relative in files]
    table = None if labels is None else digest(labels)
    work = json.dumps([medattngan.__version__, asdict(request), states, table])
    return hmac.new(salt, work.encode("utf-8", "surrogateescape"), "sha256").hexdigest()


def _claim(work: Path, fingerprint: str) -> None:
    """Go on in the folder of an interrupted ingest if it did the same work, else begin an empty one."""
    claim = work / "work.json"
    if claim.is_file() and read_json(claim) == {"fingerprint": fingerprint}:
        return
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    write_json(claim, {"fingerprint": fingerprint})


def _write_rejected(path: Path, ledger: Ledger) -> None:
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        rows = csv.writer(handle)
        rows.writerow(["file", "reason", "meaning"])
        rows.writerows([str(name), reason, REASONS[reason]] for name, reason in sorted(ledger.rejected().items()))


def _nothing(sources: Sequence[Path], ledger: Ledger) -> str:
    """Why there is no store, in one sentence."""
    where = ", ".join(map(str, sources))
    why = ledger.rejected()
    if not why:
        return f"There is no file in {where}; give a folder of DICOM, NIfTI or picture files."
    counts = sorted(((sum(r == reason for r in why.values()), reason) for reason in set(why.values())), reverse=True)
    listed = ", ".join(f"{count} {reason}" for count, reason in counts)
    return f"Nothing usable in {where} ({listed}); see which file is which with --rejected FILE.csv."


def _summary(store: SliceStore, rejected: Path | None) -> Iterator[str]:
    record = store.provenance
    read = record["read"]
    yield f"{read['slices']} slices of {read['series']} series of {read['patients']} patients in {store.path}"
    for kind in ("files", "slices"):
        for reason, count in sorted(record["set_aside"][kind].items()):
            yield f"  set aside: {count} {kind} {reason} ({REASONS[reason]})"
    if record["set_aside"]["files"]:
        yield f"  which files: {rejected}" if rejected else "  which files: give --rejected FILE.csv"
    for note in record["notes"]:
        yield f"  {note}"
