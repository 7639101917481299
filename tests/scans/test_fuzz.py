"""Damaged files of every format: none ends an ingest, holds it, or takes anything from the scans beside it."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.fuzz_files import seeds, write_mutant
from helpers.scan_files import texture, write_ct, write_nifti
from PIL import Image

from medattngan.data.store import SliceStore
from medattngan.scans.series import REASONS
from medattngan.stages.ingest.ingest import ingest

SECONDS, MEMORY = 20.0, 1 << 30
LOT = 1000


def write_good(folder: Path) -> None:
    write_ct(folder / "good" / "ct", "good", slices=8)
    write_nifti(folder / "good" / "volume.nii.gz", texture((16, 16, 10), 5).astype(np.float32))
    (folder / "good" / "png").mkdir()
    Image.fromarray(texture((16, 16), 6, high=255).astype(np.uint8)).save(folder / "good" / "png" / "picture.png")


def pixels(store: SliceStore) -> set[bytes]:
    return {store.codes(i).tobytes() for i in range(len(store))}


def take(source: Path, out: Path, workers: int = 2, rejected: Path | None = None) -> SliceStore:
    return ingest(
        [source], out, size=16, split=(1.0, 0.0, 0.0), progress=False, workers=workers,
        file_seconds=SECONDS, file_memory=f"{MEMORY}", rejected=rejected,
    )  # fmt: skip


def harm_done(folder: Path, numbers: range) -> list[str]:
    """What ingesting the damaged files of these numbers costs beside three good scans; `folder` is empty."""
    sound = seeds(folder / "seeds")
    write_good(folder / "scans")
    good = take(folder / "scans", folder / "good")
    known: dict[str, Path] = {}
    for number in numbers:
        write_mutant(folder / "scans", number, sound, known)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    store = take(folder / "scans", folder / "store", rejected=folder / "rejected.csv")
    listed = (folder / "rejected.csv").read_text(encoding="utf-8", errors="replace").splitlines()
    print(f"{numbers}: {time.monotonic() - started:.1f} s, {store.provenance['set_aside']['files']}, "
          f"{store.provenance['set_aside'].get('causes')}")  # fmt: skip
    aside = store.provenance["set_aside"]["files"]
    grown = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss - before
    harm = [f"{reason} is no reason" for reason in sorted(set(aside) - set(REASONS))]
    harm += [line for line in listed if ",too-slow," in line]
    harm += [f"{grown} KiB of memory"] if grown * 1024 >= MEMORY else []
    return harm + [f"{len(lost)} good slices are lost" for lost in [pixels(good) - pixels(store)] if lost]


def test_every_seed_is_a_scan_that_is_read(tmp_path: Path) -> None:
    """Else the damage below would be done to nothing. MINC 2 needs h5py."""
    (tmp_path / "scans").mkdir()
    for name, files in seeds(tmp_path / "seeds").items():
        for suffix, content in files.items():
            (tmp_path / "scans" / f"{name}{suffix}").write_bytes(content)
    store = take(tmp_path / "scans", tmp_path / "store", workers=1)
    aside = store.provenance["set_aside"]["files"]
    assert aside.get("unreadable", 0) <= 1
    assert set(aside) <= {"unreadable", "duplicate"}


def test_damaged_files_cost_themselves_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medattngan.stages.ingest.examine.SMALL_BYTES", 0)
    assert harm_done(tmp_path, range(LOT // 4)) == []


@pytest.mark.slow
@pytest.mark.parametrize("lot", range(10))
def test_forty_times_as_many_damaged_files_cost_themselves_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lot: int
) -> None:
    monkeypatch.setattr("medattngan.stages.ingest.examine.SMALL_BYTES", 0)
    assert harm_done(tmp_path, range(LOT * lot, LOT * (lot + 1))) == []
