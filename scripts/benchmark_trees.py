"""Rounds of training a second in two checkouts, turn by turn in one run, and the peak memory of each.

    python scripts/benchmark_trees.py --before TREE --after TREE --data STORE

Each tree plays in a process of its own, through its own `scripts/training_speed.py`, with the default's configuration
at the size of STORE. They take turns, so that whatever else the machine does falls on both. The ratio is after / before
in images a second: above 1 the later tree is faster.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Annotated

import typer

PLAYER = """
import json, resource, sys, time
sys.path[:0] = [TREE, TREE + "/scripts"]
from medattngan import SliceStore, Config
from training_speed import prepare
import torch

store = SliceStore.open(STORE)
torch.manual_seed(0)
game = prepare(Config.load(TREE + "/configs/compact.yaml", [f"data.size={store.size}", "train.accelerator=cpu"]), store)
for line in sys.stdin:
    began = time.perf_counter()
    for _ in range(int(line)):
        game.play(0.0)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak}), flush=True)
"""


def start(tree: Path, store: Path, settings: Mapping[str, str] = os.environ) -> subprocess.Popen[str]:
    """A process that plays as many rounds as it is told, with these variables of the environment."""
    code = f"TREE, STORE = {str(tree.resolve())!r}, {str(store.resolve())!r}\n" + PLAYER
    environment = {**settings, "PYTHONPATH": str(tree.resolve())}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True, env=environment)


def play(player: subprocess.Popen[str], rounds: int) -> dict[str, float]:
    """One turn: its seconds, and the most memory the process has held."""
    told: IO[str] | None = player.stdin
    answers: IO[str] | None = player.stdout
    assert told is not None
    assert answers is not None
    print(rounds, file=told, flush=True)
    answer: dict[str, float] = json.loads(answers.readline())
    return answer


def main(
    before: Annotated[Path, typer.Option(help="A checkout.")],
    after: Annotated[Path, typer.Option(help="A later one.")],
    data: Annotated[Path, typer.Option(help="A slice store.")],
    turns: Annotated[int, typer.Option(help="How often each plays.")] = 15,
    rounds: Annotated[int, typer.Option(help="A turn; one in 4 takes the penalties.")] = 24,
) -> None:
    """Print the ratio of speeds with its quartiles, and both peaks."""
    players = [start(tree, data) for tree in (before, after)]
    for player in players:
        play(player, rounds)
    found = [[play(player, rounds) for player in players] for _ in range(turns)]
    for player in players:
        player.kill()
    low, middle, high = statistics.quantiles([one["seconds"] / two["seconds"] for one, two in found], n=4)
    print(f"after / before: {middle:.3f} (quartiles {low:.3f} to {high:.3f}, {turns} turns of {rounds} rounds)")
    peaks = [max(turn[i]["peak_mb"] for turn in found) for i in (0, 1)]
    print(f"peak memory: {peaks[0]:.0f} MB before, {peaks[1]:.0f} MB after")


if __name__ == "__main__":
    typer.run(main)
