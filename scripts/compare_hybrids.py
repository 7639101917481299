"""Real slices through a latent space: vae_gan, an encoder for the default, PCA; and what a flow over the codes draws.

    python scripts/compare_hybrids.py --data STORE --work DIR --out FILE.json --minutes 40 --seed 0 --seed 1 --seed 2

A cell is a row with a seed. Each is trained, sampled, scored against the test patients, and reconstructs their slices;
`coupling` and `matching` begin from the run of `vae_gan` with the same seed. A cell that stands in FILE.json is not run
again, and one that was cut short goes on where its last checkpoint stands. The table ends with the differences between
rows of the same seed.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from cells import CONFIGS
from rich.console import Console
from rich.table import Table
from scipy import stats

from medattngan.core.config import Config
from medattngan.core.files import UserError, read_json, write_json
from medattngan.core.provenance import provenance
from medattngan.core.run import Run
from medattngan.data.images import load_images
from medattngan.data.latents import Latents
from medattngan.data.store import SliceStore
from medattngan.metrics.ssim import ssim
from medattngan.stages.encode.encode import encode
from medattngan.stages.encode.networks import Networks
from medattngan.stages.encode.reconstruct import reconstruct
from medattngan.stages.evaluate.evaluate import evaluate
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train
from medattngan.statistics.draws import draw_patients, percentile_interval

ROWS = {
    "compact": ("compact", ()),
    "vae_gan": ("vae_gan", ()),
    "coupling": ("latent_flow", ("model.flow=coupling",)),
    "matching": ("latent_flow", ("model.flow=matching",)),
}
PARENT = "vae_gan"
SCORES = ("fd", "precision", "recall", "density", "coverage")
PAIRS = (("vae_gan", "compact"), ("coupling", "vae_gan"), ("matching", "vae_gan"))
COMPONENTS = (32, 128)
REPLICATES = 500


def over_patients(values: np.ndarray[Any, Any], patients: Sequence[str]) -> dict[str, Any]:
    """The mean of one number a slice, and its interval over patients."""
    times = draw_patients(np.random.default_rng(0), patients, REPLICATES)
    low, high = percentile_interval((times @ values) / times.sum(1), method="weibull")
    return {"value": float(values.mean()), "ci95": [low, high]}


def baselines(store: SliceStore, size: int) -> dict[str, Any]:
    """SSIM of test slices with their projection on the components of the training slices, and with the nearest one."""
    train_images, test_images = (load_images(store.split(name), size=size) for name in ("train", "test"))
    flat, wanted = train_images.flatten(1), test_images.flatten(1)
    mean = flat.mean(0)
    torch.manual_seed(0)
    _, _, components = torch.pca_lowrank(flat - mean, q=max(COMPONENTS) + 20, center=False, niter=4)
    drawn = {}
    for count in COMPONENTS:
        kept = components[:, :count]
        drawn[f"pca {count}"] = (mean + (wanted - mean) @ kept @ kept.T).reshape(test_images.shape).clamp(-1, 1)
    near = torch.cat([torch.cdist(part, flat).argmin(1) for part in torch.split(wanted, 256)])
    patients = [str(name) for name in store.split("test").index["patient"]]
    drawn["nearest training slice"] = train_images[near]
    return {name: over_patients(ssim(made, test_images).numpy(), patients) for name, made in drawn.items()}


def trained(
    row: str, seed: int, store: SliceStore, work: Path, budgets: dict[str, list[str]], settings: list[str]
) -> Run:
    """The run of a cell, begun or gone on with."""
    name, own = ROWS[row]
    fixed = [*budgets[name], f"train.seed={seed}", "train.validate_minutes=null"]
    config = Config.load(CONFIGS / f"{name}.yaml", [*own, *fixed, *settings])
    begin = None
    if name == "latent_flow":
        begin = trained(PARENT, seed, store, work, budgets, settings)
    return train(config, store, work / f"{row}-seed{seed}" / "run", resume=True, begin=begin)


def likelihood(run: Run, store: SliceStore, folder: Path, seed: int) -> dict[str, Any] | None:
    """log p of test slices' codes, in nats a slice, by the flow and by normal distributions; None without a density."""
    networks = Networks.of(run, "last")
    density = getattr(networks.generator, "log_density", None)
    codes = {}
    for split in ("train", "test"):
        shutil.rmtree(folder / split, ignore_errors=True)
        codes[split] = encode(run, store, folder / split, split=split, checkpoint="last", progress=False)
    drawn = {name: _drawn(one, seed) for name, one in codes.items()}
    fitted = torch.distributions.MultivariateNormal(drawn["train"].mean(0), drawn["train"].T.cov())
    plain = _log_prob(torch.distributions.Normal(0.0, 1.0), drawn["test"]).sum(1)
    told = networks.told({one.name: list(codes["test"].table[one.name]) for one in networks.conditions})
    by_flow = None if density is None else density(drawn["test"], told)
    if by_flow is None:
        return None
    patients = [str(name) for name in codes["test"].table["patient"]]
    full = _log_prob(fitted, drawn["test"])
    named = {"flow": by_flow, "full covariance": full, "N(0, I)": plain, "flow - full covariance": by_flow - full}
    return {name: over_patients(values.numpy().astype(np.float64), patients) for name, values in named.items()}


