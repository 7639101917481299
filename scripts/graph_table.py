"""Rounds as CUDA graphs against rounds launched operation by operation, as two tables: speed, and equality.

Each row is measured in a process of its own and kept in a file, so that a table goes on where it was broken off. It is
`benchmark_training.py --graphs both`.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from cells import CONFIGS
from graph_speed import ROUNDING, measure_equality_into, measure_speed_into
from training_speed import Result, device

from medattngan.core.config import Config
from medattngan.core.files import UserError, atomic_folder, read_json, write_json, write_text
from medattngan.core.provenance import provenance
from medattngan.data.store import SliceStore
from medattngan.data.store_writer import StoreWriter

STEADY = ("train.validate_minutes=null", "augment.adaptive=true", "augment.probability=0.5")
"""Augmented throughout and under ADA's control: the rounds with most kernels, and none of another kind in between."""
SLICES = 448
HEAD = (
    "px",
    "batch",
    "rounds",
    "images/s",
    "kernels",
    "in kernels, ms",
    "GPU busy",
    "first round, s",
    "start, s",
    "MB",
)


@dataclass(frozen=True)
class Case:
    """A row of the table of speeds.

    Args:
        size: in pixels.
        batch_size: images a round.
        graphs: on or off.
    """

    size: int
    batch_size: int
    graphs: str


def as_cases(asked: list[str], graphs: str) -> list[Case]:
    """What `--case` and `--graphs` ask for.

    Raises:
        UserError: one of them is not what it should be.

    >>> as_cases(["64:8"], "both")
    [Case(size=64, batch_size=8, graphs='off'), Case(size=64, batch_size=8, graphs='on')]
    """
    if graphs not in ("both", "on", "off"):
        raise UserError(f"--graphs {graphs!r} must be both, on or off.")
    cases = []
    for one in asked:
        size, _, batch = one.partition(":")
        if not (size.isdecimal() and batch.isdecimal()):
            raise UserError(f"--case {one!r} must be pixels:batch, such as 64:8.")
        wanted = ("off", "on") if graphs == "both" else (graphs,)
        cases += [Case(int(size), int(batch), each) for each in wanted]
    return cases


