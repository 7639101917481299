"""What the parts of a training round of the default cost: without each, interleaved in one process.

    OMP_NUM_THREADS=2 python scripts/benchmark_rounds.py --data STORE --out FILE.json

    default     as it trains
    apart       the discriminator is asked about real and about synthetic images one after the other
    every key   attention reads all positions instead of the maxima of 2 × 2
    none        no attention

A ratio is the median, over the turns, of the default's time over the variant's in the same turn: below 1 the variant is
slower.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from training_speed import device, period, prepare

from medattngan.attention.scaled_dot import ScaledDotAttention2d
from medattngan.core.config import Config
from medattngan.core.files import write_json
from medattngan.core.provenance import provenance
from medattngan.data.store import SliceStore
from medattngan.games.adversarial import AdversarialGame
from medattngan.stages.train.players import Players

CONFIG = Path(__file__).parents[1] / "configs" / "compact.yaml"


def variants(store: SliceStore, settings: list[str]) -> dict[str, Players]:
    """Trainings that differ in one part each."""
    given = Config.load(CONFIG, [f"data.size={store.size}", *settings])
    games = {name: prepare(given, store) for name in ("default", "apart", "every key")}
    own = games["apart"].system
    assert isinstance(own.game, AdversarialGame)
    games["apart"].system = replace(own, game=replace(own.game, group=0))
    for network in (games["every key"].state.networks["generator"], games["every key"].state.networks["discriminator"]):
        for module in network.modules():
            if isinstance(module, ScaledDotAttention2d):
                module.pool = False
    without = given.model_copy(update={"attention": given.attention.model_copy(update={"kind": "none"})})
    return {**games, "none": prepare(without, store)}


def seconds(game: Players) -> float:
    """Of as many rounds as the penalties have a period: one of them takes them."""
    began = time.perf_counter()
    for _ in range(period(game)):
        game.play(0.0)
    return time.perf_counter() - began


def measure(games: dict[str, Players], turns: int) -> list[dict[str, Any]]:
    """Every variant in turn, `turns` times, after one turn that does not count."""
    times = np.array([[seconds(game) for game in games.values()] for _ in range(turns + 1)])[1:]
    ratios = times[:, :1] / times
    images = [period(game) * game.system.batch_size for game in games.values()]
    return [
        {
            "variant": name, "images_per_second": images[i] / float(np.median(times[:, i])),
            "ratio": float(np.median(ratios[:, i])),
            "quartiles": [float(q) for q in np.quantile(ratios[:, i], (0.25, 0.75))],
        }
        for i, name in enumerate(games)
    ]  # fmt: skip


def main(
    data: Annotated[Path, typer.Option(help="A store; its size is that of the images.")],
    turns: Annotated[int, typer.Option(help="How often each variant plays.")] = 25,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Override one key of all variants.")] = None,
    out: Annotated[Path | None, typer.Option(help="The table as JSON.")] = None,
) -> None:
    """Print the table and write it."""
    store = SliceStore.open(data)
    rows = measure(variants(store, settings or []), turns)
    for row in rows:
        spread = "-".join(f"{quartile:.2f}" for quartile in row["quartiles"])
        print(f"{row['variant']:10} {row['images_per_second']:6.1f} images/s  {row['ratio']:.2f} ({spread})")
    if out is not None:
        told = {"size": store.size, "turns": turns, "threads": torch.get_num_threads(), "device": device()}
        write_json(out, {**told, "rows": rows, "provenance": provenance(0)})


if __name__ == "__main__":
    typer.run(main)