def _log_prob(distribution: torch.distributions.Distribution, z: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(distribution.log_prob(z))


def _drawn(latents: Latents, seed: int) -> torch.Tensor:
    """One code a slice of what its encoder says, float64."""
    noise = np.random.default_rng([seed, 51]).standard_normal(latents.means.shape)
    return torch.from_numpy(latents.means + latents.spread * noise).float()


def measured(run: Run, row: str, seed: int, store: SliceStore, told: dict[str, Any]) -> dict[str, Any]:
    """Everything that is taken of a trained cell."""
    folder, part = run.path.parent, store.split("test")
    for name in ("samples", "scores", "latents", "redrawn"):
        shutil.rmtree(folder / name, ignore_errors=True)
    count = min(told["limit"] or len(part), len(part))
    sample(run, folder / "samples", count=count, seed=seed, checkpoint="last")
    scores = evaluate(folder / "samples", store, folder / "scores", extractor=told["extractor"], limit=told["limit"])
    latents = encode(run, store, folder / "latents", kimg=told["encoder_kimg"], checkpoint="last")
    redrawn = reconstruct(run, latents, folder / "redrawn", data=store, checkpoint="last")
    patients = [str(name) for name in part.index["patient"]]
    checkpoint = read_json(run.checkpoint("last") / "checkpoint.json")
    return {
        "row": row,
        "seed": seed,
        "kimg": checkpoint["images"] / 1000,
        "minutes": checkpoint["seconds"] / 60,
        "encoder_kimg": told["encoder_kimg"] if row == "compact" else None,
        "scores": {name.partition("[")[0]: _kept(one) for name, one in scores.items() if name.startswith(SCORES)},
        "ssim": over_patients(redrawn.table["ssim"].to_numpy().astype(np.float64), patients),
        "likelihood": likelihood(run, store, folder / "codes", seed) if row == "coupling" else None,
        "provenance": provenance(seed),
    }


def _kept(score: Any) -> dict[str, Any]:
    return {key: score[key] for key in ("value", "ci95", "floor") if key in score}


def differences(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of every pair of rows the mean difference over seeds, with Student's 95 % interval where there are several."""
    found = []
    for one, other in PAIRS:
        both = {c["seed"]: c for c in cells if c["row"] == one}, {c["seed"]: c for c in cells if c["row"] == other}
        seeds = sorted(both[0].keys() & both[1].keys())
        for name in SCORES:
            own = [both[0][s]["scores"][name]["value"] - both[1][s]["scores"][name]["value"] for s in seeds]
            if own:
                reach = stats.t.ppf(0.975, len(own) - 1) * stats.sem(own) if len(own) > 1 else None
                mean = float(np.mean(own))
                ends = None if reach is None else [mean - reach, mean + reach]
                found.append({"rows": [one, other], "score": name, "each": own, "mean": mean, "ci95": ends})
    return found


def main(
    data: Annotated[Path, typer.Option(help="A slice store.")],
    work: Annotated[Path, typer.Option(help="Folder of runs, samples and latents.")],
    out: Annotated[Path, typer.Option(help="The table as JSON; what stands there is kept.")],
    row: Annotated[
        list[str] | None, typer.Option(help=f"Of {', '.join(ROWS)}; repeat for more, all by default.")
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Repeat for more; 0 by default.")] = None,
    minutes: Annotated[float, typer.Option(help="Of training of compact and vae_gan.")] = 40.0,
    flow_minutes: Annotated[float, typer.Option(help="Of training of a flow.")] = 10.0,
    kimg: Annotated[float, typer.Option(help="Thousands of images for compact and vae_gan, at most.")] = 1e6,
    flow_kimg: Annotated[float, typer.Option(help="Thousands of images for a flow, at most.")] = 1e6,
    encoder_kimg: Annotated[float, typer.Option(help="Thousands of slices for the encoder of compact.")] = 40.0,
    limit: Annotated[int | None, typer.Option(help="Score so many slices a side at most.")] = None,
    extractor: Annotated[str, typer.Option(help="Of the scores.")] = "efficientnet-lite0",
    settings: Annotated[list[str] | None, typer.Option("--set", help="Override a key in every cell.")] = None,
) -> None:
    """Fill the table and print it."""
    store, extra = SliceStore.open(data), list(settings or ())
    long, short = (
        [f"train.minutes={m:g}", f"train.kimg={k:g}"] for m, k in ((minutes, kimg), (flow_minutes, flow_kimg))
    )
    budgets = {"compact": long, PARENT: long, "latent_flow": short}
    told = {"encoder_kimg": encoder_kimg, "limit": limit, "extractor": extractor}
    asked = told | {"budgets": budgets, "settings": extra}
    stands = read_json(out) if out.is_file() else {}
    if stands and (stands["store_digest"], stands["told"]) != (store.digest, asked):
        raise UserError(f"{out} is of another store or other settings; give another --out.")
    size = Config.load(CONFIGS / "vae_gan.yaml", extra).data.size
    table: dict[str, Any] = stands or {"store_digest": store.digest, "told": asked, "cells": []}
    table.setdefault("baselines", baselines(store, size))
    for number in seed or [0]:
        for name in row or list(ROWS):
            if name not in ROWS:
                raise UserError(f"--row {name} is not one of {', '.join(ROWS)}.")
            if any((cell["row"], cell["seed"]) == (name, number) for cell in table["cells"]):
                continue
            run = trained(name, number, store, work, budgets, extra)
            table["cells"].append(measured(run, name, number, store, told))
            write_json(out, table | {"differences": differences(table["cells"])})
    show(table["cells"], table["baselines"])


def show(cells: list[dict[str, Any]], known: dict[str, Any]) -> None:
    """The table."""
    lines = Table("", "seed", "kimg", *SCORES, "SSIM")
    for name, found in known.items():
        lines.add_row(name, *[""] * (2 + len(SCORES)), f"{found['value']:.3f}")
    for cell in cells:
        scores = [f"{cell['scores'][name]['value']:.3g}" for name in SCORES]
        lines.add_row(cell["row"], str(cell["seed"]), f"{cell['kimg']:.1f}", *scores, f"{cell['ssim']['value']:.3f}")
    Console().print(lines)


if __name__ == "__main__":
    try:
        typer.run(main)
    except UserError as error:
        raise SystemExit(f"compare_hybrids: {error}") from error
