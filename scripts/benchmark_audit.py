"""What an audit finds and how long it takes.

    python scripts/benchmark_audit.py --data STORE [--data STORE …] --work DIR --out FILE.json

For each store: an encoder is trained, and the real slices of its test patients are audited in the place of samples.
The copies are those that every audit plants. Then the search alone is timed, with the first store's training slices
repeated to the size asked for.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medattngan.core.files import read_json, write_json
from medattngan.data.store import SliceStore
from medattngan.extractors.encoder import EncoderNetwork, load_encoder
from medattngan.stages.audit.audit import audit
from medattngan.stages.audit.search import Bank, read_bank, search
from medattngan.stages.audit.sentences import summary
from medattngan.stages.encoder.encoder import encoder
from medattngan.stages.encoder.views import view
from medattngan.stages.sample.sample import sample


def main() -> None:
    """Run what the arguments ask for, print a table and write the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", required=True, help="a slice store; may be repeated")
    parser.add_argument("--work", type=Path, required=True, help="folder for encoders and audits")
    parser.add_argument("--out", type=Path, required=True, help="the figures, as JSON")
    parser.add_argument("--kimg", type=float, default=40.0, help="thousands of slices shown to the encoder")
    parser.add_argument("--planted", type=int, default=400)
    parser.add_argument("--limit", type=int, default=4000, help="held-out slices of each split")
    parser.add_argument("--run", type=Path, help="a run on the first store: audit its samples there")
    parser.add_argument("--count", type=int, default=1000, help="samples of the run")
    parser.add_argument("--queries", type=int, default=10_000, help="of the timed search; 0 leaves it out")
    parser.add_argument("--bank", type=int, default=50_000, help="training slices of the timed search")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "threads": torch.get_num_threads()},
        "torch": torch.__version__,
        "stores": [
            measure(path, arguments, None if number else arguments.run) for number, path in enumerate(arguments.data)
        ],
    }
    if arguments.queries:
        network = load_encoder(arguments.work / arguments.data[0].name / "encoder").network
        store = SliceStore.open(arguments.data[0])
        figures["search"] = time_search(store, network, arguments.queries, arguments.bank)
        print(json.dumps(figures["search"]))
    write_json(arguments.out, figures)


class Clock:
    """Seconds since it was made: by the wall, and of processor, which on a busy machine says more."""

    def __init__(self) -> None:
        self.wall, self.processor = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        """Both, rounded."""
        wall, processor = time.perf_counter() - self.wall, time.process_time() - self.processor
        return {"seconds": round(wall, 1), "processor_seconds": round(processor, 1)}


def measure(path: Path, arguments: argparse.Namespace, run: Path | None) -> dict[str, Any]:
    """Recalls and false positives on one store, with the seconds they took."""
    store, folder = SliceStore.open(path), arguments.work / path.name
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "encoder").is_dir():
        clock = Clock()
        encoder(store, folder / "encoder", kimg=arguments.kimg)
        write_json(folder / "encoder-seconds.json", clock.read())
    record = load_encoder(folder / "encoder").record
    samples = folder / ("test.npy" if run is None else "samples")
    if run is None:
        np.save(samples, store.split("test").all_codes()[::5])
    elif not samples.is_dir():
        sample(run, samples, count=arguments.count)
    clock = Clock()
    report = audit(
        samples, store, folder / "audit", run=run, encoder=folder / "encoder",
        planted=arguments.planted, limit=arguments.limit,
    )  # fmt: skip
    audited = clock.read()
    print(f"\n{path.name}: audit {audited}, retrieval {record['retrieval']}")
    for kind, control in report["controls"].items():
        low, high = control["ci95"]
        print(f"{kind:10} recall {control['recall']:.4f} ({low:.4f} to {high:.4f}), bar {control['bar']}, "
              f"by pixel {control['by_pixel']:.3f}, by embedding {control['by_embedding']:.3f}, "
              f"traced {control['traced']:.3f}")  # fmt: skip
    print("\n".join(summary(report)))
    return {"store": path.name, "encoder_took": read_json(folder / "encoder-seconds.json"), "audit_took": audited,
            "encoder": {key: record[key] for key in ("kimg", "retrieval", "loss_by_tenth")},
            "report": report}  # fmt: skip


def time_search(store: SliceStore, network: EncoderNetwork, queries: int, slices: int) -> dict[str, Any]:
    """Seconds to search `queries` random views of training slices among `slices`."""
    bank = enlarge(read_bank(store, network), slices)
    chosen = np.random.default_rng(1).integers(len(bank.rows), size=queries)
    images = torch.cat([
        view(bank.images[torch.from_numpy(chosen[i : i + 256])].float(), torch.Generator().manual_seed(i))
        for i in range(0, queries, 256)
    ])  # fmt: skip
    clock = Clock()
    pixel, embedding, _ = search(bank, images, network)
    took = clock.read()
    return {"queries": queries, "training_slices": slices, "side_px": bank.size, "took": took,
            "found_by_pixel": float((pixel.row == bank.rows[chosen]).mean()),
            "found_by_embedding": float((embedding.row == bank.rows[chosen]).mean())}  # fmt: skip


def enlarge(bank: Bank, slices: int) -> Bank:
    """A bank of `slices`: those of `bank` again and again, as other patients; searched as fast as a real one."""
    repeats = -(-slices // len(bank.rows))
    patients = np.concatenate([bank.patients + n * len(bank.starts) for n in range(repeats)])[:slices]

    def tiled(part: torch.Tensor) -> torch.Tensor:
        return torch.cat([part] * repeats)[:slices]

    return Bank(
        rows=np.tile(bank.rows, repeats)[:slices],
        patients=patients,
        starts=np.searchsorted(patients, np.arange(patients[-1] + 1)),
        images=tiled(bank.images),
        normalised=tiled(bank.normalised),
        coarse=tiled(bank.coarse),
        embedded=tiled(bank.embedded),
    )


if __name__ == "__main__":
    main()