def made_up_store(work: Path, size: int) -> SliceStore:
    """A store of random blocks, one patient a slice: for speed it does not matter what slices show."""
    path = work / f"made-up-{size}px"
    if not path.is_dir():
        rng, rows = np.random.default_rng(0), []
        with atomic_folder(path) as folder:
            writer = StoreWriter(folder)
            for number in range(SLICES):
                field = (
                    np.kron(rng.random((8, 8)), np.ones((size // 8, size // 8))) * 0.9 + rng.random((size, size)) / 10
                )
                writer.add((field * 65535).astype(np.uint16))
                rows.append({"patient": f"p{number}", "series": f"s{number}", "modality": "OT", "plane": "acquired",
                             "position_mm": np.nan, "spacing_mm": 1.0, "label": None, "split": "train",
                             "lower": 0.0, "upper": 1.0, "unit": "a.u."})  # fmt: skip
            about = {"scheme": "none", "lower": 0.0, "upper": 1.0, "unit": "a.u.", "modality": "OT", "spacing_mm": 1.0}
            writer.finish(pd.DataFrame(rows), about, {"made_by": "scripts/graph_table.py, of random numbers"})
    return SliceStore.open(path)


@dataclass(frozen=True)
class GraphTable:
    """Both tables, filled row by row.

    Args:
        config: a file of configs/, by name.
        stores: by size.
        seconds: of steady training to time, a row.
        patience: minutes after which a row is given up.
        settings: keys overridden everywhere.
    """

    config: str
    stores: Mapping[int, SliceStore]
    work: Path
    out: Path
    seconds: float
    patience: float
    settings: tuple[str, ...]

    def fill(self, cases: list[Case]) -> None:
        """Measure every case, then the equality of every size and batch; files are written after each."""
        speed: list[Result] = []
        equality: list[Result] = []
        for case in cases:
            found = self._row("speed", case, measure_speed_into)
            speed.append({**asdict(case), **found})
            self._record(speed, equality)
        for case in (case for case in cases if case.graphs == "on"):
            found = self._row("equality", case, measure_equality_into)
            equality.append({"size": case.size, "batch_size": case.batch_size, **found})
            self._record(speed, equality)
        print(as_markdown(speed, equality))

    def _row(self, kind: str, case: Case, measure: Callable[[Config, Path, float, Path], None]) -> Result:
        """One row, measured now or read where it stands; a failed one is tried anew."""
        keys = (f"data.size={case.size}", f"train.batch_size={case.batch_size}", f"train.graphs={case.graphs}")
        config = Config.load(CONFIGS / f"{self.config}.yaml", [*STEADY, *keys, *self.settings])
        store = self.stores[case.size]
        asked = {"config": config.model_dump(mode="json"), "seconds": self.seconds, "store": store.digest}
        asked |= {"torch": torch.__version__, "device": device()["name"]}
        tag = hashlib.sha256(repr(sorted(asked.items())).encode()).hexdigest()[:12]
        file = self.work / "graphs" / f"{kind}-{case.size}px-b{case.batch_size}-{case.graphs}-{tag}.json"
        if file.is_file() and "failed" not in (stands := read_json(file)):
            return dict(stands)
        file.unlink(missing_ok=True)
        # Spawned, so that memory begins at nothing and a crash of the device ends this row alone.
        child = multiprocessing.get_context("spawn").Process(
            target=measure, args=(config, store.path, self.seconds, file)
        )
        child.start()
        child.join(self.patience * 60)
        if child.is_alive():
            child.kill()
            child.join()
            return {"failed": f"No result in {self.patience:g} minutes."}
        return dict(read_json(file)) if file.is_file() else {"failed": f"Its process ended with {child.exitcode}."}

    def _record(self, speed: list[Result], equality: list[Result]) -> None:
        made: dict[str, Any] = {**provenance(0), "device": device(), "load_average": os.getloadavg()}
        write_json(self.out, {"made_with": made, "settings": self.settings, "speed": speed, "equality": equality})
        write_text(self.out.with_suffix(".md"), as_markdown(speed, equality) + "\n")


def as_markdown(speed: list[Result], equality: list[Result]) -> str:
    """Both tables as they stand in docs/benchmarks/gpu.md."""
    lines = ["| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
    for one in speed:
        cells = [str(one["size"]), str(one["batch_size"])]
        if "failed" in one:
            lines.append("| " + " | ".join([*cells, one["graphs"], f"failed: {one['failed']}"]) + " |")
            continue
        kernels = ["", "", ""]
        if one["kernels"] is not None:
            kernels = [f"{one['kernels']:.0f}", f"{one['kernel_ms']:.2f}", f"{one['busy'] * 100:.0f} %"]
        how = {"eager": "eager", "CudaGraphs": "graphs", "Unrecorded": "stand-in (no GPU)"}[one["how"]]
        took = [f"{one['first_seconds']:.1f}", f"{one['start_seconds']:.1f}", f"{one['peak_mb']:,.0f}"]
        lines.append("| " + " | ".join([*cells, how, f"{one['images_per_second']:,.0f}", *kernels, *took]) + " |")
    lines += ["", f"Apart after 20 rounds, as a share of the way the weights have come (tolerance {ROUNDING:g}):", ""]
    lines += [
        "| px | batch | graph and the same round eager | graph and off | off and off again | equal |",
        "|---" * 6 + "|",
    ]
    for one in equality:
        names = ("graph_and_same_round", "graph_and_eager", "eager_and_eager")
        found = [f"{one[name]:.1e}" for name in names] if "failed" not in one else [one["failed"], "", ""]
        told = "" if "failed" in one else "yes" if one["equal"] else "no"
        lines.append("| " + " | ".join([str(one["size"]), str(one["batch_size"]), *found, told]) + " |")
    return "\n".join(lines)
