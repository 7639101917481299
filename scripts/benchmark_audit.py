"""What an audit finds and how long it takes.

    python scripts/benchmark_audit.py --data STORE [--data STORE …] --work DIR --out FILE.json

For each store: an encoder is trained, and the real slices of its test patients are audited in the place of samples.
None of them is a copy, so all that is flagged is a false positive; the copies are those that every audit plants. Then
the search alone is timed, with random views of the first store's training slices in the place of a larger store.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medattngan.audit import audit
from medattngan.audit.align import normalise_locally
from medattngan.audit.search import Bank, _coarse, _unit, read_bank, search
from medattngan.data.store import SliceStore
from medattngan.encoder import embed, encoder
from medattngan.encoder.views import view
from medattngan.files import write_json
from medattngan.metrics.encoder import EncoderNetwork, load_encoder


def main() -> None:
    """Run what the arguments ask for, print a table and write the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", required=True, help="a slice store; may be repeated")
    parser.add_argument("--work", type=Path, required=True, help="folder for encoders and audits")
    parser.add_argument("--out", type=Path, required=True, help="the figures, as JSON")
    parser.add_argument("--kimg", type=float, default=40.0, help="thousands of slices shown to the encoder")
    parser.add_argument("--planted", type=int, default=400)
    parser.add_argument("--queries", type=int, default=10_000, help="of the timed search; 0 leaves it out")
    parser.add_argument("--bank", type=int, default=50_000, help="training slices of the timed search")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "threads": torch.get_num_threads()},
        "torch": torch.__version__,
        "stores": [measure(path, arguments.work, arguments.kimg, arguments.planted) for path in arguments.data],
    }
    if arguments.queries:
        network = load_encoder(arguments.work / arguments.data[0].name / "encoder").network
        store = SliceStore.open(arguments.data[0])
        figures["search"] = time_search(store, network, arguments.queries, arguments.bank)
        print(json.dumps(figures["search"]))
    write_json(arguments.out, figures)


def measure(path: Path, work: Path, kimg: float, planted: int) -> dict[str, Any]:
    """Recalls and false positives on one store, with the seconds they took."""
    store, folder = SliceStore.open(path), work / path.name
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.perf_counter()
    record = encoder(store, folder / "encoder", kimg=kimg).record
    trained = time.perf_counter() - begun
    np.save(folder / "test.npy", store.split("test").all_codes())
    begun = time.perf_counter()
    report = audit(folder / "test.npy", store, folder / "audit", encoder=folder / "encoder", planted=planted)
    audited = time.perf_counter() - begun
    print(f"\n{path.name}: encoder {trained:.0f} s, audit {audited:.0f} s, retrieval {record['retrieval']}")
    for kind, control in report["controls"].items():
        low, high = control["ci95"]
        print(f"{kind:10} recall {control['recall']:.4f} ({low:.4f} to {high:.4f}), bar {control['bar']}, "
              f"by pixel {control['by_pixel']:.3f}, by embedding {control['by_embedding']:.3f}, "
              f"traced {control['traced']:.3f}")  # fmt: skip
    print(json.dumps(report["calibration"]))
    return {"store": path.name, "encoder_seconds": round(trained, 1), "audit_seconds": round(audited, 1),
            "encoder": {key: record[key] for key in ("kimg", "retrieval", "loss_by_tenth")},
            "report": report}  # fmt: skip


def time_search(store: SliceStore, network: EncoderNetwork, queries: int, slices: int) -> dict[str, Any]:
    """Seconds to search `queries` slices among `slices`, both random views of the store's training slices."""
    bank = enlarge(read_bank(store, network), network, slices)
    chosen = np.random.default_rng(1).integers(len(bank.rows), size=queries)
    images = torch.cat([
        view(bank.images[torch.from_numpy(chosen[i : i + 256])].float(), torch.Generator().manual_seed(i))
        for i in range(0, queries, 256)
    ])  # fmt: skip
    begun = time.perf_counter()
    pixel, embedding, _ = search(bank, images, network)
    seconds = time.perf_counter() - begun
    return {"queries": queries, "training_slices": slices, "side_px": bank.size, "seconds": round(seconds, 1),
            "found_by_pixel": float((pixel.row == bank.rows[chosen]).mean()),
            "found_by_embedding": float((embedding.row == bank.rows[chosen]).mean())}  # fmt: skip


def enlarge(bank: Bank, network: EncoderNetwork, slices: int) -> Bank:
    """A bank of `slices`, made of random views of the slices of `bank`; each round of views counts as new patients."""
    repeats = -(-slices // len(bank.rows))
    parts = [bank.images] + [
        torch.cat([
            view(bank.images[i : i + 256].float(), torch.Generator().manual_seed(1000 * n + i)).half()
            for i in range(0, len(bank.images), 256)
        ])
        for n in range(1, repeats)
    ]  # fmt: skip
    images = torch.cat(parts)[:slices]
    patients = np.concatenate([bank.patients + n * len(bank.starts) for n in range(repeats)])[:slices]
    coarse = [_coarse(normalise_locally(images[i : i + 256])) for i in range(0, slices, 256)]
    return replace(
        bank,
        rows=np.arange(slices),
        patients=patients,
        starts=np.searchsorted(patients, np.unique(patients)),
        images=images,
        coarse=_unit(torch.cat(coarse).flatten(1)),
        embedded=embed(network, images),
    )


if __name__ == "__main__":
    main()
