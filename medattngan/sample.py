"""Draw synthetic slices from a trained run. Needs the run only, never the scans."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from medattngan.data.intensity import unit_to_codes
from medattngan.data.samples import Samples
from medattngan.files import UserError, digest, read_json, require_absent
from medattngan.models import build
from medattngan.run import Run, provenance

CHUNK = 16
"""Slices through the network at a time: always the same, so that no batch size can change a byte."""


def latents(seed: int, start: int, count: int, z_dim: int, truncation: float = 1.0) -> Tensor:
    """Latents number `start` to `start + count` of `seed`, (count, z_dim); each depends on its own number alone.

    `truncation` is their standard deviation: below 1 they lie closer to the mean, and the slices are more typical and
    less varied, as with the truncation of Brock et al. 2019, arXiv:1809.11096, section 3.1.

    >>> torch.equal(latents(3, 0, 4, 8)[2:], latents(3, 2, 2, 8))
    True
    """
    rows = []
    for number in range(start, start + count):
        words = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(words[0]))
        rows.append(torch.randn(z_dim, generator=generator))
    return torch.stack(rows) * truncation


def load_generator(run: Run, checkpoint: Path) -> nn.Module:
    """The averaged generator of a checkpoint, on the CPU, ready to sample."""
    gan = build(run.config, classes=len(run.store["labels"]) if run.config.data.conditional else 0)
    gan.generator.load_state_dict(load_file(checkpoint / "ema.safetensors"))
    return gan.generator.eval().requires_grad_(False)


@torch.inference_mode()
def generate(generator: nn.Module, z: Tensor, label: Tensor | None) -> Tensor:
    """Latents (N, z_dim) → images (N, 1, H, W) in [-1, 1], in chunks of one fixed size.

    The last chunk is filled up, because the kernels chosen for another batch size round differently.
    """
    images = []
    for start in range(0, len(z), CHUNK):
        part = z[start : start + CHUNK]
        missing = CHUNK - len(part)
        filled = torch.cat([part, part[:1].expand(missing, -1)])
        named = None
        if label is not None:
            named = label[start : start + CHUNK]
            named = torch.cat([named, named[:1].expand(missing)])
        images.append(generator(filled, named)[: len(part)].float().clamp(-1, 1))
    return torch.cat(images)


def sample(
    run: Run | str | Path,
    out: str | Path,
    *,
    count: int,
    seed: int = 0,
    label: str | None = None,
    truncation: float = 1.0,
    checkpoint: str = "best",
) -> Samples:
    """Write `count` synthetic slices to the folder `out` and return them.

    Without `label`, a conditional run draws labels as often as the training slices had them.

    Raises:
        UserError: the run, label, count or truncation is not usable, or `out` exists.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    require_absent(Path(out))
    if seed < 0:
        raise UserError(f"--seed is {seed}; it must be 0 or more.")
    if count < 1:
        raise UserError(f"--count is {count}; ask for at least one slice.")
    if not 0 < truncation <= 1:
        raise UserError(f"--truncation is {truncation}; it must lie above 0 and not above 1.")
    folder = run.checkpoint(checkpoint)
    generator = load_generator(run, folder)
    labels, names = _labels(run, label, count, seed)
    z = latents(seed, 0, count, int(generator.z_dim), truncation)  # type: ignore[arg-type]
    codes = unit_to_codes(generate(generator, z, labels)[:, 0].numpy())
    table = pd.DataFrame(
        {
            "number": np.arange(count),
            "seed": np.full(count, seed),
            "label": pd.array(names, dtype="string"),
            "truncation": np.full(count, truncation),
        }
    )
    weights = digest(folder / "ema.safetensors")
    record = {
        **provenance(seed),
        "synthetic": True,
        "run": hashlib.sha256(f"{run.store['digest']}{weights}".encode()).hexdigest()[:16],
        "preset": run.config.model.preset,
        "store_digest": run.store["digest"],
        "weights_digest": weights,
        "checkpoint": read_json(folder / "checkpoint.json"),
        "count": count,
        "truncation": truncation,
    }
    samples = Samples(codes, table, run.store["intensity"], record)
    samples.save(Path(out))
    return samples


def _labels(run: Run, label: str | None, count: int, seed: int) -> tuple[Tensor | None, list[str | None]]:
    """The class of each slice, as numbers for the network and as names for the table."""
    known: list[str] = run.store["labels"]
    if not run.config.data.conditional:
        if label is not None:
            raise UserError(
                f"{run.path} was trained without labels; leave --label out or train with data.conditional=true."
            )
        return None, [None] * count
    if label is not None:
        if label not in known:
            raise UserError(f"--label {label!r} is not among the labels of {run.path}: {', '.join(known)}.")
        numbers = np.full(count, known.index(label))
    else:
        frequencies = np.asarray(run.store["label_counts"], np.float64)
        numbers = np.random.default_rng([seed, 1]).choice(len(known), count, p=frequencies / frequencies.sum())
    return torch.from_numpy(numbers).long(), [known[n] for n in numbers]
