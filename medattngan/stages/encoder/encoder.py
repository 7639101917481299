"""Train the encoder of a store on its training split, and write its folder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from medattngan.core.files import UserError, atomic_folder, digest, require_absent, write_json
from medattngan.core.locks import alone
from medattngan.core.processes import require_workers
from medattngan.core.progress import Advance, uncounted, watching
from medattngan.core.provenance import provenance
from medattngan.core.seal import seal
from medattngan.core.types import Images
from medattngan.data.images import load_images
from medattngan.data.store import SliceStore
from medattngan.extractors.encoder import DIM, LARGEST_PX, RECORD, WEIGHTS, Encoder, EncoderNetwork, load_encoder
from medattngan.stages.encoder.contrastive import TEMPERATURE, nt_xent
from medattngan.stages.encoder.viewing import viewing
from medattngan.stages.encoder.views import view
from medattngan.statistics.draws import require_seed

BATCH = 256
LEAST_SLICES = 16
LR = 2e-3
WEIGHT_DECAY = 1e-4
WARM_UP = 0.1
"""Share of the steps in which the learning rate rises; it falls as a cosine after."""
RETRIEVED = 1000
"""Held-out slices that the record's retrieval is measured on, at most."""
EMBEDDED_AT_ONCE = 128


@alone
def encoder(
    store: SliceStore | str | Path,
    out: str | Path,
    *,
    kimg: float = 40.0,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Encoder:
    """Train an encoder on the training split of `store` and write it to the folder `out`.

    Only patients of the split `train` are shown to it. The same store, seed and machine give the same bytes.

    Args:
        kimg: thousands of slices shown, each as two views.
        seed: of weights, order and views, 0 or more.
        workers: make the views ahead in so many processes of one thread each; the same bytes whatever their number.
            None makes them in this process.
        progress: show on the terminal (stderr) how far it is.

    Raises:
        UserError: `out` exists, the store has too few training slices, or a number is out of range.
    """
    store = SliceStore.of(store)
    require_absent(Path(out))
    require_workers(workers)
    require_seed(seed)
    if not kimg > 0:
        raise UserError(f"--kimg is {kimg}; show the encoder some slices.")
    part = store.split("train")
    if len(part) < LEAST_SLICES:
        raise UserError(f"an encoder needs at least {LEAST_SLICES} training slices; {store.path} has {len(part)}.")
    size = min(store.size, LARGEST_PX)
    images = load_images(part, size=size, dtype=torch.float16)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = EncoderNetwork(size)
    with watching(progress) as watch:
        advance = watch("training the encoder, step", step_count(images, kimg))
        losses = fit(network, images, kimg, seed, advance, workers)
    network.eval()
    with atomic_folder(Path(out)) as folder:
        save_file({name: part.contiguous() for name, part in network.state_dict().items()}, folder / WEIGHTS)
        write_json(folder / RECORD, {
            **provenance(seed),
            "store_digest": store.digest,
            "split": "train",
            "slices": len(part),
            "patients": int(part.index["patient"].nunique()),
            "size_px": size,
            "dim": DIM,
            "kimg": kimg,
            "temperature": TEMPERATURE,
            "loss_by_tenth": [round(float(np.mean(part)), 4) for part in np.array_split(losses, 10) if len(part)],
            "retrieval": _held_out_retrieval(network, store, size, seed),
            "weights_sha256": digest(folder / WEIGHTS),
        })  # fmt: skip
        seal(folder, "encoder")
    return load_encoder(out)


def step_count(images: Images, kimg: float) -> int:
    """How many steps show thousands of `images` to an encoder."""
    return max(1, math.ceil(kimg * 1000 / min(BATCH, len(images))))


def fit(
    network: EncoderNetwork,
    images: Images,
    kimg: float,
    seed: int,
    advance: Advance = uncounted,
    workers: int | None = None,
) -> list[float]:
    """Train `network` in place on `images` (N, 1, H, W); the loss of every step."""
    batch, steps = min(BATCH, len(images)), step_count(images, kimg)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    network.train()
    losses = []
    with viewing(workers) as shown:
        for step, views in enumerate(shown(images, batch, steps, seed)):
            for group in optimizer.param_groups:
                group["lr"] = LR * schedule(step / steps)
            first, second = network.project(network(views)).chunk(2)
            loss = nt_xent(first, second)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # missing from torch's stubs
            optimizer.step()
            losses.append(float(loss.detach()))
            advance(1)
    return losses


def schedule(done: float) -> float:
    """Learning rate as a share of the largest, when `done` of the training in [0, 1) is over.

    >>> schedule(0.1), schedule(0.55), round(schedule(0.999), 3)
    (1.0, 0.5, 0.0)
    """
    if done < WARM_UP:
        return (done + 0.01) / (WARM_UP + 0.01)
    return round((1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP))) / 2, 12)


@torch.inference_mode()
def embed(network: EncoderNetwork, images: Images) -> Tensor:
    """The projections of `images` (N, 1, H, W), (N, PROJECTED) float32 of length 1."""
    parts = [network.project(network(part.float())) for part in torch.split(images, EMBEDDED_AT_ONCE)]
    return torch.cat(parts)


def _held_out_retrieval(network: EncoderNetwork, store: SliceStore, size: int, seed: int) -> dict[str, Any] | None:
    """How often a view of a slice of patients never shown is nearest to its own slice, among up to RETRIEVED."""
    held_out = store.select(store.index["split"] == "val")
    if len(held_out) < 2:
        return None
    rows = np.sort(np.random.default_rng([seed, 8]).permutation(len(held_out))[:RETRIEVED])
    images = load_images(held_out, rows.tolist(), size, torch.float16)
    views = view(images.float(), torch.Generator().manual_seed(seed))
    nearest = (embed(network, views) @ embed(network, images).T).argmax(1)
    share = float((nearest == torch.arange(len(images))).double().mean())
    return {"split": "val", "slices": len(images), "share": round(share, 4)}
