"""The verb: a run and a store of real slices → their latents, which are patient data.

Needs the scans: an encoder is trained on real slices of the split train, with generator and discriminator fixed, unless
the run has one of its own (preset vae_gan) or one is given.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from medattngan.core.files import UserError, require_absent
from medattngan.core.locks import alone
from medattngan.core.progress import Watch, watching
from medattngan.core.provenance import provenance
from medattngan.core.run import Run, numbers_of
from medattngan.data.images import load_images
from medattngan.data.latents import ENCODER, Latents, write_latents
from medattngan.data.sources import OF_PATIENTS
from medattngan.data.store import SPLITS, SliceStore
from medattngan.stages.encode.izi import KAPPA, fit, residuals, step_count
from medattngan.stages.encode.networks import Networks, in_chunks

KEPT = ("patient", "series", "position_mm", "label", "split")
"""Columns of the store's index that latents keep; `row` is the place in it."""
LEAST_SLICES = 16


@alone
def encode(
    run: Run | str | Path,
    store: SliceStore | str | Path,
    out: str | Path,
    *,
    split: str = "test",
    encoder: Latents | str | Path | None = None,
    kimg: float = 40.0,
    checkpoint: str = "best",
    seed: int = 0,
    progress: bool = True,
) -> Latents:
    """Find the latents of real slices and write the folder `out`. The same arguments give the same bytes.

    Args:
        run: a Run, or its path.
        store: the slices; its split train teaches an encoder where the run has none.
        split: whose slices are encoded: train, val, test or all.
        encoder: latents of the same run, whose encoder is taken in place of a new one.
        kimg: thousands of slices that a new encoder is shown.
        checkpoint: of the run, `best` or `last`.
        seed: of the new encoder, 0 or more.
        progress: show on the terminal (stderr) how far it is.

    Raises:
        UserError: the run is told text or masks, `encoder` is of another run, the store is too small or lacks what the
            run is told, an option is out of range, or `out` exists.
    """
    require_absent(Path(out))
    if split not in (*SPLITS, "all"):
        raise UserError(f"--split is {split!r}; choose one of {', '.join(SPLITS)} and all.")
    if seed < 0 or not kimg > 0:
        raise UserError(f"--seed is {seed} and --kimg {kimg}; give 0 or more, and more than 0.")
    store, networks = SliceStore.of(store), Networks.of(run, checkpoint)
    if store.size < networks.size:
        raise UserError(
            f"{networks.run.path} draws {networks.size} px but {store.path} holds {store.size}; ingest the scans with "
            f"--size {networks.size}."
        )
    part = store if split == "all" else store.split(split)
    values = networks.values(part)
    with watching(progress) as watch:
        found, weights, learned = _encoder(networks, store, encoder, kimg, seed, watch)
        advance = watch("encoding slices", len(part))
        images = load_images(part, size=networks.size, dtype=torch.float16)
        codes = in_chunks(found, images, networks.told(values))
        advance(len(part))
    spread = (codes[:, 1] / 2).exp() if weights is None else torch.zeros_like(codes[:, 1])
    rows = np.arange(len(store)) if split == "all" else np.flatnonzero(store.index["split"] == split)
    table = pd.DataFrame({"row": rows, **{name: part.index[name] for name in KEPT}})
    table = table.assign(**{one.name: one.column(values[one.name]) for one in networks.conditions})
    if (density := getattr(networks.generator, "log_density", None)) is not None:
        found_density = density(codes[:, 0], networks.told(values))
        table = table if found_density is None else table.assign(log_density=found_density.numpy())
    record = record_of(networks, seed) | {
        "source": {
            "store_digest": store.digest, "split": split, "slices": len(part),
            "patients": int(part.index["patient"].nunique()),
        },
        "encoder": learned,
    }  # fmt: skip
    write_latents(Path(out), codes[:, 0].numpy(), spread.numpy(), table, record, weights)
    return Latents.open(out)


def record_of(networks: Networks, seed: int) -> dict[str, Any]:
    """The provenance of what was made of patients' slices with these networks."""
    weights, run = networks.weights_digest, networks.run
    return {
        **provenance(seed),
        **OF_PATIENTS,
        "run": hashlib.sha256(f"{run.store['digest']}{weights}".encode()).hexdigest()[:16],
        "preset": run.config.model.preset,
        "store_digest": run.store["digest"],
        "weights_digest": weights,
        "checkpoint": numbers_of(networks.checkpoint),
    }


def _encoder(
    networks: Networks, store: SliceStore, given: Latents | str | Path | None, kimg: float, seed: int, watch: Watch
) -> tuple[nn.Module, dict[str, torch.Tensor] | None, dict[str, Any]]:
    """The encoder, its weights where they have to be kept, and what is recorded of how it came about."""
    if networks.encoder is not None:
        if given is not None:
            raise UserError(f"{networks.run.path} has an encoder of its own; leave --encoder out.")
        return networks.encoder, None, {"of": "the run"}
    if given is not None:
        latents = Latents.of(given)
        encoder = networks.encoder_for(latents)
        return encoder, dict(encoder.state_dict()), dict(latents.provenance["encoder"])
    part = store.split("train")
    if len(part) < LEAST_SLICES:
        raise UserError(f"an encoder needs {LEAST_SLICES} training slices at least; {store.path} has {len(part)}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        new = networks.new_encoder()
    images = load_images(part, size=networks.size, dtype=torch.float16)
    advance = watch("training the encoder, step", step_count(len(part), kimg))
    told = networks.told(networks.values(part))
    losses = fit(new, networks.generator, residuals(networks.discriminator), images, told, kimg, seed, advance)
    tenths = [round(float(np.mean(some)), 6) for some in np.array_split(losses, 10) if len(some)]
    learned = {"of": ENCODER, "kimg": kimg, "kappa": KAPPA, "store_digest": store.digest, "loss_by_tenth": tenths}
    return new, dict(new.state_dict()), learned
