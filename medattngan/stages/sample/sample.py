"""Draw synthetic slices from a trained run. Needs the run only, never the scans."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from medattngan.conditions.numbers import Condition, Numbers, draw, of_run, standardised
from medattngan.core.files import UserError, digest, read_json, require_absent
from medattngan.core.provenance import provenance
from medattngan.core.run import Run
from medattngan.core.types import Values
from medattngan.data.intensity import unit_to_codes
from medattngan.data.samples import Samples
from medattngan.models import build

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
def generate(generator: nn.Module, z: Tensor, label: Tensor | None, values: Values | None = None) -> Tensor:
    """Latents (N, z_dim) → images (N, 1, H, W) in [-1, 1], in chunks of one fixed size.

    The last chunk is filled up, because the kernels chosen for another batch size round differently.

    Args:
        label: (N,) int64 where the generator has classes.
        values: (N, conditions) in [-1, 1] where it has conditions.
    """
    images = []
    for start in range(0, len(z), CHUNK):
        inputs = [None if t is None else _filled(t[start : start + CHUNK]) for t in (z, label, values)]
        if values is None:
            inputs.pop()
        images.append(generator(*inputs)[: len(z) - start].float().clamp(-1, 1))
    return torch.cat(images)


def _filled(part: Tensor) -> Tensor:
    """CHUNK rows: those of `part`, and its first as often as it takes."""
    return torch.cat([part, part[:1].expand(CHUNK - len(part), *part.shape[1:])])


def sample(
    run: Run | str | Path,
    out: str | Path,
    *,
    count: int,
    seed: int = 0,
    label: str | None = None,
    values: Mapping[str, float | Sequence[float]] | None = None,
    truncation: float = 1.0,
    checkpoint: str = "best",
) -> Samples:
    """Write `count` synthetic slices to the folder `out` and return them.

    Without `label`, a conditional run draws labels as often as the training slices had them.

    Args:
        values: of the run's continuous conditions, by name: one number for all slices, or one for each. Those not
            given are drawn from the distribution of the training slices, each by itself.

    Raises:
        UserError: the run, label, values, count or truncation is not usable, or `out` exists.
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
    labels, names = choose_labels(run, label, count, seed)
    conditions, chosen = choose_values(run, values or {}, count, seed)
    told = torch.from_numpy(standardised(conditions, chosen)) if conditions else None
    z = latents(seed, 0, count, int(generator.z_dim), truncation)  # type: ignore[arg-type]
    codes = unit_to_codes(generate(generator, z, labels, told)[:, 0].numpy())
    table = pd.DataFrame(
        {
            "number": np.arange(count),
            "seed": np.full(count, seed),
            "label": pd.array(names, dtype="string"),
            "truncation": np.full(count, truncation),
            **{one.name: chosen[:, i] for i, one in enumerate(conditions)},
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


def choose_labels(run: Run, label: str | None, count: int, seed: int) -> tuple[Tensor | None, list[str | None]]:
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


def choose_values(
    run: Run, given: Mapping[str, float | Sequence[float]], count: int, seed: int
) -> tuple[list[Condition], Numbers]:
    """The run's continuous conditions and their value for each slice, (count, conditions), as given or drawn.

    Raises:
        UserError: a name is no condition of the run, or a value lies outside what it was trained on.
    """
    conditions = of_run(run.store)
    names = [one.name for one in conditions]
    for name in given:
        if name not in names:
            cure = f"it has {', '.join(names)}" if names else f"train with data.conditions=[{name}] for that"
            raise UserError(f"--set {name}: {run.path} was trained without {name}; {cure}.")
    chosen = draw(conditions, count, seed)
    for i, one in enumerate(conditions):
        if one.name in given:
            wanted = np.asarray(given[one.name], np.float64)
            if wanted.shape not in ((), (count,)):
                raise UserError(f"--set {one.name}: {wanted.size} values for --count {count}; give one or each.")
            one.require(wanted)
            chosen[:, i] = wanted
    return conditions, chosen
