"""Peak memory of sample, export, audit and evaluate at a small and at a large number of slices.

python scripts/measure_memory.py [--counts 1000,50000] [--size 32] [--work FOLDER] [--out FILE.json]

Makes a store of textures, a run and an encoder that know next to nothing, and then runs every verb in a process of its
own, whose peak the system tells when it ends: pages of mapped files count as its memory. Audit and evaluate compare
with the same store at either count.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from medattngan.core.files import write_json
from medattngan.data.intensity import IntensityMap
from medattngan.data.store_writer import StoreWriter

SPLITS = {"train": 20, "val": 10, "test": 10}
"""Patients of each."""
SLICES = 30
"""Of each patient."""
START = """
import os, sys
null = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=null)
_, status, used = os.wait4(pid, 0)
print(used.ru_maxrss, os.waitstatus_to_exitcode(status))
"""
"""Prints the kilobytes of the command at its peak, and its exit status."""
CONFIG = """data: {{size: {size}}}
model: {{z_dim: 8, generator_width: 8, discriminator_width: 8}}
attention: {{resolutions: [8]}}
train: {{kimg: 0.064, minutes: null, batch_size: 8, validate_minutes: null}}
"""


def write_store(path: Path, size: int) -> None:
    """A store of smooth noise, every patient with a pattern of its own."""
    path.mkdir()
    rng, writer, rows = np.random.default_rng(0), StoreWriter(path), []
    scale = IntensityMap(-3.0, 3.0, "a.u.")
    for split, patients in SPLITS.items():
        for patient in range(patients):
            own = rng.normal(size=(size, size))
            for place in range(SLICES):
                drawn = gaussian_filter(own + 0.7 * rng.normal(size=(size, size)), 2)
                writer.add(scale.encode(drawn / drawn.std()))
                name = f"{split}-{patient:02d}"
                row = {"patient": name, "series": name, "modality": "MR", "plane": "axial", "position_mm": float(place)}
                rows.append(row | {"spacing_mm": 2.0, "label": None, "split": split, **scale.to_dict()})
    known = {**scale.to_dict(), "scheme": "percentile", "modality": "MR", "plane": "axial", "spacing_mm": 2.0}
    writer.finish(pd.DataFrame(rows), known, {"source": "textures"})


def peak_of(command: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[float, float]:
    """Run `command`: MB of memory at its peak, and seconds.

    A small process starts it: a process counts as its own the memory of the one that it was forked from.

    Raises:
        RuntimeError: it failed.
    """
    began = time.monotonic()
    found = subprocess.run(
        [sys.executable, "-S", "-c", START, *command], env={**os.environ, **(environment or {})}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    kilobytes, code = found.stdout.split()[-2:]
    if code != "0":
        raise RuntimeError(f"{' '.join(command)} ended with {code}: {found.stderr[-1000:]}")
    return int(kilobytes) / 1024, time.monotonic() - began


def commands(work: Path, count: int) -> dict[str, list[str]]:
    """Every verb, in the order in which they read each other's folders."""
    samples, store = str(work / f"samples-{count}"), str(work / "store")
    return {
        "sample": ["sample", str(work / "run"), "--count", str(count), "--out", samples],
        "export": ["export", samples, "--out", str(work / f"dicom-{count}")],
        "export --multiframe": ["export", samples, "--out", str(work / f"frames-{count}"), "--multiframe"],
        "audit": ["audit", samples, "--data", store, "--out", str(work / f"audit-{count}"), "--encoder",
                  str(work / "encoder"), "--planted", "20", "--limit", "240"],
        "evaluate": ["evaluate", samples, "--data", store, "--out", str(work / f"scores-{count}")],
    }  # fmt: skip


def measure(work: Path, size: int, counts: Sequence[int], verbs: Sequence[str]) -> list[dict[str, Any]]:
    """One row a verb and count."""
    verb = [sys.executable, "-m", "medattngan"]
    write_store(work / "store", size)
    (work / "config.yaml").write_text(CONFIG.format(size=size))
    peak_of([*verb, "train", str(work / "config.yaml"), "--data", str(work / "store"), "--out", str(work / "run")])
    peak_of([*verb, "encoder", str(work / "store"), "--out", str(work / "encoder"), "--kimg", "0.3"])
    rows = []
    for name in verbs:
        for count in counts:
            command = commands(work, count)[name]
            cache = {"MEDATTNGAN_CACHE": str(work / f"cache-{count}")}
            peak, seconds = peak_of([*verb, *command], cache)
            rows.append({"verb": name, "slices": count, "peak_mb": round(peak), "seconds": round(seconds)})
            print(f"{name:22}{count:10}{peak:10.0f} MB{seconds:8.0f} s", flush=True)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table; write it to --out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="1000,50000")
    parser.add_argument("--verbs", default=",".join(commands(Path(), 0)), help="in this order; sample first")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--work", type=Path, help="an empty folder to keep; by default one that is removed")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        rows = measure(work, given.size, [int(count) for count in given.counts.split(",")], given.verbs.split(","))
    if given.out:
        write_json(given.out, {"size_px": given.size, "real_slices": SLICES * sum(SPLITS.values()), "rows": rows})


if __name__ == "__main__":
    main()
